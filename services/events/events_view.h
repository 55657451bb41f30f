/* The service's own copy of the registry, kept from the registry's records on the log (`registry.`
 * and `decisions.`), as any subscriber would. It must not know handlers or the registry's documents
 * in the store. */
#ifndef CBM_EVENTS_VIEW_H
#define CBM_EVENTS_VIEW_H

#include "common/base/loop.h"
#include "common/service/chores.h"
#include "services/events/events_agendas.h"
#include "services/events/events_known.h"
#include "services/events/events_spans.h"
#include "common/base/zone.h"

struct events_view;

/* Starts following the log. `redis` and `org` as in struct service_config. What became of a plan's
 * decision is put into `plans`, which outlives the view, as events_handlers_plan_settle reads it.
 * `span_bytes` of the calendar are kept in memory. NULL when out of memory. */
struct events_view *events_view_new(struct loop *loop, const char *redis, const char *org,
                                    struct chores *plans, size_t span_bytes);
void events_view_destroy(struct events_view **view);

/* What is known; borrowed, changes as records come in. */
const struct events_known *events_view_known(const struct events_view *view);

/* The calendar in memory; what fills it and keeps it in line is events_handlers_span's business. */
struct events_spans *events_view_spans(const struct events_view *view);

/* The agendas in the same memory (events_handlers_memory.h). */
struct events_agendas *events_view_agendas(const struct events_view *view);

/* The zones of tzdata, each read once; and one of them. */
struct zone_set *events_view_zones(struct events_view *view);
const struct zone *events_view_zone(struct events_view *view, struct text name);

/* For service_set_gate and service_set_position; `arg` is the view. Open once all that was on the
 * log at the start has been seen; a lost connection afterwards does not close it (reads go on, and
 * a refusal waits for the position). */
bool events_view_open(void *arg);
int64_t events_view_position(void *arg, int64_t wanted);

#endif
