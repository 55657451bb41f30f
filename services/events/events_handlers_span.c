/* See events_handlers.h: event.list of a span, answered from the calendar in memory. Before it is
 * used, what the log tells since is passed (op_current), so an answer is as new as one that is read
 * from the store. What is not in memory is read once, by whole buckets.
 * It must not know sockets or Redis. */
#include "services/events/events_handlers.h"

#include <string.h>

#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"
#include "services/events/events_handlers_memory.h"
#include "services/events/events_handlers_parts.h"

#define BUCKETS_MAX 16             /* of a span that is answered from memory */
#define CROWDED 512                /* entries that are read for a bucket that is not kept */
#define CROWDED_BYTES (512 * 1024) /* of its documents */
#define LOADS_MAX 8                /* then it is answered from the store */
#define ANSWER_ROOM (EVENTS_ENTRY_MAX + 64) /* of an answer, beside its items */
#define PIECE_MS (EVENTS_PIECE_DAYS * DATE_DAY_MS)

/* A list of a span being made. */
struct answering {
    const struct event_list *in;
    struct events_spans *spans;
    int64_t from_ms, to_ms, first, last, seq; /* [from, to); buckets */
    bool alone; /* the span is all that is asked for: numbers and audience decide */
    unsigned limit, count, weight;
    size_t bytes;
    bool more;
    const struct events_spans_item **items;
    struct events_listing *listing; /* for what is looked at; NULL until then */
};

/* ---- reading a bucket ------------------------------------------------------------------------ */

/* What has been read for a request, through runs. */
struct loading {
    unsigned loads;
    struct events_spans_mark mark;
};

/* Reads all of a bucket: entries, then documents. */
struct reading {
    struct events_query query;
    struct event_list asked;
    struct event_sessions sessions;
    struct events_spans_items items;
    struct events_spans_item *all;
    struct text *ids;
    size_t bytes;
};

/* Fills what lists ask of an event. False if it is on no list of a span at this entry. */
static bool
describe(struct op *op, struct reading *reading, struct text key, struct events_spans_item *item)
{
    const struct events_query any = {.has_from = false};
    struct event_sessions *event = &reading->sessions;
    item->exact = false;
    item->end_ms = INT64_MAX;
    item->weight = events_handlers_weight(item->document);
    if (!time_parse(key, &item->start_ms))
        return false; /* of an event without sessions */
    if (schema_decode(&event_sessions_schema, item->document, event, SCHEMA_STORED, op_error(op)) !=
            STATUS_OK ||
        event->draft == 1 || event->sessions.count != 1)
        return true; /* it is looked at each time */
    int64_t start_ms = event->sessions.items[0].start.ms;
    int64_t end_ms = when_end_ms(event->sessions.items[0].end);
    if (end_ms - start_ms > PIECE_MS)
        return true;
    item->exact = true;
    item->start_ms = start_ms;
    item->end_ms = end_ms;
    return events_domain_listed_by(&any, event, key);
}

/* Takes the event of an entry, or asks for it. */
static enum status
read_entry(struct op *op, struct reading *reading, struct text entry)
{
    struct text key, id, cursor;
    struct events_spans_item *item = &reading->all[reading->items.count];
    *item = (struct events_spans_item){.entry = entry};
    if (!events_domain_asked(&reading->query, entry, &key, &id, &cursor))
        return STATUS_OK;
    enum status status = op_peek(op, "event", id, NULL, NULL, &item->document);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    reading->bytes += item->document.len;
    if (describe(op, reading, key, item))
        reading->ids[reading->items.count++] = id;
    return STATUS_OK;
}

static enum status
read_entries(struct op *op, struct reading *reading, const struct op_range *range)
{
    enum status status = STATUS_OK;
    reading->all = op_alloc(op, (range->count + 1) * sizeof *reading->all);
    reading->ids = op_alloc(op, (range->count + 1) * sizeof *reading->ids);
    if (!reading->all || !reading->ids)
        return op_no_memory(op);
    for (unsigned i = 0; i < range->count; i++)
        status = events_handlers_both(status, read_entry(op, reading, range->items[i]));
    reading->items.items = reading->all;
    return status;
}

