/* digest.get: walks the log once and keeps of it what the period needs. It must not know how a
 * digest reads. */
#include <string.h>

#include "common/base/log.h"
#include "common/log/topic.h"
#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"
#include "services/notify/notify_digest_answer.h"
#include "services/notify/notify_handlers.h"

#define ANSWER_BYTES_MAX (MP_BYTES_MAX - 65536)
#define KEPT_BYTES_MAX ((size_t)16 * ANSWER_BYTES_MAX) /* what one request holds of the log */
#define DAYS_MAX 3660
#define BUCKETS 4096

/* What is kept of a thing: the data of its last record, or as much as the numbers need. */
struct kept {
    struct kept *next;  /* of its bucket */
    struct kept *after; /* of all of its kind, in the order in which they came */
    struct text id, data, series;
    size_t room;         /* for data */
    int64_t count;       /* of an event that took place: INT_NONE without */
    date_day day;        /* of a document */
    bool in, took_place; /* it belongs to the digest */
};

struct shelf {
    struct kept *first, *last;
    unsigned count, in;
    struct kept *buckets[BUCKETS];
};

/* As long as the request: what the walks have found. */
struct held {
    const struct digest_get *asked;
    struct shelf events, decisions, participants, bodies, chairs, documents;
    struct text catalogue; /* the data of the last revision recorded */
    size_t bytes;          /* of what is in */
    bool failed;           /* no memory */
    struct zone_set zones; /* of the walk's turn; none between */
    union {
        struct event event;
        struct decision decision;
        struct document document;
    } scratch;
};

static struct kept *
find(struct op *op, struct held *held, struct shelf *shelf, struct text id, bool make)
{
    uint32_t hash = 2166136261U;
    for (uint32_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 16777619U;
    struct kept **bucket = &shelf->buckets[hash % BUCKETS];
    for (struct kept *kept = *bucket; kept; kept = kept->next)
        if (text_equal(kept->id, id))
            return kept;
    struct kept *made = make ? op_hold_more(op, sizeof *made + id.len) : NULL;
    if (!made) {
        held->failed |= make;
        return NULL;
    }
    memcpy(made + 1, id.ptr, id.len);
    *made =
        (struct kept){.next = *bucket, .id = {(const char *)(made + 1), id.len}, .count = INT_NONE};
    *bucket = made;
    *(shelf->last ? &shelf->last->after : &shelf->first) = made;
    shelf->last = made;
    shelf->count++;
    return made;
}

/* Copies into the room there is, or into more. */
static struct text
copy(struct op *op, struct held *held, struct text from, struct text old, size_t *room)
{
    char *to = (char *)(uintptr_t)old.ptr;
    if (from.len > *room || !to) {
        to = op_hold_more(op, from.len + 1);
        held->failed |= !to;
        if (!to)
            return TEXT_NONE;
        *room = from.len;
    }
    if (from.len)
        memcpy(to, from.ptr, from.len);
    return (struct text){to, from.len};
}

static void
put_in(struct op *op, struct held *held, struct shelf *shelf, struct kept *kept, bool in,
       struct text data)
{
    shelf->in += in && !kept->in;
    shelf->in -= !in && kept->in;
    kept->in = in;
    if (!in || held->bytes > KEPT_BYTES_MAX)
        return;
    held->bytes += data.len;
    kept->data = copy(op, held, data, kept->data, &kept->room);
}

static bool
decode(const struct schema *schema, const struct log_record *record, void *out)
{
    struct error error;
    if (schema_decode_bytes(schema, record->data.ptr, record->data.len, out, SCHEMA_STORED,
                            &error) == STATUS_OK)
        return true;
    log_event(LOG_LEVEL_ERROR, "a record cannot be read for a digest",
              LOG_NUMBER("seq", record->seq), LOG_TEXT("why", error.message));
    return false;
}

/* ---- walks ---- */

static unsigned
count_levels(struct text topic)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < topic.len; i++)
        count += topic.ptr[i] == '.';
    return count;
}

