// LINK: common/log/topic.c common/base/text.c
/* Topics, their prefixes, and who sees them.
 * It must not know the store or sockets. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/log/topic.h"

static void
test_valid(void **state)
{
    (void)state;
    static const char *const good[] = {"a.",
                                       "events.human.-.id-1.",
                                       "plan.2021.",
                                       "registry.participant.KZ.",
                                       "private.m_1.x.",
                                       "1.2.3.4.5.6.7.8."};
    static const char *const bad[] = {"",      ".",   "a",       "a..",
                                      ".a.",   "a.b", "a. b.",   "a.*.",
                                      "a.>.",  "é.",  "a.b..c.", "1.2.3.4.5.6.7.8.9.",
                                      "a.\n.", "a/b."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(topic_valid(text_of(good[i])));
        assert_true(topic_prefix_valid(text_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(topic_valid(text_of(bad[i])));
        assert_int_equal(topic_prefix_valid(text_of(bad[i])), bad[i][0] == '\0');
    }
    assert_false(topic_valid(TEXT_NONE));
    assert_false(topic_prefix_valid(TEXT_NONE));
    assert_false(topic_valid(TEXT_LITERAL("a\0b.")));
    char longest[TOPIC_MAX + 1];
    memset(longest, 'a', sizeof longest);
    longest[TOPIC_MAX - 1] = longest[TOPIC_MAX] = '.';
    assert_true(topic_valid((struct text){longest, TOPIC_MAX}));
    longest[TOPIC_MAX - 1] = 'a';
    assert_false(topic_valid((struct text){longest, TOPIC_MAX + 1}));
}

static void
test_prefixes(void **state)
{
    (void)state;
    struct text out[TOPIC_LEVELS_MAX + 1];
    assert_int_equal(topic_prefixes(text_of("events.human.-.id."), out), 5);
    static const char *const want[] = {"", "events.", "events.human.", "events.human.-.",
                                       "events.human.-.id."};
    for (size_t i = 0; i < 5; i++)
        assert_true(text_is(out[i], want[i]));
    assert_int_equal(topic_prefixes(text_of("private.m.x."), out), 3);
    assert_true(text_is(out[0], "private."));
    assert_true(text_is(out[2], "private.m.x."));
    assert_int_equal(topic_prefixes(text_of("1.2.3.4.5.6.7.8."), out), 9);
    assert_int_equal(topic_prefixes(text_of("1.2.3.4.5.6.7.8.9."), out),
                     9); /* never out of bounds */
    assert_true(topic_private(text_of("private.a.")));
    assert_false(topic_private(text_of("privates.a.")));
    assert_false(topic_private(text_of("private")));
}

static void
test_subject_and_start(void **state)
{
    (void)state;
    assert_true(text_is(topic_subject(text_of("plan.2021.")), "2021"));
    assert_true(text_is(topic_subject(text_of("plan.")), "plan"));
    assert_int_equal(topic_subject(text_of("")).len, 0);
    assert_true(topic_starts_with(text_of("plan.2021."), text_of("")));
    assert_true(topic_starts_with(text_of("plan.2021."), text_of("plan.")));
    assert_false(topic_starts_with(text_of("plan."), text_of("plan.2021.")));
    assert_false(topic_starts_with(text_of("plan.2021."), text_of("events.")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_subject_and_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
