/* See notify_domain_address.h. It must not know sockets, names or what is sent. */
#include "services/notify/notify_domain_address.h"

#include <arpa/inet.h>
#include <stdio.h>

/* A range, and what it is. The longest that fits is the kind, as in a routing table: the tables go
 * from the narrow to the wide. NULL: public. */
struct range {
    uint8_t first[16];
    unsigned bits;
    const char *kind;
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry, and what clouds keep their secrets
 * at */
static const struct range v4_ranges[] = {
    {{168, 63, 129, 16}, 32, "metadata"},
    {{169, 254, 169, 254}, 32, "metadata"},
    {{100, 100, 100, 200}, 32, "metadata"},
    {{192, 0, 0}, 24, "reserved"},
    {{192, 0, 2}, 24, "documentation"},
    {{192, 88, 99}, 24, "reserved"},
    {{198, 51, 100}, 24, "documentation"},
    {{203, 0, 113}, 24, "documentation"},
    {{169, 254}, 16, "link-local"},
    {{192, 168}, 16, "private"},
    {{198, 18}, 15, "benchmark"},
    {{172, 16}, 12, "private"},
    {{100, 64}, 10, "shared (carrier NAT)"},
    {{0}, 8, "unspecified"},
    {{10}, 8, "private"},
    {{127}, 8, "loopback"},
    {{224}, 4, "multicast"},
    {{240}, 4, "reserved"},
    {{0}, 0, NULL},
};

/* https://www.iana.org/assignments/iana-ipv6-special-registry; outside 2000::/3 nothing is public
 */
static const struct range v6_ranges[] = {
    {{[15] = 0}, 128, "unspecified"},
    {{[15] = 1}, 128, "loopback"},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0x20, 0x01}, 23, "reserved"}, /* protocols: Teredo, ORCHID, benchmarks */
    {{0x3f, 0xff}, 20, "documentation"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "private"}, /* once site-local */
    {{0xff}, 8, "multicast"},
    {{0xfc}, 7, "private"},
    {{0x20}, 3, NULL},
    {{0}, 0, "reserved"},
};

/* Where an address of IPv6 carries one of IPv4. */
static const struct {
    struct range range;
    unsigned at;
} carriers[] = {
    {{{[10] = 0xff, 0xff}, 96, NULL}, 12},      /* mapped */
    {{{0x00, 0x64, 0xff, 0x9b}, 96, NULL}, 12}, /* NAT64 */
    {{{0x20, 0x02}, 16, NULL}, 2},              /* 6to4 */
    {{{0}, 96, NULL}, 12},                      /* compatible; :: and ::1 are before it */
};

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

static const char *
kind_in(const struct range *ranges, const uint8_t *bytes)
{
    while (!same_bits(ranges->first, bytes, ranges->bits))
        ranges++;
    return ranges->kind;
}

/* The address of IPv4 that one of IPv6 carries in one of the first `count` ways. */
static bool
carried(const struct notify_address *address, unsigned count, struct notify_address *out)
{
    for (unsigned i = 0; address->v6 && i < count; i++)
        if (same_bits(carriers[i].range.first, address->bytes, carriers[i].range.bits)) {
            *out = (struct notify_address){0};
            memcpy(out->bytes, address->bytes + carriers[i].at, 4);
            return true;
        }
    return false;
}

const char *
notify_address_refused(const struct notify_address *address)
{
    struct notify_address inner;
    if (!address->v6)
        return kind_in(v4_ranges, address->bytes);
    if (same_bits(v6_ranges[0].first, address->bytes, 127)) /* :: and ::1 */
        return kind_in(v6_ranges, address->bytes);
    if (carried(address, sizeof carriers / sizeof *carriers, &inner))
        return kind_in(v4_ranges, inner.bytes);
    return kind_in(v6_ranges, address->bytes);
}

bool
notify_address_parse(struct text text, struct notify_address *out)
{
    char terminated[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof terminated || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = '\0';
    *out = (struct notify_address){.v6 = strchr(terminated, ':') != NULL};
    return inet_pton(out->v6 ? AF_INET6 : AF_INET, terminated, out->bytes) == 1;
}

static bool
bits_parse(struct text text, unsigned most, unsigned *out)
{
    unsigned value = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i == 3)
            return false;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *out = value;
    return text.len > 0 && value <= most;
}

static bool
cidr_parse(struct text text, struct notify_cidr *out)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    struct text address = {text.ptr, slash ? (uint32_t)(slash - text.ptr) : text.len};
    if (!notify_address_parse(address, &out->address))
        return false;
    unsigned most = out->address.v6 ? 128 : 32;
    out->bits = most;
    if (slash &&
        !bits_parse((struct text){slash + 1, text.len - address.len - 1}, most, &out->bits))
        return false;
    for (unsigned bit = out->bits; bit < most; bit++)
        if (out->address.bytes[bit / 8] & 0x80 >> bit % 8)
            return false;
    return true;
}

bool
notify_cidrs_parse(struct text text, struct notify_cidrs *out, char why[200])
{
    out->count = 0;
    for (uint32_t at = 0, end; at < text.len; at = end + 1) {
        for (end = at; end < text.len && text.ptr[end] != ',' && text.ptr[end] != ' ';)
            end++;
        struct text one = {text.ptr + at, end - at};
        if (one.len == 0)
            continue;
        if (out->count == NOTIFY_CIDRS_MAX) {
            snprintf(why, 200, "more than %d ranges", NOTIFY_CIDRS_MAX);
            return false;
        }
        if (!cidr_parse(one, &out->items[out->count])) {
            snprintf(why, 200,
                     "\"%.*s\" is no range of addresses: want 10.1.0.0/16 or 2001:db8::/32",
                     one.len < 80 ? (int)one.len : 80, one.ptr);
            return false;
        }
        out->count++;
    }
    return true;
}

bool
notify_cidrs_have(const struct notify_cidrs *cidrs, const struct notify_address *address)
{
    struct notify_address inner;
    if (carried(address, 1, &inner))
        address = &inner;
    for (unsigned i = 0; i < cidrs->count; i++)
        if (cidrs->items[i].address.v6 == address->v6 &&
            same_bits(cidrs->items[i].address.bytes, address->bytes, cidrs->items[i].bits))
            return true;
    return false;
}