static void
see_event(struct op *op, struct held *held, const struct log_record *record)
{
    struct digest_event what;
    struct event *event = &held->scratch.event;
    if (!decode(&event_schema, record, event))
        return;
    bool in =
        notify_digest_event(event, held->asked, zone_set_get(&held->zones, event->zone), &what);
    bool took_place = event->status == EVENT_HELD || event->status == EVENT_REPORTED;
    bool matters = in || (took_place && (event->series.ptr || event->report.present));
    struct kept *kept = find(op, held, &held->events, event->id, matters);
    if (!kept)
        return;
    kept->took_place = took_place;
    kept->count = event->report.present ? event->report.participants_count : INT_NONE;
    size_t room = 0;
    if (!text_equal(kept->series, event->series))
        kept->series =
            event->series.ptr ? copy(op, held, event->series, TEXT_NONE, &room) : TEXT_NONE;
    put_in(op, held, &held->events, kept, in, record->data);
}

static void
see_document(struct op *op, struct held *held, const struct log_record *record)
{
    struct document *document = &held->scratch.document;
    date_day day = date_of_time(record->time_ms);
    char version[TEXT_NUMBER_MAX];
    if (held->asked->dimension.ptr || day < held->asked->from || day > held->asked->to ||
        !decode(&document_schema, record, document) || document->status != DOCUMENT_ADOPTED)
        return;
    size_t len = text_number(document->version, version);
    struct text key =
        op_join(op, 3,
                (const struct text[]){record->topic, {version, (uint32_t)len}, TEXT_LITERAL("")});
    struct kept *kept = find(op, held, &held->documents, key, true);
    if (!kept)
        return;
    kept->day = day;
    put_in(op, held, &held->documents, kept, true, record->data);
}

static void
walk_events(struct op *op, void *arg, const struct log_record *record)
{
    struct held *held = arg;
    struct text type = log_record_type(record);
    unsigned levels = count_levels(record->topic);
    if (levels == 4 && !text_is(type, "event.moved"))
        see_event(op, held, record);
    else if (levels == 6 && (text_is(type, "document.adopted") ||
                             text_is(type, "document.attached") || /* perhaps adopted already */
                             text_is(type, "document.revised")))
        see_document(op, held, record);
    zone_set_fini(&held->zones);
}

static date_day
day_of_decision(const struct decision *decision)
{
    return decision->decided != DATE_NONE      ? decision->decided
           : decision->outcome_at != TIME_NONE ? date_of_time(decision->outcome_at)
                                               : DATE_NONE;
}

static void
walk_decisions(struct op *op, void *arg, const struct log_record *record)
{
    struct held *held = arg;
    struct decision *decision = &held->scratch.decision;
    if (!decode(&decision_schema, record, decision))
        return;
    date_day day = day_of_decision(decision);
    bool in = decision->status == DECISION_ADOPTED && day >= held->asked->from &&
              day <= held->asked->to && !held->asked->dimension.ptr;
    struct kept *kept = find(op, held, &held->decisions, decision->id, in);
    if (kept)
        put_in(op, held, &held->decisions, kept, in, record->data);
}

/* Of a thing in the registry the last record counts. */
static void
keep_last(struct op *op, struct held *held, struct shelf *shelf, const struct log_record *record)
{
    struct kept *kept = find(op, held, shelf, topic_subject(record->topic), true);
    if (kept)
        put_in(op, held, shelf, kept, true, record->data);
}

static void
walk_participants(struct op *op, void *arg, const struct log_record *record)
{
    struct held *held = arg;
    keep_last(op, held, &held->participants, record);
}

static void
walk_bodies(struct op *op, void *arg, const struct log_record *record)
{
    struct held *held = arg;
    keep_last(op, held, &held->bodies, record);
}

/* Of the chairs every term that was recorded: by its first day, a correction by the one it names.
 */
static void
walk_chairs(struct op *op, void *arg, const struct log_record *record)
{
    struct held *held = arg;
    struct chair_term term;
    char day[DATE_TEXT_MAX];
    if (!decode(&chair_term_schema, record, &term))
        return;
    if (term.supersedes != DATE_NONE) {
        date_print(term.supersedes, day);
        struct kept *wrong = find(op, held, &held->chairs, text_of(day), false);
        if (wrong)
            put_in(op, held, &held->chairs, wrong, false, TEXT_NONE);
    }
    date_print(term.from, day);
    bool in = term.from >= held->asked->from && term.from <= held->asked->to &&
              !held->asked->dimension.ptr;
    struct kept *kept = find(op, held, &held->chairs, text_of(day), in);
    if (kept)
        put_in(op, held, &held->chairs, kept, in, record->data);
}

