/* The worker side of MDP on every bus at once: registration, credit, heartbeats, draining
 * (common/bus/mdp.h). It must not know what requests mean. */
#ifndef CBM_BUS_WORKER_H
#define CBM_BUS_WORKER_H

#include "common/base/loop.h"
#include "common/base/text.h"

struct worker;
struct worker_bus;

/* A request as it came: the three body frames (design section 3) and what its answer needs. The
 * receiver owns it and may move it: worker_request_fini, after worker_reply at most once. */
enum worker_part { WORKER_ADDRESS, WORKER_RPC, WORKER_CONTEXT, WORKER_PRINCIPAL, WORKER_PARTS };

struct worker_request {
    struct worker_bus *bus;
    struct worker_message *message; /* which the parts are in; of many requests if compact */
    bool compact;                   /* it came in a frame of many (common/bus/compact.h) */
    struct text parts[WORKER_PARTS];
};
void worker_request_fini(struct worker_request *request);

/* Takes over *request (moves it). */
typedef void worker_request_fn(void *arg, struct worker_request *request);
/* Called after all input at hand was given: the end of a turn. */
typedef void worker_turn_fn(void *arg);

/* How a worker shows itself to buses that ask for keys (CBM_WORKER_ACCESS=curve): the server's
 * public key, in Z85 or as a file that has it, and the file of its own certificate. */
struct worker_keys {
    const char *server, *cert;
};

/* `keys` is NULL where the buses do not ask. NULL after a line in the log. */
struct worker *worker_new(struct loop *loop, const char *endpoints, const struct worker_keys *keys,
                          const char *service, int64_t credit, worker_request_fn *request,
                          worker_turn_fn *turn, void *arg);
void worker_destroy(struct worker **worker);

/* Whether at least one bus has it registered. */
bool worker_registered(const struct worker *worker);

/* Answers with one body frame, which is `head` and `body` in a row; `partial` for a part of a long
 * answer, the last is not partial. The bytes are copied. To a bus that speaks the compact framing
 * they leave with worker_flush. */
void worker_reply(struct worker_request *request, struct text head, struct text body, bool partial);

/* Sends the answers of this turn: called at the end of each. */
void worker_flush(struct worker *worker);

/* Tells every bus that no more work is wanted; worker_drained when all have agreed or are gone. */
void worker_drain(struct worker *worker);
bool worker_drained(const struct worker *worker);

#endif
