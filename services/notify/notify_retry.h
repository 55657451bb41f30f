/* When a delivery that failed is tried again, and when an endpoint that fails is given a rest
 * (design, fine print: webhooks). Pure: time and chance are arguments. */
#ifndef CBM_NOTIFY_RETRY_H
#define CBM_NOTIFY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

#define NOTIFY_RETRY_MAX 24
#define NOTIFY_RETRY_DEFAULT "0,1,5,PT1M,PT5M,PT30M,PT2H,PT5H,PT10H,PT24H"
#define NOTIFY_RETRY_AFTER_MAX_MS ((int64_t)24 * 60 * 60 * 1000)

/* The pause before each try, in ms; the first is that before the first. */
struct notify_retry {
    unsigned count;
    int64_t pauses_ms[NOTIFY_RETRY_MAX];
};

/* Reads pauses by comma, each in seconds ("0.5") or as an ISO 8601 duration ("PT1M"): 1 to
 * NOTIFY_RETRY_MAX, none above 30 days. False if the text is no such list. */
bool notify_retry_read(struct text text, struct notify_retry *out);

/* The pause before the next try after `tries` were made, up to a fifth longer by chance (`random`:
 * any number), and at least what the receiver asked for (-1: nothing; at most 24 h). -1: the last
 * one was made. */
int64_t notify_retry_pause(const struct notify_retry *retry, unsigned tries, int64_t asked_ms,
                           uint32_t random);

/* The circuit of an endpoint: after NOTIFY_CIRCUIT_FAILURES failures in a row it is open, and one
 * try at a time goes through, after pauses that grow as those between the tries of one delivery do,
 * to at most NOTIFY_CIRCUIT_PAUSE_MS. An embedded value: zeroed is closed.
 *
 *   closed --failures--> open --pause over--> one try --taken--> closed
 *                         ^                      | failed
 *                         +----------------------+ */
#define NOTIFY_CIRCUIT_FAILURES 5
#define NOTIFY_CIRCUIT_PAUSE_MS ((int64_t)5 * 60 * 1000)

struct notify_circuit {
    unsigned failures;     /* in a row */
    bool probing;          /* the one try is under way */
    int64_t open_until;    /* when it may begin */
    int64_t failing_since; /* the first of the failures in a row; 0: none */
};

bool notify_circuit_open(const struct notify_circuit *circuit);

/* Another has seen it fail since then: at least one failure in a row. */
void notify_circuit_failing(struct notify_circuit *circuit, int64_t since_ms);

/* Whether a try may begin now; notify_circuit_begin tells that it does. Times by one clock, ms. */
bool notify_circuit_may(const struct notify_circuit *circuit, int64_t now_ms);
void notify_circuit_begin(struct notify_circuit *circuit);

/* A try that began came to its end. */
void notify_circuit_end(struct notify_circuit *circuit, bool taken,
                        const struct notify_retry *retry, int64_t now_ms);

#endif
