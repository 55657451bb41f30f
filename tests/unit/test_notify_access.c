// LINK: services/notify/notify_access.c services/notify/notify_holders.c common/auth/audience.c common/log/topic.c common/log/batch.c common/base/buf.c common/base/text.c common/msg/interfaces.c common/msg/messages.c
/* Who is granted which subscription, and who holds one. It must not know sockets. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "common/msg/schema.h"
#include "services/notify/notify_access.h"
#include "services/notify/notify_holders.h"

static const struct principal secretariat = {.id = "s", .roles = PERMIT_SECRETARIAT};
static const struct principal kazakhstan = {.id = "kz", .roles = PERMIT_MEMBER, .member = "KZ"};
static const struct principal newsroom = {.id = "n", .roles = PERMIT_SUBSCRIBER};
static const struct principal borrowed = {.id = "b", .roles = PERMIT_SUBSCRIBER, .member = "KZ"};
static const struct principal nobody = {.id = "x"};

/* The grant as text, by blanks. */
static const char *
granted(const struct principal *principal, const char *subscription)
{
    static char out[512];
    struct notify_grant grant;
    notify_access_narrow(principal, text_of(subscription), &grant);
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < grant.count; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%.*s", i ? " " : "",
                               TEXT_ARG(grant.prefixes[i]));
    return out;
}

static void
test_open_prefixes_are_for_everyone(void **state)
{
    (void)state;
    const char *const open[] = {"events.", "events.human.youth.", "eve",
                                "q",       "privat-e.",           "privates",
                                "\xff",    "/compact/1/events./", "/compact/1//"};
    for (unsigned i = 0; i < sizeof open / sizeof *open; i++) {
        assert_string_equal(granted(&newsroom, open[i]), open[i]);
        assert_string_equal(granted(&secretariat, open[i]), open[i]);
    }
}

static void
test_all_is_narrowed_to_the_open_roots(void **state)
{
    (void)state;
    const struct principal *const all[] = {&secretariat, &kazakhstan, &newsroom};
    for (unsigned i = 0; i < 3; i++) {
        const char *got = granted(all[i], "");
        assert_non_null(strstr(got, "events"));
        assert_non_null(strstr(got, "registry"));
        assert_non_null(strstr(got, "plan"));
        assert_non_null(strstr(got, "watermark."));
        assert_null(strstr(got, "private"));
        assert_string_equal(granted(all[i], "p"), "plan");
        assert_string_equal(granted(all[i], "pr"), "");
        assert_string_equal(granted(all[i], "private"), "");
    }
}

static void
test_private_is_for_its_audience(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        bool secretariat, kazakhstan, newsroom;
    } rows[] = {
        {"private.", true, false, false},
        {"private.KZ.", true, true, false},
        {"private.KZ.events.", true, true, false},
        {"private.AZ.", true, false, false},
        {"private.K", false, false, false}, /* no level: nobody's */
        {"private.KZ", false, false, false},
        {"private.KZ.ev", false, false, false},
        {"private.KZA.", true, false, false},
        {"private.secretariat.registry.", true, false, false},
        {"private.members.registry.", true, true, false},
        {"/compact/1/private./", true, false, false},
        {"/compact/1/private.KZ./", true, true, false},
        {"/compact/1/private.AZ./", true, false, false},
        {"/compact/1/private.KZ", false, false, false},
        {"/compact/1/private.KZ/", false, false, false},
        {"/compact/1/", false, false, false}, /* would match every key */
        {"/compact/1", false, false, false},
        {"/", false, false, false},
        {"/other/", false, false, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *prefix = rows[i].prefix;
        assert_string_equal(granted(&secretariat, prefix), rows[i].secretariat ? prefix : "");
        assert_string_equal(granted(&kazakhstan, prefix), rows[i].kazakhstan ? prefix : "");
        assert_string_equal(granted(&newsroom, prefix), rows[i].newsroom ? prefix : "");
        assert_string_equal(granted(&borrowed, prefix), "");
        assert_string_equal(granted(&nobody, prefix), "");
    }
}

static void
test_audiences(void **state)
{
    (void)state;
    assert_true(audience_has(&secretariat, text_of("anything")));
    assert_true(audience_has(&kazakhstan, text_of("KZ")));
    assert_true(audience_has(&kazakhstan, text_of("members")));
    assert_false(audience_has(&kazakhstan, text_of("secretariat")));
    assert_false(audience_has(&newsroom, text_of("")));
    assert_false(audience_has(&newsroom, text_of("members")));
    assert_true(audience_may_see(&newsroom, text_of("")));
    assert_true(audience_may_see(&newsroom, text_of("events.human.-.x.")));
    assert_false(audience_may_see(&newsroom, text_of("private.")));
    assert_false(audience_may_see(&kazakhstan, text_of("private.")));
}

static void
test_only_who_holds_gives_up(void **state)
{
    (void)state;
    struct notify_holders holders = {0};
    const struct notify_peer one = {7, 1}, other = {8, 2}, later = {7, 3};
    notify_holders_remove(&holders, one); /* never had it */
    assert_true(notify_holders_add(&holders, one));
    assert_true(notify_holders_add(&holders, one)); /* again */
    assert_int_equal(holders.live, 1);
    notify_holders_remove(&holders, other);
    assert_int_equal(holders.live, 1);
    assert_true(notify_holders_add(&holders, other));
    notify_holders_remove(&holders, one);
    notify_holders_remove(&holders, one);
    assert_int_equal(holders.live, 1);
    /* the descriptor of a connection that ended is used again, before its end was told and after */
    assert_true(notify_holders_add(&holders, one));
    assert_true(notify_holders_add(&holders, later));
    assert_int_equal(holders.live, 3);
    notify_holders_gone(&holders);
    notify_holders_remove(&holders, one); /* not it any more */
    assert_int_equal(holders.live, 2);
    notify_holders_gone(&holders);
    notify_holders_gone(&holders);
    notify_holders_gone(&holders);
    assert_int_equal(holders.live, 0);
    assert_true(holders.count <= 2);
    notify_holders_fini(&holders);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_prefixes_are_for_everyone),
        cmocka_unit_test(test_all_is_narrowed_to_the_open_roots),
        cmocka_unit_test(test_private_is_for_its_audience),
        cmocka_unit_test(test_audiences),
        cmocka_unit_test(test_only_who_holds_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
