/* What every load generator shares: how many requests may leave now, what they took, and one JSON
 * object at the end. It must not know whom it loads. */
#ifndef CBM_BENCH_RUN_H
#define CBM_BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define BENCH_SLOTS                                                                                \
    65536 /* requests that can be in flight; a request's slot is its number modulo it */

/* A run, either closed (`in_flight` all the time) or open (`rate` a second whatever comes back).
 * The first tenth of a timed run warms up and is forgotten; a run of a fixed `count` is counted
 * whole. A latency is counted from the sending; how late a paced request left is in `late_p99_us`.
 * Not thread-safe. */
struct bench_run {
    unsigned in_flight; /* --in-flight, 1 */
    double seconds;     /* --seconds, 2 */
    double rate;        /* --rate, 0: closed */
    uint64_t count;     /* --count, 0: timed */

    int64_t begin_us, counted_us, end_us, last_us;
    uint64_t sent, answered, errors;
    int64_t *sent_us;          /* owned, by slot */
    int64_t *latencies, *late; /* owned, µs */
    size_t latency_count, latency_cap, late_count, late_cap;
    bool warm;
};

/* Takes the options out of `argv`, leaving what is not an option; returns how many are left (with
 * argv[0]). Ends the process with 64 on an unknown option. */
int bench_run_init(struct bench_run *run, int argc, char **argv);
void bench_run_begin(struct bench_run *run); /* the clock runs from here */

/* How many requests may be sent now; each is then announced by bench_run_sent, which returns its
 * slot, and answered by bench_run_done. */
unsigned bench_run_due(struct bench_run *run);
unsigned bench_run_sent(struct bench_run *run);
void bench_run_done(struct bench_run *run, unsigned slot, bool good);

/* µs until the next request is due: 0 at once, -1 only when an answer comes. */
int64_t bench_run_wait_us(struct bench_run *run);
bool bench_run_over(struct bench_run *run); /* nothing more to send, and all is answered */

/* Prints {"count", "errors", "rate", "p50_us", "p99_us", "late_p99_us"} and frees. Returns the exit
 * code: 1 if a request failed or none was answered. */
int bench_run_end(struct bench_run *run);

/* The n-th event of a run: its id, the proposal of it, and the document that comes of it. */
#define BENCH_ID_MAX 48
void bench_event_id(char id[BENCH_ID_MAX], uint32_t run_id, uint64_t n);
void bench_event_day(char day[16], uint64_t n);
void bench_event_draft(struct buf *buf, const char *id, uint64_t n);
void bench_event_document(struct buf *buf, const char *id, uint64_t n);
uint32_t bench_run_id(void); /* another for every process */

/* A failure that ends the run: a line on stderr and exit code 1. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
