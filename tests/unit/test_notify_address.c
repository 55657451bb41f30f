// LINK: services/notify/notify_domain_address.c common/base/text.c
/* What refuses an address, and lists of CIDRs, at the edge of every range. It must not know
 * sockets. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "services/notify/notify_domain_address.h"

static struct notify_address
address(const char *text)
{
    struct notify_address out;
    if (!notify_address_parse(text_of(text), &out))
        fail_msg("%s is no address", text);
    return out;
}

static const char *
refused(const char *text)
{
    struct notify_address parsed = address(text);
    const char *kind = notify_address_refused(&parsed);
    return kind ? kind : "public";
}

/* The first and last of each range, and those beside it that are something else. */
static const struct {
    const char *text, *kind;
} kinds[] = {
    {"0.0.0.0", "unspecified"},
    {"0.255.255.255", "unspecified"},
    {"1.0.0.0", "public"},
    {"9.255.255.255", "public"},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"11.0.0.0", "public"},
    {"100.63.255.255", "public"},
    {"100.64.0.0", "shared (carrier NAT)"},
    {"100.100.100.200", "metadata"},
    {"100.127.255.255", "shared (carrier NAT)"},
    {"100.128.0.0", "public"},
    {"126.255.255.255", "public"},
    {"127.0.0.0", "loopback"},
    {"127.0.0.1", "loopback"},
    {"127.255.255.255", "loopback"},
    {"128.0.0.0", "public"},
    {"168.63.129.15", "public"},
    {"168.63.129.16", "metadata"},
    {"169.253.255.255", "public"},
    {"169.254.0.0", "link-local"},
    {"169.254.169.254", "metadata"},
    {"169.254.255.255", "link-local"},
    {"169.255.0.0", "public"},
    {"172.15.255.255", "public"},
    {"172.16.0.0", "private"},
    {"172.31.255.255", "private"},
    {"172.32.0.0", "public"},
    {"191.255.255.255", "public"},
    {"192.0.0.0", "reserved"},
    {"192.0.0.255", "reserved"},
    {"192.0.1.0", "public"},
    {"192.0.2.0", "documentation"},
    {"192.0.2.255", "documentation"},
    {"192.0.3.0", "public"},
    {"192.88.99.1", "reserved"},
    {"192.167.255.255", "public"},
    {"192.168.0.0", "private"},
    {"192.168.255.255", "private"},
    {"192.169.0.0", "public"},
    {"198.17.255.255", "public"},
    {"198.18.0.0", "benchmark"},
    {"198.19.255.255", "benchmark"},
    {"198.20.0.0", "public"},
    {"198.51.99.255", "public"},
    {"198.51.100.0", "documentation"},
    {"198.51.101.0", "public"},
    {"203.0.112.255", "public"},
    {"203.0.113.255", "documentation"},
    {"203.0.114.0", "public"},
    {"223.255.255.255", "public"},
    {"224.0.0.0", "multicast"},
    {"239.255.255.255", "multicast"},
    {"240.0.0.0", "reserved"},
    {"255.255.255.255", "reserved"},
    {"8.8.8.8", "public"},
    {"::", "unspecified"},
    {"::1", "loopback"},
    {"::2", "unspecified"}, /* carries 0.0.0.2 */
    {"::ffff:127.0.0.1", "loopback"},
    {"::ffff:10.1.2.3", "private"},
    {"::ffff:169.254.169.254", "metadata"},
    {"::ffff:8.8.8.8", "public"},
    {"::127.0.0.1", "loopback"},
    {"::192.168.1.1", "private"},
    {"64:ff9b::a00:1", "private"},
    {"64:ff9b::7f00:1", "loopback"},
    {"64:ff9b::808:808", "public"},
    {"64:ff9b:1::808:808", "reserved"},
    {"2002:7f00:1::", "loopback"},
    {"2002:c0a8:101::1", "private"},
    {"2002:a9fe:a9fe::1", "metadata"},
    {"2002:808:808::1", "public"},
    {"100::1", "reserved"},
    {"1fff:ffff::1", "reserved"},
    {"2000::", "public"},
    {"2001::1", "reserved"},
    {"2001:1ff:ffff::1", "reserved"},
    {"2001:200::1", "public"},
    {"2001:db7:ffff::1", "public"},
    {"2001:db8::1", "documentation"},
    {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"},
    {"2001:db9::1", "public"},
    {"2606:4700::1111", "public"},
    {"3ffe:ffff::1", "public"},
    {"3fff::1", "documentation"},
    {"3fff:1000::1", "public"},
    {"4000::1", "reserved"},
    {"5f00::1", "reserved"},
    {"fbff::1", "reserved"},
    {"fc00::1", "private"},
    {"fd00:ec2::254", "private"},
    {"fdff:ffff::1", "private"},
    {"fe00::1", "reserved"},
    {"fe80::1", "link-local"},
    {"febf:ffff::1", "link-local"},
    {"fec0::1", "private"},
    {"ff02::1", "multicast"},
};

