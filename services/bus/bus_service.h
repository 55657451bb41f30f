/* Who serves what: services by name, workers by routing id, and which worker is next.
 * Pure: no socket, no clock; a worker's requests are moved by the broker. */
#ifndef CBM_SERVICES_BUS_SERVICE_H
#define CBM_SERVICES_BUS_SERVICE_H

#include "common/base/histogram.h"
#include "common/base/text.h"
#include "common/bus/mdp.h"
#include "services/bus/bus_request.h"

#define BUS_PEER_MAX 255 /* bytes of a routing id (ZMTP) */
#define BUS_WORKERS_MAX 1024
#define BUS_SERVICES_MAX 1024         /* for clients that ask for names nobody serves */
#define BUS_SERVICES_MAX_WORKERS 2048 /* workers find room even when clients took all of theirs */

struct bus_worker {
    struct bus_service *service;
    struct bus_worker *chain;     /* in its hash bucket */
    struct bus_worker *next_lost; /* in the broker's list of the lost */
    struct bus_request_list sent; /* what it has: sent and abandoned; count is its load */
    uint32_t credit;
    int64_t seen_ms; /* monotonic: its last valid message */
    bool mirror;     /* it begins its messages with an empty frame */
    bool compact;    /* it reads the compact framing */
    bool draining;   /* it gets no new work */
    bool lost;       /* gone; the broker will take back what it has */
    uint8_t id_len;
    uint8_t id[BUS_PEER_MAX];
};

struct bus_service {
    struct bus_service *chain;
    struct bus_worker **workers; /* owned array of borrowed workers */
    uint32_t worker_count, cursor;
    uint32_t accepting; /* workers neither draining nor lost */
    struct bus_request_list waiting;
    uint64_t requests, errors, repeated;
    struct histogram latency; /* from receipt to the worker's FINAL */
    bool known; /* a worker served it once: its figures are kept while there is room */
    uint8_t name_len;
    char name[MDP_SERVICE_MAX + 1];
};

#define BUS_BUCKETS 1024

/* An embedded value; zeroed is empty. */
struct bus_directory {
    struct bus_service *services[BUS_BUCKETS];
    struct bus_worker *workers[BUS_BUCKETS];
    uint32_t service_count, worker_count;
};

/* Frees everything. No request may be in any list. */
void bus_directory_fini(struct bus_directory *directory);

/* 1 to MDP_SERVICE_MAX bytes of printable ASCII without space. */
bool bus_service_name_valid(struct text name);

/* The service of that name; NULL if there is none. */
struct bus_service *bus_service_find(const struct bus_directory *directory, struct text name);

/* The same, made if needed; NULL when there are `max` services in use, or out of memory. */
struct bus_service *bus_service_get(struct bus_directory *directory, struct text name,
                                    uint32_t max);

/* Frees the service if no worker serves it, nothing waits for it and it was never served. */
void bus_service_release(struct bus_directory *directory, struct bus_service *service);

struct bus_worker *bus_service_find_worker(const struct bus_directory *directory, const void *id,
                                           size_t id_len);

/* Makes a worker of the service; NULL when there are too many, or out of memory. */
struct bus_worker *bus_service_add_worker(struct bus_directory *directory,
                                          struct bus_service *service, const void *id,
                                          size_t id_len, uint32_t credit);

/* The worker gets no more work: it finishes what it has (drain), or it is gone (lose). */
void bus_service_drain_worker(struct bus_worker *worker);
void bus_service_lose_worker(struct bus_worker *worker);

/* Frees a worker that has no requests. */
void bus_service_remove_worker(struct bus_directory *directory, struct bus_worker *worker);

/* The worker with the least load for its credit (in steps of a 64th), of equals the one whose turn
 * it is; NULL if none has credit left. */
struct bus_worker *bus_service_choose(struct bus_service *service);

#endif
