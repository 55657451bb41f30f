/* The requests that the bus holds: a table of slots, lists of them, and the heap of what is due
 * when. Pure: nothing here knows ZeroMQ or reads a clock. */
#ifndef CBM_SERVICES_BUS_REQUEST_H
#define CBM_SERVICES_BUS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

struct bus_service;
struct bus_worker;
struct identity;

/* free → waiting → sent → free, or sent → waiting again when its worker died, or sent → abandoned
 * when its deadline passed: then the client has its answer, but the worker has not given back the
 * credit. */
enum bus_request_state {
    BUS_REQUEST_FREE,
    BUS_REQUEST_WAITING,   /* in its service's queue */
    BUS_REQUEST_SENT,      /* in its worker's list, not answered */
    BUS_REQUEST_ABANDONED, /* in its worker's list, answered by the bus */
};

#define BUS_REQUEST_SMALL 160 /* bytes that are held in the slot itself */

struct bus_request {
    struct text client; /* its routing id; all three are held by bus_request_hold */
    struct text rpc, context;
    const struct identity *who; /* on whose behalf; looked at again when it is handed over */
    struct bus_service *service;
    struct bus_worker *worker; /* NULL while it waits */
    struct bus_request *previous, *next;
    int64_t received_us;        /* monotonic */
    int64_t deadline_ms;        /* monotonic: when it is answered without a worker at the latest */
    int64_t due_ms;             /* when it is due, INT64_MAX: not at all */
    uint32_t index, generation; /* together the token that a worker echoes */
    uint32_t due_at;            /* its place in the heap + 1, 0 if it is not there */
    uint32_t msgid;
    enum bus_request_state state;
    uint8_t attempts;  /* how often it was sent */
    bool has_deadline; /* the client set one */
    bool has_context;
    bool may_repeat;  /* it has a key or is safe: it may be sent twice */
    bool has_partial; /* a part of the answer went out: it must not be sent again */
    bool mirror;      /* the client begins its messages with an empty frame */
    bool compact;     /* the client reads the compact framing */
    bool unsent;      /* the frame with it could not be sent: no worker ever saw it */
    void *large;      /* owned: what is held, if it is too large for `small` */
    char small[BUS_REQUEST_SMALL];
};

/* A list of requests, linked through them. Zeroed is empty. A request is in one list at most. */
struct bus_request_list {
    struct bus_request *first, *last;
    uint32_t count;
};

void bus_request_append(struct bus_request_list *list, struct bus_request *request);
void bus_request_prepend(struct bus_request_list *list, struct bus_request *request);
void bus_request_remove(struct bus_request_list *list, struct bus_request *request);

struct bus_request_due {
    int64_t at_ms;
    struct bus_request *request;
};

/* An embedded value. Slots stay where they are until bus_request_table_fini. */
struct bus_request_table {
    struct bus_request **chunks; /* owned */
    struct bus_request *unused;  /* free slots, linked by next */
    struct bus_request_due *due; /* owned: a binary heap, the earliest first */
    uint32_t due_count;
    uint32_t max, made, used;
};

/* Room for `max` requests at most; memory is taken as they come. 0, or -1 without memory. */
int bus_request_table_init(struct bus_request_table *table, uint32_t max);
void bus_request_table_fini(struct bus_request_table *table);

/* A slot with everything zero but index and generation, or NULL: full, or out of memory. */
struct bus_request *bus_request_take(struct bus_request_table *table);

/* Copies the bytes of a request that holds none into it. False without memory. */
bool bus_request_hold(struct bus_request *request, struct text client, struct text rpc,
                      struct text context);

/* What bus_request_hold copied is void. */
void bus_request_let_go(struct bus_request *request);

/* Gives a slot that holds nothing back: its tokens are void, it is due no more. It must be in no
 * list. */
void bus_request_give(struct bus_request_table *table, struct bus_request *request);

#define BUS_TOKEN_LEN 8

/* Writes a new token for the request; all earlier ones are void. */
void bus_request_renew(struct bus_request *request, uint8_t token[BUS_TOKEN_LEN]);

/* The request of a token; NULL if it is void or never was one. */
struct bus_request *bus_request_find(const struct bus_request_table *table, const void *token,
                                     size_t len);

/* Sets when the request is due, instead of what was set before. Never fails. */
void bus_request_schedule(struct bus_request_table *table, struct bus_request *request,
                          int64_t at_ms);

/* A time not after the earliest set, INT64_MAX if none. It may be before it: a request that was
 * given back stays in the heap until its time, because most are and there it costs nothing. */
int64_t bus_request_next_due(const struct bus_request_table *table);

/* Takes a request that is due at `now_ms` out of the heap; NULL if none is. */
struct bus_request *bus_request_pop_due(struct bus_request_table *table, int64_t now_ms);

#endif
