/* See events_handlers.h: event.get and event.list, and the index behind it.
 * It must not know sockets or Redis. */
#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"
#include "services/events/events_handlers_plan.h"

#define SCANNED_MAX 20000 /* index entries that one request passes … */
#define LOOKED_MAX 2000   /* … and events that it looks at */
#define CHUNK_MIN 16      /* entries of one round */
#define CHUNK_MAX 500
#define CHUNK_MAX_FILTERED 4000 /* where the entry itself says that most are not asked for */

/* ---- the index ------------------------------------------------------------------------------- */

struct entries {
    unsigned count;
    struct text *items;
};

/* The entries of an event; none of NULL. */
static bool
entries_of(struct op *op, const struct event *event, struct entries *out)
{
    char entry[EVENTS_ENTRY_MAX];
    *out = (struct entries){0};
    unsigned max = event ? events_domain_keys_max(event) : 0;
    struct events_key *keys = op_alloc(op, (max + 1) * sizeof *keys);
    unsigned count = event && keys ? events_domain_keys(event, keys) : 0;
    out->items = op_alloc(op, (count + 2) * sizeof *out->items);
    if (!keys || !out->items)
        return false;
    if (event)
        out->items[out->count++] = events_handlers_year_entry(op, event);
    for (unsigned i = 0; i < count; i++) {
        uint32_t len = events_domain_entry(event, &keys[i], entry);
        out->items[out->count++] = op_join(op, 1, &(struct text){entry, len});
    }
    return true;
}

static bool
has(const struct entries *entries, struct text entry)
{
    for (unsigned i = 0; i < entries->count; i++)
        if (text_equal(entries->items[i], entry))
            return true;
    return false;
}

enum status
events_handlers_index(struct op *op, const struct event *before, const struct event *after)
{
    struct entries old, new;
    if (!entries_of(op, before, &old) || !entries_of(op, after, &new))
        return op_no_memory(op);
    for (unsigned i = 0; i < old.count; i++)
        if (!has(&new, old.items[i]))
            op_index_remove(op, old.items[i]);
    for (unsigned i = 0; i < new.count; i++)
        if (!has(&old, new.items[i]))
            op_index_add(op, new.items[i]);
    return STATUS_OK;
}

/* ---- event.get and event.list ---------------------------------------------------------------- */

bool
events_handlers_is_draft(struct text document)
{
    struct mp_value map, key;
    const char *at = mp_read(document.ptr, &map);
    for (int64_t left = map.number; left > 0; left--) {
        at = mp_next(at, &key);
        if (text_is(key.bytes, "draft"))
            return true;
        at = mp_skip(at);
    }
    return false;
}

static enum status
check_draft(struct op *op, struct text bytes)
{
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return op_no_memory(op);
    enum status status = schema_decode_bytes(&event_schema, bytes.ptr, bytes.len, event,
                                             SCHEMA_STORED, op_error(op));
    if (status != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored event is damaged");
    return events_handlers_sure(op, events_handlers_visible(op, event));
}

enum status
event_get_handle(struct op *op, const void *params)
{
    const struct id_ref *in = params;
    struct text bytes;
    enum status status = op_load_raw(op, "event", in->id, &bytes);
    if (status != STATUS_OK)
        return events_handlers_found(op, status, "event", in->id);
    op_answer_raw(op, bytes);
    bool all = op_principal(op)->roles & PERMIT_SECRETARIAT;
    return !all && events_handlers_is_draft(bytes) ? check_draft(op, bytes) : STATUS_OK;
}

unsigned
events_handlers_weight(struct text document)
{
    unsigned count = 0;
    struct mp_value value;
    const char *at = document.ptr, *end = at + document.len;
    for (; at < end; count++)
        at = mp_read(at, &value);
    return count;
}

static void
take(struct events_listing *listing, struct events_listed item)
{
    listing->items[listing->count++] = item;
    listing->bytes += item.bytes.len;
    listing->weight += events_handlers_weight(item.bytes);
    listing->full = listing->count == listing->query.limit ||
                    listing->bytes >= listing->limits.bytes ||
                    listing->weight >= listing->limits.weight;
}

/* Most times its sessions say so, and the rest of the document need not be looked at. */
enum status
events_handlers_listed(struct op *op, struct events_listing *listing, struct text key,
                       struct text bytes, bool *wanted)
{
    struct events_actor actor = events_handlers_actor(op);
    struct event_sessions *sessions = &listing->sessions;
    if (listing->query.plain &&
        schema_decode(&event_sessions_schema, bytes, sessions, SCHEMA_STORED, op_error(op)) ==
            STATUS_OK &&
        sessions->draft != 1) {
        *wanted = events_domain_listed_by(&listing->query, sessions, key);
        return STATUS_OK;
    }
    enum status status = schema_decode_bytes(&event_schema, bytes.ptr, bytes.len, &listing->event,
                                             SCHEMA_STORED, op_error(op));
    if (status != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "a stored event is damaged");
    *wanted =
        events_domain_listed(&listing->query, &listing->event, key) &&
        events_domain_visible(&actor, &listing->event, events_handlers_known(op), op_today(op));
    return STATUS_OK;
}

/* Takes what belongs on the list until the page is full. The first document that is not here yet
 * makes it only ask for the rest, so that one round brings the whole chunk: STATUS_AGAIN. */
static enum status
take_chunk(struct op *op, struct events_listing *listing, const struct op_range *range)
{
    enum status outcome = STATUS_OK;
    struct events_listed item;
    struct text key;
    for (unsigned i = 0; i < range->count; i++) {
        listing->last = range->items[i];
        listing->scanned++;
        if (!events_domain_asked(&listing->query, range->items[i], &key, &item.id,
                                 &listing->cursor))
            continue;
        listing->looked++;
        bool wanted = false;
        enum status status = op_peek(op, "event", item.id, NULL, NULL, &item.bytes);
        if (status == STATUS_AGAIN)
            outcome = status;
        else if (status == STATUS_OK && outcome == STATUS_OK)
            status = events_handlers_listed(op, listing, key, item.bytes, &wanted);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_AGAIN)
            return status;
        if (!wanted)
            continue;
        take(listing, item);
        if (listing->full) {
            listing->ended = listing->ended && i + 1 == range->count;
            return STATUS_OK;
        }
    }
    return outcome;
}

