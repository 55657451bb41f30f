/* The bus's numbers in Prometheus' format. It must not know how they come about. */
#include "services/bus/bus_metrics.h"

#include <stdio.h>
#include <string.h>

#include "common/base/metrics.h"
#include "services/bus/bus_broker.h"

static void
write_totals(const struct bus_broker *broker, struct buf *out)
{
    const struct bus_totals *totals = &broker->totals;
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        {"cbm_bus_requests_total", "counter", "Requests with a readable envelope.",
         totals->requests},
        {"cbm_bus_answers_total", "counter", "Answers of workers that went to clients.",
         totals->answers},
        {"cbm_bus_errors_total", "counter", "Requests answered by the bus itself with an error.",
         totals->errors},
        {"cbm_bus_expired_total", "counter", "Requests whose deadline passed.", totals->expired},
        {"cbm_bus_refused_total", "counter", "Requests refused over a limit.",
         totals->refused_full},
        {"cbm_bus_repeated_total", "counter", "Requests sent again because a worker died.",
         totals->repeated},
        {"cbm_bus_workers_lost_total", "counter", "Workers that died.", totals->workers_lost},
        {"cbm_bus_garbage_total", "counter", "Messages without a recoverable envelope.",
         totals->dropped_garbage},
        {"cbm_bus_requests_open", "gauge", "Requests not answered yet.", broker->open},
        {"cbm_bus_held_bytes", "gauge", "Memory held by open requests.", broker->bytes},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        metrics_head(out, rows[i].name, rows[i].type, rows[i].help);
        metrics_value(out, rows[i].name, NULL, (int64_t)rows[i].value);
    }
}

enum per_service { WORKERS, WAITING, PER_SERVICE_COUNT };

static void
write_services(const struct bus_broker *broker, enum per_service what, const char *name,
               const char *help, struct buf *out)
{
    metrics_head(out, name, "gauge", help);
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        for (const struct bus_service *service = broker->directory.services[i]; service;
             service = service->chain) {
            /* names that nobody serves are no series, nor names that would break a label */
            if (!service->worker_count || memchr(service->name, '"', service->name_len) ||
                memchr(service->name, '\\', service->name_len))
                continue;
            char labels[120];
            snprintf(labels, sizeof labels, "service=\"%.*s\"", (int)service->name_len,
                     service->name);
            metrics_value(out, name, labels,
                          what == WORKERS ? service->worker_count : service->waiting.count);
        }
}

void
bus_metrics(void *state, struct buf *out)
{
    const struct bus_broker *broker = state;
    write_totals(broker, out);
    access_metrics(broker->access, out);
    write_services(broker, WORKERS, "cbm_bus_workers", "Workers registered.", out);
    write_services(broker, WAITING, "cbm_bus_queue", "Requests waiting for a worker.", out);
}
