/* See bus_broker.h. */
#include "services/bus/bus_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/schema.h"
#include "services/bus/bus_client.h"
#include "services/bus/bus_worker.h"
#include "services/bus/bus_wire.h"

#define STOP_TURNS 16
#define PRINCIPALS_WAIT_MS                                                                         \
    2000 /* without Redis so long, the keys in files are enough to be ready */

const struct cfg_row bus_broker_rows[] = {
    {"CBM_CLIENT_BIND", CFG_ENDPOINTS, offsetof(struct bus_config, client_bind), "tcp://*:5550", 1,
     CFG_TEXT_MAX, NULL, "where clients come, endpoints by comma"},
    {"CBM_WORKER_BIND", CFG_ENDPOINTS, offsetof(struct bus_config, worker_bind), "tcp://*:5551", 1,
     CFG_TEXT_MAX, NULL, "where workers come, endpoints by comma"},
    {"CBM_QUEUE_MAX", CFG_INT, offsetof(struct bus_config, queue_max), "10000", 1, 10000000, NULL,
     "requests that may wait for one service"},
    {"CBM_REQUESTS_MAX", CFG_INT, offsetof(struct bus_config, requests_max), "100000", 1, 10000000,
     NULL, "requests held in all"},
    {"CBM_REQUESTS_BYTES_MAX", CFG_INT, offsetof(struct bus_config, bytes_max), "268435456", 65536,
     INT64_C(1) << 40, NULL, "bytes of the requests held in all"},
    {"CBM_REQUEST_MAX_MS", CFG_INT, offsetof(struct bus_config, request_max_ms), "60000", 10,
     86400000, NULL, "how long a request is held at most, whatever its deadline, ms"},
    ACCESS_ROWS(struct bus_config, access),
    {"CBM_WORKER_ACCESS", CFG_WORD, offsetof(struct bus_config, worker_access), "open", 0, 0,
     "open|curve", "curve: workers need a key whose principal has the role service"},
    {"CBM_REDIS", CFG_TEXT, offsetof(struct bus_config, redis), "redis://127.0.0.1:6379", 1,
     CFG_TEXT_MAX, NULL, "Redis, for the principals: redis://[user@]host[:port] or unix:///path"},
    {"CBM_ORG", CFG_TEXT, offsetof(struct bus_config, org), "cica", 1, 64, NULL,
     "the organisation, the hash tag of every key"},
    CFG_END,
};

void
bus_broker_touch(struct bus_broker *broker)
{
    broker->now_us = clock_mono_us();
    broker->now_ms = broker->now_us / 1000;
}

struct text
bus_broker_principal(const struct bus_request *request)
{
    const struct buf *wire = &request->who->wire;
    return (struct text){(const char *)wire->data, (uint32_t)wire->len};
}

/* Answered: nothing of it is kept but, if a worker still has it, the slot. */
static void
close_request(struct bus_broker *broker, struct bus_request *request)
{
    broker->bytes -= request->rpc.len + request->context.len;
    bus_request_let_go(request);
    broker->open--;
}

void
bus_broker_finish(struct bus_broker *broker, struct bus_request *request)
{
    if (request->worker)
        bus_request_remove(&request->worker->sent, request);
    if (request->state != BUS_REQUEST_ABANDONED)
        close_request(broker, request);
    bus_request_give(&broker->requests, request);
}

void
bus_broker_fail(struct bus_broker *broker, struct bus_request *request, enum status status,
                const char *message)
{
    struct error error;
    error_set(&error, status, NULL, "%s", message);
    request->service->errors++;
    if (status == STATUS_DEADLINE_EXCEEDED)
        broker->totals.expired++;
    bus_client_fail(broker, request, &error);
}

/* A waiting request is answered with an error and is no more. */
static void
end_waiting(struct bus_broker *broker, struct bus_request *request)
{
    if (!request->who->allowed)
        bus_broker_fail(broker, request, STATUS_UNAUTHENTICATED,
                        "your key was revoked; nothing was done");
    else if (request->service->accepting)
        bus_broker_fail(broker, request, STATUS_DEADLINE_EXCEEDED,
                        "the deadline passed before a worker was free; nothing was done");
    else
        bus_broker_fail(broker, request, STATUS_UNAVAILABLE,
                        "no worker serves this service now; nothing was done");
    bus_request_remove(&request->service->waiting, request);
    bus_broker_finish(broker, request);
}

