// LINK: tests/unit/sample.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Every schema: an input is its name, a newline, and the bytes. What is decoded is encoded and
 * decoded to the same. It must not know any message by name. */
#include "tests/fuzz/fuzz.h"

#include "common/msg/schema_mp.h"
#include "tests/unit/sample.h"

static const struct schema *
schema_of(const uint8_t **data, size_t *len)
{
    const uint8_t *end = memchr(*data, '\n', *len < 64 ? *len : 64);
    struct text name = {(const char *)*data, end ? (uint32_t)(end - *data) : 0};
    unsigned count = 0, lead = *len ? **data : 0;
    for (; sample_schemas[count]; count++)
        if (end && text_is(name, sample_schemas[count]->name)) {
            *data += name.len + 1;
            *len -= name.len + 1;
            return sample_schemas[count];
        }
    *data += *len != 0;
    *len -= *len != 0;
    return sample_schemas[lead % count];
}

static void
check(const struct schema *schema, const uint8_t *data, size_t len, enum schema_mode mode)
{
    struct error error = {0};
    struct buf first = {0}, second = {0};
    void *message = malloc(schema->size), *again = malloc(schema->size);
    if (message && again) {
        enum status status = schema_decode_bytes(schema, data, len, message, mode, &error);
        PROMISE(status == STATUS_OK || status == STATUS_INVALID_ARGUMENT);
        if (status == STATUS_OK) {
            schema_encode(schema, message, &first);
            PROMISE(schema_decode_bytes(schema, first.data, first.len, again, SCHEMA_STRICT,
                                        &error) == STATUS_OK);
            schema_encode(schema, again, &second);
            PROMISE(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
            PROMISE(!schema_copy(schema, again, schema, message));
        } else {
            PROMISE(text_utf8_valid(error.field, strlen(error.field)));
            PROMISE(text_utf8_valid(error.message, strlen(error.message)));
            PROMISE(error.message[0] != '\0');
        }
    }
    buf_fini(&first);
    buf_fini(&second);
    free(message);
    free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct schema *schema = schema_of(&data, &len);
    check(schema, data, len, SCHEMA_STRICT);
    check(schema, data, len, SCHEMA_STORED);
    return 0;
}
