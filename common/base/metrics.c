/* See metrics.h. */
#include "common/base/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/http.h"
#include "common/base/log.h"

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

static unsigned
on_request(void *arg, struct text method, struct text path, struct buf *body)
{
    struct metrics *metrics = arg;
    if (!text_is(path, "/metrics")) {
        append(body, "not found: want /metrics\n");
        return 404;
    }
    if (!text_is(method, "GET") && !text_is(method, "HEAD")) {
        append(body, "want GET\n");
        return 405;
    }
    metrics->write(metrics->arg, body);
    return 200;
}

struct metrics *
metrics_new(struct loop *loop, const char *bind, metrics_write_fn *write, void *arg)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return NULL;
    *metrics = (struct metrics){.write = write, .arg = arg};
    metrics->http = http_new(loop, bind, on_request, metrics);
    if (metrics->http)
        return metrics;
    log_event(LOG_LEVEL_ERROR,
              errno == EINVAL ? "CBM_METRICS is wrong: want address:port" : "cannot serve metrics",
              LOG_TEXT("bind", bind), LOG_TEXT("error", strerror(errno)));
    metrics_destroy(&metrics);
    return NULL;
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
