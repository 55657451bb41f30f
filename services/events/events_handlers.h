/* The handlers of the events service: load, ask the domain, save, record, answer. They must not
 * know sockets or Redis, and hold no rule that can be said without them.
 *
 * Documents: kind "event" (its id), "plan" (the year). Index: see events_domain.h for events, and
 * "p|<year>" for plans. */
#ifndef CBM_EVENTS_HANDLERS_H
#define CBM_EVENTS_HANDLERS_H

#include "common/msg/messages.h"
#include "common/service/op.h"
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

/* Replaces the index entries of an event (`before` NULL: it is new). */
enum status events_handlers_index(struct op *op, const struct event *before,
                                  const struct event *after);

#endif
