/* The state of the bus, and what happens to a request between its two sides: queue, choice of
 * worker, deadlines, death of workers, drain. It must not know frames; the sides (bus_client,
 * bus_worker) do.
 *
 * A worker that is lost, and a service that became idle, are freed only in bus_broker_settle, which
 * a side calls when it has done one message: until then pointers to them hold. */
#ifndef CBM_SERVICES_BUS_BROKER_H
#define CBM_SERVICES_BUS_BROKER_H

#include "common/auth/access.h"
#include "common/base/buf.h"
#include "common/base/cfg.h"
#include "common/base/loop.h"
#include "common/bus/rpc.h"
#include "common/bus/sock.h"
#include "services/bus/bus_outbox.h"
#include "services/bus/bus_request.h"
#include "services/bus/bus_service.h"
#include "services/bus/bus_stats.h"

#define BUS_TURN_MAX 256   /* messages taken from a socket before the other has its turn */
#define BUS_ATTEMPTS_MAX 3 /* how often a request is sent to a worker */

struct bus_config {
    char client_bind[CFG_TEXT_MAX];
    char worker_bind[CFG_TEXT_MAX];
    int64_t queue_max;      /* requests waiting for one service */
    int64_t requests_max;   /* requests held in all */
    int64_t bytes_max;      /* their bytes */
    int64_t request_max_ms; /* how long one is held at most */
    struct access_config access;
    int64_t worker_access; /* enum access_mode */
    char redis[CFG_TEXT_MAX], org[64];
};

extern const struct cfg_row bus_broker_rows[];

struct bus_broker {
    struct loop *loop; /* borrowed */
    struct bus_config config;
    char id[64]; /* which of several buses this is: host and process */
    struct access *access;
    zsock_t *client_sock, *worker_sock;
    void *clients, *workers; /* their raw handles, for the hot path */
    struct bus_directory directory;
    struct bus_request_table requests;
    struct bus_totals totals;
    struct bus_worker *lost;  /* to be settled, linked by next_lost */
    struct buf scratch;       /* of whoever writes a frame right now */
    struct bus_outbox outbox; /* for peers of the compact framing, sent at the end of a turn */
    size_t bytes;             /* of the messages held */
    uint32_t open;            /* requests not answered yet */
    int64_t now_us, now_ms;   /* monotonic, of the message or tick being worked on */
    int64_t started_ms, beat_ms;
    bool draining;
};

/* For struct run_program; see run.h. */
void *bus_broker_start(struct loop *loop, const void *config, int *exit_code);
bool bus_broker_ready(void *state);
void bus_broker_drain(void *state);
bool bus_broker_drained(void *state);
void bus_broker_stop(void *state);

/* Reads the clock. Called before each message. */
void bus_broker_touch(struct bus_broker *broker);

/* Takes a request that has its messages, service, times and flags set: it goes to a worker now or
 * waits. `deadline_ms` is the time left, INT64_MIN if the client set none. */
void bus_broker_submit(struct bus_broker *broker, struct bus_request *request, int64_t deadline_ms);

/* Sends waiting requests to workers as far as there is credit. */
void bus_broker_dispatch(struct bus_broker *broker, struct bus_service *service);

/* The request's answer went out (or nobody is there to get it): its worker has its credit back. */
void bus_broker_finish(struct bus_broker *broker, struct bus_request *request);

/* Answers the request with an error, without giving back its slot. */
void bus_broker_fail(struct bus_broker *broker, struct bus_request *request, enum status status,
                     const char *message);

/* The worker is gone: no more work for it; what it has is taken back by bus_broker_settle. */
void bus_broker_lose(struct bus_broker *broker, struct bus_worker *worker);

/* No worker of the service takes work any more: what waits does so for a short time only. */
void bus_broker_starve(struct bus_broker *broker, struct bus_service *service);

/* Sends what the turn left for peers of the compact framing: the end of each turn. */
void bus_broker_send_out(struct bus_broker *broker);

/* Takes back what lost workers had and frees them. */
void bus_broker_settle(struct bus_broker *broker);

/* The encoded principal on whose behalf a request is sent to a worker. */
struct text bus_broker_principal(const struct bus_request *request);

#endif
