/* See http.h. Times of inactivity are libmicrohttpd's; that a head does not trickle for ever is
 * seen to here: connections without a request stand on a list, the oldest first. */
#include "common/base/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define TIMEOUT_S 60U             /* nothing read or written */
#define DEAD_PEER_MS 60000        /* written and not acknowledged */
#define MEMORY_MAX (32U * 1024)   /* of a connection: its head, and what is written at once */
#define KERNEL_BYTES (128 * 1024) /* sent and not read yet; the kernel's own limit is megabytes */
#define BACKLOG 511

struct peer {
    struct peer *prev, *next; /* on the list while no request of it is under way */
    int fd;
    int64_t began_ms;
    bool listed;
};

struct http {
    struct loop *loop;
    struct MHD_Daemon *daemon; /* NULL until it is open */
    struct http_config config; /* its texts are not kept */
    struct http_events events;
    void *arg;
    int listen_fd; /* ours until it is open, and again when it is quiet; else -1 */
    int fd;        /* epoll descriptor of the daemon */
    struct peer *first, *last;
};

static void
unlist(struct http *http, struct peer *peer)
{
    if (!peer->listed)
        return;
    *(peer->prev ? &peer->prev->next : &http->first) = peer->next;
    *(peer->next ? &peer->next->prev : &http->last) = peer->prev;
    peer->listed = false;
}

static void
list(struct http *http, struct peer *peer)
{
    peer->began_ms = clock_mono_ms();
    peer->prev = http->last;
    peer->next = NULL;
    *(http->last ? &http->last->next : &http->first) = peer;
    http->last = peer;
    peer->listed = true;
}

static struct peer *
peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        microhttpd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **context,
              enum MHD_ConnectionNotificationCode what)
{
    struct http *http = arg;
    struct peer *peer = *context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (peer)
            unlist(http, peer);
        free(peer);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        microhttpd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int wait_ms = DEAD_PEER_MS, bytes = KERNEL_BYTES;
    peer = info ? calloc(1, sizeof *peer) : NULL;
    if (!peer)
        return;
    peer->fd = info->connect_fd;
    setsockopt(peer->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait_ms, sizeof wait_ms);
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    list(http, peer);
    *context = peer;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **state)
{
    struct http *http = arg;
    struct peer *peer = peer_of(connection);
    if (!peer)
        return MHD_NO;
    unlist(http, peer);
    return http->events.request(http->arg, connection, url, method, version, data, size, state);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **state,
             enum MHD_RequestTerminationCode code)
{
    struct http *http = arg;
    struct peer *peer = peer_of(connection);
    if (http->events.completed)
        http->events.completed(http->arg, connection, state, code);
    if (peer && !peer->listed)
        list(http, peer);
}

/* Ends those whose request takes too long to come. Returns when the next is due. */
static int64_t
end_tricklers(struct http *http, int64_t now_ms)
{
    struct peer *peer;
    while ((peer = http->first) && now_ms - peer->began_ms >= http->config.head_ms) {
        shutdown(peer->fd, SHUT_RDWR);
        unlist(http, peer);
    }
    return peer ? peer->began_ms + http->config.head_ms : LOOP_NEVER;
}

static int64_t
on_tick(void *arg, int64_t now_ms)
{
    struct http *http = arg;
    MHD_UNSIGNED_LONG_LONG wait_ms;
    int64_t due_ms = end_tricklers(http, now_ms);
    microhttpd.run(http->daemon);
    if (microhttpd.get_timeout(http->daemon, &wait_ms) != MHD_YES)
        return due_ms;
    int64_t at_ms = now_ms + (wait_ms > 1000 ? 1000 : (int64_t)wait_ms + 1);
    return at_ms < due_ms ? at_ms : due_ms;
}

static void
on_ready(void *arg, short revents)
{
    (void)revents;
    struct http *http = arg;
    loop_tick_by(http->loop, on_tick(http, clock_mono_ms()));
}

static socklen_t
parse_bind(const char *bind, struct sockaddr_storage *out)
{
    char host[64];
    const char *colon = strrchr(bind, ':');
    if (!colon || colon == bind || (size_t)(colon - bind) >= sizeof host)
        return 0;
    long port = strtol(colon + 1, NULL, 10);
    if (port < 1 || port > 65535)
        return 0;
    memset(out, 0, sizeof *out);
    snprintf(host, sizeof host, "%.*s", (int)(colon - bind), bind);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    size_t len = strlen(host);
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
}

struct http *
http_new(struct loop *loop, const struct http_config *config, const struct http_events *events,
         void *arg)
{
    struct sockaddr_storage address;
    socklen_t len = parse_bind(config->bind, &address);
    struct http *http = len ? calloc(1, sizeof *http) : NULL;
    if (!http) {
        char why[80];
        snprintf(why, sizeof why, "%s is wrong: want address:port", config->name);
        log_event(LOG_LEVEL_ERROR, why, LOG_TEXT("bind", config->bind));
        return NULL;
    }
    const char *error = microhttpd_load();
    *http = (struct http){
        .loop = loop, .config = *config, .events = *events, .arg = arg, .listen_fd = -1, .fd = -1};
    int on = 1;
    http->listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (error || http->listen_fd < 0 ||
        setsockopt(http->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(http->listen_fd, (const struct sockaddr *)&address, len) != 0) {
        log_event(LOG_LEVEL_ERROR, "cannot serve HTTP", LOG_TEXT("setting", config->name),
                  LOG_TEXT("bind", config->bind),
                  LOG_TEXT("error", error ? error : strerror(errno)));
        http_destroy(&http);
    }
    return http;
}

int
http_open(struct http *http)
{
    if (listen(http->listen_fd, BACKLOG) == 0)
        http->daemon = microhttpd.start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
            MHD_OPTION_LISTEN_SOCKET, http->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
            http->config.connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
            http->config.per_address_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
            MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
            http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        http->daemon ? microhttpd.get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (http->daemon)
        http->listen_fd = -1; /* it is the daemon's */
    if (info)
        http->fd = info->epoll_fd;
    if (http->fd >= 0 && loop_watch_fd(http->loop, http->fd, POLLIN, on_ready, http) == 0 &&
        loop_add_tick(http->loop, on_tick, http) == 0)
        return 0;
    log_event(LOG_LEVEL_ERROR, "cannot serve HTTP", LOG_TEXT("setting", http->config.name));
    return -1;
}

void
http_quiesce(struct http *http)
{
    if (!http->daemon || http->listen_fd >= 0)
        return;
    http->listen_fd = microhttpd.quiesce_daemon(http->daemon);
    if (http->listen_fd >= 0)
        shutdown(http->listen_fd, SHUT_RDWR); /* nobody waits in its queue for an answer */
}

unsigned
http_connections(const struct http *http)
{
    const union MHD_DaemonInfo *info =
        http->daemon ? microhttpd.get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
                     : NULL;
    return info ? info->num_connections : 0;
}

void
http_destroy(struct http **http)
{
    struct http *self = *http;
    if (!self)
        return;
    loop_remove_tick(self->loop, on_tick, self);
    if (self->fd >= 0)
        loop_watch_fd(self->loop, self->fd, 0, on_ready, self);
    if (self->daemon)
        microhttpd.stop_daemon(self->daemon);
    if (self->listen_fd >= 0)
        close(self->listen_fd);
    free(self);
    *http = NULL;
}
