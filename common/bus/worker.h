/* The worker side of MDP on every bus at once: registration, credit, heartbeats, draining
 * (common/bus/mdp.h). It must not know what requests mean. */
#ifndef CBM_BUS_WORKER_H
#define CBM_BUS_WORKER_H

#include <zmq.h>

#include "common/base/buf.h"
#include "common/base/loop.h"

struct worker;
struct worker_bus;

/* A request as it came: the three body frames (design section 3) and what its answer needs. The
 * receiver owns it: worker_request_fini, after worker_reply at most once. */
struct worker_request {
    struct worker_bus *bus;
    zmq_msg_t address;
    zmq_msg_t rpc, context, principal;
};
void worker_request_fini(struct worker_request *request);

/* Takes over *request (moves it). */
typedef void worker_request_fn(void *arg, struct worker_request *request);
/* Called after all input at hand was given: the end of a turn. */
typedef void worker_turn_fn(void *arg);

struct worker *worker_new(struct loop *loop, const char *endpoints, const char *service,
                          int64_t credit, worker_request_fn *request, worker_turn_fn *turn,
                          void *arg);
void worker_destroy(struct worker **worker);

/* Whether at least one bus has it registered. */
bool worker_registered(const struct worker *worker);

/* Answers with one body frame; `partial` for a part of a long answer, the last is not partial. The
 * bytes are copied. */
void worker_reply(struct worker_request *request, const struct buf *body, bool partial);

/* Tells every bus that no more work is wanted; worker_drained when all have agreed or are gone. */
void worker_drain(struct worker *worker);
bool worker_drained(const struct worker *worker);

#endif
