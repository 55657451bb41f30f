/* cbm-registry: the registry service on the common runner. It must not know any rule of the domain.
 */
#include <stdlib.h>

#include "common/base/run.h"
#include "common/service/due.h"
#include "services/registry/registry_handlers_decision.h"
#include "services/registry/registry_plans.h"

struct registry_config {
    struct service_config service;
};

static const struct cfg_row rows[] = {SERVICE_ROWS(struct registry_config, service), CFG_END};

/* The running service. */
struct registry {
    struct service *service;      /* owned; the first member, for service_run_* */
    struct due_clock *clock;      /* owned; of silences */
    struct registry_plans *plans; /* owned */
};

static void
stop(void *state)
{
    struct registry *registry = state;
    service_destroy(&registry->service);
    due_clock_destroy(&registry->clock);
    registry_plans_destroy(&registry->plans);
    free(registry);
}

static void *
start(struct loop *loop, const void *config, int *exit_code)
{
    const struct registry_config *settings = config;
    struct registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return NULL;
    registry->clock = due_clock_new(loop, REGISTRY_DUE_PREFIX, registry_handlers_settle);
    registry->plans = registry_plans_new(loop, settings->service.redis, settings->service.org);
    if (registry->clock && registry->plans)
        registry->service = service_new(loop, &registry_interface, registry_handlers,
                                        &settings->service, registry->clock, exit_code);
    if (!registry->service) {
        stop(registry);
        return NULL;
    }
    due_clock_start(registry->clock, registry->service);
    registry_plans_start(registry->plans, registry->service);
    return registry;
}

int
main(int argc, char **argv)
{
    static const struct run_program program = {
        .name = "cbm-registry",
        .about = "Who takes part in CICA, who chairs, the bodies, the catalogue, the decisions.",
        .rows = rows,
        .config_size = sizeof(struct registry_config),
        .start = start,
        .ready = service_run_ready,
        .drain = service_run_drain,
        .drained = service_run_drained,
        .stop = stop,
        .metrics = service_run_metrics,
    };
    return run_main(&program, argc, argv);
}
