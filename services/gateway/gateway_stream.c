/* See gateway_stream.h. A stream's cursor is the last seq that was examined for it: what is behind
 * it comes from the ring if it is there, else from the log. So a slow reader holds nobody up, and
 * what it does not take in time costs no memory. It must not know HTTP. */
#include "services/gateway/gateway_stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/auth/audience_filter.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/gateway/gateway_event.h"

#define LOOK_EVERY_MS 250   /* at heartbeats and principals */
#define ASKING_MAX_MS 30000 /* without a store; then it is refused */
#define RETRY_MS 2000       /* after which time a client may come again */
#define UNUSED_MS 5000      /* without a stream; then the log is not followed any more */

struct gateway_stream {
    struct gateway_stream *prev, *next;
    struct gateway_streams *streams;
    void *owner;
    enum gateway_stream_state state;
    const struct identity *who;
    struct principal principal; /* as it was when it came */
    char token[KEY_LEN + 1];    /* … and its digest */
    struct gateway_query query; /* owned */
    struct gateway_reading *reading;
    int64_t cursor; /* examined up to here */
    int64_t told;   /* the last id that was sent */
    int64_t began_ms, sent_ms;
    struct buf out;
    size_t taken; /* of out */
    struct error error;
};

struct gateway_streams {
    struct access *access;
    struct gateway_log *log;
    int64_t heartbeat_ms, look_ms, used_ms;
    uint64_t version; /* of access, when it was looked at */
    gateway_stream_wake_fn *wake;
    struct gateway_stream *first, *last; /* who waits longest for the log is first */
    struct gateway_stream_counts counts;
};

static void
unlink_stream(struct gateway_stream *stream)
{
    struct gateway_streams *streams = stream->streams;
    *(stream->prev ? &stream->prev->next : &streams->first) = stream->next;
    *(stream->next ? &stream->next->prev : &streams->last) = stream->prev;
}

static void
link_last(struct gateway_stream *stream)
{
    struct gateway_streams *streams = stream->streams;
    stream->prev = streams->last;
    stream->next = NULL;
    *(streams->last ? &streams->last->next : &streams->first) = stream;
    streams->last = stream;
}

static bool
has_room(const struct gateway_stream *stream)
{
    return stream->out.len - stream->taken < GATEWAY_OUT_MAX;
}

static void
wake(struct gateway_stream *stream)
{
    stream->streams->wake(stream->owner);
}

static void
end(struct gateway_stream *stream)
{
    if (stream->state == STREAM_OPEN)
        stream->streams->counts.open--;
    stream->streams->counts.ended++;
    stream->state = STREAM_ENDED;
    gateway_log_forget(&stream->reading);
    wake(stream);
}

static void
refuse(struct gateway_stream *stream)
{
    stream->streams->counts.refused++;
    stream->state = STREAM_REFUSED;
    wake(stream);
}

/* ---- records ---- */

static bool
wants(const struct gateway_stream *stream, const struct facts *facts)
{
    return filter_matches(&stream->query.filter, facts) &&
           audience_may_see(&stream->principal, facts->topic);
}

/* Appended, or left out because it cannot be said, which is told to the operator. Without memory
 * the stream ends. */
static void
sent(struct gateway_stream *stream, const struct log_record *record, bool written)
{
    if (stream->out.failed)
        return;
    if (!written) {
        log_event(LOG_LEVEL_ERROR, "a record cannot be sent as JSON",
                  LOG_NUMBER("seq", record->seq));
        return;
    }
    stream->streams->counts.records++;
    stream->told = record->seq;
    stream->sent_ms = clock_mono_ms();
}

static void
send_kept(struct gateway_stream *stream, struct gateway_kept *kept)
{
    struct buf *event = &kept->event[stream->query.thin];
    bool written = event->len || gateway_event_write(event, &kept->record, stream->query.thin);
    if (written)
        buf_append(&stream->out, event->data, event->len);
    else if (event->failed)
        stream->out.failed = true;
    sent(stream, &kept->record, written);
}

static bool
on_record(void *arg, const struct log_record *record)
{
    struct gateway_stream *stream = arg;
    struct facts facts;
    if (!has_room(stream))
        return false;
    facts_read(record, &facts);
    if (wants(stream, &facts))
        sent(stream, record, gateway_event_write(&stream->out, record, stream->query.thin));
    return true;
}

/* Tells what is not kept any more between the cursor and the first seq that is, if anything. */
static bool
skip_to(struct gateway_stream *stream, int64_t first)
{
    if (first <= stream->cursor + 1)
        return false;
    gateway_event_resync(&stream->out, stream->cursor + 1, first);
    stream->streams->counts.resyncs++;
    stream->cursor = stream->told = first - 1;
    return true;
}

