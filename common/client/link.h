/* One connection to one endpoint, and whether it stands: a socket with its monitor.
 * It must not know what goes over it. */
#ifndef CBM_CLIENT_LINK_H
#define CBM_CLIENT_LINK_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/cfg.h"
#include "common/base/status.h"
#include "common/bus/sock.h"

#define LINK_NOTIFY_DEFAULT "tcp://127.0.0.1:5560"
#define LINK_BUS_DEFAULT "tcp://127.0.0.1:5550"
#define LINKS_MAX 16

struct link {
    zsock_t *sock;
    void *monitor; /* a PAIR of ZeroMQ's, on which it tells of the connection */
    bool up;
    bool refused;    /* the server does not know our key: ZeroMQ tries no more, link_again does */
    bool broken_off; /* the handshake ended before that: is it the right server key? */
    bool compact;    /* the bus at its end speaks the compact framing */
    struct buf out;  /* the compact frame under construction */
    struct buf context; /* scratch */
    char endpoint[256];
};

/* The endpoints to use: `given`, else the environment variable, else the fallback. */
const char *link_endpoints(const char *given, const char *variable, const char *fallback);

/* A socket with our defaults, encrypted if CBM_SERVER_KEY and CBM_CERT say so. NULL with `error`.
 */
zsock_t *link_socket(int type, struct error *error);

/* Opens and connects a link in the background. STATUS_OK, or an error with nothing to close. */
enum status link_open(struct link *link, int type, const char *endpoint, struct error *error);

/* Reads what the monitor told since the last time and updates `up`. Bits. */
#define LINK_WENT_DOWN 1
#define LINK_CAME_UP 2
#define LINK_REFUSED 4
int link_changes(struct link *link);

/* Connects a refused link again: the key may be known by now. */
void link_again(struct link *link);

void link_close(struct link *link); /* a zeroed or closed link: nothing */

#endif
