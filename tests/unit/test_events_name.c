// LINK: services/events/events_name.c services/events/events_seal.c common/base/text.c -lsodium
/* Names of persons as one compares them, and sealing. It must not know delegations. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/events/events_name.h"
#include "services/events/events_seal.h"

static void
check_plain(const char *name, const char *want)
{
    char out[EVENTS_NAME_MAX + 1];
    uint32_t len = events_name_plain(text_of(name), out);
    assert_true(len < sizeof out);
    out[len] = '\0';
    assert_string_equal(out, want);
}

static void
test_the_same_person(void **state)
{
    (void)state;
    check_plain("Aliya Nurlan", "aliya nurlan");
    check_plain("NURLAN, Aliya", "aliya nurlan");
    check_plain("  nurlan\tALIYA. ", "aliya nurlan");
    check_plain("Jean-Luc O'Neil", "jean luc oneil");
    check_plain("O\u2019NEIL Jean Luc", "jean luc oneil");
    check_plain("ЁЛКИН Иван", "иван ёлкин");
    check_plain("Ёлкин ИВАН", "иван ёлкин");
    check_plain("ҚАСЫМ Әлия", "қасым әлия");
    check_plain("\u0130brahim Y\u0131lmaz", "ibrahim yilmaz");
    check_plain("IBRAHIM YILMAZ", "ibrahim yilmaz");
    check_plain("\u0160IMON \u017dIV\u00c9", "\u0161imon \u017eiv\u00e9");
    check_plain("王 小明", "小明 王");
    check_plain("A\u00a0B\u2003C", "a b c");
    check_plain("Ann 2", "2 ann");
    check_plain("", "");
    check_plain("., -", "");
}

static void
test_long_names(void **state)
{
    char name[600], out[EVENTS_NAME_MAX];
    (void)state;
    memset(name, 'x', sizeof name);
    assert_true(events_name_plain((struct text){name, sizeof name}, out) < EVENTS_NAME_MAX);
    for (size_t i = 0; i < sizeof name; i += 2)
        name[i] = ' ';
    assert_true(events_name_plain((struct text){name, sizeof name}, out) < EVENTS_NAME_MAX);
    for (size_t i = 0; i + 1 < sizeof name; i += 2)
        memcpy(name + i, "\xd0\x96", 2);
    assert_true(events_name_plain((struct text){name, 599}, out) < EVENTS_NAME_MAX);
}

static void
test_sealed(void **state)
{
    char one[EVENTS_SEAL_KEY_MAX], other[EVENTS_SEAL_KEY_MAX], out[400];
    struct text plain = TEXT_LITERAL("Aliya Nurlan"), bound = TEXT_LITERAL("e/KZ");
    (void)state;
    events_seal_key(one);
    events_seal_key(other);
    assert_string_not_equal(one, other);
    char *sealed = malloc(events_seal_room(plain.len));
    assert_non_null(sealed);
    assert_true(events_seal_close(text_of(one), bound, plain, sealed));
    assert_null(strstr(sealed, "Aliya"));
    assert_int_equal(events_seal_open(text_of(one), bound, text_of(sealed), out), plain.len);
    assert_memory_equal(out, plain.ptr, plain.len);
    assert_int_equal(events_seal_open(text_of(other), bound, text_of(sealed), out), -1);
    assert_int_equal(events_seal_open(TEXT_NONE, bound, text_of(sealed), out), -1);
    assert_int_equal(events_seal_open(text_of(one), TEXT_LITERAL("e/CN"), text_of(sealed), out),
                     -1);
    assert_int_equal(events_seal_open(text_of(one), bound, TEXT_LITERAL("short"), out), -1);
    assert_int_equal(events_seal_open(text_of(one), bound, TEXT_LITERAL("no base64!"), out), -1);
    for (size_t i = 0; sealed[i]; i++) {
        char was = sealed[i];
        sealed[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(events_seal_open(text_of(one), bound, text_of(sealed), out), -1);
        sealed[i] = was;
    }
    assert_false(events_seal_close(TEXT_LITERAL("no key"), bound, plain, sealed));
    free(sealed);
}

static void
test_marks(void **state)
{
    char one[EVENTS_SEAL_KEY_MAX], other[EVENTS_SEAL_KEY_MAX];
    char a[EVENTS_SEAL_MARK_MAX], b[EVENTS_SEAL_MARK_MAX], c[EVENTS_SEAL_MARK_MAX];
    (void)state;
    events_seal_key(one);
    events_seal_key(other);
    assert_true(events_seal_mark(text_of(one), TEXT_LITERAL("aliya nurlan"), a));
    assert_true(events_seal_mark(text_of(one), TEXT_LITERAL("aliya nurlan"), b));
    assert_true(events_seal_mark(text_of(other), TEXT_LITERAL("aliya nurlan"), c));
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_true(events_seal_mark(text_of(one), TEXT_LITERAL("aliya"), b));
    assert_string_not_equal(a, b);
    assert_false(events_seal_mark(TEXT_LITERAL(""), TEXT_LITERAL("aliya"), b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_same_person),
                                       cmocka_unit_test(test_long_names),
                                       cmocka_unit_test(test_sealed), cmocka_unit_test(test_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
