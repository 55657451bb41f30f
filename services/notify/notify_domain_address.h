/* Where a webhook may go: what kind of address this is, and lists of CIDRs. Pure: it must not know
 * sockets, names or what is sent. */
#ifndef CBM_NOTIFY_DOMAIN_ADDRESS_H
#define CBM_NOTIFY_DOMAIN_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* An address in network order: 4 bytes, or 16 if `v6`. */
struct notify_address {
    bool v6;
    uint8_t bytes[16];
};

/* "192.0.2.1" or "2001:db8::1", no zone, no brackets. False if the text is neither. */
bool notify_address_parse(struct text text, struct notify_address *out);

/* What refuses an address, in words ("loopback", "private"), after IANA's registries of addresses
 * for special purposes; NULL for one of the public internet. An address that carries another one
 * (IPv4-mapped, IPv4-compatible, 6to4, NAT64) is what it carries. */
const char *notify_address_refused(const struct notify_address *address);

#define NOTIFY_CIDRS_MAX 64
struct notify_cidrs {
    unsigned count;
    struct notify_cidr {
        struct notify_address address;
        unsigned bits;
    } items[NOTIFY_CIDRS_MAX];
};

/* "10.1.0.0/16, 2001:db8::/32, 127.0.0.1": without a length it is one address; bits behind the
 * length must be 0. False with `why` filled; an empty text is an empty list. */
bool notify_cidrs_parse(struct text text, struct notify_cidrs *out, char why[200]);

/* Whether one of them has the address. An IPv4-mapped address is its IPv4 address. */
bool notify_cidrs_have(const struct notify_cidrs *cidrs, const struct notify_address *address);

#endif
