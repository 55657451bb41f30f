/* HTTP in, on the loop: libmicrohttpd is run from its epoll descriptor, so there is no other thread
 * and no lock. It must not know what is served. */
#ifndef CBM_BASE_HTTP_H
#define CBM_BASE_HTTP_H

#include <stdbool.h>

#include "common/base/loop.h"
#include "common/base/microhttpd.h"

struct http;

struct http_config {
    const char *name;         /* the setting that `bind` is from, for the log */
    const char *bind;         /* "host:port", host numeric: "127.0.0.1:9100", "[::1]:9100" */
    unsigned connections_max; /* who comes beyond waits */
    unsigned per_address_max; /* of these from one address, what is beyond is closed; 0: no limit */
    unsigned head_ms;         /* a request's head must be here so soon, however it trickles */
};

/* What libmicrohttpd wants: the access handler, and what is called when a request is over (may be
 * NULL). Handlers may suspend a connection and resume it from the loop. */
struct http_events {
    MHD_AccessHandlerCallback request;
    MHD_RequestCompletedCallback completed;
};

/* Takes the address, without listening yet: who connects is refused. NULL after a line in the log.
 */
struct http *http_new(struct loop *loop, const struct http_config *config,
                      const struct http_events *events, void *arg);

/* Listens from now on. 0, or -1 after a line in the log. */
int http_open(struct http *http);

/* Takes no connection any more; those there are go on. */
void http_quiesce(struct http *http);

unsigned http_connections(const struct http *http);

/* Every suspended connection must have been resumed. */
void http_destroy(struct http **http);

#endif