static void go_on(struct gateway_stream *stream);

static void
on_read(void *arg, bool ok, int64_t first, int64_t upto)
{
    struct gateway_stream *stream = arg;
    stream->reading = NULL;
    if (!ok)
        return; /* it goes on when the store is back */
    if (!skip_to(stream, first) && upto > stream->cursor)
        stream->cursor = upto;
    go_on(stream);
}

/* Fills what there is room for, from the ring as far as that has it. True if there is something to
 * take. */
static bool
fill(struct gateway_stream *stream)
{
    static const struct gateway_reader reader = {on_record, on_read, NULL};
    const struct gateway_ring *ring = gateway_log_ring(stream->streams->log);
    while (stream->state == STREAM_OPEN && !stream->reading && has_room(stream) &&
           stream->cursor < ring->upto) {
        if (stream->cursor < ring->after) {
            struct gateway_reader its = reader;
            its.arg = stream;
            stream->reading =
                gateway_log_read(stream->streams->log, &stream->query.filter, stream->cursor, &its);
            unlink_stream(stream);
            link_last(stream);
            break;
        }
        struct gateway_kept *kept = gateway_ring_next(ring, stream->cursor);
        if (kept && wants(stream, gateway_kept_facts(kept)))
            send_kept(stream, kept);
        stream->cursor = kept ? kept->record.seq : ring->upto;
    }
    return stream->out.len > stream->taken;
}

static void
go_on(struct gateway_stream *stream)
{
    if (stream->out.failed)
        end(stream); /* it comes back with the last id that it had */
    else if (fill(stream))
        wake(stream);
}

/* Forgets what was taken, before it is more than what is not. */
static void
give_room(struct gateway_stream *stream)
{
    struct buf *out = &stream->out;
    size_t left = out->len - stream->taken;
    if (left > stream->taken)
        return;
    if (!left && out->cap > GATEWAY_OUT_MAX / 4)
        buf_fini(out); /* most streams are idle */
    else
        memmove(out->data, out->data + stream->taken, left);
    out->len = left;
    stream->taken = 0;
}

size_t
gateway_stream_take(struct gateway_stream *stream, char *to, size_t max)
{
    struct buf *out = &stream->out;
    if (out->len == stream->taken && !fill(stream))
        return 0;
    size_t len = out->len - stream->taken;
    if (out->failed || stream->state != STREAM_OPEN)
        return 0;
    len = len < max ? len : max;
    memcpy(to, out->data + stream->taken, len);
    stream->taken += len;
    give_room(stream);
    return len;
}

/* ---- places ---- */

static void
open_at(struct gateway_stream *stream, int64_t cursor, int64_t first)
{
    stream->cursor = stream->told = cursor;
    stream->state = STREAM_OPEN;
    stream->sent_ms = clock_mono_ms();
    stream->streams->counts.open++;
    stream->streams->counts.opened++;
    gateway_event_hello(&stream->out, RETRY_MS, cursor);
    skip_to(stream, first); /* also what the ring still has: all gateways say the same */
    fill(stream);
    wake(stream);
}

static void
on_place(void *arg, bool ok, const struct gateway_place *place)
{
    struct gateway_stream *stream = arg;
    const struct gateway_query *query = &stream->query;
    stream->reading = NULL;
    if (!ok)
        return;
    switch (query->from) {
    case FROM_NOW: open_at(stream, place->last, place->first); return;
    case FROM_START: open_at(stream, place->first - 1, place->first); return;
    case FROM_TIME: /* before what is kept: then it is told that something is missing */
        open_at(stream, place->before >= place->first ? place->before : 0, place->first);
        return;
    case FROM_SEQ: break;
    }
    if (query->number <= place->last) {
        open_at(stream, query->number, place->first);
        return;
    }
    error_set(&stream->error, STATUS_INVALID_ARGUMENT, query->field,
              "%s: the log ends with %" PRId64, query->field, place->last);
    refuse(stream);
}

static void
find_place(struct gateway_stream *stream)
{
    const struct gateway_query *query = &stream->query;
    stream->reading =
        gateway_log_find(stream->streams->log, query->from == FROM_TIME ? query->number : -1,
                         on_place, stream);
}

/* ---- all of them ---- */

void
gateway_streams_news(struct gateway_streams *streams)
{
    struct gateway_stream *last = streams->last, *next;
    for (struct gateway_stream *at = streams->first; at; at = next) {
        next = at == last ? NULL : at->next; /* who asks the log goes behind the last */
        if (at->state == STREAM_ASKING && !at->reading)
            find_place(at);
        else if (at->state == STREAM_OPEN && !at->reading)
            go_on(at);
    }
}

