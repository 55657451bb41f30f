/* Who subscribes to one prefix in one form, counted so that no peer can take away what another has.
 * libzmq tells of each subscription and unsubscription with its connection, but of a connection
 * that ended only that one of the prefix has. Pure. */
#ifndef CBM_NOTIFY_HOLDERS_H
#define CBM_NOTIFY_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

/* A connection of a subscriber: descriptors are used again, connections are counted. */
struct notify_peer {
    int fd;
    uint64_t connection;
};

/* Zeroed is nobody. A connection that ended stays in `peers` until its descriptor is used again, so
 * there are never more than descriptors: `live` is what counts. */
struct notify_holders {
    struct notify_peer *peers; /* owned */
    uint32_t count, cap, live;
};

/* False without memory: it is not counted, and notify_holders_gone will count it too much. */
bool notify_holders_add(struct notify_holders *holders, struct notify_peer peer);

/* It unsubscribed: ignored if it does not hold. */
void notify_holders_remove(struct notify_holders *holders, struct notify_peer peer);

/* One of them is gone. */
void notify_holders_gone(struct notify_holders *holders);

void notify_holders_fini(struct notify_holders *holders);

#endif
