// LINK: tests/unit/sample.c common/bus/rpc.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* The bytes of every message, kept in tests/golden/messages.txt: what went over the wire once is
 * written the same and read the same ever after. UPDATE_GOLDEN=1 writes the file anew.
 * It must not know sockets or stores. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus/rpc.h"
#include "common/msg/schema_mp.h"
#include "tests/unit/sample.h"

#define GOLDEN "tests/golden/messages.txt"

static const char heading[] =
    "# Golden bytes of every message: kind, name, variant, hex. Made by tests/unit/test_golden.c\n"
    "# (UPDATE_GOLDEN=1); checked by it both ways and by tests/conformance/test_spec_vectors.py.\n";

static void
line(struct buf *out, const char *kind, const char *name, const char *variant,
     const struct buf *bytes)
{
    char text[160];
    assert_false(bytes->failed);
    assert_int_equal(mp_scan(bytes->data, bytes->len, NULL), STATUS_OK);
    buf_append(out, text, (size_t)snprintf(text, sizeof text, "%s %s %s ", kind, name, variant));
    for (size_t i = 0; i < bytes->len; i++)
        buf_append(out, text, (size_t)snprintf(text, sizeof text, "%02x", bytes->data[i]));
    buf_append(out, "\n", 1);
}

static void
schemas(struct buf *out, struct arena *arena)
{
    struct buf bytes = {0};
    for (unsigned s = 0; sample_schemas[s]; s++) {
        const struct schema *schema = sample_schemas[s];
        void *message = malloc(schema->size);
        assert_non_null(message);
        /* the largest variant is long: the round trips of test_schema have it */
        for (int variant = SAMPLE_LEAST; variant <= SAMPLE_FULL; variant++) {
            buf_clear(&bytes);
            sample_fill(schema, message, (enum sample_variant)variant, arena);
            schema_encode(schema, message, &bytes);
            line(out, "schema", schema->name, sample_names[variant], &bytes);
        }
        free(message);
    }
    buf_fini(&bytes);
}

static void
calls(struct buf *out, struct arena *arena)
{
    struct buf bytes = {0}, body = {0};
    for (unsigned s = 0; interfaces[s]; s++)
        for (unsigned i = 0; i < interfaces[s]->method_count; i++) {
            const struct method *method = &interfaces[s]->methods[i];
            const struct schema *both[] = {method->params, method->result};
            for (unsigned side = 0; side < 2; side++) {
                void *message = malloc(both[side]->size);
                assert_non_null(message);
                sample_fill(both[side], message, SAMPLE_LEAST, arena);
                buf_clear(&body);
                buf_clear(&bytes);
                schema_encode(both[side], message, &body);
                if (side)
                    rpc_reply_write(&bytes, 1000 * s + i, body.data, body.len);
                else
                    rpc_request_write(&bytes, 1000 * s + i, method->name, body.data, body.len);
                line(out, side ? "reply" : "request", method->name, interfaces[s]->service, &bytes);
                free(message);
            }
        }
    buf_fini(&bytes);
    buf_fini(&body);
}

static void
envelopes(struct buf *out)
{
    struct buf bytes = {0};
    for (int code = STATUS_OK + 1; code < STATUS_AGAIN; code++) {
        struct error error;
        error_set(&error, (enum status)code, code % 2 ? "sessions[0].start" : NULL,
                  "what was wrong, and what would be right");
        if (code == STATUS_FAILED_PRECONDITION) {
            memcpy(error.details,
                   "\x81\xa5"
                   "first\x2a",
                   8);
            error.details_len = 8;
        }
        buf_clear(&bytes);
        rpc_error_write(&bytes, (uint32_t)code, &error);
        line(out, "error", status_word((enum status)code), "-", &bytes);
    }
    struct rpc_context context = {.deadline_ms = INT64_MIN, .min_seq = INT64_MIN};
    for (int full = 0; full < 2; full++) {
        buf_clear(&bytes);
        rpc_context_write(&bytes, &context);
        line(out, "context", "context", sample_names[full], &bytes);
        context = (struct rpc_context){
            TEXT_LITERAL("2021-import-0001"), 5000, 1234, true,
            TEXT_LITERAL("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")};
    }
    struct principal principal = {.id = "local", .roles = PERMIT_SECRETARIAT};
    for (int full = 0; full < 2; full++) {
        buf_clear(&bytes);
        rpc_principal_write(&bytes, &principal);
        line(out, "principal", "principal", sample_names[full], &bytes);
        principal = (struct principal){.id = "kz-mfa", .roles = PERMIT_ANY, .member = "KZ"};
    }
    buf_fini(&bytes);
}

