// LINK: common/base/text.c common/base/status.c
/* Texts, ids, slugs, UTF-8, and the words of errors.
 * It must not know messages: it links with pure code only. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/base/status.h"
#include "common/base/text.h"

static void
test_equality(void **state)
{
    (void)state;
    assert_true(text_is(TEXT_LITERAL("soc"), "soc"));
    assert_false(text_is(TEXT_LITERAL("soc"), "so"));
    assert_false(text_is(TEXT_LITERAL("soc"), "socs"));
    assert_false(text_is(TEXT_NONE, ""));
    assert_true(text_is(TEXT_LITERAL(""), ""));
    assert_false(text_is(TEXT_LITERAL("a\0b"), "a"));
    assert_true(text_equal(TEXT_NONE, TEXT_NONE));
    assert_false(text_equal(TEXT_NONE, TEXT_LITERAL("")));
    assert_true(text_equal(TEXT_LITERAL("x"), text_of("x")));
    assert_null(text_of(NULL).ptr);
}

static void
test_order(void **state)
{
    (void)state;
    assert_true(text_compare(TEXT_LITERAL("a"), TEXT_LITERAL("b")) < 0);
    assert_true(text_compare(TEXT_LITERAL("b"), TEXT_LITERAL("a")) > 0);
    assert_true(text_compare(TEXT_LITERAL("a"), TEXT_LITERAL("ab")) < 0);
    assert_true(text_compare(TEXT_LITERAL("ab"), TEXT_LITERAL("a")) > 0);
    assert_int_equal(text_compare(TEXT_LITERAL("ab"), TEXT_LITERAL("ab")), 0);
    assert_int_equal(text_compare(TEXT_NONE, TEXT_LITERAL("")), 0);
    assert_true(text_compare(TEXT_LITERAL("\xff"), TEXT_LITERAL("a")) > 0);
}

static void
test_contains(void **state)
{
    (void)state;
    struct text title = TEXT_LITERAL("Seminar on Smart Agriculture");
    assert_true(text_contains_nocase(title, TEXT_LITERAL("sMART")));
    assert_true(text_contains_nocase(title, TEXT_LITERAL("")));
    assert_true(text_contains_nocase(title, TEXT_LITERAL("agriculture")));
    assert_false(text_contains_nocase(title, TEXT_LITERAL("agricultures")));
    assert_false(text_contains_nocase(TEXT_NONE, TEXT_LITERAL("a")));
}

static void
test_ids_and_codes(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'a', sizeof longest);
    assert_true(text_is_id((struct text){longest, 64}));
    assert_false(text_is_id((struct text){longest, 65}));
    assert_true(text_is_id(TEXT_LITERAL("2021-forum-1")));
    assert_false(text_is_id(TEXT_LITERAL("")));
    assert_false(text_is_id(TEXT_NONE));
    assert_false(text_is_id(TEXT_LITERAL("Forum")));
    assert_false(text_is_id(TEXT_LITERAL("a.b")));
    assert_false(text_is_id(TEXT_LITERAL("a b")));
    assert_true(text_is_code(TEXT_LITERAL("KZ")));
    assert_true(text_is_code(TEXT_LITERAL("ABCDEFGHIJKLMNOP")));
    assert_false(text_is_code(TEXT_LITERAL("ABCDEFGHIJKLMNOPQ")));
    assert_false(text_is_code(TEXT_LITERAL("K")));
    assert_false(text_is_code(TEXT_LITERAL("kz")));
    assert_false(text_is_code(TEXT_LITERAL("K.")));
}

/* A second opinion on UTF-8: decode by RFC 3629's table of ranges, one code point at a time. */
static bool
utf8_by_value(const unsigned char *s, size_t len)
{
    for (size_t at = 0; at < len;) {
        unsigned more = s[at] < 0x80 ? 0 : s[at] >> 5 == 6 ? 1 : s[at] >> 4 == 14 ? 2 : 3;
        if (s[at] >= 0x80 && (s[at] < 0xc0 || s[at] > 0xf7))
            return false;
        uint32_t value = more ? s[at] & (0x3fU >> more) : s[at];
        if (len - at <= more)
            return false;
        for (unsigned i = 1; i <= more; i++) {
            if ((s[at + i] & 0xc0) != 0x80)
                return false;
            value = value << 6 | (s[at + i] & 0x3f);
        }
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (value < least[more] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            return false;
        at += more + 1;
    }
    return true;
}

static void
test_utf8_all_short(void **state)
{
    (void)state;
    unsigned char s[3];
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned c = 0; c < 256; c += a >= 0xe0 && a <= 0xef ? 1 : 51) {
                s[0] = (unsigned char)a;
                s[1] = (unsigned char)b;
                s[2] = (unsigned char)c;
                for (size_t len = 1; len <= 3; len++)
                    assert_int_equal(text_utf8_valid((char *)s, len), utf8_by_value(s, len));
            }
}