static void
walk_catalogue(struct op *op, void *arg, const struct log_record *record)
{
    struct held *held = arg;
    size_t room = 0;
    held->catalogue = copy(op, held, record->data, TEXT_NONE, &room);
}

/* ---- the digest ---- */

static void *
decode_kept(struct op *op, const struct schema *schema, struct text data)
{
    struct error error;
    void *message = op_alloc(op, schema->size);
    if (message && schema_decode_bytes(schema, data.ptr, data.len, message, SCHEMA_STORED,
                                       &error) != STATUS_OK)
        return NULL; /* it was decoded when it was kept, but for the registry's own */
    return message;
}

static bool
gather_events(struct op *op, struct held *held, struct notify_digest *digest)
{
    digest->events = op_alloc(op, (held->events.in + 1) * sizeof *digest->events);
    digest->series = op_alloc(op, (held->events.count + 1) * sizeof *digest->series);
    if (!digest->events || !digest->series)
        return false;
    for (const struct kept *kept = held->events.first; kept; kept = kept->after) {
        struct event *event = kept->in ? decode_kept(op, &event_schema, kept->data) : NULL;
        struct zone_set zones = {0};
        if (event && notify_digest_event(event, held->asked, zone_set_get(&zones, event->zone),
                                         &digest->events[digest->event_count].event))
            digest->event_count++;
        zone_set_fini(&zones);
        if (kept->took_place)
            digest->series[digest->series_count++] =
                (struct notify_digest_series){kept->id, kept->series, kept->count != INT_NONE};
    }
    return true;
}

static bool
gather_decisions(struct op *op, struct held *held, struct notify_digest *digest)
{
    digest->decisions = op_alloc(op, (held->decisions.in + 1) * sizeof *digest->decisions);
    for (const struct kept *kept = held->decisions.first; digest->decisions && kept;
         kept = kept->after) {
        const struct decision *decision =
            kept->in ? decode_kept(op, &decision_schema, kept->data) : NULL;
        if (decision)
            digest->decisions[digest->decision_count++] =
                (struct digest_decision){true,           decision->id,   decision->title,
                                         decision->body, decision->mode, day_of_decision(decision)};
    }
    return digest->decisions != NULL;
}

static bool
gather_chairs(struct op *op, struct held *held, struct notify_digest *digest)
{
    digest->chairs = op_alloc(op, (held->chairs.in + 1) * sizeof *digest->chairs);
    for (const struct kept *kept = held->chairs.first; digest->chairs && kept; kept = kept->after) {
        const struct chair_term *term =
            kept->in ? decode_kept(op, &chair_term_schema, kept->data) : NULL;
        if (term)
            digest->chairs[digest->chair_count++] =
                (struct digest_chair){true, term->vacant == 1 ? TEXT_NONE : term->code, term->from,
                                      term->to};
    }
    return digest->chairs != NULL;
}

static bool
gather_documents(struct op *op, struct held *held, struct notify_digest *digest)
{
    digest->documents = op_alloc(op, (held->documents.in + 1) * sizeof *digest->documents);
    for (const struct kept *kept = held->documents.first; digest->documents && kept;
         kept = kept->after) {
        const struct document *document =
            kept->in ? decode_kept(op, &document_schema, kept->data) : NULL;
        struct digest_document *out = &digest->documents[digest->document_count];
        if (!document)
            continue;
        schema_init(&digest_document_schema, out);
        schema_copy(&digest_document_schema, out, &document_schema, document);
        out->present = true;
        out->on = kept->day;
        digest->document_count++;
    }
    return digest->documents != NULL;
}

