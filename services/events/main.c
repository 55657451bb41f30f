/* cbm-events: the events service on the common runner. It must not know any rule of the domain. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/run.h"
#include "common/service/chores.h"
#include "common/service/due.h"
#include "services/events/events_handlers_plan.h"
#include "services/events/events_hold.h"

struct events_config {
    struct service_config service;
    int64_t spans_mb;
};

/* The running service. */
struct events {
    struct service *service;  /* owned; the first member, for service_run_* */
    struct events_view *view; /* owned */
    struct chores *plans;     /* owned; what became of the decisions of plans */
    struct due_clock *clock;  /* owned; of last sessions */
};

static const struct cfg_row rows[] = {
    SERVICE_ROWS(struct events_config, service),
    {"CBM_SPANS_MB", CFG_INT, offsetof(struct events_config, spans_mb), "768", 0, 65536, NULL,
     "MiB of memory for what lists of a span and checks of clashes are answered from; 0: none"},
    CFG_END,
};

static void
stop(void *state)
{
    struct events *events = state;
    service_destroy(&events->service);
    events_view_destroy(&events->view);
    chores_destroy(&events->plans);
    due_clock_destroy(&events->clock);
    free(events);
}

static void *
start(struct loop *loop, const void *config, int *exit_code)
{
    const struct events_config *mine = config;
    const struct service_config *service = &mine->service;
    struct events *events = calloc(1, sizeof *events);
    if (!events)
        return NULL;
    events->plans = chores_new(loop, events_handlers_plan_settle);
    events->clock = due_clock_new(loop, EVENTS_HOLD_PREFIX, events_hold_settle);
    if (events->plans && events->clock)
        events->view = events_view_new(loop, service->redis, service->org, events->plans,
                                       (size_t)mine->spans_mb << 20);
    if (events->view)
        events->service =
            service_new(loop, &events_interface, events_handlers, service, events->view, exit_code);
    if (!events->service) {
        stop(events);
        return NULL;
    }
    service_set_gate(events->service, events_view_open, events->view);
    service_set_position(events->service, events_view_position, events->view);
    events_handlers_span_begin(events->service, events->view);
    chores_start(events->plans, events->service);
    due_clock_start(events->clock, events->service);
    return events;
}

int
main(int argc, char **argv)
{
    static const struct run_program program = {
        .name = "cbm-events",
        .about = "The annual plan and its events.",
        .rows = rows,
        .config_size = sizeof(struct events_config),
        .start = start,
        .ready = service_run_ready,
        .drain = service_run_drain,
        .drained = service_run_drained,
        .stop = stop,
        .metrics = service_run_metrics,
    };
    return run_main(&program, argc, argv);
}