/* How many entries to ask for next: what the page needs and one more, to see the end; and as many
 * again as before, as every round decodes the earlier chunks once more. */
static unsigned
chunk_size(const struct events_listing *listing)
{
    unsigned want = listing->query.limit - listing->count + 1;
    unsigned left = listing->limits.scanned - listing->scanned;
    if (want < CHUNK_MIN)
        want = CHUNK_MIN;
    if (want < listing->scanned)
        want = listing->scanned;
    bool filtered = listing->query.in->host.ptr || listing->query.in->area.ptr;
    unsigned most = filtered ? CHUNK_MAX_FILTERED : CHUNK_MAX;
    if (want > most)
        want = most;
    return want < left ? want : left;
}

static enum status
fill_page(struct op *op, struct events_listing *listing)
{
    struct text from = text_of(listing->query.start), upto = text_of(listing->query.upto);
    while (!listing->full && !listing->ended && listing->scanned < listing->limits.scanned &&
           listing->looked < listing->limits.looked) {
        struct op_range range;
        unsigned chunk = chunk_size(listing);
        enum status status = op_scan(op, from, upto, chunk, &range);
        if (status != STATUS_OK)
            return status;
        listing->ended = range.count < chunk;
        status = take_chunk(op, listing, &range);
        if (status != STATUS_OK)
            return status;
        /* '!' sorts before every character of an id: what follows the entry */
        from = op_format(op, "%.*s!", TEXT_ARG(listing->last));
    }
    return STATUS_OK;
}

enum status
events_handlers_listing(struct op *op, const struct event_list *in,
                        const struct events_limits *limits, struct events_listing **out)
{
    struct events_listing *listing = *out = op_alloc(op, sizeof *listing);
    if (!listing)
        return op_no_memory(op);
    *listing = (struct events_listing){.limits = *limits, .last = TEXT_NONE, .cursor = TEXT_NONE};
    enum status status = events_domain_query(in, &listing->query, op_error(op));
    if (status != STATUS_OK)
        return status;
    listing->items = op_alloc(op, listing->query.limit * sizeof *listing->items);
    if (!listing->items)
        return op_no_memory(op);
    enum status seq_status = op_seq(op, &listing->seq); /* before all else, in the same round */
    status = fill_page(op, listing);
    return status == STATUS_OK ? seq_status : status;
}

enum status
event_list_handle(struct op *op, const void *params)
{
    static const struct events_limits limits = {SCANNED_MAX, LOOKED_MAX, EVENTS_PAGE_BYTES_MAX,
                                                EVENTS_PAGE_WEIGHT_MAX};
    struct events_listing *listing;
    bool answered;
    enum status status = events_handlers_span(op, params, &answered);
    if (status != STATUS_OK || answered)
        return status;
    status = events_handlers_listing(op, params, &limits, &listing);
    if (status != STATUS_OK)
        return status;
    op_list_begin(op);
    for (unsigned i = 0; i < listing->count; i++)
        op_list_item_raw(op, listing->items[i].bytes);
    op_list_end(op, listing->ended ? TEXT_NONE : listing->cursor, listing->seq);
    return STATUS_OK;
}
