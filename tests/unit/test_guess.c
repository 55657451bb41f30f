// LINK: common/service/guess.c common/base/text.c
/* Guesses: what was put is found again until it is dropped or replaced, and nothing else is.
 * It must not know the store. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/service/guess.h"

static struct guesses guesses;

static bool
finds(uint32_t hash, const char *field, const char *want_revision, const char *want_value)
{
    struct text revision, value;
    if (!guess_get(&guesses, hash, text_of(field), &revision, &value))
        return false;
    assert_true(text_is(revision, want_revision));
    assert_true(want_value ? text_is(value, want_value) : value.ptr == NULL);
    return true;
}

static void
put(uint32_t hash, const char *field, const char *revision, const char *value)
{
    guess_put(&guesses, hash, text_of(field), text_of(revision),
              value ? text_of(value) : TEXT_NONE);
}

static void
what_was_put_is_found(void **state)
{
    (void)state;
    assert_false(finds(7, "plan/2031", "", NULL));
    put(7, "plan/2031", "0", NULL);
    assert_true(finds(7, "plan/2031", "0", NULL));
    put(7, "plan/2031", "12", "a document");
    assert_true(finds(7, "plan/2031", "12", "a document"));
    put(7, "plan/2031", "13", NULL);
    assert_true(finds(7, "plan/2031", "13", NULL));
    assert_false(finds(7, "plan/2032", "", NULL));
    assert_false(finds(7 + GUESS_SLOTS, "plan/2031", "", NULL));
    guess_drop(&guesses, 7, TEXT_LITERAL("plan/2032"));
    assert_true(finds(7, "plan/2031", "13", NULL));
    guess_drop(&guesses, 7, TEXT_LITERAL("plan/2031"));
    assert_false(finds(7, "plan/2031", "", NULL));
    guess_fini(&guesses);
}

static void
one_takes_the_place_of_another(void **state)
{
    (void)state;
    static char large[GUESS_BYTES_MAX];
    memset(large, 'x', sizeof large - 1);
    put(1, "a", "1", "first");
    put(1 + GUESS_SLOTS, "b", "2", "second");
    assert_false(finds(1, "a", "", NULL));
    assert_true(finds(1 + GUESS_SLOTS, "b", "2", "second"));
    put(1, "a", "1", large); /* too large: but what it says of b is gone, too */
    assert_false(finds(1, "a", "", NULL));
    assert_false(finds(1 + GUESS_SLOTS, "b", "", NULL));
    guess_fini(&guesses);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(one_takes_the_place_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
