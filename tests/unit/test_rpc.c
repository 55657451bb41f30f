// LINK: common/bus/rpc.c common/msg/permission.c common/msg/mp.c common/base/text.c common/base/buf.c common/base/status.c -lmsgpackc
/* The bodies of requests and replies, and what is answered to unreadable ones.
 * It must not know sockets. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/bus/rpc.h"
#include "common/msg/schema.h"

static void
test_request(void **state)
{
    (void)state;
    static const uint32_t msgids[] = {0, 1, 127, 128, 255, 256, 65535, 65536, UINT32_MAX};
    struct buf buf = {0};
    struct rpc_request request;
    for (size_t i = 0; i < sizeof msgids / sizeof *msgids; i++) {
        buf_clear(&buf);
        rpc_request_write(&buf, msgids[i], "event.get", i % 2 ? "\x81\xa2id\xa1x" : NULL,
                          i % 2 ? 6 : 0);
        assert_int_equal(rpc_request_parse(buf.data, buf.len, &request, NULL), STATUS_OK);
        assert_int_equal(request.msgid, msgids[i]);
        assert_true(text_is(request.method, "event.get"));
        assert_int_equal(request.params.len, i % 2 ? 6 : 1);
        assert_int_equal(rpc_msgid(buf.data, buf.len), msgids[i]);
    }
    buf_fini(&buf);
}

/* What is wrong, and the msgid that the answer must still carry. */
static void
test_bad_requests(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t msgid;
    } bad[] = {
        {"", 0, 0},
        {"\xc0", 1, 0},
        {"\x94\x00\x07", 3, 7},                                 /* cut */
        {"\x94\x00\xcd\x01", 4, 0},                             /* cut in the msgid */
        {"\x94\x00\xcd\x01\x00\xa1m\x91\x80\xc0", 10, 256},     /* something behind */
        {"\x94\x00\x07\xa1\xff\x91\x80", 7, 7},                 /* method is not UTF-8 */
        {"\x94\x00\x07\x01\x91\x80", 6, 7},                     /* method is a number */
        {"\x94\x00\x07\xa1m\x80", 6, 7},                        /* params not in a list */
        {"\x94\x00\x07\xa1m\x90", 6, 7},                        /* no params */
        {"\x94\x00\x07\xa1m\x92\x80\x80", 8, 7},                /* two params */
        {"\x94\x00\x07\xa1m\x91\xc0", 7, 7},                    /* params null */
        {"\x94\x01\x07\xa1m\x91\x80", 7, 7},                    /* a reply */
        {"\x94\x02\x07\xa1m\x91\x80", 7, 7},                    /* a notification's type */
        {"\x94\x00\xff\xa1m\x91\x80", 7, 0},                    /* negative msgid */
        {"\x94\x00\xcf\0\0\0\x01\0\0\0\0\xa1m\x91\x80", 15, 0}, /* msgid of 33 bits */
        {"\x94\x00\xa1"
         "7\xa1m\x91\x80",
         8, 0},
        {"\x93\x00\x07\xa1m", 5, 0},
        {"\x95\x00\x07\xa1m\x91\x80\xc0", 8, 0},
        {"\x84\x00\x07\x01\x02\x03\x04\x05\x06", 9, 0},
        {"\xdd\xff\xff\xff\xff", 5, 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rpc_request request = {.msgid = 99};
        struct error error;
        uint8_t *exact = malloc(bad[i].len + 1);
        assert_non_null(exact);
        memcpy(exact, bad[i].bytes, bad[i].len);
        exact = realloc(exact, bad[i].len ? bad[i].len : 1);
        assert_int_equal(rpc_request_parse(exact, bad[i].len, &request, &error),
                         STATUS_INVALID_ARGUMENT);
        if (bad[i].msgid != request.msgid)
            fail_msg("request %zu: msgid %u", i, request.msgid);
        assert_true(strlen(error.message) > 10);
        free(exact);
    }
}

