/* The clock of the life cycle: when the last session of a scheduled event is over, it proposes to
 * hold it. Who was there confirms, by event.hold or event.report. It must not know sockets or
 * Redis.
 *
 * Index entry while an event waits for that: "hold|<20 digits, ms>|<id>" (common/service/due.h). An
 * event that was over when it got its dates has none: who records the past knows what became of it.
 */
#ifndef CBM_EVENTS_HOLD_H
#define CBM_EVENTS_HOLD_H

#include "common/service/op.h"
#include "services/events/events_domain.h"

#define EVENTS_HOLD_PREFIX "hold|"

/* Keeps the entry right through a change; `before_ms` is events_domain_hold_at of what it was. */
void events_hold_plan(struct op *op, int64_t before_ms, const struct event *after);

/* For the clock: proposes it, once. */
op_handler_fn events_hold_settle;

#endif
