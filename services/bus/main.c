/* cbm-bus: the broker between clients and services. Here is only its shape; the work is in
 * bus_broker.c. */
#include "common/base/run.h"
#include "services/bus/bus_broker.h"
#include "services/bus/bus_metrics.h"

int
main(int argc, char **argv)
{
    static const struct run_program program = {
        .name = "cbm-bus",
        .about = "gives requests to the services that serve them (ZeroMQ RFC 18/MDP 0.2)",
        .rows = bus_broker_rows,
        .config_size = sizeof(struct bus_config),
        .start = bus_broker_start,
        .ready = bus_broker_ready,
        .drain = bus_broker_drain,
        .drained = bus_broker_drained,
        .stop = bus_broker_stop,
        .metrics = bus_metrics,
    };
    return run_main(&program, argc, argv);
}