static void
test_reply(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct rpc_reply reply;
    struct error error = {0};
    static const uint8_t result[] = "\x81\xa3seq\xcd\x01\x02";
    rpc_reply_write(&buf, 70000, result, sizeof result - 1);
    assert_int_equal(rpc_reply_parse(buf.data, buf.len, &reply, &error), STATUS_OK);
    assert_int_equal(reply.msgid, 70000);
    assert_false(reply.failed);
    assert_int_equal(reply.result.len, sizeof result - 1);
    assert_memory_equal(reply.result.ptr, result, sizeof result - 1);
    /* other workers may write longer headers */
    static const char *const longer[] = {"\xdc\x00\x04\xcc\x01\xcd\x00\x05\xc0\xa2hi",
                                         "\xdd\x00\x00\x00\x04\x01\x05\xc0\xa2hi"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = i ? 11 : 12;
        assert_int_equal(rpc_reply_parse(longer[i], len, &reply, &error), STATUS_OK);
        assert_int_equal(reply.msgid, 5);
        assert_int_equal(reply.result.len, 3);
        assert_memory_equal(reply.result.ptr, "\xa2hi", 3);
    }
    static const char *const bad[] = {"\x90", "\x94\x01\x05\xc0", "\x94\x02\x05\xc0\xc0", "\xc0"};
    for (size_t i = 0; i < 4; i++)
        assert_int_not_equal(rpc_reply_parse(bad[i], strlen(bad[i]), &reply, &error), STATUS_OK);
    buf_fini(&buf);
}

static void
test_error(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct rpc_reply reply;
    for (int code = STATUS_OK + 1; code < STATUS_AGAIN; code++) {
        struct error sent, got = {0};
        error_set(&sent, (enum status)code, code % 2 ? "sessions[2].start" : NULL, "it is %d",
                  code);
        if (code % 3 == 0) {
            memcpy(sent.details,
                   "\x81\xa5"
                   "first\x07",
                   8);
            sent.details_len = 8;
        }
        buf_clear(&buf);
        rpc_error_write(&buf, (uint32_t)code, &sent);
        assert_int_equal(rpc_reply_parse(buf.data, buf.len, &reply, &got), STATUS_OK);
        assert_true(reply.failed);
        assert_int_equal(reply.msgid, code);
        assert_int_equal(got.code, code);
        assert_string_equal(got.message, sent.message);
        assert_string_equal(got.field, sent.field);
        assert_int_equal(got.details_len, sent.details_len);
        assert_memory_equal(got.details, sent.details, sent.details_len);
        assert_int_equal(rpc_reply_parse(buf.data, buf.len, &reply, NULL), STATUS_OK);
    }
    buf_fini(&buf);
}

/* An error is an error whatever a foreign worker writes in it. */
static void
test_odd_errors(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum status code;
    } odd[] = {
        {"\x94\x01\x05\x80\xc0", 5, STATUS_INTERNAL},
        {"\x94\x01\x05\xa4oops\xc0", 9, STATUS_INTERNAL},
        {"\x94\x01\x05\x81\xa4"
         "code\xa2ok\xc0",
         13, STATUS_INTERNAL},
        {"\x94\x01\x05\x81\xa4"
         "code\xa5"
         "again\xc0",
         16, STATUS_INTERNAL},
        {"\x94\x01\x05\x81\xa4"
         "code\x01\xc0",
         11, STATUS_INTERNAL},
        {"\x94\x01\x05\x82\xa4"
         "code\xa7"
         "aborted\xa7"
         "details\x01\xc0",
         27, STATUS_ABORTED},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct rpc_reply reply;
        struct error error;
        assert_int_equal(rpc_reply_parse(odd[i].bytes, odd[i].len, &reply, &error), STATUS_OK);
        assert_true(reply.failed);
        assert_int_equal(error.code, odd[i].code);
        assert_true(error.message[0] != '\0');
        assert_int_equal(error.details_len, 0);
    }
}