/* When a waiting request is due: at its deadline; one without a deadline waits a shorter time for a
 * service that nobody serves. */
static void
schedule_waiting(struct bus_broker *broker, struct bus_request *request)
{
    int64_t at_ms = request->deadline_ms;
    if (!request->has_deadline && !request->service->accepting &&
        at_ms > broker->now_ms + MDP_DEADLINE_DEFAULT_MS)
        at_ms = broker->now_ms + MDP_DEADLINE_DEFAULT_MS;
    bus_request_schedule(&broker->requests, request, at_ms);
}

void
bus_broker_starve(struct bus_broker *broker, struct bus_service *service)
{
    if (service->accepting)
        return;
    struct bus_request *request = service->waiting.first;
    while (request) {
        struct bus_request *next = request->next;
        if (broker->draining)
            end_waiting(broker, request);
        else
            schedule_waiting(broker, request);
        request = next;
    }
}

static void
hand_over(struct bus_broker *broker, struct bus_worker *worker, struct bus_request *request)
{
    bus_request_remove(&request->service->waiting, request);
    bus_request_append(&worker->sent, request);
    request->worker = worker;
    request->state = BUS_REQUEST_SENT;
    request->attempts++;
    if (!request->has_deadline) /* it may have waited on the shorter time of an unserved service */
        bus_request_schedule(&broker->requests, request, request->deadline_ms);
}

void
bus_broker_dispatch(struct bus_broker *broker, struct bus_service *service)
{
    struct bus_worker *worker;
    while (service->waiting.first && (worker = bus_service_choose(service))) {
        struct bus_request *request = service->waiting.first;
        if (request->deadline_ms <= broker->now_ms || !request->who->allowed)
            end_waiting(broker, request);
        else if (bus_worker_send(broker, worker, request) == 0)
            hand_over(broker, worker, request);
        else
            bus_broker_lose(broker, worker);
    }
}

void
bus_broker_submit(struct bus_broker *broker, struct bus_request *request, int64_t deadline_ms)
{
    struct bus_service *service = request->service;
    int64_t left_ms = broker->config.request_max_ms;
    request->has_deadline = deadline_ms != INT64_MIN;
    if (request->has_deadline && deadline_ms < left_ms)
        left_ms = deadline_ms;
    request->received_us = broker->now_us;
    request->deadline_ms = broker->now_ms + left_ms;
    request->state = BUS_REQUEST_WAITING;
    broker->bytes += request->rpc.len + request->context.len;
    broker->open++;
    service->requests++;
    bus_request_append(&service->waiting, request);
    schedule_waiting(broker, request);
    bus_broker_dispatch(broker, service);
}

void
bus_broker_lose(struct bus_broker *broker, struct bus_worker *worker)
{
    if (worker->lost)
        return;
    bus_service_lose_worker(worker);
    worker->next_lost = broker->lost;
    broker->lost = worker;
}

/* What the worker had is sent again, where that is allowed and safe, else answered. From the last
 * to the first, each in front of the queue: so the order is kept. */
static void
take_back(struct bus_broker *broker, struct bus_worker *worker)
{
    struct bus_request *request;
    while ((request = worker->sent.last)) {
        if (request->state == BUS_REQUEST_ABANDONED || (!request->may_repeat && !request->unsent) ||
            request->has_partial || request->attempts >= BUS_ATTEMPTS_MAX) {
            if (request->state != BUS_REQUEST_ABANDONED)
                bus_broker_fail(broker, request, STATUS_UNAVAILABLE,
                                "the worker that had the request is gone; it may have been done");
            bus_broker_finish(broker, request);
            continue;
        }
        bus_request_remove(&worker->sent, request);
        request->worker = NULL;
        request->state = BUS_REQUEST_WAITING;
        request->service->repeated += !request->unsent;
        broker->totals.repeated += !request->unsent;
        request->attempts = (uint8_t)(request->attempts - request->unsent);
        request->unsent = false;
        bus_request_prepend(&request->service->waiting, request);
        schedule_waiting(broker, request);
    }
}

