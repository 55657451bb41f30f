/* What the files of the service runtime share with one another and with nobody else. */
#ifndef CBM_SERVICE_SERVICE_INTERNAL_H
#define CBM_SERVICE_SERVICE_INTERNAL_H

#include "common/base/histogram.h"
#include "common/bus/worker.h"
#include "common/service/guess.h"
#include "common/service/service.h"
#include "common/store/store.h"

#define GAUGES_MAX 64
#define ATTEMPTS_MAX 64 /* runs of a handler whose documents keep moving, then `aborted` */

#define SERVICE_APART "\xc0" /* nil, which no answer begins with */

enum ask_kind { ASK_DOC, ASK_CLOCK, ASK_SEQ, ASK_SCAN, ASK_LOG, ASK_HOLD, ASK_WALK };

/* One thing that a handler asked for, and what came. Kept through runs until the op starts over. */
struct ask {
    enum ask_kind kind;
    bool asked, here, found, guarded, guessed;
    uint32_t hash;    /* of a */
    struct text a, b; /* field · from, upto · prefix */
    int64_t number;   /* after, or limit of a scan */
    unsigned limit;
    struct text value;    /* a document */
    struct text revision; /* of a document, decimal; "0" if there is none */
    struct op_range range;
    struct op_log_page page; /* `first`, `last`; `last` of ASK_SEQ, ASK_CLOCK */
    op_walk_fn *walk;
    void *memory; /* of ASK_HOLD, and for `walk` */
};

struct op {
    struct service *service;
    struct op *next_free, *prev, *next; /* free list; list of parked ops */
    struct op *next_turn;               /* who waits behind it */
    struct op *next_current;            /* of those that wait for op_current */
    struct worker_request request;      /* not of an own one */
    service_done_fn *done;              /* of the service's own, else NULL */
    void *done_arg;
    op_handler_fn *handler;
    struct rpc_context context;
    struct principal principal;
    uint32_t msgid;
    unsigned method;     /* not of an own one */
    void *params;        /* decoded, in `memory` */
    struct arena memory; /* until the op ends; what is behind `decoded` until it starts over */
    struct arena_mark decoded; /* the end of the decoded request */
    struct ask *asks;
    unsigned ask_count, ask_cap, ask_hint;
    unsigned fresh; /* 1 + the ask whose value is still in the store's reply: until the run ends */
    unsigned outstanding, attempts;
    bool running, io_failed, parked, in_turn, key_here, no_memory, changes;
    bool guessed, sure; /* it rests on a guess; it must not */
    struct text kept;   /* what the idempotency key has */
    bool apart;         /* `result` is what the key keeps, the answer is in `list_items` */
    struct text repeat; /* what it kept of a request that was done before, which is answered anew */
    int64_t repeat_seq;
    int64_t received_us, deadline_ms, not_before_ms, wait_seq, now_ms, store_ms;
    struct text raw; /* the answer, if it is bytes that are there already; else it is `result` */
    struct buf result, encoded, extended;
    unsigned list_count;
    struct buf list_items;
    char digest[33], key[PRINCIPAL_ID_MAX + RPC_KEY_MAX + 2];
    struct store_commit commit; /* empty unless `changes` */
    struct error error;
};

struct method_stats {
    uint64_t requests, errors;
    struct histogram latency; /* µs */
};

struct gauge {
    const char *name;
    const int64_t *value;
};

struct service {
    struct loop *loop;
    const struct interface *interface;
    op_handler_fn *const *handlers;
    void *arg;
    struct worker *worker;
    struct store *store;
    struct guesses guesses;
    char source[80], id[24];
    bool draining;
    bool (*gate)(void *arg);
    void *gate_arg;
    int64_t (*position)(void *arg, int64_t wanted);
    void *position_arg;
    bool (*last)(void *arg); /* whether its own work is over; NULL: there is none */
    void *last_arg;
    struct service_copy copy;
    int64_t copy_seq, log_end;    /* what the copy has seen, -1: nothing; the end as read last */
    struct op *current;           /* who waits for the copy */
    unsigned current_count;       /* records that are being read for it, 0: none */
    struct arena run;             /* of the handler that runs: until the next run */
    struct op *free_ops, *parked; /* parked: waiting for the store, the gate, a seq, or a retry */
    struct op *turn_first, *turn_last; /* whose documents moved: the first runs, the others wait */
    bool turn_due;                     /* the first has not begun */
    int64_t active, parked_count, parked_max;
    int64_t started_ms, commits, retries;
    struct method_stats *stats; /* one a method */
    struct gauge gauges[GAUGES_MAX];
    unsigned gauge_count;
    struct buf out;
    struct buf who; /* the principal that came last, as it came and as it was read */
    struct principal principal;
    int64_t turn_us,
        turn_ms; /* when this turn began, monotonic and wall clock; 0 before its first */
    uint32_t random;
};

/* service_run.c: the life of an op from decoded to answered */
void service_run_op(struct op *op);
void service_park_op(struct op *op);
int64_t service_run_parked(struct service *service, int64_t now_ms);
void service_leave_turn(struct op *op);          /* it is answered: the next one's turn comes */
void service_end_turns(struct service *service); /* refuses those that wait for one */

/* service_request.c */
void service_on_request(void *arg, struct worker_request *request); /* `arg` is the service */
void service_fini_op(struct op *op);
bool service_last_done(const struct service *service); /* what it does by itself is over */
void service_answer(struct op *op, struct text result);
struct text service_text_of(const struct buf *buf);
void service_refuse(struct op *op, const struct error *error);

/* service_free.c: $ping, $info, $stats. False if the method is none of them. */
bool service_free_method(struct service *service, struct text method, struct buf *result);

/* op_current.c: what was read as the end of the log; the store was lost, and all with it */
void op_current_end(struct service *service, int64_t seq);
void op_current_lost(struct service *service);

/* op.c, op_ask.c, op_leave.c */
struct text op_field(struct op *op, const char *kind,
                     struct text id);    /* of a document: <kind>/<id> */
void op_reset(struct op *op);            /* before a run: what the last one wrote is forgotten */
void op_start_over(struct op *op);       /* and what was read */
void op_keep(struct op *op);             /* copies what the run borrowed: it waits for more */
enum status op_finish(struct op *op);    /* after a run that ended well: completes the commit */
void op_arrived(struct op *op, bool ok); /* one of what the op waits for: ok, or not to be had */
struct ask *op_find_ask(struct op *op, enum ask_kind kind, struct text a, struct text b,
                        int64_t number, unsigned limit);

#endif
