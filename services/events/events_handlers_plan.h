/* What the handlers of plans, of what differs and of a year's numbers share. They must not know
 * sockets or Redis.
 *
 * Documents: kind "plan" (the year), and for a version that was kept "plan-page"
 * (<year>.<version>.<page>, pages from 0), which never change. Index entries: "p|<year>", and for
 * every event "y|<year>|<id>". */
#ifndef CBM_EVENTS_HANDLERS_PLAN_H
#define CBM_EVENTS_HANDLERS_PLAN_H

#include "common/service/chores.h"
#include "services/events/events_handlers.h"
#include "services/events/events_plan.h"

/* The index entry by which an event is found by its year. */
struct text events_handlers_year_entry(struct op *op, const struct event *event);

/* Events with their documents, in order of ids, as long as the run; at least as new as `seq`. */
struct events_set {
    int64_t seq;
    unsigned count;
    struct events_listed *items;
};

/* The events of a year that are no drafts. STATUS_FAILED_PRECONDITION if there are too many. */
enum status events_handlers_year(struct op *op, int64_t year, struct events_set *out);

/* The events of a version as they were kept in `step`. */
enum status events_handlers_kept(struct op *op, const struct plan *plan,
                                 const struct plan_step *step, struct events_set *out);

/* The value of a text in an encoded map, absent if it has none. */
struct text events_handlers_text_at(struct text map, const char *key);

/* Loads the plan of a year; guarded. STATUS_NOT_FOUND has its message. */
enum status events_handlers_plan(struct op *op, int64_t year, struct plan *out);

/* The chore (common/service/chores.h) of what became of a plan's decision: its data is the id of
 * the decision, and if that could not be opened a space and the reason. Adopts the plan or sends it
 * back; does nothing if that was done. */
op_handler_fn events_handlers_plan_settle;

#endif
