/* See notify_domain_digest.h: what belongs to a period, its order and its numbers. It must not know
 * the log, stores or codecs. */
#include "services/notify/notify_domain_digest.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/dated.h"

struct text
notify_digest_in(struct text language, uint32_t count, const struct text_pair *texts,
                 struct text otherwise)
{
    for (uint32_t i = 0; language.ptr && i < count; i++)
        if (text_equal(texts[i].key, language))
            return texts[i].value;
    return otherwise;
}

/* ---- what belongs to it ---- */

static date_day
day_of(struct when when, const struct zone *zone)
{
    return date_of_time(when.is_date ? when.ms : zone_local(zone, when.ms));
}

bool
notify_digest_event(const struct event *event, const struct digest_get *asked,
                    const struct zone *zone, struct digest_event *out)
{
    bool took_place = event->status == EVENT_HELD || event->status == EVENT_REPORTED;
    uint32_t last = event->sessions.count;
    if (!took_place || !last || event->draft == 1 ||
        (asked->dimension.ptr && !text_equal(asked->dimension, event->dimension)))
        return false;
    schema_init(&digest_event_schema, out);
    out->to = day_of(event->sessions.items[0].end, zone);
    for (uint32_t i = 0; i < last; i++) {
        struct when end = event->sessions.items[i].end;
        if (!end.is_date)
            end.ms -= 1; /* exclusive: what ends at midnight ended the day before */
        date_day day = day_of(end, zone);
        out->to = i == 0 || day > out->to ? day : out->to;
    }
    if (out->to < asked->from || out->to > asked->to)
        return false;
    schema_copy(&digest_event_schema, out, &event_schema, event);
    if (event->report.present)
        schema_copy(&digest_event_schema, out, &event_report_schema, &event->report);
    out->present = true;
    out->from = day_of(event->sessions.items[0].start, zone);
    out->title =
        notify_digest_in(asked->language, event->titles.count, event->titles.items, event->title);
    if (out->participants_count != INT_NONE) {
        out->counted = 1;
        if (!out->participants_qualifier)
            out->participants_qualifier = COUNT_EXACT;
    }
    return true;
}

unsigned
notify_digest_changes(const struct participant *participant, const struct digest_get *asked,
                      struct digest_change out[64])
{
    unsigned count = 0;
    const struct dated list = DATED(participant->history, status_entry,
                                    offsetof(struct status_entry, supersedes), DATED_NONE);
    for (uint32_t i = 0; i < participant->history.count && count < 64; i++) {
        const struct status_entry *entry = &participant->history.items[i];
        if (entry->from < asked->from || entry->from > asked->to || !dated_live(&list, i))
            continue;
        int before = dated_on(&list, TEXT_NONE, entry->from - 1);
        out[count] = (struct digest_change){
            .present = true,
            .code = participant->code,
            .status = entry->status,
            .before =
                before < 0 ? participant_status_absent : participant->history.items[before].status,
            .on = entry->from,
            .decision = entry->decision,
        };
        count += out[count].before != out[count].status;
    }
    return count;
}

/* ---- order ---- */

static int
month_of(date_day day)
{
    int year, month, mday;
    date_civil(day, &year, &month, &mday);
    return year * 12 + month - 1;
}

/* Where a dimension stands: in the order of the catalogue; others after them, and none last. */
static unsigned
rank_of(const struct notify_digest *digest, struct text code)
{
    for (unsigned i = 0; i < digest->dimension_count; i++)
        if (text_equal(digest->dimensions[i].code, code))
            return i;
    return digest->dimension_count + !code.ptr;
}

static int
compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_events(const void *left, const void *right)
{
    const struct notify_digest_item *a = left, *b = right;
    int order = compare_numbers(a->month, b->month);
    order = order ? order : compare_numbers(a->rank, b->rank);
    order = order ? order : text_compare(a->event.dimension, b->event.dimension);
    order = order ? order : compare_numbers(a->event.from, b->event.from);
    return order ? order : text_compare(a->event.id, b->event.id);
}

static int
compare_decisions(const void *left, const void *right)
{
    const struct digest_decision *a = left, *b = right;
    int order = compare_numbers(a->on, b->on);
    return order ? order : text_compare(a->id, b->id);
}

static int
compare_changes(const void *left, const void *right)
{
    const struct digest_change *a = left, *b = right;
    int order = compare_numbers(a->on, b->on);
    return order ? order : text_compare(a->code, b->code);
}

static int
compare_chairs(const void *left, const void *right)
{
    const struct digest_chair *a = left, *b = right;
    return compare_numbers(a->from, b->from);
}

static int
compare_documents(const void *left, const void *right)
{
    const struct digest_document *a = left, *b = right;
    int order = compare_numbers(a->on, b->on);
    order = order ? order : text_compare(a->event, b->event);
    order = order ? order : text_compare(a->id, b->id);
    return order ? order : compare_numbers(a->version, b->version);
}