static enum status
load_bucket(struct op *op, struct events_spans *spans, int64_t bucket,
            struct events_spans_mark mark, bool *kept)
{
    struct reading *reading = op_alloc(op, sizeof *reading);
    struct op_range range;
    if (!reading)
        return op_no_memory(op);
    *reading = (struct reading){.bytes = 0};
    schema_init(&event_list_schema, &reading->asked);
    reading->asked.from.ms = bucket * EVENTS_BUCKET_DAYS * DATE_DAY_MS;
    reading->asked.to.ms = reading->asked.from.ms + EVENTS_BUCKET_DAYS * DATE_DAY_MS;
    enum status status = events_domain_query(&reading->asked, &reading->query, op_error(op));
    if (status == STATUS_OK)
        status = op_scan(op, text_of(reading->query.start), text_of(reading->query.upto),
                         CROWDED + 1, &range);
    if (status != STATUS_OK)
        return status;
    reading->items.crowded = range.count > CROWDED;
    if (!reading->items.crowded)
        status = read_entries(op, reading, &range);
    if (status != STATUS_OK)
        return status;
    if (reading->bytes > CROWDED_BYTES)
        reading->items = (struct events_spans_items){.crowded = true};
    *kept = events_spans_put(spans, bucket, mark, &reading->items, reading->ids);
    return STATUS_OK;
}

/* Reads the buckets that are not here. `given_up`: too often, or what is read cannot be kept. */
static enum status
load(struct op *op, const struct answering *list, bool *given_up)
{
    struct loading *loading = op_hold(op, "span", sizeof *loading);
    enum status status = STATUS_OK;
    bool kept = true;
    if (!loading)
        return op_no_memory(op);
    if (!loading->loads++)
        loading->mark = events_spans_mark(list->spans, list->seq);
    *given_up = loading->loads > LOADS_MAX;
    for (int64_t n = list->first; n <= list->last && !*given_up; n++)
        if (!events_spans_get(list->spans, n))
            status =
                events_handlers_both(status, load_bucket(op, list->spans, n, loading->mark, &kept));
    *given_up = *given_up || !kept;
    return status;
}

