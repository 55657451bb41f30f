// LINK: services/gateway/gateway_query.c common/auth/audience_filter.c common/auth/audience.c common/log/filter.c common/log/topic.c common/bus/rpc.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* What a request for a stream may ask for, and how it is told what is wrong. */
#include "tests/unit/check.h"

#include <string.h>

#include "services/gateway/gateway_query.h"

static const struct principal focal = {.id = "kz", .roles = PERMIT_MEMBER, .member = "KZ"};
static const struct principal press = {.id = "press", .roles = PERMIT_SUBSCRIBER};

/* "name=value&…" as it is, without escapes. */
static enum status
ask(struct gateway_query *query, const char *text, const char *last_id, struct error *error)
{
    enum status status = STATUS_OK;
    memset(query, 0, sizeof *query);
    memset(error, 0, sizeof *error);
    while (*text && status == STATUS_OK) {
        size_t len = strcspn(text, "&"), name = strcspn(text, "=&");
        struct text value = {text + name + 1, (uint32_t)(len - name - 1)};
        status = gateway_query_add(query, (struct text){text, (uint32_t)name},
                                   name < len ? value : TEXT_NONE, error);
        text += len + (text[len] == '&');
    }
    return status == STATUS_OK ? gateway_query_end(query, text_of(last_id), error) : status;
}

static void
test_what_is_asked_for(void **state)
{
    (void)state;
    struct gateway_query query;
    struct error error;
    assert_int_equal(ask(&query, "", NULL, &error), STATUS_OK);
    assert_true(query.from == FROM_NOW && !query.thin && query.filter.topics.count == 1);
    assert_true(text_is(query.filter.topics.items[0], ">"));
    gateway_query_fini(&query);
    assert_int_equal(ask(&query,
                         "topics=a.*,b&topics=c.>&types=x.*&areas=t&hosts=KZ,CN&payload=thin"
                         "&from=12&access_token=t",
                         NULL, &error),
                     STATUS_OK);
    assert_true(query.filter.topics.count == 3 && query.filter.hosts.count == 2 && query.thin);
    assert_true(text_is(query.filter.topics.items[1], "b") && text_is(query.token, "t"));
    assert_true(query.from == FROM_SEQ && query.number == 12 && !strcmp(query.field, "from"));
    gateway_query_fini(&query);
    assert_int_equal(ask(&query, "from=start", "7", &error), STATUS_OK);
    assert_true(query.from == FROM_SEQ && query.number == 7);
    gateway_query_fini(&query);
    assert_int_equal(ask(&query, "from=start", "", &error), STATUS_OK);
    assert_true(query.from == FROM_START);
    gateway_query_fini(&query);
    assert_int_equal(ask(&query, "from=1970-01-01T00:00:01Z", NULL, &error), STATUS_OK);
    assert_true(query.from == FROM_TIME && query.number == 1000);
    gateway_query_fini(&query);
}

static void
test_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *query, *last_id, *field;
    } rows[] = {
        {"topics=", NULL, "topics[0]"},
        {"topics=a,", NULL, "topics[1]"},
        {"topics=>.a", NULL, "topics[0]"},
        {"types", NULL, "types[0]"},
        {"hosts=kz", NULL, "hosts[0]"},
        {"areas=A B", NULL, "areas[0]"},
        {"from=", NULL, "from"},
        {"from", NULL, "from"},
        {"from=-1", NULL, "from"},
        {"from=1&from=2", NULL, "from"},
        {"payload=", NULL, "payload"},
        {"payload=thick", NULL, "payload"},
        {"other=1", NULL, ""},
        {"=", NULL, ""},
        {"from=1", "x", "Last-Event-ID"},
        {"", "1234567890123456789", "Last-Event-ID"},
    };
    struct gateway_query query;
    struct error error;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ask(&query, rows[i].query, rows[i].last_id, &error),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(error.field, rows[i].field);
        assert_true(strncmp(error.message, rows[i].field, strlen(rows[i].field)) == 0);
        gateway_query_fini(&query);
    }
}

static void
test_who_may_ask(void **state)
{
    (void)state;
    struct gateway_query query;
    struct error error;
    assert_int_equal(ask(&query, "topics=a.>,private.KZ.>", NULL, &error), STATUS_OK);
    assert_int_equal(gateway_query_allowed(&query, &focal, &error), STATUS_OK);
    assert_int_equal(gateway_query_allowed(&query, &press, &error), STATUS_PERMISSION_DENIED);
    assert_string_equal(error.field, "topics");
    assert_true(strncmp(error.message, "topics[1]: ", 11) == 0);
    gateway_query_fini(&query);
    assert_int_equal(ask(&query, "topics=private.*.a", NULL, &error), STATUS_OK);
    assert_int_equal(gateway_query_allowed(&query, &focal, &error), STATUS_PERMISSION_DENIED);
    gateway_query_fini(&query);
}

static void
test_how_much(void **state)
{
    (void)state;
    static char text[GATEWAY_QUERY_MAX + 64];
    struct gateway_query query;
    struct error error;
    memset(text, 'a', GATEWAY_QUERY_MAX + 10);
    memcpy(text, "types=", 6);
    assert_int_equal(ask(&query, text, NULL, &error), STATUS_INVALID_ARGUMENT);
    gateway_query_fini(&query);
    for (size_t i = 6; i < 700; i += 2)
        memcpy(text + i, "a,", 2);
    text[700] = '\0';
    assert_int_equal(ask(&query, text, NULL, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "types");
    gateway_query_fini(&query);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_for),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_who_may_ask),
        cmocka_unit_test(test_how_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
