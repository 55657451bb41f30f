/* What the handlers of the parts of an event (delegations, milestones, documents) and of road maps
 * share. They must not know sockets or Redis.
 *
 * Documents, beside those of events_handlers.h: "registration" (<event>), "delegation" and
 * "delegation-key" (<event>/<member>), "secret" ("names"), "milestone" (<event>/<kind>), "document"
 * (<event>/<id>, and <event>/<id>/<version> of one that was superseded), "roadmap" (<id>, and
 * <id>/<version> of each version).
 *
 * Index:
 *   d|<event>|<member>  dm|<member>|<event>              delegations
 *   dn|<mark>|<event>|<member>|<mode>                    their persons (p in person, o online)
 *   m|<key>|<event>|<kind>                               milestones, by when they are due
 *   mo|<key>|<event>|<kind>  me|<event>|<key>|<kind>     not met; by event
 *   do|<event>|<id>!<version, 5 digits>                  documents
 *   rm|<id>  rv|<id>|<9999999 - version>|<date>  road maps; versions, the newest first
 *
 * A key is the instant a milestone is due as "2021-07-13T00:00:00Z", of a day its beginning. */
#ifndef CBM_EVENTS_HANDLERS_PARTS_H
#define CBM_EVENTS_HANDLERS_PARTS_H

#include "services/events/events_handlers.h"

/* op_no_memory, so that compilers and checkers see that its status is never STATUS_OK. */
static inline enum status
events_no_memory(struct op *op)
{
    op_no_memory(op);
    return STATUS_RESOURCE_EXHAUSTED;
}

/* The worse of two statuses of what was asked for in one round: an error, then STATUS_AGAIN. */
enum status events_handlers_both(enum status a, enum status b);

/* Loads a document for a change, an empty one if there is none: its numbers, so its `rev`, are
 * INT_NONE. */
enum status events_handlers_load_or_new(struct op *op, const char *kind, struct text id,
                                        const struct schema *schema, void *message);

/* Loads an event that the asker may see; for a change, whose commit rests on it. STATUS_NOT_FOUND,
 * with its message, as if there were none, for a draft of others. */
enum status events_handlers_event(struct op *op, struct text id, struct event **out);

/* The same for reads, without a guard. */
enum status events_handlers_peek_event(struct op *op, struct text id, struct event *out);

/* "<topic of the event><level>.<name>."; without the name if it is absent. */
struct text events_handlers_part_topic(struct op *op, const struct event *event, const char *level,
                                       struct text name);

/* A list that pages over the index entries that begin with `prefix`, up to `upto` (absent: all of
 * them). For each entry, without the prefix, the function adds one item by op_list_item and says
 * STATUS_OK and about how many bytes it has, or STATUS_NOT_FOUND if it is not on the list. Every
 * entry of a chunk is looked at even where one says STATUS_AGAIN, so that one round is enough. */
typedef enum status events_page_fn(struct op *op, void *arg, struct text entry, size_t *bytes);
struct events_page {
    struct text prefix, upto;
    int64_t limit;      /* INT_NONE: 100 */
    struct text cursor; /* the last entry of the page before, absent or empty for the first page */
    events_page_fn *item;
    void *arg;
};
enum status events_handlers_page(struct op *op, const struct events_page *page);

/* The n-th (from 0) part of an entry: "a|b!c" → a, b, c. Absent if there is none. '!' stands where
 * what is before it may go on ("paper", "paper-ru") and the shorter is to come first. */
struct text events_handlers_level(struct text entry, unsigned n);

/* ---- delegations (events_handlers_delegation*.c) ---- */

/* Which delegations to an event, registered or waiting, share somebody with delegations to other
 * events: for the clash `delegate-double`. No name leaves this. Not guarded by a commit; lives as
 * long as the run, without `present`. */
enum status events_handlers_elsewhere(struct op *op, struct text event, unsigned *count,
                                      struct elsewhere **out);

/* The persons of a delegation, opened with its key; false if they were erased. What is opened lives
 * as long as the run. */
bool events_handlers_open_people(struct op *op, struct delegation *delegation,
                                 const struct delegation_key *key);

/* "<event>/<member>", the id of a delegation's documents. */
struct text events_handlers_delegation_id(struct op *op, struct text event, struct text member);

#endif