/* Whether all buckets are here, which will be looked at in the next run. */
static bool
expect_all(const struct answering *list)
{
    bool all = true;
    for (int64_t n = list->first; n <= list->last; n++)
        all = events_spans_expect(list->spans, n) && all;
    return all;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Whether the event is on the list for whoever asks, where that is not seen by its numbers. */
static enum status
look_at(struct op *op, struct answering *list, const struct events_spans_item *item, bool *wanted)
{
    struct text key, id, cursor;
    *wanted = false;
    if (!list->listing) {
        list->listing = op_alloc(op, sizeof *list->listing);
        if (!list->listing)
            return op_no_memory(op);
        enum status status = events_domain_query(list->in, &list->listing->query, op_error(op));
        if (status != STATUS_OK)
            return status;
    }
    if (list->in->cursor.len && text_compare(item->entry, text_of(list->listing->query.start)) < 0)
        return STATUS_OK;
    if (!events_domain_asked(&list->listing->query, item->entry, &key, &id, &cursor))
        return STATUS_OK;
    return events_handlers_listed(op, list->listing, key, item->document, wanted);
}

static void
take(struct answering *list, const struct events_spans_item *item)
{
    if (list->count == list->limit || list->bytes >= EVENTS_PAGE_BYTES_MAX ||
        list->weight >= EVENTS_PAGE_WEIGHT_MAX) {
        list->more = true;
        return;
    }
    list->items[list->count++] = item;
    list->bytes += item->document.len;
    list->weight += item->weight;
}

/* Takes what belongs on the list. `here` becomes false if the bucket is not what it was. */
static enum status
take_bucket(struct op *op, struct answering *list, int64_t number,
            const struct events_spans_items *bucket, bool *here)
{
    const int64_t begin_ms = number * EVENTS_BUCKET_DAYS * DATE_DAY_MS;
    for (unsigned i = 0; i < bucket->count && !list->more; i++) {
        const struct events_spans_item *item = &bucket->items[i];
        bool wanted = list->alone && item->exact;
        if (item->start_ms >= list->to_ms || item->end_ms <= list->from_ms ||
            (number > list->first && item->start_ms < begin_ms)) /* it was in the one before */
            continue;
        if (events_spans_outdated(list->spans, bucket, item)) {
            events_spans_drop(list->spans, number);
            *here = false;
            return STATUS_OK;
        }
        enum status status = wanted ? STATUS_OK : look_at(op, list, item, &wanted);
        if (status != STATUS_OK)
            return status;
        if (wanted)
            take(list, item);
    }
    return STATUS_OK;
}

/* Takes all of the list. `here`: whether all of it is; `crowded`: what is not kept is in it. */
static enum status
take_all(struct op *op, struct answering *list, bool *here, bool *crowded)
{
    list->count = list->weight = 0;
    list->bytes = 0;
    list->more = false;
    for (int64_t n = list->first; n <= list->last; n++) {
        const struct events_spans_items *bucket = events_spans_get(list->spans, n);
        *here = bucket != NULL;
        *crowded = bucket && bucket->crowded;
        if (!*here || *crowded)
            return STATUS_OK;
        enum status status = take_bucket(op, list, n, bucket, here);
        if (status != STATUS_OK || !*here)
            return status;
    }
    return STATUS_OK;
}

static struct text
cursor_of(const struct events_spans_item *item)
{
    static const uint32_t prefix_len = 2; /* "t|", see events_domain.h */
    const char *end = memchr(item->entry.ptr, '!', item->entry.len);
    return (struct text){item->entry.ptr + prefix_len,
                         (uint32_t)(end - item->entry.ptr) - prefix_len};
}

/* In the run's memory, which is the same for each request and so in the processor's cache. */
static enum status
write_answer(struct op *op, const struct answering *list)
{
    struct buf result = {.cap = list->bytes + ANSWER_ROOM};
    result.data = op_alloc(op, result.cap);
    if (!result.data)
        return op_no_memory(op);
    mp_map(&result, 3);
    mp_string(&result, "items");
    mp_array(&result, list->count);
    for (unsigned i = 0; i < list->count; i++)
        buf_append(&result, list->items[i]->document.ptr, list->items[i]->document.len);
    mp_string(&result, "next");
    mp_text(&result, list->more ? cursor_of(list->items[list->count - 1]) : TEXT_NONE);
    mp_string(&result, "seq");
    mp_int(&result, list->seq);
    op_answer_raw(op, (struct text){(const char *)result.data, (uint32_t)result.len});
    return STATUS_OK;
}

/* Whether the request is one of a span that is not too long. */
static bool
begin(struct op *op, const struct event_list *in, struct answering *list)
{
    static const struct event_list none;
    const int64_t least_ms = date_of_civil(1, 2, 1) * DATE_DAY_MS;
    const int64_t most_ms = date_of_civil(9999, 11, 1) * DATE_DAY_MS;
    *list = (struct answering){.in = in, .spans = events_view_spans(op_service(op))};
    if (!events_spans_used(list->spans) || in->from.ms == TIME_NONE || in->to.ms == TIME_NONE)
        return false;
    list->from_ms = in->from.ms;
    list->to_ms = when_end_ms(in->to);
    if (list->from_ms >= list->to_ms || list->from_ms < least_ms || list->to_ms > most_ms)
        return false;
    list->first = events_spans_bucket(list->from_ms);
    list->last = events_spans_bucket(list->to_ms - 1);
    list->alone = !in->dimension.ptr && !in->area.ptr && !in->host.ptr && !in->kind.ptr &&
                  in->status == none.status && in->year == INT_NONE && !in->text.ptr &&
                  !in->cursor.len;
    list->limit = in->limit == INT_NONE ? EVENTS_LIMIT_DEFAULT : (unsigned)in->limit;
    return list->last - list->first < BUCKETS_MAX;
}

enum status
events_handlers_span(struct op *op, const struct event_list *in, bool *answered)
{
    struct answering list;
    bool here = true, crowded = false, given_up = false;
    *answered = false;
    if (!begin(op, in, &list))
        return STATUS_OK;
    enum status status = op_current(op, &list.seq);
    if (status == STATUS_AGAIN && list.seq >= 0 && !expect_all(&list)) /* in the same round */
        status = events_handlers_both(status, load(op, &list, &given_up));
    if (status != STATUS_OK)
        return status;
    list.items = op_alloc(op, list.limit * sizeof *list.items);
    if (!list.items)
        return op_no_memory(op);
    status = take_all(op, &list, &here, &crowded);
    while (status == STATUS_OK && !here && !given_up) {
        status = load(op, &list, &given_up);
        if (status == STATUS_OK && !given_up)
            status = take_all(op, &list, &here, &crowded);
    }
    if (status != STATUS_OK || !here || crowded)
        return status;
    *answered = true;
    return write_answer(op, &list);
}

/* ---- what the log tells ---------------------------------------------------------------------- */

/* The level of a topic that begins at `*at`, which is moved behind its dot. */
static struct text
take_level(struct text topic, uint32_t *at)
{
    uint32_t from = *at;
    const char *dot = from < topic.len ? memchr(topic.ptr + from, '.', topic.len - from) : NULL;
    if (!dot)
        return TEXT_NONE;
    *at = (uint32_t)(dot - topic.ptr) + 1;
    return (struct text){topic.ptr + from, *at - from - 1};
}

/* The event that a record is of, by its topic; absent if it is none. */
static struct text
event_of(struct text topic)
{
    uint32_t at = 0;
    struct text level = take_level(topic, &at);
    if (text_is(level, "private")) {
        take_level(topic, &at);
        level = take_level(topic, &at);
    }
    if (!text_is(level, "events"))
        return TEXT_NONE;
    take_level(topic, &at);
    take_level(topic, &at);
    return take_level(topic, &at);
}

static void
on_changed(void *arg, const struct log_record *record)
{
    struct events_view *view = arg;
    struct events_spans *spans = events_view_spans(view);
    struct event_sessions event;
    struct error error;
    struct text id = event_of(record->topic);
    if (!id.ptr) {
        events_memory_changed(events_view_agendas(view), record, NULL);
        return;
    }
    events_spans_touch(spans, id, record->seq);
    if (schema_decode_bytes(&event_sessions_schema, record->data.ptr, record->data.len, &event,
                            SCHEMA_STORED, &error) != STATUS_OK) {
        events_spans_forget(spans);
        return;
    }
    events_memory_changed(events_view_agendas(view), record, &event);
    for (uint32_t i = 0; i < event.sessions.count; i++) {
        int64_t end_ms = when_end_ms(event.sessions.items[i].end);
        int64_t n = events_spans_bucket(event.sessions.items[i].start.ms);
        for (; n <= events_spans_bucket(end_ms - 1); n++)
            events_spans_touch_bucket(spans, n, record->seq);
    }
}

static void
on_lost(void *arg)
{
    events_spans_forget(events_view_spans(arg));
}

void
events_handlers_span_begin(struct service *service, struct events_view *view)
{
    const struct events_spans_counts *counts = events_spans_counts(events_view_spans(view));
    service_set_copy(service, &(struct service_copy){on_changed, on_lost, view});
    service_add_gauge(service, "span_bytes", &counts->bytes);
    service_add_gauge(service, "span_buckets", &counts->buckets);
    service_add_gauge(service, "span_found", &counts->found);
    service_add_gauge(service, "span_missed", &counts->missed);
}
