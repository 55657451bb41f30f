/* See bus_own.h. */
#include "services/bus/bus_own.h"

#include <stdio.h>

#include "common/base/run.h"

static const char mmi_prefix[] = "mmi.";

bool
bus_own_serves(struct text service)
{
    return text_is(service, "bus") || (service.len >= sizeof mmi_prefix - 1 &&
                                       memcmp(service.ptr, mmi_prefix, sizeof mmi_prefix - 1) == 0);
}

/* RFC 8: "200" served, "404" not, "501" no such question. */
static const char *
mmi_code(const struct bus_broker *broker, struct text question, struct text name)
{
    if (!text_is(question, "mmi.service"))
        return "501";
    if (text_is(name, "bus") || text_is(name, "mmi.service"))
        return "200";
    const struct bus_service *service =
        bus_service_name_valid(name) ? bus_service_find(&broker->directory, name) : NULL;
    return service && service->accepting ? "200" : "404";
}

static void
write_counter(struct buf *buf, const char *name, uint64_t value)
{
    mp_string(buf, name);
    mp_uint(buf, value);
}

static void
write_totals(const struct bus_broker *broker, struct buf *buf)
{
    const struct bus_totals *totals = &broker->totals;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"requests", totals->requests},
        {"answers", totals->answers},
        {"partials", totals->partials},
        {"errors", totals->errors},
        {"expired", totals->expired},
        {"refused_full", totals->refused_full},
        {"repeated", totals->repeated},
        {"workers_lost", totals->workers_lost},
        {"dropped_garbage", totals->dropped_garbage},
        {"dropped_late", totals->dropped_late},
        {"dropped_gone", totals->dropped_gone},
        {"open", broker->open},
        {"held", broker->requests.used},
        {"held_bytes", broker->bytes},
        {"uptime_ms", (uint64_t)(broker->now_ms - broker->started_ms)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        write_counter(buf, rows[i].name, rows[i].value);
}
#define TOTAL_PAIRS 15

static void
write_worker(const struct bus_worker *worker, struct buf *buf)
{
    char id[2 * BUS_PEER_MAX + 1];
    for (unsigned i = 0; i < worker->id_len; i++)
        snprintf(id + (size_t)2 * i, 3, "%02x", worker->id[i]);
    id[2 * worker->id_len] = '\0';
    mp_map(buf, 4);
    mp_string(buf, "id");
    mp_string(buf, id);
    write_counter(buf, "in_flight", worker->sent.count);
    write_counter(buf, "credit", worker->credit);
    mp_string(buf, "draining");
    mp_bool(buf, worker->draining);
}

static void
write_service(const struct bus_service *service, struct buf *buf)
{
    mp_text(buf, (struct text){service->name, service->name_len});
    mp_map(buf, 7);
    write_counter(buf, "requests", service->requests);
    write_counter(buf, "errors", service->errors);
    write_counter(buf, "repeated", service->repeated);
    write_counter(buf, "queue", service->waiting.count);
    write_counter(buf, "p50_us", (uint64_t)histogram_quantile(&service->latency, 500));
    write_counter(buf, "p99_us", (uint64_t)histogram_quantile(&service->latency, 990));
    mp_string(buf, "workers");
    mp_array(buf, service->worker_count);
    for (uint32_t i = 0; i < service->worker_count; i++)
        write_worker(service->workers[i], buf);
}

/* {requests, …, services: {name: {…, workers: [{id, in_flight, credit, draining}]}}} */
static void
write_stats(const struct bus_broker *broker, struct buf *buf)
{
    mp_map(buf, TOTAL_PAIRS + 1);
    write_totals(broker, buf);
    mp_string(buf, "services");
    mp_map(buf, broker->directory.service_count);
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        for (const struct bus_service *service = broker->directory.services[i]; service;
             service = service->chain)
            write_service(service, buf);
}

static void
write_identity(const struct bus_broker *broker, struct buf *buf)
{
    mp_string(buf, "name");
    mp_string(buf, "bus");
    mp_string(buf, "id");
    mp_string(buf, broker->id);
    mp_string(buf, "version");
    mp_string(buf, CBM_VERSION);
}

static void
write_ping(const struct bus_broker *broker, struct buf *buf)
{
    mp_map(buf, 3);
    write_identity(broker, buf);
}

static void write_info(const struct bus_broker *broker, struct buf *buf);

static const struct {
    const char *name;
    void (*write)(const struct bus_broker *broker, struct buf *buf);
} methods[] = {{"$ping", write_ping}, {"$info", write_info}, {"$stats", write_stats}};
#define METHOD_COUNT (sizeof methods / sizeof *methods)

static void
write_info(const struct bus_broker *broker, struct buf *buf)
{
    mp_map(buf, 6);
    write_identity(broker, buf);
    mp_string(buf, "access");
    mp_string(buf, access_words[access_mode(broker->access)]);
    mp_string(buf, "draining");
    mp_bool(buf, broker->draining);
    mp_string(buf, "methods");
    mp_array(buf, METHOD_COUNT);
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        mp_map(buf, 2);
        mp_string(buf, "name");
        mp_string(buf, methods[i].name);
        mp_string(buf, "read_only");
        mp_bool(buf, true);
    }
}

static void
answer_rpc(struct bus_broker *broker, struct text body, struct buf *buf)
{
    struct rpc_request request;
    struct error error;
    enum status status = rpc_request_parse(body.ptr, body.len, &request, &error);
    struct mp_value params = {0};
    if (status == STATUS_OK)
        mp_read(request.params.ptr, &params);
    if (params.number != 0)
        status = error_set(&error, STATUS_INVALID_ARGUMENT, NULL, "the method takes no parameters");
    size_t method = 0;
    while (status == STATUS_OK && !text_is(request.method, methods[method].name))
        if (++method == METHOD_COUNT)
            status = error_set(&error, STATUS_UNIMPLEMENTED, NULL,
                               "the bus itself has only $ping, $info and $stats");
    if (status == STATUS_OK) {
        rpc_reply_write(buf, request.msgid, NULL, 0); /* the result follows its header */
        methods[method].write(broker, buf);
    }
    if (status != STATUS_OK) {
        broker->totals.errors++;
        buf_clear(buf);
        rpc_error_write(buf, request.msgid, &error);
    }
}

void
bus_own_answer(struct bus_broker *broker, struct text service, struct text body, struct buf *buf)
{
    if (text_is(service, "bus"))
        answer_rpc(broker, body, buf);
    else
        buf_append(buf, mmi_code(broker, service, body), 3);
}
