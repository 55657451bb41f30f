/* What the bus counts. Pure. */
#ifndef CBM_SERVICES_BUS_STATS_H
#define CBM_SERVICES_BUS_STATS_H

#include <stdint.h>

struct bus_totals {
    uint64_t requests; /* client messages with a readable envelope */
    uint64_t answers;  /* FINALs of workers that went to clients */
    uint64_t partials;
    uint64_t errors;          /* answered by the bus itself with an error */
    uint64_t expired;         /* of these: by their deadline */
    uint64_t refused_full;    /* of these: over a limit */
    uint64_t repeated;        /* sent again because a worker died */
    uint64_t workers_lost;    /* died, as opposed to drained */
    uint64_t dropped_garbage; /* messages without a recoverable envelope */
    uint64_t dropped_late;    /* answers to what nobody waits for, and forged ones */
    uint64_t dropped_gone;    /* answers to clients that are gone or do not read */
};

#endif
