/* See metrics.h. */
#include "common/base/metrics.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/library.h"
#include "common/base/log.h"

#define CONNECTIONS_MAX 16
#define TIMEOUT_S 10

/* libmicrohttpd, loaded with the first listener: with the TLS that it brings it would be a third of
 * the memory of a service, and most have none. */
#define LIBRARY "libmicrohttpd.so.12"
#define ROW(name)                                                                                  \
    {                                                                                              \
        "MHD_" #name, offsetof(struct microhttpd, name)                                            \
    }

static struct microhttpd {
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_destroy_response) *destroy_response;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
} microhttpd;

static const struct library_function functions[] = {
    ROW(add_response_header),
    ROW(create_response_from_buffer),
    ROW(destroy_response),
    ROW(get_daemon_info),
    ROW(get_timeout),
    ROW(queue_response),
    ROW(run),
    ROW(start_daemon),
    ROW(stop_daemon),
};

struct metrics {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    int fd; /* epoll descriptor of the daemon */
    metrics_write_fn *write;
    void *arg;
};

static void
append(struct buf *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof line)
        buf_append(out, line, (size_t)len);
}

void
metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    append(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
metrics_value(struct buf *out, const char *name, const char *labels, int64_t value)
{
    append(out, "%s%s%s%s %" PRId64 "\n", name, labels ? "{" : "", labels ? labels : "",
           labels ? "}" : "", value);
}

void
metrics_seconds(struct buf *out, const char *name, const char *labels, int64_t micros)
{
    append(out, "%s%s%s%s %" PRId64 ".%06" PRId64 "\n", name, labels ? "{" : "",
           labels ? labels : "", labels ? "}" : "", micros / 1000000, micros % 1000000);
}

static enum MHD_Result
respond(struct MHD_Connection *connection, unsigned code, struct buf *body)
{
    struct MHD_Response *response =
        microhttpd.create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
    buf_fini(body);
    if (!response)
        return MHD_NO;
    microhttpd.add_response_header(response, "Content-Type",
                                   "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result result = microhttpd.queue_response(connection, code, response);
    microhttpd.destroy_response(response);
    return result;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **state)
{
    (void)version;
    (void)data;
    (void)state;
    struct metrics *metrics = arg;
    struct buf body = {0};
    unsigned code = MHD_HTTP_OK;
    *size = 0;
    if (strcmp(url, "/metrics") != 0) {
        append(&body, "not found: want /metrics\n");
        code = MHD_HTTP_NOT_FOUND;
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        append(&body, "want GET\n");
        code = MHD_HTTP_METHOD_NOT_ALLOWED;
    } else {
        metrics->write(metrics->arg, &body);
    }
    if (body.failed) {
        buf_fini(&body);
        return MHD_NO;
    }
    return respond(connection, code, &body);
}

static int64_t
metrics_tick(void *arg, int64_t now_ms)
{
    struct metrics *metrics = arg;
    MHD_UNSIGNED_LONG_LONG wait_ms;
    microhttpd.run(metrics->daemon);
    if (microhttpd.get_timeout(metrics->daemon, &wait_ms) != MHD_YES)
        return LOOP_NEVER;
    return now_ms + (wait_ms > 1000 ? 1000 : (int64_t)wait_ms + 1);
}

static void
on_ready(void *arg, short revents)
{
    (void)revents;
    struct metrics *metrics = arg;
    int64_t now_ms = clock_mono_ms();
    loop_tick_by(metrics->loop, metrics_tick(metrics, now_ms));
}

/* "127.0.0.1:9100" or "[::1]:9100" */
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

struct metrics *
metrics_new(struct loop *loop, const char *bind, metrics_write_fn *write, void *arg)
{
    struct sockaddr_storage address;
    socklen_t len = parse_bind(bind, &address);
    struct metrics *metrics = len ? calloc(1, sizeof *metrics) : NULL;
    if (!metrics) {
        log_event(LOG_LEVEL_ERROR, "CBM_METRICS is wrong: want address:port",
                  LOG_TEXT("bind", bind));
        return NULL;
    }
    *metrics = (struct metrics){.loop = loop, .fd = -1, .write = write, .arg = arg};
    const char *error =
        library_load(LIBRARY, functions, sizeof functions / sizeof *functions, &microhttpd);
    if (error) {
        log_event(LOG_LEVEL_ERROR, "cannot serve metrics without " LIBRARY,
                  LOG_TEXT("error", error));
        free(metrics);
        return NULL;
    }
    unsigned flags = MHD_USE_EPOLL | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0U);
    metrics->daemon =
        microhttpd.start_daemon(flags, 0, NULL, NULL, on_request, metrics, MHD_OPTION_SOCK_ADDR,
                                &address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        metrics->daemon ? microhttpd.get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD)
                        : NULL;
    if (info)
        metrics->fd = info->epoll_fd;
    if (metrics->fd < 0 || loop_watch_fd(loop, metrics->fd, POLLIN, on_ready, metrics) != 0 ||
        loop_add_tick(loop, metrics_tick, metrics) != 0) {
        log_event(LOG_LEVEL_ERROR, "cannot serve metrics", LOG_TEXT("bind", bind));
        metrics_destroy(&metrics);
    }
    return metrics;
}

void
metrics_destroy(struct metrics **metrics)
{
    struct metrics *self = *metrics;
    if (!self)
        return;
    loop_remove_tick(self->loop, metrics_tick, self);
    if (self->fd >= 0)
        loop_watch_fd(self->loop, self->fd, 0, on_ready, self);
    if (self->daemon)
        microhttpd.stop_daemon(self->daemon);
    free(self);
    *metrics = NULL;
}
