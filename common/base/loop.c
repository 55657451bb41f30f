/* See loop.h. zloop's timers are unsorted and periodic ones burst after a stall: so there is ONE
 * one-shot timer, re-armed from what the ticks return. */
#include "common/base/loop.h"

#include <czmq.h>
#include <stdlib.h>

#include "common/base/clock.h"

#define TICKS_MAX 64
#define WATCHES_MAX 64

struct watch {
    struct loop *loop;
    void *socket; /* NULL for a descriptor */
    int fd;
    short events;
    bool used;
    loop_ready_fn *fn;
    void *arg;
};

struct loop {
    zloop_t *zloop;
    bool stopped;
    int timer;        /* -1 if none is armed */
    int64_t timer_at; /* monotonic ms */
    unsigned tick_count;
    struct {
        loop_tick_fn *fn;
        void *arg;
    } ticks[TICKS_MAX];
    struct watch watches[WATCHES_MAX];
};

static int run_ticks(zloop_t *zloop, int timer_id, void *arg);

struct loop *
loop_new(void)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->timer = -1;
    loop->timer_at = LOOP_NEVER;
    loop->zloop = zloop_new();
    if (!loop->zloop) {
        free(loop);
        return NULL;
    }
    zloop_set_nonstop(loop->zloop, true);
    return loop;
}

void
loop_destroy(struct loop **loop)
{
    if (!*loop)
        return;
    zloop_destroy(&(*loop)->zloop);
    free(*loop);
    *loop = NULL;
}

static int
dispatch(zloop_t *zloop, zmq_pollitem_t *item, void *arg)
{
    (void)zloop;
    struct watch *watch = arg;
    struct loop *loop = watch->loop;
    watch->fn(watch->arg, item->revents);
    return loop->stopped ? -1 : 0;
}

static struct watch *
find_watch(struct loop *loop, const void *socket, int fd)
{
    for (unsigned i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &loop->watches[i];
        if (watch->used && (socket ? watch->socket == socket : !watch->socket && watch->fd == fd))
            return watch;
    }
    return NULL;
}

static struct watch *
free_watch(struct loop *loop)
{
    for (unsigned i = 0; i < WATCHES_MAX; i++)
        if (!loop->watches[i].used)
            return &loop->watches[i];
    return NULL;
}

static int
start_watch(struct loop *loop, struct watch *watch)
{
    zmq_pollitem_t item = {.socket = watch->socket, .fd = watch->fd, .events = watch->events};
    watch->loop = loop;
    if (zloop_poller(loop->zloop, &item, dispatch, watch) != 0)
        return -1;
    zloop_poller_set_tolerant(loop->zloop, &item);
    watch->used = true;
    return 0;
}

static void
end_watch(struct loop *loop, struct watch *watch)
{
    zmq_pollitem_t item = {.socket = watch->socket, .fd = watch->fd, .events = watch->events};
    zloop_poller_end(loop->zloop, &item);
    watch->used = false;
}

int
loop_add_socket(struct loop *loop, void *socket, loop_ready_fn *fn, void *arg)
{
    struct watch *watch = free_watch(loop);
    if (!watch)
        return -1;
    *watch =
        (struct watch){.socket = zsock_resolve(socket), .events = ZMQ_POLLIN, .fn = fn, .arg = arg};
    return start_watch(loop, watch);
}

void
loop_remove_socket(struct loop *loop, void *socket)
{
    struct watch *watch = find_watch(loop, zsock_resolve(socket), -1);
    if (watch)
        end_watch(loop, watch);
}

int
loop_watch_fd(struct loop *loop, int fd, short events, loop_ready_fn *fn, void *arg)
{
    struct watch *watch = find_watch(loop, NULL, fd);
    if (watch && watch->events == events && watch->fn == fn && watch->arg == arg)
        return 0;
    if (watch)
        end_watch(loop, watch);
    if (!events)
        return 0;
    watch = free_watch(loop);
    if (!watch)
        return -1;
    *watch = (struct watch){.fd = fd, .events = events, .fn = fn, .arg = arg};
    return start_watch(loop, watch);
}

static void
arm(struct loop *loop, int64_t at_ms)
{
    if (loop->timer >= 0)
        zloop_timer_end(loop->zloop, loop->timer);
    loop->timer = -1;
    loop->timer_at = at_ms;
    if (at_ms == LOOP_NEVER)
        return;
    int64_t delay = at_ms - clock_mono_ms();
    loop->timer = zloop_timer(loop->zloop, delay > 0 ? (size_t)delay : 0, 1, run_ticks, loop);
}

void
loop_tick_by(struct loop *loop, int64_t at_ms)
{
    if (at_ms < loop->timer_at)
        arm(loop, at_ms);
}

static int
run_ticks(zloop_t *zloop, int timer_id, void *arg)
{
    (void)zloop;
    (void)timer_id;
    struct loop *loop = arg;
    loop->timer = -1; /* one-shot: it is gone */
    loop->timer_at = LOOP_NEVER;
    int64_t next = LOOP_NEVER, now = clock_mono_ms();
    for (unsigned i = 0; i < loop->tick_count; i++) {
        int64_t at = loop->ticks[i].fn(loop->ticks[i].arg, now);
        if (at < next)
            next = at;
    }
    if (next <= now)
        next = now + 1;
    loop_tick_by(loop, next);
    return loop->stopped ? -1 : 0;
}

int
loop_add_tick(struct loop *loop, loop_tick_fn *fn, void *arg)
{
    if (loop->tick_count == TICKS_MAX)
        return -1;
    loop->ticks[loop->tick_count].fn = fn;
    loop->ticks[loop->tick_count++].arg = arg;
    loop_tick_by(loop, clock_mono_ms());
    return 0;
}

void
loop_remove_tick(struct loop *loop, loop_tick_fn *fn, void *arg)
{
    for (unsigned i = 0; i < loop->tick_count; i++)
        if (loop->ticks[i].fn == fn && loop->ticks[i].arg == arg) {
            loop->ticks[i] = loop->ticks[--loop->tick_count];
            return;
        }
}

int
loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped)
        if (zloop_start(loop->zloop) == 0 && !loop->stopped)
            return -1; /* interrupted though signals are read from a descriptor: polling broke */
    return 0;
}

void
loop_stop(struct loop *loop)
{
    loop->stopped = true;
    loop_tick_by(loop, clock_mono_ms());
}
