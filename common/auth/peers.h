/* The connections of sockets with CURVE, and whose they are, so that those of a principal can be
 * cut. libzmq has no such call (4.3, without its drafts), so a connection is cut at its descriptor:
 * docs/decisions/0014 says why that is safe. It must not know who is allowed. */
#ifndef CBM_AUTH_PEERS_H
#define CBM_AUTH_PEERS_H

#include <czmq.h>

#include "common/auth/principals.h"
#include "common/base/loop.h"

#define PEERS_SOCKETS_MAX 4

struct peer {
    uint64_t cookie; /* the kernel's own number of the socket, never given twice; 0: nobody */
    const struct identity *identity; /* NULL: it has not said anything yet */
    bool mixed;                      /* more than one came over the same descriptor */
    char address[48];
};

/* A handshake that failed before anybody was asked: NULL, PLAIN, another protocol, silence. */
typedef void peers_failed_fn(void *arg, const char *reason, const char *address);

/* An embedded value; peers_init before the first use. */
struct peers {
    struct loop *loop; /* borrowed */
    peers_failed_fn *failed;
    void *arg;
    struct peer *table; /* by descriptor, owned */
    unsigned size;
    uint64_t cut; /* connections so far */
    unsigned socket_count;
    struct peers_socket {
        struct peers *peers;
        void *socket, *monitor; /* libzmq handles; the monitor is owned */
        const char *reason;     /* of a handshake that failed, until its descriptor is told */
    } sockets[PEERS_SOCKETS_MAX];
};

void peers_init(struct peers *peers, struct loop *loop, peers_failed_fn *failed, void *arg);

/* Watches a socket that is not bound yet and will not move. 0 or -1. */
int peers_watch(struct peers *peers, zsock_t *sock);
void peers_unwatch(struct peers *peers, zsock_t *sock); /* before the socket is destroyed */

/* A message of the identity came over this descriptor (ZMQ_SRCFD). */
void peers_note(struct peers *peers, int fd, const struct identity *identity);

/* The kernel's own number of a descriptor's socket, never given twice; 0 if it has none. */
uint64_t peers_cookie(int fd);

/* Cuts the connections of every identity that changed after `since` (identity->changed_at), and
 * those that cannot be told: whoever they are, they connect again by themselves. PEERS_UNKNOWN cuts
 * only the latter. Returns how many. */
#define PEERS_UNKNOWN UINT64_MAX
unsigned peers_cut(struct peers *peers, uint64_t since);

/* Cuts one connection. */
void peers_drop(struct peers *peers, int fd);

void peers_fini(struct peers *peers);

#endif
