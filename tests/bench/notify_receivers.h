/* Many SUB sockets read by one thread, as one program of many subscribers: each record counted, and
 * its `prev` compared with the last seq of that subscriber, so that a gap is seen. Records come in
 * batches or in three frames, by what was subscribed to. */
#ifndef CBM_BENCH_NOTIFY_RECEIVERS_H
#define CBM_BENCH_NOTIFY_RECEIVERS_H

#include <sys/epoll.h>

#include "tests/bench/notify_load.h"
#include "tests/bench/notify_samples.h"

#define TURN_MAX 64 /* messages read from one subscriber before the next */

struct receiver {
    void *sub;
    int64_t last; /* -1: no record yet */
    bool joined;  /* a watermark, or any first message, came */
};

struct receivers {
    void *context;
    struct receiver *list;
    unsigned count, joined;
    int epoll;
    uint64_t records, gaps;
    int64_t last_us; /* when the last record came */
};

/* The unsigned integer that stands at `at`; moves on. */
static inline bool
receivers_uint(const uint8_t **at, const uint8_t *end, int64_t *out)
{
    if (*at >= end)
        return false;
    uint8_t lead = *(*at)++;
    if (lead <= 0x7f) {
        *out = lead;
        return true;
    }
    if (lead < 0xcc || lead > 0xcf || end - *at < 1 << (lead - 0xcc))
        return false;
    uint64_t value = 0;
    for (unsigned left = 1U << (lead - 0xcc); left; left--)
        value = value << 8 | *(*at)++;
    *out = (int64_t)value;
    return true;
}

/* seq and prev[1] ("events.") of a meta map. */
static inline bool
receivers_meta(const uint8_t *meta, size_t len, int64_t *seq, int64_t *prev)
{
    const uint8_t *end = meta + len, *at = memmem(meta, len, "\xa3seq", 4);
    if (!at || (at += 4, !receivers_uint(&at, end, seq)))
        return false;
    at = memmem(at, (size_t)(end - at), "\xa4prev", 5);
    int64_t all;
    return at && (at += 6, receivers_uint(&at, end, &all)) && receivers_uint(&at, end, prev);
}

static inline void
receivers_record(struct receivers *all, struct receiver *one, const void *meta, size_t len)
{
    int64_t seq, prev;
    all->records++;
    if (!receivers_meta(meta, len, &seq, &prev)) {
        all->gaps++;
        return;
    }
    all->gaps += one->last >= 0 && prev != one->last;
    one->last = seq;
}

static inline void
receivers_take(struct receivers *all, struct receiver *one, zmq_msg_t *frames, int count)
{
    struct batch batch;
    struct batch_record record;
    if (!one->joined) {
        one->joined = true;
        all->joined++;
    }
    if (count == 3)
        receivers_record(all, one, zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]));
    else if (count == 2 && batch_open(notify_frame(&frames[1]), &batch))
        while (batch_next(&batch, &record) == 1)
            receivers_record(all, one, record.meta.ptr, record.meta.len);
}

static inline bool
receivers_read(struct receivers *all, struct receiver *one)
{
    zmq_msg_t frames[3];
    for (unsigned i = 0; i < TURN_MAX; i++) {
        int count = notify_receive(one->sub, frames, 3);
        if (count == 0)
            return false;
        receivers_take(all, one, frames, count);
        notify_close(frames, count);
    }
    return true;
}

/* Reads what is there, waiting at most `wait_ms` for something. False if nothing came. The sockets'
 * descriptors tell of a change only once, so each is read until it is empty. */
static inline bool
receivers_turn(struct receivers *all, int wait_ms)
{
    struct epoll_event events[64];
    int count = epoll_wait(all->epoll, events, 64, wait_ms);
    uint64_t before = all->records;
    for (int i = 0; i < count; i++) {
        struct receiver *one = &all->list[events[i].data.u32];
        int state;
        size_t size = sizeof state;
        do
            while (receivers_read(all, one))
                ;
        while (zmq_getsockopt(one->sub, ZMQ_EVENTS, &state, &size) == 0 && (state & ZMQ_POLLIN));
    }
    if (all->records != before)
        all->last_us = clock_mono_us();
    return count > 0;
}

/* Opens them and waits until each has got its first message. */
static inline bool
receivers_open(struct receivers *all, const char *endpoint, unsigned count,
               struct text subscription)
{
    *all = (struct receivers){.context = zmq_ctx_new(), .epoll = epoll_create1(0)};
    zmq_ctx_set(all->context, ZMQ_MAX_SOCKETS, (int)count + 100);
    all->list = calloc(count, sizeof *all->list);
    for (; all->list && all->count < count; all->count++) {
        struct receiver *one = &all->list[all->count];
        one->last = -1;
        one->sub = notify_sub(all->context, endpoint, subscription);
        int fd, state;
        size_t size = sizeof fd;
        if (!one->sub || zmq_getsockopt(one->sub, ZMQ_FD, &fd, &size))
            return false;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = all->count};
        epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event);
        size = sizeof state;
        zmq_getsockopt(one->sub, ZMQ_EVENTS, &state, &size);
    }
    int64_t end = clock_mono_ms() + 20000;
    while (all->joined < count && clock_mono_ms() < end)
        receivers_turn(all, 100);
    return all->joined == count;
}

/* Reads until `want` records came, or none came for three seconds. */
static inline void
receivers_run(struct receivers *all, uint64_t want)
{
    int64_t quiet_at = clock_mono_us() + 3000000;
    uint64_t before = all->records;
    while (all->records < want && clock_mono_us() < quiet_at) {
        receivers_turn(all, 100);
        if (all->records != before)
            quiet_at = clock_mono_us() + 3000000;
        before = all->records;
    }
}

static inline int
receivers_print(const struct receivers *all, uint64_t want, int64_t begin_us)
{
    double took = (double)(all->last_us - begin_us) / 1e6;
    printf("{\"subscribers\":%u,\"deliveries\":%llu,\"lost\":%llu,\"gaps\":%llu,"
           "\"seconds\":%.3f,\"rate\":%.0f}\n",
           all->count, (unsigned long long)all->records, (unsigned long long)(want - all->records),
           (unsigned long long)all->gaps, took, (double)all->records / took);
    return all->records == want && all->gaps == 0 ? 0 : 1;
}

static inline void
receivers_close(struct receivers *all)
{
    for (unsigned i = 0; i < all->count; i++)
        zmq_close(all->list[i].sub);
    zmq_ctx_term(all->context);
    free(all->list);
}

#endif
