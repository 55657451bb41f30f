/* See due.h. Every LOOK_MS, and when a near instant was hinted at, it reads which entries come
 * next, with the store's clock; between two looks that clock is the monotonic one and an offset, so
 * no step of this machine's wall clock matters. */
#include "common/service/due.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"

#define LOOK_MS 500
#define AHEAD_MS (2 * LOOK_MS) /* how far a look reads ahead */
#define HINT_AHEAD_MS 20       /* when a hinted instant is looked for */
#define HINT_LEAST_MS 5        /* … and not before its commit may be done */
#define PAGE_MAX 1024          /* entries read at a time, and settled at once */
#define DIGITS 20              /* of an instant in an entry: they sort as numbers */
#define FEW 64                 /* under way when the next look may read some of them again */

struct due_clock {
    struct loop *loop;
    const char *prefix;
    op_handler_fn *handler;
    struct service *service; /* NULL until started */
    bool looking, timed;     /* a look is under way; the offset is known */
    int64_t offset_ms;       /* the store's clock less the monotonic one */
    int64_t look_at;         /* monotonic */
    unsigned settling;
    unsigned count, next; /* of `due`: those from `next` on wait for their time */
    struct due due[PAGE_MAX];
};

struct text
due_entry(struct op *op, const char *prefix, int64_t at_ms, struct text id)
{
    return op_format(op, "%s%0*" PRId64 "|%.*s", prefix, DIGITS, at_ms, TEXT_ARG(id));
}

/* ---- looking ---- */

static void
on_settled(void *arg, enum status status, struct text result)
{
    struct due_clock *clock = arg;
    (void)status, (void)result; /* what failed is still there at the next look */
    if (--clock->settling <= FEW)
        loop_tick_by(clock->loop, clock->look_at);
}

struct look {
    int64_t upto_ms;
    const char *prefix;
};

/* Reads the entries up to an instant: answers [store's clock, entry, …]. */
static enum status
look(struct op *op, const void *params)
{
    const struct look *in = params;
    struct op_range range;
    int64_t now_ms;
    enum status clock = op_clock(op, &now_ms);
    enum status status =
        op_scan(op, text_of(in->prefix),
                op_format(op, "%s%0*" PRId64, in->prefix, DIGITS, in->upto_ms), PAGE_MAX, &range);
    if (status != STATUS_OK || clock != STATUS_OK)
        return status != STATUS_OK ? status : clock;
    struct buf *out = op_result(op);
    mp_array(out, range.count + 1);
    mp_int(out, now_ms);
    for (unsigned i = 0; i < range.count; i++)
        mp_text(out, range.items[i]);
    return STATUS_OK;
}

static bool
read_entry(size_t prefix_len, struct text entry, struct due *out)
{
    const uint32_t head = (uint32_t)prefix_len + DIGITS + 1;
    if (entry.len <= head || entry.len - head > TEXT_ID_MAX)
        return false;
    out->at_ms = 0;
    for (uint32_t i = (uint32_t)prefix_len; i < head - 1; i++)
        out->at_ms = out->at_ms * 10 + (entry.ptr[i] - '0');
    memcpy(out->id, entry.ptr + head, entry.len - head);
    out->id[entry.len - head] = '\0';
    return true;
}

static void
on_looked(void *arg, enum status status, struct text result)
{
    struct due_clock *clock = arg;
    struct mp_value value;
    int64_t now_ms = clock_mono_ms();
    clock->looking = false;
    if (status == STATUS_OK) {
        const char *at = mp_read(result.ptr, &value);
        int64_t entries = value.number - 1;
        at = mp_read(at, &value);
        clock->offset_ms = value.number - now_ms;
        clock->timed = true;
        clock->count = clock->next = 0;
        for (int64_t i = 0; i < entries && i < PAGE_MAX; i++) {
            at = mp_read(at, &value);
            clock->count +=
                read_entry(strlen(clock->prefix), value.bytes, &clock->due[clock->count]);
        }
        int64_t last_at =
            clock->count ? clock->due[clock->count - 1].at_ms - clock->offset_ms : LOOP_NEVER;
        if (entries == PAGE_MAX && last_at < clock->look_at)
            clock->look_at = last_at; /* there are more: as soon as these are under way */
    }
    loop_tick_by(clock->loop, now_ms);
}

static void
start_look(struct due_clock *clock, int64_t now_ms)
{
    struct look in = {clock->timed ? now_ms + clock->offset_ms + AHEAD_MS : INT64_MAX,
                      clock->prefix};
    clock->look_at = now_ms + LOOK_MS;
    clock->looking = true; /* on_looked may be called at once */
    if (!service_submit(clock->service, look, &in, sizeof in, on_looked, clock))
        clock->looking = false;
}

/* ---- time ---- */

static int64_t
next_due(const struct due_clock *clock)
{
    return clock->next < clock->count ? clock->due[clock->next].at_ms - clock->offset_ms
                                      : LOOP_NEVER;
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct due_clock *clock = arg;
    while (next_due(clock) <= now_ms && clock->settling < PAGE_MAX) {
        clock->settling++;
        if (!service_submit(clock->service, clock->handler, &clock->due[clock->next++],
                            sizeof *clock->due, on_settled, clock))
            clock->settling--; /* it is ending; another replica goes on */
    }
    bool may_look = !clock->looking && clock->settling <= FEW;
    if (may_look && now_ms >= clock->look_at && next_due(clock) > now_ms)
        start_look(clock, now_ms);
    int64_t due_at = clock->settling < PAGE_MAX ? next_due(clock) : LOOP_NEVER;
    if (clock->looking || clock->settling > FEW)
        return due_at;
    return due_at < clock->look_at ? due_at : clock->look_at;
}

void
due_clock_hint(struct due_clock *clock, int64_t at_ms)
{
    int64_t now_ms = clock_mono_ms();
    if (!clock || !clock->timed || at_ms - clock->offset_ms > now_ms + LOOK_MS)
        return;
    int64_t at = at_ms - clock->offset_ms - HINT_AHEAD_MS;
    if (at < now_ms + HINT_LEAST_MS)
        at = now_ms + HINT_LEAST_MS;
    if (at >= clock->look_at)
        return;
    clock->look_at = at;
    loop_tick_by(clock->loop, at);
}

/* ---- life ---- */

struct due_clock *
due_clock_new(struct loop *loop, const char *prefix, op_handler_fn *handler)
{
    struct due_clock *clock = calloc(1, sizeof *clock);
    if (!clock)
        return NULL;
    clock->loop = loop;
    clock->prefix = prefix;
    clock->handler = handler;
    return clock;
}

void
due_clock_start(struct due_clock *clock, struct service *service)
{
    clock->service = service;
    if (loop_add_tick(clock->loop, tick, clock) != 0)
        clock->service = NULL;
}

void
due_clock_destroy(struct due_clock **clock)
{
    if (*clock && (*clock)->service)
        loop_remove_tick((*clock)->loop, tick, *clock);
    free(*clock);
    *clock = NULL;
}