static void
test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(refused(kinds[i].text), kinds[i].kind) != 0)
            fail_msg("%s is %s, not %s", kinds[i].text, refused(kinds[i].text), kinds[i].kind);
}

static void
test_no_addresses(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       "1.2.3",
                                       "1.2.3.4.5",
                                       "256.1.1.1",
                                       "0x7f.0.0.1",
                                       "fe80::1%eth0",
                                       "[::1]",
                                       "::1::",
                                       "12345::",
                                       "1.2.3.4 ",
                                       "1111:2222:3333:4444:5555:6666:7777:8888:9999"};
    struct notify_address out;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(notify_address_parse(text_of(none[i]), &out));
    assert_false(notify_address_parse((struct text){"1.2.3.4\0", 8}, &out));
}

/* A number to an address and back, for walking over the edges. */
static struct notify_address
step(struct notify_address from, int by)
{
    for (int i = from.v6 ? 15 : 3; i >= 0; i--) {
        from.bytes[i] = (uint8_t)(from.bytes[i] + by);
        if (from.bytes[i] != (by > 0 ? 0 : 255))
            break;
    }
    return from;
}

/* Of any range: its first and last address are in it, those beside it are not. */
static void
test_edges(void **state)
{
    (void)state;
    srand(5);
    for (unsigned round = 0; round < 20000; round++) {
        bool v6 = rand() & 1;
        unsigned most = v6 ? 128 : 32, bits = 1 + (unsigned)rand() % most;
        struct notify_cidrs list = {.count = 1};
        struct notify_address first = {.v6 = v6}, last;
        for (unsigned i = 0; i < most / 8; i++)
            first.bytes[i] = (uint8_t)rand();
        first.bytes[0] |= 0x40; /* neither the first of all nor carried */
        first.bytes[0] &= 0x7f;
        last = first;
        for (unsigned bit = bits; bit < most; bit++) {
            first.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
            last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        }
        list.items[0] = (struct notify_cidr){first, bits};
        struct notify_address before = step(first, -1), behind = step(last, 1);
        assert_true(notify_cidrs_have(&list, &first));
        assert_true(notify_cidrs_have(&list, &last));
        assert_false(notify_cidrs_have(&list, &before));
        assert_false(notify_cidrs_have(&list, &behind));
        behind.v6 = !v6;
        assert_false(notify_cidrs_have(&list, &behind));
    }
}

static bool
has(const char *list, const char *text)
{
    struct notify_cidrs cidrs;
    struct notify_address one = address(text);
    char why[200];
    if (!notify_cidrs_parse(text_of(list), &cidrs, why))
        fail_msg("%s: %s", list, why);
    return notify_cidrs_have(&cidrs, &one);
}

static void
test_lists(void **state)
{
    (void)state;
    static const char *const wrong[] = {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/",   "/8",
                                        "x",          "::1/129",     "10.0.0.0/8x", "10.0.0.0/0008",
                                        "fe80::%1/10"};
    struct notify_cidrs cidrs;
    char why[200], many[2000] = "";
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(notify_cidrs_parse(text_of(wrong[i]), &cidrs, why));
        assert_non_null(strstr(why, wrong[i]));
    }
    assert_false(has("", "127.0.0.1"));
    assert_true(has("127.0.0.1", "127.0.0.1"));
    assert_false(has("127.0.0.1", "127.0.0.2"));
    assert_true(has("127.0.0.0/8", "::ffff:127.9.9.9"));
    assert_false(has("127.0.0.0/8", "::127.0.0.1"));
    assert_false(has("127.0.0.0/8", "2002:7f00:1::"));
    assert_false(has("127.0.0.0/8", "::1"));
    assert_true(has(" 10.0.0.0/8,, ::1 ,fd00::/8", "fd12::1"));
    assert_true(has("10.0.0.0/8,::1", "::1"));
    assert_true(has("0.0.0.0/0", "1.2.3.4"));
    assert_false(has("::/0", "1.2.3.4"));
    for (unsigned i = 0; i <= NOTIFY_CIDRS_MAX; i++)
        strcat(many, "10.0.0.0/8,");
    assert_false(notify_cidrs_parse(text_of(many), &cidrs, why));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_no_addresses),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