void
bus_broker_settle(struct bus_broker *broker)
{
    struct bus_worker *worker;
    while ((worker = broker->lost)) {
        struct bus_service *service = worker->service;
        broker->lost = worker->next_lost;
        log_event(LOG_LEVEL_INFO, "worker left", LOG_TEXT("service", service->name),
                  LOG_TEXT("how", worker->draining ? "drained" : "lost"),
                  LOG_NUMBER("had", worker->sent.count), LOG_NUMBER("left", service->accepting));
        broker->totals.workers_lost += !worker->draining;
        take_back(broker, worker);
        bus_service_remove_worker(&broker->directory, worker);
        bus_broker_starve(broker, service);
        bus_broker_dispatch(broker, service);
        bus_service_release(&broker->directory, service);
    }
}

static void
expire(struct bus_broker *broker, struct bus_request *request)
{
    struct bus_service *service = request->service;
    struct bus_worker *worker = request->worker;
    switch (request->state) {
    case BUS_REQUEST_WAITING:
        if (service->accepting && request->deadline_ms > broker->now_ms) {
            /* its short time is over, but meanwhile there are workers: they are busy */
            bus_request_schedule(&broker->requests, request, request->deadline_ms);
            return;
        }
        end_waiting(broker, request);
        bus_service_release(&broker->directory, service);
        return;
    case BUS_REQUEST_SENT:
        bus_broker_fail(broker, request, STATUS_DEADLINE_EXCEEDED,
                        "the deadline passed before the worker answered; it may still be done");
        close_request(broker, request);
        request->state = BUS_REQUEST_ABANDONED;
        bus_request_schedule(&broker->requests, request,
                             broker->now_ms + broker->config.request_max_ms);
        return;
    case BUS_REQUEST_ABANDONED: /* the worker lives but forgot it: it may have the credit back */
        bus_broker_finish(broker, request);
        bus_worker_settle_drain(broker, worker);
        bus_broker_dispatch(broker, service);
        return;
    case BUS_REQUEST_FREE: return;
    }
}

/* A frame of the outbox did not reach its peer. */
static void
on_lost_frame(void *arg, const struct bus_outbox_frame *frame)
{
    struct bus_broker *broker = arg;
    if (frame->socket == broker->workers)
        bus_worker_unsent(broker, frame);
    else
        broker->totals.dropped_gone++;
}

void
bus_broker_send_out(struct bus_broker *broker)
{
    bus_outbox_flush(&broker->outbox);
    if (!broker->lost)
        return;
    bus_broker_settle(broker); /* whom a frame did not reach: its requests go elsewhere */
    bus_outbox_flush(&broker->outbox);
}

static int64_t
broker_tick(void *arg, int64_t now_ms)
{
    struct bus_broker *broker = arg;
    bus_broker_touch(broker);
    if (now_ms >= broker->beat_ms + MDP_HEARTBEAT_MS) {
        bus_worker_beat(broker);
        broker->beat_ms = now_ms;
        bus_broker_settle(broker);
    }
    struct bus_request *request;
    while ((request = bus_request_pop_due(&broker->requests, broker->now_ms))) {
        expire(broker, request);
        bus_broker_settle(broker);
    }
    bus_broker_send_out(broker);
    int64_t next = bus_request_next_due(&broker->requests);
    int64_t beat = broker->beat_ms + MDP_HEARTBEAT_MS;
    return next < beat ? next : beat;
}

static int
open_sockets(struct bus_broker *broker, int *exit_code)
{
    broker->client_sock = sock_new(ZMQ_ROUTER);
    broker->worker_sock = sock_new(ZMQ_ROUTER);
    if (!broker->client_sock || !broker->worker_sock) {
        log_write(LOG_LEVEL_ERROR, "no sockets", NULL);
        *exit_code = EX_OSERR;
        return -1;
    }
    if (access_secure(broker->access, broker->client_sock, ACCESS_CLIENTS) != 0 ||
        (broker->config.worker_access &&
         access_secure(broker->access, broker->worker_sock, ACCESS_WORKERS) != 0))
        return -1;
    if (sock_bind_all(broker->worker_sock, broker->config.worker_bind) != 0 ||
        sock_bind_all(broker->client_sock, broker->config.client_bind) != 0)
        return -1;
    broker->clients = zsock_resolve(broker->client_sock);
    broker->workers = zsock_resolve(broker->worker_sock);
    return 0;
}

