/* The bus's numbers in Prometheus' format. */
#ifndef CBM_SERVICES_BUS_METRICS_H
#define CBM_SERVICES_BUS_METRICS_H

#include "common/base/buf.h"

/* For struct run_program; `state` is the struct bus_broker. */
void bus_metrics(void *state, struct buf *out);

#endif
