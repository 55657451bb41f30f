/* The paths that the gateway answers, and streams as responses. It must not know the log. */
#ifndef CBM_GATEWAY_HTTP_H
#define CBM_GATEWAY_HTTP_H

#include "common/auth/access.h"
#include "common/base/buf.h"
#include "services/gateway/gateway_stream.h"

struct gateway_http_config {
    char bind[CFG_TEXT_MAX]; /* CBM_HTTP_BIND */
    int64_t connections_max; /* CBM_HTTP_CONNECTIONS */
    int64_t per_address_max; /* CBM_HTTP_PER_ADDRESS */
    int64_t heartbeat_ms;    /* CBM_HTTP_HEARTBEAT_MS */
};

#define GATEWAY_HTTP_ROWS(type, member)                                                            \
    {"CBM_HTTP_BIND",                                                                              \
     CFG_TEXT,                                                                                     \
     offsetof(type, member.bind),                                                                  \
     "127.0.0.1:8080",                                                                             \
     1,                                                                                            \
     CFG_TEXT_MAX,                                                                                 \
     NULL,                                                                                         \
     "address:port, the address in numbers; TLS is a proxy's in front of it"},                     \
        {"CBM_HTTP_CONNECTIONS",                                                                   \
         CFG_INT,                                                                                  \
         offsetof(type, member.connections_max),                                                   \
         "1000",                                                                                   \
         1,                                                                                        \
         20000,                                                                                    \
         NULL,                                                                                     \
         "connections at once; who comes beyond waits"},                                           \
        {"CBM_HTTP_PER_ADDRESS",                                                                   \
         CFG_INT,                                                                                  \
         offsetof(type, member.per_address_max),                                                   \
         "100",                                                                                    \
         0,                                                                                        \
         20000,                                                                                    \
         NULL,                                                                                     \
         "of these from one address, 0 for no limit: behind a proxy all come from its"},           \
    {                                                                                              \
        "CBM_HTTP_HEARTBEAT_MS", CFG_INT, offsetof(type, member.heartbeat_ms), "15000", 100,       \
            600000, NULL, "a stream that is silent so long says that it lives"                     \
    }

struct gateway_http;

/* Takes the address; it listens from gateway_http_open on. `ready` is what /healthz says. NULL
 * after a line in the log. */
struct gateway_http *gateway_http_new(struct loop *loop, const struct gateway_http_config *config,
                                      struct access *access, struct gateway_log *log,
                                      bool (*ready)(void *arg), void *arg);
int gateway_http_open(struct gateway_http *http); /* 0 or -1 */

struct gateway_streams *gateway_http_streams(const struct gateway_http *http);

/* No new connections, and every stream ends; whether all of it left. */
void gateway_http_drain(struct gateway_http *http);
bool gateway_http_drained(const struct gateway_http *http);

void gateway_http_metrics(const struct gateway_http *http, struct buf *out);

void gateway_http_destroy(struct gateway_http **http);

#endif
