/* See events_handlers.h: event.history, every step of an event as the log tells it. An event that
 * moved has its older records on the topics it left; `moved_from` leads back to them.
 * It must not know sockets or Redis. */
#include <string.h>

#include "common/auth/audience.h"
#include "common/msg/mp.h"
#include "services/events/events_handlers.h"

#define TOPICS_MAX 16    /* topics of one event that are read */
#define RECORDS_MAX 1000 /* records of one topic and page */
#define LIMIT_DEFAULT 100
#define PAGE_BYTES_MAX (768 * 1024)

struct history {
    int64_t after, complete; /* every record with after < seq <= complete has been read */
    unsigned topic_count, count, room;
    struct text topics[TOPICS_MAX];
    struct events_told *told;
};

static struct text
text_at(const msgpack_object *map, const char *key)
{
    struct text text = TEXT_NONE;
    const msgpack_object *value = mp_map_get(map, key);
    if (value)
        mp_as_text(value, &text);
    return text;
}

static void
add_topic(struct history *history, struct text topic)
{
    for (unsigned i = 0; i < history->topic_count; i++)
        if (text_equal(history->topics[i], topic))
            return;
    if (topic.ptr && history->topic_count < TOPICS_MAX)
        history->topics[history->topic_count++] = topic;
}

enum status
events_handlers_told(struct op *op, const struct log_record *record, struct events_told *out)
{
    msgpack_zone zone;
    msgpack_object data;
    struct log_attributes its;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return op_no_memory(op);
    bool good = log_record_attributes(record, &its) &&
                mp_unpack(record->data.ptr, record->data.len, &zone, &data, NULL) == STATUS_OK;
    if (good) {
        *out = (struct events_told){.seq = record->seq,
                                    .time_ms = record->time_ms,
                                    .type = its.type,
                                    .actor = its.actor,
                                    .status = text_at(&data, "status"),
                                    .from = text_at(&data, "from"),
                                    .moved_from = text_at(&data, "moved_from")};
        if (text_is(out->type, "event.amended"))
            out->reason = text_at(&data, "amend_reason");
        if (text_is(out->type, "event.postponed") || text_is(out->type, "event.cancelled") ||
            text_is(out->type, "event.withdrawn"))
            out->reason = text_at(&data, "reason");
    }
    msgpack_zone_destroy(&zone);
    return good ? STATUS_OK
                : error_set(op_error(op), STATUS_INTERNAL, NULL, "a record of the log is damaged");
}

bool
events_handlers_is_step(const struct events_told *told)
{
    return told->type.len > 6 && memcmp(told->type.ptr, "event.", 6) == 0 &&
           !text_is(told->type, "event.moved");
}

/* Reads one record; the record of a move away is no step of its own, nor is one of a part of the
 * event, which stands under its topic. */
static enum status
read_record(struct op *op, struct history *history, const struct log_record *record)
{
    struct events_told told;
    enum status status = events_handlers_told(op, record, &told);
    if (status != STATUS_OK)
        return status;
    add_topic(history, told.moved_from);
    if (events_handlers_is_step(&told) && history->count < history->room)
        history->told[history->count++] = told;
    return STATUS_OK;
}

static enum status
read_topic(struct op *op, struct history *history, struct text topic)
{
    struct op_log_page page;
    enum status status = op_log_topic(op, topic, history->after, RECORDS_MAX, &page);
    if (status != STATUS_OK)
        return status;
    if (page.next < page.last && page.next < history->complete)
        history->complete = page.next; /* cut: what is beyond belongs to a later page */
    size_t size = (history->count + page.count + 1) * sizeof *history->told;
    struct events_told *grown = op_alloc(op, size);
    if (!grown)
        return op_no_memory(op);
    if (history->count)
        memcpy(grown, history->told, history->count * sizeof *grown);
    history->told = grown;
    history->room = history->count + page.count;
    for (unsigned i = 0; i < page.count && status == STATUS_OK; i++)
        status = read_record(op, history, &page.records[i]);
    return status;
}

/* Topics are mostly one, and each is in order: so an insertion sort. */
static void
sort(struct history *history)
{
    for (unsigned i = 1; i < history->count; i++) {
        struct events_told told = history->told[i];
        unsigned at = i;
        for (; at && history->told[at - 1].seq > told.seq; at--)
            history->told[at] = history->told[at - 1];
        history->told[at] = told;
    }
}

static size_t
map_len(const struct events_told *told)
{
    return 5 + (size_t)(told->from.ptr != NULL) + (size_t)(told->reason.ptr != NULL);
}

void
events_handlers_write_told(struct buf *buf, const struct events_told *told)
{
    char time[TIME_TEXT_MAX];
    time_print(told->time_ms, time);
    mp_map(buf, map_len(told));
    mp_string(buf, "seq");
    mp_int(buf, told->seq);
    mp_string(buf, "type");
    mp_text(buf, told->type);
    mp_string(buf, "time");
    mp_string(buf, time);
    mp_string(buf, "actor");
    mp_text(buf, told->actor);
    mp_string(buf, "status");
    mp_text(buf, told->status);
    if (told->from.ptr) {
        mp_string(buf, "from");
        mp_text(buf, told->from);
    }
    if (told->reason.ptr) {
        mp_string(buf, "reason");
        mp_text(buf, told->reason);
    }
}

static enum status
answer(struct op *op, const struct history *history, unsigned limit, int64_t seq)
{
    unsigned count = 0;
    size_t bytes = 0;
    struct text next = TEXT_NONE;
    struct buf buf = {0};
    op_list_begin(op);
    while (count < limit && count < history->count && bytes < PAGE_BYTES_MAX &&
           history->told[count].seq <= history->complete) {
        buf_clear(&buf);
        events_handlers_write_told(&buf, &history->told[count++]);
        if (buf.failed)
            break;
        bytes += buf.len;
        op_list_item_raw(op, (struct text){(const char *)buf.data, (uint32_t)buf.len});
    }
    bool failed = buf.failed;
    buf_fini(&buf);
    if (count < history->count)
        next = op_format(op, "%lld",
                         (long long)(count ? history->told[count - 1].seq : history->complete));
    else if (history->complete < INT64_MAX)
        next = op_format(op, "%lld", (long long)history->complete);
    op_list_end(op, next, seq);
    return failed ? op_no_memory(op) : STATUS_OK;
}

enum status
event_history_handle(struct op *op, const void *params)
{
    const struct event_history *in = params;
    unsigned limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    struct history history = {.complete = INT64_MAX};
    char topic[EVENTS_TOPIC_MAX];
    int64_t seq = 0;
    enum status status = events_domain_cursor(in->cursor, 0, &history.after, op_error(op));
    if (status != STATUS_OK)
        return status;
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return op_no_memory(op);
    enum status seq_status = op_seq(op, &seq);
    status = op_peek(op, "event", in->id, &event_schema, event, NULL);
    if (status != STATUS_OK)
        return events_handlers_found(op, status, "event", in->id);
    if (seq_status != STATUS_OK)
        return seq_status;
    status = events_handlers_visible(op, event);
    if (status != STATUS_OK)
        return status;
    events_domain_topic(event, topic);
    add_topic(&history, op_format(op, "%s", topic));
    for (unsigned i = 0; i < history.topic_count; i++) { /* grows as moves are found */
        if (!audience_may_see(op_principal(op), history.topics[i]))
            continue; /* when it was a draft */
        status = read_topic(op, &history, history.topics[i]);
        if (status != STATUS_OK)
            return status;
    }
    sort(&history);
    return answer(op, &history, limit, seq);
}
