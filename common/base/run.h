/* The one shape of a program: arguments, configuration, loop, signals, readiness, drain, end. */
#ifndef CBM_BASE_RUN_H
#define CBM_BASE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/cfg.h"
#include "common/base/loop.h"

#define CBM_VERSION "0.1.0"

/* What a service is to the runner. `config` passed to start is a zeroed struct of `config_size`
 * filled from `rows`. */
struct run_program {
    const char *name;  /* "cbm-events" */
    const char *about; /* one sentence for --help */
    const struct cfg_row *rows;
    size_t config_size;
    /* Makes the service on the loop. NULL after a clear line in the log stops the start;
     * `exit_code` is preset to EX_UNAVAILABLE and may be set to another of sysexits. */
    void *(*start)(struct loop *loop, const void *config, int *exit_code);
    /* Whether it would answer a request now: healthchecks see this. */
    bool (*ready)(void *state);
    /* SIGTERM: take no new work, finish what runs. Called once. */
    void (*drain)(void *state);
    /* After drain: whether nothing is left to do. */
    bool (*drained)(void *state);
    /* Frees everything that start made. */
    void (*stop)(void *state);
    /* Appends its metrics in Prometheus' format (common/base/metrics.h); NULL for none. */
    void (*metrics)(void *state, struct buf *out);
};

/* Runs the program: --help, --version, --check-config, --health (exit 0 if the process that owns
 * CBM_READY_FILE is ready), --config FILE. Returns the exit code (sysexits). SIGTERM and SIGINT
 * drain, at most CBM_GRACE_MS; a second one ends at once. */
int run_main(const struct run_program *program, int argc, char **argv);

#endif
