/* See registry_clock.h. Every LOOK_MS, and when a near deadline was hinted at, it reads which
 * deadlines come next, with the store's clock; between two looks that clock is the monotonic one
 * and an offset, so no step of this machine's wall clock matters. */
#include "services/registry/registry_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"
#include "services/registry/registry_handlers_decision.h"

#define LOOK_MS 500
#define AHEAD_MS (2 * LOOK_MS) /* how far a look reads ahead */
#define HINT_AHEAD_MS 20       /* when a hinted deadline is looked for */
#define HINT_LEAST_MS 5        /* … and not before its commit may be done */
#define PAGE_MAX 1024          /* deadlines read at a time, and settled at once */
#define FEW 64                 /* under way when the next look may read some of them again */
#define EARLY_MS 10            /* by so much a clock that was estimated may be wrong */

struct due {
    int64_t deadline_ms;
    char id[TEXT_ID_MAX + 1];
};

struct registry_clock {
    struct loop *loop;
    struct service *service; /* NULL until started */
    bool looking, timed;     /* a look is under way; the offset is known */
    int64_t offset_ms;       /* the store's clock less the monotonic one */
    int64_t look_at;         /* monotonic */
    unsigned settling;
    unsigned count, next; /* of `due`: those from `next` on wait for their time */
    struct due due[PAGE_MAX];
};

/* ---- settling one ---- */

/* Writes the outcome of what is due. The commit is refused if the document moved, which leaves one
 * winner of all replicas, or if the store's clock has not reached the deadline. */
static enum status
settle(struct op *op, const void *params)
{
    const struct due *due = params;
    struct decision *decision;
    int64_t now_ms;
    enum status status = registry_handlers_decision(op, text_of(due->id), &decision, &now_ms);
    if (status != STATUS_OK)
        return status;
    if (!decision_due(decision, now_ms + EARLY_MS))
        return STATUS_OK; /* another replica was first, or it was put off */
    decision_settle(decision, decision->deadline);
    op_not_before(op, decision->deadline);
    registry_handlers_outcome(op, decision);
    return STATUS_OK;
}

static void
on_settled(void *arg, enum status status, struct text result)
{
    struct registry_clock *clock = arg;
    (void)status, (void)result; /* what failed is still there at the next look */
    if (--clock->settling <= FEW)
        loop_tick_by(clock->loop, clock->look_at);
}

/* ---- looking ---- */

/* Reads the deadlines up to `*params`: answers [store's clock, entry, …]. */
static enum status
look(struct op *op, const void *params)
{
    const int64_t *upto = params;
    struct op_range range;
    int64_t now_ms;
    enum status clock = op_clock(op, &now_ms);
    enum status status =
        op_scan(op, TEXT_LITERAL(REGISTRY_DUE_PREFIX),
                op_format(op, REGISTRY_DUE_PREFIX "%0*" PRId64, REGISTRY_DUE_DIGITS, *upto),
                PAGE_MAX, &range);
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
read_entry(struct text entry, struct due *out)
{
    if (entry.len <= REGISTRY_DUE_HEAD || entry.len - REGISTRY_DUE_HEAD > TEXT_ID_MAX)
        return false;
    out->deadline_ms = 0;
    for (uint32_t i = sizeof REGISTRY_DUE_PREFIX - 1; i < REGISTRY_DUE_HEAD - 1; i++)
        out->deadline_ms = out->deadline_ms * 10 + (entry.ptr[i] - '0');
    uint32_t len = entry.len - (uint32_t)REGISTRY_DUE_HEAD;
    memcpy(out->id, entry.ptr + REGISTRY_DUE_HEAD, len);
    out->id[len] = '\0';
    return true;
}

static void
on_looked(void *arg, enum status status, struct text result)
{
    struct registry_clock *clock = arg;
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
            clock->count += read_entry(value.bytes, &clock->due[clock->count]);
        }
        int64_t last_at =
            clock->count ? clock->due[clock->count - 1].deadline_ms - clock->offset_ms : LOOP_NEVER;
        if (entries == PAGE_MAX && last_at < clock->look_at)
            clock->look_at = last_at; /* there are more: as soon as these are under way */
    }
    loop_tick_by(clock->loop, now_ms);
}

static void
start_look(struct registry_clock *clock, int64_t now_ms)
{
    int64_t upto = clock->timed ? now_ms + clock->offset_ms + AHEAD_MS : INT64_MAX;
    clock->look_at = now_ms + LOOK_MS;
    clock->looking = true; /* on_looked may be called at once */
    if (!service_submit(clock->service, look, &upto, sizeof upto, on_looked, clock))
        clock->looking = false;
}

/* ---- time ---- */

static int64_t
next_due(const struct registry_clock *clock)
{
    return clock->next < clock->count ? clock->due[clock->next].deadline_ms - clock->offset_ms
                                      : LOOP_NEVER;
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct registry_clock *clock = arg;
    while (next_due(clock) <= now_ms && clock->settling < PAGE_MAX) {
        clock->settling++;
        if (!service_submit(clock->service, settle, &clock->due[clock->next++], sizeof *clock->due,
                            on_settled, clock))
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
registry_clock_hint(struct registry_clock *clock, int64_t deadline_ms)
{
    int64_t now_ms = clock_mono_ms();
    if (!clock || !clock->timed || deadline_ms - clock->offset_ms > now_ms + LOOK_MS)
        return;
    int64_t at = deadline_ms - clock->offset_ms - HINT_AHEAD_MS;
    if (at < now_ms + HINT_LEAST_MS)
        at = now_ms + HINT_LEAST_MS;
    if (at >= clock->look_at)
        return;
    clock->look_at = at;
    loop_tick_by(clock->loop, at);
}

/* ---- life ---- */

struct registry_clock *
registry_clock_new(struct loop *loop)
{
    struct registry_clock *clock = calloc(1, sizeof *clock);
    if (clock)
        clock->loop = loop;
    return clock;
}

void
registry_clock_start(struct registry_clock *clock, struct service *service)
{
    clock->service = service;
    if (loop_add_tick(clock->loop, tick, clock) != 0)
        clock->service = NULL;
}

void
registry_clock_destroy(struct registry_clock **clock)
{
    if (*clock && (*clock)->service)
        loop_remove_tick((*clock)->loop, tick, *clock);
    free(*clock);
    *clock = NULL;
}