static void
test_utf8_four_and_words(void **state)
{
    (void)state;
    unsigned char s[16] = "01234567890";
    for (unsigned lead = 0xee; lead < 256; lead++)
        for (unsigned b = 0; b < 256; b++)
            for (size_t shift = 0; shift < 12; shift++) {
                memcpy(s, "abcdefghijklmnop", sizeof s);
                s[shift] = (unsigned char)lead;
                s[shift + 1] = (unsigned char)b;
                s[shift + 2] = 0x80;
                s[shift + 3] = 0xbf;
                for (size_t len = shift + 1; len <= sizeof s; len += 3)
                    assert_int_equal(text_utf8_valid((char *)s, len), utf8_by_value(s, len));
            }
    assert_true(text_utf8_valid(NULL, 0));
}

static void
test_slug(void **state)
{
    (void)state;
    char out[TEXT_ID_MAX + 1];
    assert_int_equal(text_slug(TEXT_LITERAL("  Smart & Green: 2021! "), out), 16);
    assert_string_equal(out, "smart-green-2021");
    assert_int_equal(text_slug(TEXT_LITERAL("Семинар"), out), 0);
    assert_string_equal(out, "");
    assert_int_equal(text_slug(TEXT_NONE, out), 0);
    char title[300];
    for (size_t fill = 0; fill < 80; fill++) { /* a dash at every place around the cut */
        memset(title, 'a', sizeof title);
        title[fill] = ' ';
        size_t len = text_slug((struct text){title, sizeof title}, out);
        assert_true(len >= TEXT_ID_MAX - 5 && len <= TEXT_ID_MAX - 4);
        assert_int_equal(strlen(out), len);
        assert_true(text_is_id(text_of(out)));
        assert_int_not_equal(out[len - 1], '-');
    }
}

static void
test_status_words(void **state)
{
    (void)state;
    for (int i = STATUS_OK + 1; i < STATUS_AGAIN; i++)
        assert_int_equal(status_of_word(text_of(status_word((enum status)i))), i);
    assert_int_equal(status_of_word(TEXT_LITERAL("ok")), STATUS_INTERNAL);
    assert_int_equal(status_of_word(TEXT_LITERAL("again")), STATUS_INTERNAL);
    assert_int_equal(status_of_word(TEXT_LITERAL("NOT_FOUND")), STATUS_INTERNAL);
    assert_int_equal(status_of_word(TEXT_NONE), STATUS_INTERNAL);
    assert_string_equal(status_word((enum status)99), "internal");
    assert_true(status_retryable(STATUS_ABORTED) && status_retryable(STATUS_UNAVAILABLE));
    assert_true(status_retryable(STATUS_RESOURCE_EXHAUSTED));
    assert_true(status_retryable(STATUS_DEADLINE_EXCEEDED));
    assert_false(status_retryable(STATUS_INVALID_ARGUMENT) || status_retryable(STATUS_INTERNAL));
    assert_false(status_retryable((enum status)99));
}

static void
test_error_set(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(error_set(NULL, STATUS_NOT_FOUND, "id", "gone"), STATUS_NOT_FOUND);
    assert_int_equal(error_set(&error, STATUS_NOT_FOUND, "id", "no event %s", "x"),
                     STATUS_NOT_FOUND);
    assert_string_equal(error.field, "id");
    assert_string_equal(error.message, "no event x");
    assert_int_equal(error.details_len, 0);
    error_set(&error, STATUS_INTERNAL, NULL, "x");
    assert_string_equal(error.field, "");
    /* a cut never leaves half a character: what is answered is UTF-8 whatever was sent */
    static const char *const letters[] = {"a", "ж", "中", "😀"};
    char wide[1201];
    for (size_t i = 0; i < 4; i++)
        for (size_t shift = 0; shift < 4; shift++) {
            size_t len = strlen(letters[i]);
            memset(wide, 'b', shift);
            size_t at = shift;
            for (; at + len < sizeof wide; at += len)
                memcpy(wide + at, letters[i], len);
            wide[at] = '\0';
            error_set(&error, STATUS_INTERNAL, wide, "%s", wide);
            assert_true(text_utf8_valid(error.field, strlen(error.field)));
            assert_true(text_utf8_valid(error.message, strlen(error.message)));
            assert_true(strlen(error.message) > ERROR_MESSAGE_MAX - 5);
            assert_true(strlen(error.field) > ERROR_FIELD_MAX - 5);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality),       cmocka_unit_test(test_order),
        cmocka_unit_test(test_contains),       cmocka_unit_test(test_ids_and_codes),
        cmocka_unit_test(test_utf8_all_short), cmocka_unit_test(test_utf8_four_and_words),
        cmocka_unit_test(test_slug),           cmocka_unit_test(test_status_words),
        cmocka_unit_test(test_error_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
