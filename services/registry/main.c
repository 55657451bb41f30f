/* cbm-registry: the registry service on the common runner. It must not know any rule of the domain.
 */
#include "common/base/run.h"
#include "common/service/service.h"
#include "services/registry/registry_handlers.h"

struct registry_config {
    struct service_config service;
};

static const struct cfg_row rows[] = {SERVICE_ROWS(struct registry_config, service), CFG_END};

static void *
start(struct loop *loop, const void *config, int *exit_code)
{
    const struct registry_config *registry = config;
    return service_new(loop, &registry_interface, registry_handlers, &registry->service, NULL,
                       exit_code);
}

static bool
ready(void *state)
{
    return service_ready(state);
}

static void
drain(void *state)
{
    service_drain(state);
}

static bool
drained(void *state)
{
    return service_drained(state);
}

static void
stop(void *state)
{
    struct service *service = state;
    service_destroy(&service);
}

static void
metrics(void *state, struct buf *out)
{
    service_metrics(state, out);
}

int
main(int argc, char **argv)
{
    static const struct run_program program = {
        .name = "cbm-registry",
        .about = "Who takes part in CICA, who chairs, the bodies and the catalogue.",
        .rows = rows,
        .config_size = sizeof(struct registry_config),
        .start = start,
        .ready = ready,
        .drain = drain,
        .drained = drained,
        .stop = stop,
        .metrics = metrics,
    };
    return run_main(&program, argc, argv);
}
