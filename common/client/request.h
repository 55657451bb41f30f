/* A request of the client from cbm_send to its answer, and the table of them by id.
 * It must not know sockets. */
#ifndef CBM_CLIENT_REQUEST_H
#define CBM_CLIENT_REQUEST_H

#include "common/base/buf.h"
#include "common/bus/mdp.h"
#include "common/bus/rpc.h"
#include "common/client/cbm.h"

enum request_state {
    REQUEST_WAITING, /* to be sent, from retry_at on */
    REQUEST_SENT,    /* on its way by `link` */
    REQUEST_DONE,    /* answered, not handed over */
};

struct request {
    uint32_t id;
    enum request_state state;
    unsigned link;
    bool again;  /* may be sent twice: it has a key or is safe */
    bool waited; /* cbm_call waits for it: not for cbm_poll */
    bool failed;
    unsigned tries;
    int64_t deadline_at, retry_at; /* monotonic ms */
    char service[MDP_SERVICE_MAX + 1];
    char key[RPC_KEY_MAX + 1];
    char traceparent[129];
    int64_t min_seq;
    bool safe;
    struct buf rpc;     /* the encoded request */
    struct buf partial; /* encoded items of the PARTIAL answers */
    uint32_t partial_count;
    struct buf result;    /* when done: the result, or the details of the error */
    struct request *next; /* in the list of the done */
    struct error error;   /* why it failed, or why the last try did */
};

struct request_table {
    struct request **slots; /* owned; by the low 16 bits of the id, slot 0 is never used */
    uint16_t *free;
    uint32_t slot_count, free_count, generation;
    uint64_t keys;         /* made so far */
    char key_base[25];     /* random hex, of this table's keys */
    struct request *spare; /* owned: done with, for the next ones; linked by next */
    unsigned spare_count;
    size_t used;
};

/* A new request with an id; NULL if too many are in flight or memory is short. */
struct request *request_new(struct request_table *table);
void request_destroy(struct request_table *table, struct request **request);

/* NULL if there is none of that id (any more). */
struct request *request_of(const struct request_table *table, uint32_t id);

/* Frees every request and the table's memory. */
void request_table_fini(struct request_table *table);

/* Whether a request can be sent at all: STATUS_OK, or STATUS_INVALID_ARGUMENT with `error` filled.
 */
enum status request_check(const char *service, const char *method, struct text params,
                          const struct cbm_options *options, struct error *error);

/* Fills a new request, with a random key if it changes something and has none. */
enum status request_fill(struct request_table *table, struct request *request, const char *service,
                         const char *method, struct text params, const struct cbm_options *options,
                         int64_t now_ms);

/* Takes an answer's body. `final` is false for a PARTIAL. True when the request now has its outcome
 * (error.code, and result: the result or the details). */
bool request_answer(struct request *request, const void *body, size_t len, bool final);

#endif