/* Names, and the changes of participants. */
static bool
gather_registry(struct op *op, struct held *held, struct notify_digest *digest)
{
    struct text language = held->asked->language;
    unsigned room = held->participants.in + held->bodies.in + 1, changes = 0;
    struct notify_digest_name *names = op_alloc(op, room * sizeof *names);
    struct digest_change *found = op_alloc(op, 64 * sizeof *found);
    digest->changes =
        op_alloc(op, (size_t)(held->participants.in + 1) * 64 * sizeof *digest->changes);
    if (!names || !found || !digest->changes)
        return false;
    digest->names = names;
    for (const struct kept *kept = held->participants.first; kept; kept = kept->after) {
        const struct participant *one = decode_kept(op, &participant_schema, kept->data);
        if (!one)
            continue;
        names[digest->name_count++] =
            (struct notify_digest_name){one->code, notify_digest_in(language, one->names.count,
                                                                    one->names.items, one->name)};
        changes = held->asked->dimension.ptr ? 0 : notify_digest_changes(one, held->asked, found);
        memcpy(digest->changes + digest->change_count, found, changes * sizeof *found);
        digest->change_count += changes;
    }
    for (const struct kept *kept = held->bodies.first; kept; kept = kept->after) {
        const struct body *one = decode_kept(op, &body_schema, kept->data);
        if (one)
            names[digest->name_count++] =
                (struct notify_digest_name){one->code,
                                            notify_digest_in(language, one->names.count,
                                                             one->names.items, one->name)};
    }
    return true;
}

static bool
gather_dimensions(struct op *op, struct held *held, struct notify_digest *digest)
{
    const struct catalogue *catalogue =
        held->catalogue.ptr ? decode_kept(op, &catalogue_schema, held->catalogue) : NULL;
    unsigned count = catalogue ? catalogue->dimensions.count : 0;
    struct notify_digest_name *names = op_alloc(op, (count + 1) * sizeof *names);
    for (unsigned i = 0; names && i < count; i++)
        names[i] = (struct notify_digest_name){catalogue->dimensions.items[i].code,
                                               catalogue->dimensions.items[i].name};
    digest->dimension_count = names ? count : 0;
    digest->dimensions = names;
    return names != NULL;
}

/* ---- the handler ---- */

static enum status
too_large(struct op *op)
{
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "to",
                     "to: one answer cannot hold that digest; ask for a shorter period, or for "
                     "one dimension");
}

/* Walks everything; STATUS_OK when the end was reached. */
static enum status
walk(struct op *op, struct held *held, int64_t *seq)
{
    static const struct {
        const char *prefix;
        op_walk_fn *walk;
    } walks[] = {
        {"events.", walk_events},
        {"decisions.", walk_decisions},
        {"registry.participant.", walk_participants},
        {"registry.body.", walk_bodies},
        {"registry.chair.", walk_chairs},
        {"registry.catalogue.", walk_catalogue},
    };
    enum status all = op_seq(op, seq);
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        enum status status = op_log_walk(op, walks[i].prefix, walks[i].walk, held);
        if (all == STATUS_OK || (status != STATUS_OK && status != STATUS_AGAIN))
            all = status;
    }
    return all;
}

enum status
digest_get_handle(struct op *op, const void *params)
{
    const struct digest_get *in = params;
    struct notify_digest digest = {
        .from = in->from, .to = in->to, .language = in->language, .dimension = in->dimension};
    int64_t seq;
    if (in->to < in->from || in->to - in->from > DAYS_MAX)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "to",
                         "to: want a day not before `from`, and at most %d days after it",
                         DAYS_MAX);
    struct held *held = op_hold(op, "digest", sizeof *held);
    if (!held)
        return op_no_memory(op);
    held->asked = in;
    enum status status = walk(op, held, &seq);
    if (status != STATUS_OK)
        return status;
    if (held->bytes > KEPT_BYTES_MAX)
        return too_large(op);
    if (held->failed || !gather_events(op, held, &digest) || !gather_decisions(op, held, &digest) ||
        !gather_chairs(op, held, &digest) || !gather_documents(op, held, &digest) ||
        !gather_registry(op, held, &digest) || !gather_dimensions(op, held, &digest))
        return op_no_memory(op);
    notify_digest_arrange(&digest);
    if (in->form && in->form != DIGEST_JSON)
        status = notify_digest_answer_text(op, &digest, in->form, seq);
    else
        notify_digest_answer_structure(op, &digest, seq);
    return status == STATUS_OK && op_result(op)->len > ANSWER_BYTES_MAX ? too_large(op) : status;
}
