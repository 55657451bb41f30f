/* What a subscription on the live socket is turned into: the prefixes that the socket then matches
 * for its peer (ZMQ_XPUB_MANUAL). Nobody is given a prefix under which records lie that it may not
 * see. Pure.
 *
 *   "events.human."     itself
 *   "" (all)            every open root, and NOTIFY_ACCESS_MARKS for its watermarks
 *   "p"                 the open roots that begin so
 *   "private.KZ."       itself, for who may see it; else nothing
 *   "/compact/1/…/"     itself, if its prefix may be seen; else nothing */
#ifndef CBM_NOTIFY_ACCESS_H
#define CBM_NOTIFY_ACCESS_H

#include "common/auth/audience.h"

/* The topic of the watermark of "". An empty topic would reach only who is subscribed to
 * everything, private records too, which is nobody. */
#define NOTIFY_ACCESS_MARKS "watermark."

#define NOTIFY_ACCESS_MAX 16

struct notify_grant {
    unsigned count;                          /* 0: refused */
    struct text prefixes[NOTIFY_ACCESS_MAX]; /* borrowed from the subscription, or constant */
};

/* `subscription` may be any bytes. The same principal and bytes give the same grant, so that an
 * unsubscription takes back what the subscription gave. */
void notify_access_narrow(const struct principal *principal, struct text subscription,
                          struct notify_grant *grant);

#endif