static void
test_context(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct rpc_context context = {.deadline_ms = INT64_MIN, .min_seq = INT64_MIN}, got;
    rpc_context_write(&buf, &context);
    assert_int_equal(buf.len, 1);
    assert_int_equal(rpc_context_parse(buf.data, buf.len, &got, NULL), STATUS_OK);
    assert_null(got.key.ptr);
    assert_int_equal(rpc_context_parse(NULL, 0, &got, NULL), STATUS_OK);
    assert_true(got.deadline_ms == INT64_MIN && got.min_seq == INT64_MIN && !got.safe);
    context = (struct rpc_context){TEXT_LITERAL("k-1"), 1500, 0, true, TEXT_LITERAL("00-aa-bb-01")};
    buf_clear(&buf);
    rpc_context_write(&buf, &context);
    assert_int_equal(rpc_context_parse(buf.data, buf.len, &got, NULL), STATUS_OK);
    assert_true(text_equal(got.key, context.key) && got.deadline_ms == 1500 && got.min_seq == 0);
    assert_true(got.safe && text_equal(got.traceparent, context.traceparent));
    static const struct {
        const char *bytes;
        size_t len;
        const char *field;
    } odd[] = {
        {"\x81\xa7unknown\x01", 10, NULL}, /* the map may grow */
        {"\x81\xa3key\xa0", 6, "context.key"},
        {"\x81\xa3key\x01", 6, "context.key"},
        {"\x81\xa8"
         "deadline\xff",
         11, "context.deadline"},
        {"\x81\xa8"
         "deadline\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
         19, "context.deadline"},
        {"\x81\xa7min_seq\xa1"
         "5",
         11, "context.min_seq"},
        {"\x81\xa4safe\x01", 7, "context.safe"},
        {"\x81\xabtraceparent\x01", 14, "context.traceparent"},
        {"\x90", 1, "context"},
        {"\x81", 1, ""},
        {"\xc1", 1, ""},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct error error = {0};
        enum status status = rpc_context_parse(odd[i].bytes, odd[i].len, &got, &error);
        assert_int_equal(status, odd[i].field ? STATUS_INVALID_ARGUMENT : STATUS_OK);
        if (odd[i].field)
            assert_string_equal(error.field, odd[i].field);
    }
    char key[RPC_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    for (uint32_t len = RPC_KEY_MAX; len <= RPC_KEY_MAX + 1; len++) {
        buf_clear(&buf);
        context.key = (struct text){key, len};
        rpc_context_write(&buf, &context);
        assert_int_equal(rpc_context_parse(buf.data, buf.len, &got, NULL) == STATUS_OK,
                         len <= RPC_KEY_MAX);
    }
    buf_fini(&buf);
}

static void
test_principal(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct principal got;
    assert_int_equal(rpc_principal_parse(NULL, 0, &got, NULL), STATUS_OK);
    assert_string_equal(got.id, "local");
    assert_int_equal(got.roles, PERMIT_SECRETARIAT);
    for (unsigned roles = 0; roles <= PERMIT_ANY; roles++) {
        struct principal sent = {.id = "kz-mfa", .roles = roles, .member = "KZ"};
        if (roles % 2)
            sent.member[0] = '\0';
        buf_clear(&buf);
        rpc_principal_write(&buf, &sent);
        assert_int_equal(rpc_principal_parse(buf.data, buf.len, &got, NULL), STATUS_OK);
        assert_string_equal(got.id, sent.id);
        assert_string_equal(got.member, sent.member);
        assert_int_equal(got.roles, roles);
    }
    static const char *const bad[] = {"\x80",
                                      "\x90",
                                      "\x81\xa2id\xa1x",
                                      "\x82\xa2id\x01\xa5roles\x90",
                                      "\x82\xa2id\xa0\xa5roles\x90",
                                      "\x82\xa2id\xa1x\xa5roles\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rpc_principal_parse(bad[i], strlen(bad[i]), &got, NULL),
                         STATUS_INVALID_ARGUMENT);
    /* unknown roles, and roles that are no words, give nothing */
    static const char odd[] = "\x82\xa2id\xa1x\xa5roles\x93\xa4root\x01\xa5"
                              "chair";
    assert_int_equal(rpc_principal_parse(odd, sizeof odd - 1, &got, NULL), STATUS_OK);
    assert_int_equal(got.roles, PERMIT_CHAIR);
    buf_fini(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),    cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_reply),      cmocka_unit_test(test_error),
        cmocka_unit_test(test_odd_errors), cmocka_unit_test(test_context),
        cmocka_unit_test(test_principal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
