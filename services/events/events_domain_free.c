/* See events_domain_free.h. It must not know clocks, stores or messages on the wire. */
#include "services/events/events_domain_free.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 20
#define LOOKED_MAX 64 /* clashes of a day that are told apart; all are counted */

enum status
events_free_of(const struct calendar_free *in, struct events_free *out, struct error *error)
{
    int64_t ms = DATE_DAY_MS;
    if (in->days != INT_NONE && in->duration.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "duration",
                         "duration: want days or a duration, not both");
    if (in->duration.ptr &&
        (!duration_parse(in->duration, &ms) || ms <= 0 || ms > EVENTS_FREE_DAYS_MAX * DATE_DAY_MS))
        return error_set(error, STATUS_INVALID_ARGUMENT, "duration",
                         "duration: want an ISO 8601 duration up to P366D, as PT4H or P3D");
    *out = (struct events_free){
        .from = in->from,
        .to = in->to,
        .days = in->days != INT_NONE ? (int)in->days : (int)((ms + DATE_DAY_MS - 1) / DATE_DAY_MS),
        .limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit};
    int year, month, mday;
    date_civil(in->from, &year, &month, &mday);
    if (year < EVENTS_YEAR_MIN || year > EVENTS_YEAR_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, "from", "from: want a year from %d to %d",
                         EVENTS_YEAR_MIN, EVENTS_YEAR_MAX);
    if (in->to < in->from || in->to - in->from >= EVENTS_FREE_DAYS_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, "to",
                         "to: want a day from `from` on, at most 366 days with it");
    return STATUS_OK;
}

void
events_free_slot(const struct events_clash_case *asked, const struct events_free *free,
                 date_day day, struct events_slots *out)
{
    struct events_slot whole = {0, 0, day * DATE_DAY_MS, (day + free->days) * DATE_DAY_MS};
    out->count = 1;
    out->dates = true;
    out->items[0] = events_agenda_later(&whole, 0, asked->zone);
}

/* What a day has: false if something blocks. */
static bool
look_at(struct events_clash_case *asked, struct events_slots *slots, const struct events_free *free,
        date_day day, struct events_window *out)
{
    struct events_clash found[LOOKED_MAX];
    events_free_slot(asked, free, day, slots);
    out->first = out->last = day;
    out->warnings = events_clash_find(asked, found, LOOKED_MAX);
    out->clash_count = 0;
    for (unsigned i = 0; i < out->warnings && i < LOOKED_MAX; i++) {
        if (found[i].severity == CLASH_BLOCK)
            return false;
        bool told = false;
        for (unsigned k = 0; k < out->clash_count; k++)
            told = told || out->clashes[k].rule == found[i].rule;
        if (!told)
            out->clashes[out->clash_count++] = found[i];
    }
    return out->warnings <= LOOKED_MAX; /* more than can be looked at: as good as blocked */
}

/* Whether a day goes on where the window ends. */
static bool
continues(const struct events_window *window, const struct events_window *day)
{
    if (window->last + 1 != day->first || window->warnings != day->warnings ||
        window->clash_count != day->clash_count)
        return false;
    for (unsigned i = 0; i < day->clash_count; i++)
        if (window->clashes[i].rule != day->clashes[i].rule ||
            !text_equal(window->clashes[i].id, day->clashes[i].id))
            return false;
    return true;
}

static int
by_rank(const void *a, const void *b)
{
    const struct events_window *x = a, *y = b;
    if (x->warnings != y->warnings)
        return x->warnings < y->warnings ? -1 : 1;
    return x->first - y->first;
}

unsigned
events_free_windows(struct events_clash_case *asked, struct events_slots *slots,
                    const struct events_free *free, struct events_window *windows)
{
    unsigned count = 0;
    asked->slots = slots;
    for (date_day day = free->from; day + free->days - 1 <= free->to; day++) {
        struct events_window *next = &windows[count];
        if (!look_at(asked, slots, free, day, next))
            continue;
        if (count && continues(next - 1, next))
            next[-1].last = day;
        else
            count++;
    }
    if (count)
        qsort(windows, count, sizeof *windows, by_rank);
    return count < free->limit ? count : free->limit;
}
