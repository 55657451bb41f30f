/* See service.h: the life of a service. It must not know what a request is made of. */
#include "common/service/service.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/service/service_internal.h"

/* ---- turns ---- */

static void
on_turn(void *arg)
{
    struct service *service = arg;
    store_flush(service->store);
    worker_flush(service->worker);
    service->turn_us = 0;
}

/* Answers that came with this turn's replies of the store. */
static void
on_store_turn(void *arg)
{
    struct service *service = arg;
    if (service->worker)
        worker_flush(service->worker);
    service->turn_us = 0;
}

/* ---- the store ---- */

static void
on_store_up(void *arg)
{
    struct service *service = arg;
    loop_tick_by(service->loop, clock_mono_ms());
}

/* Every outstanding ask has failed by now, and some of their requests were refused. */
static void
on_store_down(void *arg)
{
    on_store_turn(arg);
    op_current_lost(arg);
}

static void
on_store_refused(void *arg, const char *why)
{
    struct service *service = arg;
    log_event(LOG_LEVEL_ERROR, "refusing to work on this Redis", LOG_TEXT("why", why));
    fprintf(stderr, "cbm-%s: %s\n", service->interface->service, why);
    exit(EX_CONFIG); /* nothing is under way: no request was ever taken on this connection */
}

static int64_t
service_tick(void *arg, int64_t now_ms)
{
    struct service *service = arg;
    int64_t next_ms = service_run_parked(service, now_ms);
    on_turn(service);
    return next_ms;
}

/* ---- life ---- */

struct service *
service_new(struct loop *loop, const struct interface *interface, op_handler_fn *const *handlers,
            const struct service_config *config, void *arg, int *exit_code)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service || sodium_init() < 0) {
        free(service);
        *exit_code = EX_OSERR;
        return NULL;
    }
    service->loop = loop;
    service->interface = interface;
    service->handlers = handlers;
    service->arg = arg;
    service->parked_max = config->pending_max;
    service->started_ms = clock_mono_ms();
    service->random = randombytes_random();
    snprintf(service->source, sizeof service->source, "/%s/%s", config->org, interface->service);
    unsigned char id[8];
    randombytes_buf(id, sizeof id);
    sodium_bin2hex(service->id, sizeof service->id, id, sizeof id);
    service->stats = calloc(interface->method_count, sizeof *service->stats);
    struct store_config store = {config->redis, config->org, interface->service,
                                 (enum store_durability)config->durability};
    struct store_events events = {on_store_up, on_store_down, on_store_refused, on_store_turn};
    if (service->stats)
        service->store = store_new(loop, &store, &events, service);
    struct worker_keys keys = {config->server_key, config->cert};
    if (service->store)
        service->worker =
            worker_new(loop, config->workers, config->worker_access ? &keys : NULL,
                       interface->service, config->credit, service_on_request, on_turn, service);
    if (!service->worker || loop_add_tick(loop, service_tick, service) != 0) {
        *exit_code = EX_CONFIG;
        service_destroy(&service);
    }
    return service;
}

void
service_set_gate(struct service *service, bool (*open)(void *arg), void *arg)
{
    service->gate = open;
    service->gate_arg = arg;
}

void
service_set_position(struct service *service, int64_t (*position)(void *arg, int64_t wanted),
                     void *arg)
{
    service->position = position;
    service->position_arg = arg;
}

void
service_set_copy(struct service *service, const struct service_copy *copy)
{
    service->copy = *copy;
    service->copy_seq = -1;
}

void
service_set_last(struct service *service, bool (*done)(void *arg), void *arg)
{
    service->last = done;
    service->last_arg = arg;
}

void
service_add_gauge(struct service *service, const char *name, const int64_t *value)
{
    if (service->gauge_count < GAUGES_MAX)
        service->gauges[service->gauge_count++] = (struct gauge){name, value};
}

bool
service_ready(const struct service *service)
{
    return store_up(service->store) && worker_registered(service->worker) &&
           (!service->gate || service->gate(service->gate_arg));
}

void
service_drain(struct service *service)
{
    service->draining = true;
    worker_drain(service->worker);
}

bool
service_drained(const struct service *service)
{
    return service->active == 0 && worker_drained(service->worker) && service_last_done(service);
}

void
service_destroy(struct service **service)
{
    struct service *self = *service;
    if (!self)
        return;
    loop_remove_tick(self->loop, service_tick, self);
    self->draining = true;
    self->last = NULL;
    self->parked_max = 0; /* what loses the store now is refused, not parked */
    store_destroy(&self->store);
    service_end_turns(self);
    while (self->parked) {
        struct op *op = self->parked;
        self->parked = op->next;
        if (!op->done)
            worker_request_fini(&op->request);
        service_fini_op(op);
    }
    if (self->worker)
        worker_flush(self->worker);
    worker_destroy(&self->worker);
    while (self->free_ops) {
        struct op *op = self->free_ops;
        self->free_ops = op->next_free;
        service_fini_op(op);
    }
    guess_fini(&self->guesses);
    free(self->stats);
    buf_fini(&self->out);
    buf_fini(&self->who);
    arena_fini(&self->run);
    free(self);
    *service = NULL;
}

static struct service *
service_of(void *state)
{
    return *(struct service **)state;
}

bool
service_run_ready(void *state)
{
    return service_ready(service_of(state));
}

void
service_run_drain(void *state)
{
    service_drain(service_of(state));
}

bool
service_run_drained(void *state)
{
    return service_drained(service_of(state));
}

void
service_run_metrics(void *state, struct buf *out)
{
    service_metrics(service_of(state), out);
}