/* Whether it is still who came, with what it came with. */
static bool
still_may(const struct gateway_stream *stream)
{
    const struct identity *who = stream->who;
    const struct principal *now = &who->principal, *then = &stream->principal;
    return who->allowed && strcmp(who->token, stream->token) == 0 && now->roles == then->roles &&
           strcmp(now->member, then->member) == 0 && strcmp(now->id, then->id) == 0;
}

static void
end_revoked(struct gateway_streams *streams)
{
    if (streams->version == access_version(streams->access))
        return;
    streams->version = access_version(streams->access);
    for (struct gateway_stream *at = streams->first; at; at = at->next)
        if ((at->state == STREAM_ASKING || at->state == STREAM_OPEN) && !still_may(at)) {
            log_event(LOG_LEVEL_INFO, "stream cut: its principal or token is another now",
                      LOG_TEXT("principal", at->principal.id));
            streams->counts.revoked++;
            end(at);
        }
}

static void
look_at(struct gateway_stream *stream, int64_t now_ms)
{
    struct gateway_streams *streams = stream->streams;
    if (stream->state == STREAM_ASKING && now_ms - stream->began_ms > ASKING_MAX_MS) {
        gateway_log_forget(&stream->reading);
        error_set(&stream->error, STATUS_UNAVAILABLE, NULL, "the store is away; come again");
        refuse(stream);
    } else if (stream->state == STREAM_OPEN && !stream->out.len &&
               now_ms - stream->sent_ms >= streams->heartbeat_ms) {
        gateway_event_alive(&stream->out, stream->cursor > stream->told ? stream->cursor : -1);
        stream->told = stream->cursor;
        stream->sent_ms = now_ms;
        streams->counts.heartbeats++;
        wake(stream);
    }
}

int64_t
gateway_streams_tick(struct gateway_streams *streams, int64_t now_ms)
{
    if (now_ms < streams->look_ms)
        return streams->look_ms;
    streams->look_ms = now_ms + LOOK_EVERY_MS;
    end_revoked(streams);
    for (struct gateway_stream *at = streams->first; at; at = at->next)
        look_at(at, now_ms);
    gateway_streams_news(streams);
    if (streams->first)
        streams->used_ms = now_ms;
    else if (now_ms - streams->used_ms > UNUSED_MS)
        gateway_log_follow(streams->log, false);
    return streams->look_ms;
}

void
gateway_streams_drain(struct gateway_streams *streams)
{
    for (struct gateway_stream *at = streams->first; at; at = at->next)
        if (at->state == STREAM_ASKING || at->state == STREAM_OPEN)
            end(at);
}

const struct gateway_stream_counts *
gateway_streams_counts(const struct gateway_streams *streams)
{
    return &streams->counts;
}

/* ---- life ---- */

struct gateway_streams *
gateway_streams_new(struct access *access, struct gateway_log *log, int64_t heartbeat_ms,
                    gateway_stream_wake_fn *wake_owner)
{
    struct gateway_streams *streams = calloc(1, sizeof *streams);
    if (streams) {
        streams->access = access;
        streams->log = log;
        streams->heartbeat_ms = heartbeat_ms;
        streams->wake = wake_owner;
    }
    return streams;
}

void
gateway_streams_destroy(struct gateway_streams **streams)
{
    free(*streams);
    *streams = NULL;
}

struct gateway_stream *
gateway_stream_new(struct gateway_streams *streams, struct gateway_query *query,
                   const struct identity *who, void *owner)
{
    struct gateway_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->streams = streams;
    stream->owner = owner;
    stream->who = who;
    stream->principal = who->principal;
    memcpy(stream->token, who->token, sizeof stream->token);
    stream->query = *query;
    *query = (struct gateway_query){0};
    stream->began_ms = clock_mono_ms();
    streams->used_ms = stream->began_ms;
    gateway_log_follow(streams->log, true);
    link_last(stream);
    find_place(stream);
    return stream;
}

void
gateway_stream_destroy(struct gateway_stream **stream)
{
    struct gateway_stream *self = *stream;
    if (!self)
        return;
    if (self->state == STREAM_OPEN)
        self->streams->counts.open--;
    gateway_log_forget(&self->reading);
    unlink_stream(self);
    gateway_query_fini(&self->query);
    buf_fini(&self->out);
    free(self);
    *stream = NULL;
}

enum gateway_stream_state
gateway_stream_state(const struct gateway_stream *stream)
{
    return stream->state;
}

const struct error *
gateway_stream_error(const struct gateway_stream *stream)
{
    return &stream->error;
}
