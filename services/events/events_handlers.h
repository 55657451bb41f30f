/* The handlers of the events service: load, ask the domain, save, record, answer. They must not
 * know sockets or Redis, and hold no rule that can be said without them.
 *
 * Documents: kind "event" (its id), "plan" (the year), "plan-page" (events_handlers_plan.h). Index:
 * see events_domain.h for events, and "p|<year>" for plans. */
#ifndef CBM_EVENTS_HANDLERS_H
#define CBM_EVENTS_HANDLERS_H

#include "common/msg/messages.h"
#include "common/service/op.h"
#include "common/service/service.h"
#include "services/events/events_domain.h"
#include "services/events/events_view.h"

/* In the order of events.def, for service_new, whose `arg` is the struct events_view. */
extern op_handler_fn *const events_handlers[];

#define METHOD(id, name, params, result, read_only, permission, answers, doc)                      \
    op_handler_fn id##_handle;
#include "common/msg/def_begin.h"
#include "common/msg/events.def"
#include "common/msg/def_end.h"

/* What the service knows of the registry. */
const struct events_known *events_handlers_known(const struct op *op);

/* For a refusal by what is known: it may be behind. STATUS_AGAIN until it has passed the log's end
 * as it was when the request came; then, or for STATUS_OK, `status` itself. */
enum status events_handlers_sure(struct op *op, enum status status);

/* STATUS_NOT_FOUND gets its message; every other status is passed on. */
enum status events_handlers_found(struct op *op, enum status status, const char *what,
                                  struct text id);

/* Who asks. */
struct events_actor events_handlers_actor(const struct op *op);

/* STATUS_NOT_FOUND, as if there were none, for an event that the asker may not see. */
enum status events_handlers_visible(struct op *op, const struct event *event);

/* Saves an event, with the time of its change, tells it on its topic by a record of the type, and
 * answers it. `from` is the status before, NULL for none. */
void events_handlers_tell(struct op *op, struct event *event, const char *type, const char *from);

/* Replaces the index entries of an event (`before` NULL: it is new). */
enum status events_handlers_index(struct op *op, const struct event *before,
                                  const struct event *after);

/* Whether a stored event is a draft. Few are, and to decode the others would cost event.get the
 * most of what it does. */
bool events_handlers_is_draft(struct text document);

/* ---- lists (events_handlers_list.c) ---------------------------------------------------------- */

/* What ends a list before its limit: see below, and the bytes and MessagePack objects of
 * its documents. */
struct events_limits {
    unsigned scanned, looked; /* index entries passed, events looked at */
    size_t bytes;
    unsigned weight;
};

#define EVENTS_PAGE_BYTES_MAX (768 * 1024) /* a page stays well under what a client may read … */
#define EVENTS_PAGE_WEIGHT_MAX 60000       /* … in bytes and in MessagePack objects */

/* A list being filled. Items are kept aside until the last round: a run that ends in AGAIN leaves
 * nothing behind. */
struct events_listed {
    struct text id, bytes;
};
struct events_listing {
    struct events_query query;
    struct events_limits limits;
    int64_t seq;        /* the list is at least as new */
    struct event event; /* the one looked at, or what is needed of it */
    struct event_sessions sessions;
    unsigned scanned, looked, count, weight;
    size_t bytes;
    bool full, ended;         /* ended: there is no more */
    struct text last, cursor; /* the entry the page ends with, absent before the first */
    struct events_listed *items;
};

/* The events that `in` asks for, in the order of the index, until the limits; all of it lives as
 * long as the run. STATUS_OK, STATUS_AGAIN, or a refusal of `in`. */
enum status events_handlers_listing(struct op *op, const struct event_list *in,
                                    const struct events_limits *limits,
                                    struct events_listing **out);

/* Whether an event belongs on the list, at the entry with this key, and the asker may see it. Of
 * the listing only the query is read. STATUS_OK, or what is wrong with the document. */
enum status events_handlers_listed(struct op *op, struct events_listing *listing, struct text key,
                                   struct text bytes, bool *wanted);

/* How many MessagePack objects a stored document has. */
unsigned events_handlers_weight(struct text document);

/* Answers a list of a span of some months or less from the calendar in memory
 * (events_handlers_span.c); `answered` false: it is for the store to answer. */
enum status events_handlers_span(struct op *op, const struct event_list *in, bool *answered);

/* Keeps the calendar in memory in line with the log. */
void events_handlers_span_begin(struct service *service, struct events_view *view);

/* ---- the log (events_handlers_history.c) ----------------------------------------------------- */

/* A step of an event as the log tells it; absent is what it does not tell. */
struct events_told {
    int64_t seq, time_ms;
    struct text type, actor, status, from, reason, moved_from;
};

/* Reads a record as op_log_read gives it; the texts borrow from it. */
enum status events_handlers_told(struct op *op, const struct log_record *record,
                                 struct events_told *out);

/* Whether it is a step of the event itself: not its move to another topic, nor a record of a part
 * of it, which stands under its topic. */
bool events_handlers_is_step(const struct events_told *told);

/* Writes {seq, type, time, actor, status, from?, reason?}. */
void events_handlers_write_told(struct buf *buf, const struct events_told *told);

#endif
