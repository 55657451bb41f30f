/* See bench_fill.h. */
#include "tests/bench/bench_fill.h"

#include <stdio.h>

#include "common/base/clock.h"

#define UNDER_WAY 64

struct fill {
    const struct bench_fill *what;
    struct loop *loop;
    struct store *store;
    struct commit {
        struct fill *fill;
        struct store_commit commit;
        unsigned count;
    } commits[UNDER_WAY];
    uint64_t begun, done, failed;
};

static void committed(void *arg, enum store_outcome outcome, int64_t number, struct text kept);

static void
begin(struct fill *fill, struct commit *slot)
{
    const struct bench_fill *what = fill->what;
    slot->fill = fill;
    slot->count = 0;
    store_commit_clear(&slot->commit);
    for (; slot->count < what->a_commit && fill->begun < what->total; slot->count++)
        what->add(what->arg, &slot->commit, fill->begun++);
    store_commit(fill->store, &slot->commit, committed, slot);
}

static void
committed(void *arg, enum store_outcome outcome, int64_t number, struct text kept)
{
    (void)number;
    struct commit *slot = arg;
    struct fill *fill = slot->fill;
    fill->failed += outcome != STORE_COMMITTED;
    if (outcome != STORE_COMMITTED)
        fprintf(stderr, "a commit failed: %.*s\n", TEXT_ARG(kept));
    fill->done += slot->count;
    if (fill->failed || fill->done == fill->what->total)
        loop_stop(fill->loop);
    else if (fill->begun < fill->what->total)
        begin(fill, slot);
}

static void
on_up(void *arg)
{
    struct fill *fill = arg;
    for (unsigned i = 0; i < UNDER_WAY && fill->begun < fill->what->total; i++)
        begin(fill, &fill->commits[i]);
    store_flush(fill->store);
}

static void
on_turn(void *arg)
{
    struct fill *fill = arg;
    store_flush(fill->store);
}

static void
on_down(void *arg)
{
    struct fill *fill = arg;
    fill->failed++;
    loop_stop(fill->loop);
}

static void
on_refused(void *arg, const char *why)
{
    fprintf(stderr, "%s\n", why);
    on_down(arg);
}

double
bench_fill(const struct bench_fill *what)
{
    static const struct store_events events = {on_up, on_down, on_refused, on_turn};
    struct fill fill = {.what = what, .loop = loop_new()};
    fill.store = fill.loop ? store_new(fill.loop, &what->store, &events, &fill) : NULL;
    int64_t from = clock_mono_us();
    if (fill.store)
        loop_run(fill.loop);
    double took = (double)(clock_mono_us() - from) / 1e6;
    bool done = fill.store && !fill.failed;
    store_destroy(&fill.store);
    loop_destroy(&fill.loop);
    for (unsigned i = 0; i < UNDER_WAY; i++)
        store_commit_fini(&fill.commits[i].commit);
    return done ? took : -1;
}