static int
open_access(struct bus_broker *broker, int *exit_code)
{
    const struct bus_config *config = &broker->config;
    broker->access =
        access_new(broker->loop, &config->access, config->redis, config->org, exit_code);
    if (broker->access && access_mode(broker->access) == ACCESS_OPEN && config->worker_access) {
        log_write(LOG_LEVEL_ERROR, "CBM_WORKER_ACCESS=curve needs CBM_ACCESS=curve", NULL);
        *exit_code = EX_CONFIG;
        return -1;
    }
    return broker->access ? 0 : -1;
}

static void
name_itself(struct bus_broker *broker)
{
    char host[40] = "";
    gethostname(host, sizeof host - 1);
    snprintf(broker->id, sizeof broker->id, "%s-%ld", host, (long)getpid());
}

static int
make_state(struct bus_broker *broker)
{
    return bus_request_table_init(&broker->requests, (uint32_t)broker->config.requests_max);
}

void *
bus_broker_start(struct loop *loop, const void *config, int *exit_code)
{
    struct bus_broker *broker = calloc(1, sizeof *broker);
    if (!broker)
        return NULL;
    broker->loop = loop;
    broker->config = *(const struct bus_config *)config;
    broker->outbox.lost = on_lost_frame;
    broker->outbox.arg = broker;
    name_itself(broker);
    bus_broker_touch(broker);
    broker->started_ms = broker->beat_ms = broker->now_ms;
    if (make_state(broker) != 0) {
        log_write(LOG_LEVEL_ERROR, "out of memory", NULL);
        *exit_code = EX_OSERR;
    } else if (open_access(broker, exit_code) == 0 && open_sockets(broker, exit_code) == 0 &&
               loop_add_socket(loop, broker->clients, bus_client_turn, broker) == 0 &&
               loop_add_socket(loop, broker->workers, bus_worker_turn, broker) == 0 &&
               loop_add_tick(loop, broker_tick, broker) == 0) {
        log_event(LOG_LEVEL_INFO, "listening", LOG_TEXT("clients", broker->config.client_bind),
                  LOG_TEXT("workers", broker->config.worker_bind));
        return broker;
    }
    bus_broker_stop(broker);
    return NULL;
}

bool
bus_broker_ready(void *state)
{
    const struct bus_broker *broker = state;
    return !broker->draining && (access_current(broker->access) ||
                                 clock_mono_ms() >= broker->started_ms + PRINCIPALS_WAIT_MS);
}

void
bus_broker_drain(void *state)
{
    struct bus_broker *broker = state;
    broker->draining = true;
    bus_broker_touch(broker);
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        for (struct bus_service *service = broker->directory.services[i], *next; service;
             service = next) {
            next = service->chain;
            bus_broker_starve(broker, service);
            bus_service_release(&broker->directory, service);
        }
}

bool
bus_broker_drained(void *state)
{
    const struct bus_broker *broker = state;
    return broker->open == 0;
}

/* Whoever still waits is told so. */
static void
end_all(struct bus_broker *broker)
{
    struct bus_request *request;
    while ((request = bus_request_pop_due(&broker->requests, INT64_MAX))) {
        if (request->state != BUS_REQUEST_ABANDONED)
            bus_broker_fail(broker, request, STATUS_UNAVAILABLE,
                            request->attempts ? "the bus ends; the request may have been done"
                                              : "the bus ends; nothing was done");
        if (request->state == BUS_REQUEST_WAITING)
            bus_request_remove(&request->service->waiting, request);
        bus_broker_finish(broker, request);
    }
}

void
bus_broker_stop(void *state)
{
    struct bus_broker *broker = state;
    broker->draining = true;
    if (broker->clients && broker->workers) {
        for (unsigned i = 0; i < STOP_TURNS; i++) /* what came after the drain is answered too */
            bus_client_turn(broker, ZMQ_POLLIN);
        end_all(broker);
        bus_outbox_flush(&broker->outbox);
        bus_worker_disconnect_all(broker);
        loop_remove_socket(broker->loop, broker->clients);
        loop_remove_socket(broker->loop, broker->workers);
    }
    loop_remove_tick(broker->loop, broker_tick, broker);
    access_release(broker->access, broker->client_sock);
    access_release(broker->access, broker->worker_sock);
    bus_directory_fini(&broker->directory);
    bus_request_table_fini(&broker->requests);
    zsock_destroy(&broker->client_sock);
    zsock_destroy(&broker->worker_sock);
    access_destroy(&broker->access);
    buf_fini(&broker->scratch);
    bus_outbox_fini(&broker->outbox);
    free(broker);
}
