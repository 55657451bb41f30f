/* Metrics in Prometheus' text format over HTTP, on the loop: GET /metrics. It must not know what is
 * counted. */
#ifndef CBM_BASE_METRICS_H
#define CBM_BASE_METRICS_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/loop.h"

struct metrics;

/* Appends the exposition text; called for each scrape. */
typedef void metrics_write_fn(void *arg, struct buf *out);

/* Listens on "host:port", host a numeric address ("127.0.0.1:9100", "[::1]:9100"). NULL after a
 * line in the log. */
struct metrics *metrics_new(struct loop *loop, const char *bind, metrics_write_fn *write,
                            void *arg);
void metrics_destroy(struct metrics **metrics);

/* Writers. The help and type of a name are written once, before its first value. `labels` is
 * "method=\"event.get\"" or NULL. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_value(struct buf *out, const char *name, const char *labels, int64_t value);
void metrics_seconds(struct buf *out, const char *name, const char *labels, int64_t micros);

#endif
