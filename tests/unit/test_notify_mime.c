// LINK: services/notify/notify_mime.c common/base/buf.c common/base/text.c common/base/date.c -lsodium
/* Addresses, headers and parts of mails. It must not know sockets or records. */
#include "tests/unit/check.h"

#include "services/notify/notify_mime.h"

static struct buf out;

static const char *
written(void)
{
    buf_append(&out, "", 1);
    return (const char *)out.data;
}

static const char *
header(const char *value)
{
    buf_clear(&out);
    notify_mime_header(&out, "Subject", text_of(value));
    return written();
}

static void
test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b", "first.last+tag@mail.example.org",
                                       "o'neil@x-y.example", "{a}~!@1.2"};
    static const char *const bad[] = {"",        "a",      "@b",      "a@",    "a@b@c",  ".a@b",
                                      "a.@b",    "a..b@c", "a b@c",   "<a@b>", "a@b>",   "a@[::1]",
                                      "a@b\r\n", "a\n@b",  "\"a\"@b", "a@-b",  "a@b..c", "a@b.",
                                      "a,b@c",   "a@b,c",  "a@b c",   "a;b@c", "a\\@b",  "Ж@b",
                                      "a@Ж",     "a:b@c",  "(a)@b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(notify_mail_address_valid(text_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(notify_mail_address_valid(text_of(bad[i])));
    assert_false(notify_mail_address_valid(TEXT_NONE));
    assert_false(notify_mail_address_valid((struct text){"a\0b@c", 5}));
    char longest[256];
    memset(longest, 'a', sizeof longest);
    longest[64] = '@';
    assert_true(notify_mail_address_valid((struct text){longest, 254}));
    assert_false(notify_mail_address_valid((struct text){longest, 255}));
    longest[64] = 'a';
    longest[65] = '@';
    assert_false(notify_mail_address_valid((struct text){longest, 100}));
}

static void
test_headers(void **state)
{
    (void)state;
    assert_string_equal(header("Event held: x"), "Subject: Event held: x\r\n");
    assert_string_equal(header(""), "Subject: \r\n");
    assert_string_equal(header("a\r\nBcc: b"), "Subject: =?UTF-8?B?YSAgQmNjOiBi?=\r\n");
    assert_string_equal(header("=?x"), "Subject: =?UTF-8?B?PT94?=\r\n");
    assert_string_equal(header("Ж"), "Subject: =?UTF-8?B?0JY=?=\r\n");
    /* 35 bytes of ASCII, then a character of two that must not be cut */
    assert_string_equal(header("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaЖ"),
                        "Subject: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n"
                        " =?UTF-8?B?0JY=?=\r\n");
    /* bytes that are no UTF-8 end as well */
    char continued[200];
    memset(continued, 0x80, sizeof continued - 1);
    continued[199] = '\0';
    assert_non_null(strstr(header(continued), "?=\r\n"));
}

static void
test_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *date;
    } dates[] = {{0, "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"},
                 {1626163200999, "Date: Tue, 13 Jul 2021 08:00:00 +0000\r\n"},
                 {-1000, "Date: Wed, 31 Dec 1969 23:59:59 +0000\r\n"},
                 {1709251199000, "Date: Thu, 29 Feb 2024 23:59:59 +0000\r\n"}};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        buf_clear(&out);
        notify_mime_date(&out, dates[i].ms);
        assert_string_equal(written(), dates[i].date);
    }
}

static void
test_parts(void **state)
{
    (void)state;
    char content[200];
    memset(content, 0xff, sizeof content);
    buf_clear(&out);
    notify_mime_part(&out, "b", "text/plain", "inline", (struct text){content, 115});
    const char *text = written();
    static const char head[] = "--b\r\nContent-Type: text/plain\r\nContent-Disposition: inline\r\n";
    assert_memory_equal(text, head, sizeof head - 1);
    const char *body = strstr(text, "\r\n\r\n") + 4;
    assert_int_equal(strcspn(body, "\r"), 76);
    assert_int_equal(strcspn(body + 78, "\r"), 76);
    assert_string_equal(body + 156, "/w==\r\n");
    buf_clear(&out);
    notify_mime_escape(&out, TEXT_LITERAL("<a b=\"c\">&'Ж"));
    assert_string_equal(written(), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;Ж");
    buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
