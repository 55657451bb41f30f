/* See metrics.h. */
#include "common/base/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/http.h"

#define CONNECTIONS_MAX 16
#define HEAD_MS 60000 /* also between two scrapes of one connection */

struct metrics {
    struct http *http;
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

struct metrics *
metrics_new(struct loop *loop, const char *bind, metrics_write_fn *write, void *arg)
{
    static const struct http_events events = {.request = on_request};
    const struct http_config config = {"CBM_METRICS", bind, CONNECTIONS_MAX, 0, HEAD_MS};
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return NULL;
    *metrics = (struct metrics){.write = write, .arg = arg};
    metrics->http = http_new(loop, &config, &events, metrics);
    if (!metrics->http || http_open(metrics->http) != 0)
        metrics_destroy(&metrics);
    return metrics;
}

void
metrics_destroy(struct metrics **metrics)
{
    if (!*metrics)
        return;
    http_destroy(&(*metrics)->http);
    free(*metrics);
    *metrics = NULL;
}