static void
read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s is not here: run from the root of the checkout", path);
    char chunk[65536];
    for (size_t len; (len = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_append(out, chunk, len);
    fclose(file);
}

static void
test_written_the_same(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf made = {0}, kept = {0};
    buf_append(&made, heading, sizeof heading - 1);
    schemas(&made, &arena);
    calls(&made, &arena);
    envelopes(&made);
    assert_false(made.failed);
    const char *update = getenv("UPDATE_GOLDEN");
    if (update && *update == '1') {
        FILE *file = fopen(GOLDEN, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(made.data, 1, made.len, file), made.len);
        assert_int_equal(fclose(file), 0);
    }
    read_file(GOLDEN, &kept);
    size_t row = 1;
    for (size_t i = 0; i < made.len && i < kept.len; i++) {
        if (made.data[i] != kept.data[i])
            fail_msg(GOLDEN ":%zu differs from what is written now", row);
        row += made.data[i] == '\n';
    }
    assert_int_equal(made.len, kept.len);
    buf_fini(&made);
    buf_fini(&kept);
    arena_fini(&arena);
}

static int
nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one line of the file with what it is for, writes it again, and compares. */
static void
read_back(const char *kind, const char *name, const struct buf *bytes)
{
    struct buf again = {0};
    struct error error;
    if (strcmp(kind, "schema") == 0) {
        unsigned s = 0;
        while (sample_schemas[s] && strcmp(sample_schemas[s]->name, name) != 0)
            s++;
        assert_non_null(sample_schemas[s]);
        void *message = malloc(sample_schemas[s]->size);
        assert_non_null(message);
        if (schema_decode_bytes(sample_schemas[s], bytes->data, bytes->len, message, SCHEMA_STRICT,
                                &error) != STATUS_OK)
            fail_msg("%s: %s", name, error.message);
        schema_encode(sample_schemas[s], message, &again);
        free(message);
    } else if (strcmp(kind, "request") == 0) {
        struct rpc_request request;
        assert_int_equal(rpc_request_parse(bytes->data, bytes->len, &request, NULL), STATUS_OK);
        assert_true(text_is(request.method, name));
        size_t header = (request.msgid > 127 ? 5U : 3U) + 1 + strlen(name) + 1;
        rpc_request_write(&again, request.msgid, name, bytes->data + header, bytes->len - header);
    } else if (strcmp(kind, "reply") == 0 || strcmp(kind, "error") == 0) {
        struct rpc_reply reply;
        assert_int_equal(rpc_reply_parse(bytes->data, bytes->len, &reply, &error), STATUS_OK);
        if (reply.failed)
            rpc_error_write(&again, reply.msgid, &error);
        else
            rpc_reply_write(&again, reply.msgid, reply.result.ptr, reply.result.len);
    } else if (strcmp(kind, "context") == 0) {
        struct rpc_context context;
        assert_int_equal(rpc_context_parse(bytes->data, bytes->len, &context, NULL), STATUS_OK);
        rpc_context_write(&again, &context);
    } else {
        struct principal principal;
        assert_string_equal(kind, "principal");
        assert_int_equal(rpc_principal_parse(bytes->data, bytes->len, &principal, NULL), STATUS_OK);
        rpc_principal_write(&again, &principal);
    }
    if (again.len != bytes->len || memcmp(again.data, bytes->data, again.len) != 0)
        fail_msg("%s %s is not written as it was read", kind, name);
    buf_fini(&again);
}

static void
test_read_the_same(void **state)
{
    (void)state;
    struct buf kept = {0}, bytes = {0};
    read_file(GOLDEN, &kept);
    buf_append(&kept, "", 1);
    unsigned rows = 0;
    for (char *at = (char *)kept.data, *end; (end = strchr(at, '\n')); at = end + 1) {
        char kind[16], name[64];
        int hex = 0;
        *end = '\0';
        if (*at == '#')
            continue;
        assert_int_equal(sscanf(at, "%15s %63s %*s %n", kind, name, &hex), 2);
        buf_clear(&bytes);
        for (const char *digit = at + hex; *digit; digit += 2) {
            uint8_t byte = (uint8_t)(nibble(digit[0]) << 4 | nibble(digit[1]));
            buf_append(&bytes, &byte, 1);
        }
        read_back(kind, name, &bytes);
        rows++;
    }
    assert_true(rows > 100);
    buf_fini(&kept);
    buf_fini(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_the_same),
        cmocka_unit_test(test_read_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