static int
compare_series(const void *left, const void *right)
{
    const struct notify_digest_series *a = left, *b = right;
    return text_compare(a->id, b->id);
}

static void
sort(void *items, unsigned count, size_t size, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(items, count, size, compare);
}

/* ---- numbers ---- */

#define SERIES_DEPTH 8 /* a series of series, and no circle */

/* Whether a series that it is a part of, in the period or not, has its own count. */
static bool
is_in_series(const struct notify_digest *digest, const struct digest_event *event)
{
    struct notify_digest_series key = {event->series, TEXT_NONE, false};
    for (int depth = 0; depth < SERIES_DEPTH && key.id.ptr && digest->series_count; depth++) {
        if (text_equal(key.id, event->id))
            return false;
        const struct notify_digest_series *found =
            bsearch(&key, digest->series, digest->series_count, sizeof key, compare_series);
        if (found && found->counted)
            return true;
        key.id = found ? found->series : TEXT_NONE;
    }
    return false;
}

/* The participants that were named, each once. More than these there are none. */
#define STATES_MAX 1024
struct states {
    unsigned count;
    struct text codes[STATES_MAX];
};

static void
add_state(struct states *states, struct text code)
{
    unsigned i = 0;
    while (i < states->count && !text_equal(states->codes[i], code))
        i++;
    if (i == states->count && i < STATES_MAX)
        states->codes[states->count++] = code;
}

static int
wider(int a, int b)
{
    return a == COUNT_MORE_THAN || b == COUNT_MORE_THAN ? COUNT_MORE_THAN
           : a == COUNT_ABOUT || b == COUNT_ABOUT       ? COUNT_ABOUT
                                                        : COUNT_EXACT;
}

static void
add_up(struct notify_digest *digest)
{
    struct digest_totals *totals = &digest->totals;
    struct states states = {.count = 0};
    *totals = (struct digest_totals){.present = true,
                                     .events = digest->event_count,
                                     .participants_qualifier = COUNT_EXACT};
    for (unsigned i = 0; i < digest->event_count; i++) {
        struct digest_event *event = &digest->events[i].event;
        totals->reported += event->status == EVENT_REPORTED;
        for (uint32_t k = 0; k < event->member_states.count; k++)
            add_state(&states, event->member_states.items[k]);
        if (event->participants_count == INT_NONE)
            continue;
        event->counted = !is_in_series(digest, event);
        if (!event->counted)
            continue;
        totals->counted++;
        totals->participants_count += event->participants_count;
        totals->participants_qualifier =
            wider(totals->participants_qualifier, event->participants_qualifier);
    }
    totals->states = states.count;
}

void
notify_digest_arrange(struct notify_digest *digest)
{
    for (unsigned i = 0; i < digest->event_count; i++) {
        struct notify_digest_item *item = &digest->events[i];
        item->month = month_of(item->event.to);
        item->rank = rank_of(digest, item->event.dimension);
    }
    sort(digest->events, digest->event_count, sizeof *digest->events, compare_events);
    sort(digest->decisions, digest->decision_count, sizeof *digest->decisions, compare_decisions);
    sort(digest->changes, digest->change_count, sizeof *digest->changes, compare_changes);
    sort(digest->chairs, digest->chair_count, sizeof *digest->chairs, compare_chairs);
    sort(digest->documents, digest->document_count, sizeof *digest->documents, compare_documents);
    sort(digest->series, digest->series_count, sizeof *digest->series, compare_series);
    add_up(digest);
}

/* ---- runs and names ---- */

unsigned
notify_digest_month_end(const struct notify_digest *digest, unsigned first)
{
    unsigned end = first;
    while (end < digest->event_count && digest->events[end].month == digest->events[first].month)
        end++;
    return end;
}

unsigned
notify_digest_dimension_end(const struct notify_digest *digest, unsigned first)
{
    unsigned end = first, month_end = notify_digest_month_end(digest, first);
    while (end < month_end &&
           text_equal(digest->events[end].event.dimension, digest->events[first].event.dimension))
        end++;
    return end;
}

static struct text
find_name(unsigned count, const struct notify_digest_name *names, struct text code)
{
    for (unsigned i = 0; i < count; i++)
        if (text_equal(names[i].code, code))
            return names[i].name;
    return code;
}

struct text
notify_digest_name(const struct notify_digest *digest, struct text code)
{
    return text_is(code, "SECRETARIAT") ? TEXT_LITERAL("the Secretariat")
                                        : find_name(digest->name_count, digest->names, code);
}

struct text
notify_digest_dimension(const struct notify_digest *digest, struct text code)
{
    return code.ptr ? find_name(digest->dimension_count, digest->dimensions, code)
                    : TEXT_LITERAL("Meetings, visits and other events");
}
