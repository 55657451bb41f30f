/* See notify_holders.h. */
#include "services/notify/notify_holders.h"

#include <stdlib.h>

static struct notify_peer *
find(const struct notify_holders *holders, int fd)
{
    for (uint32_t i = 0; i < holders->count; i++)
        if (holders->peers[i].fd == fd)
            return &holders->peers[i];
    return NULL;
}

bool
notify_holders_add(struct notify_holders *holders, struct notify_peer peer)
{
    struct notify_peer *known = find(holders, peer.fd);
    if (known && known->connection == peer.connection)
        return true;
    if (!known && holders->count == holders->cap) {
        uint32_t cap = holders->cap ? holders->cap * 2 : 1;
        struct notify_peer *peers = realloc(holders->peers, cap * sizeof *peers);
        if (!peers)
            return false;
        holders->peers = peers;
        holders->cap = cap;
    }
    *(known ? known : &holders->peers[holders->count++]) = peer;
    holders->live++; /* the end of the connection that had the descriptor is told by itself */
    return true;
}

void
notify_holders_remove(struct notify_holders *holders, struct notify_peer peer)
{
    struct notify_peer *known = find(holders, peer.fd);
    if (!known || known->connection != peer.connection)
        return;
    *known = holders->peers[--holders->count];
    notify_holders_gone(holders);
}

void
notify_holders_gone(struct notify_holders *holders)
{
    if (holders->live)
        holders->live--;
}

void
notify_holders_fini(struct notify_holders *holders)
{
    free(holders->peers);
    *holders = (struct notify_holders){0};
}
