/* See bus_service.h. */
#include "services/bus/bus_service.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
bucket_of(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return (hash ^ hash >> 16) % BUS_BUCKETS;
}

bool
bus_service_name_valid(struct text name)
{
    if (name.len < 1 || name.len > MDP_SERVICE_MAX)
        return false;
    for (uint32_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= 0x20 || name.ptr[i] >= 0x7f)
            return false;
    return true;
}

struct bus_service *
bus_service_find(const struct bus_directory *directory, struct text name)
{
    struct bus_service *service = directory->services[bucket_of(name.ptr, name.len)];
    while (service &&
           (service->name_len != name.len || memcmp(service->name, name.ptr, name.len) != 0))
        service = service->chain;
    return service;
}

static bool
is_idle(const struct bus_service *service)
{
    return service->worker_count == 0 && service->waiting.count == 0;
}

static void
free_service(struct bus_directory *directory, struct bus_service *service)
{
    struct bus_service **at = &directory->services[bucket_of(service->name, service->name_len)];
    while (*at != service)
        at = &(*at)->chain;
    *at = service->chain;
    directory->service_count--;
    free(service->workers);
    free(service);
}

void
bus_service_release(struct bus_directory *directory, struct bus_service *service)
{
    if (is_idle(service) && !service->known)
        free_service(directory, service);
}

/* Makes room: figures of services that nobody serves any more are given up. */
static void
sweep(struct bus_directory *directory)
{
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        for (struct bus_service *service = directory->services[i], *next; service; service = next) {
            next = service->chain;
            if (is_idle(service))
                free_service(directory, service);
        }
}

struct bus_service *
bus_service_get(struct bus_directory *directory, struct text name, uint32_t max)
{
    struct bus_service *service = bus_service_find(directory, name);
    if (service)
        return service;
    if (directory->service_count >= max)
        sweep(directory);
    if (directory->service_count >= max || !(service = calloc(1, sizeof *service)))
        return NULL;
    service->name_len = (uint8_t)name.len;
    memcpy(service->name, name.ptr, name.len);
    uint32_t bucket = bucket_of(name.ptr, name.len);
    service->chain = directory->services[bucket];
    directory->services[bucket] = service;
    directory->service_count++;
    return service;
}

struct bus_worker *
bus_service_find_worker(const struct bus_directory *directory, const void *id, size_t id_len)
{
    struct bus_worker *worker = directory->workers[bucket_of(id, id_len)];
    while (worker && (worker->id_len != id_len || memcmp(worker->id, id, id_len) != 0))
        worker = worker->chain;
    return worker;
}

struct bus_worker *
bus_service_add_worker(struct bus_directory *directory, struct bus_service *service, const void *id,
                       size_t id_len, uint32_t credit)
{
    if (directory->worker_count >= BUS_WORKERS_MAX || id_len > BUS_PEER_MAX)
        return NULL;
    struct bus_worker **workers =
        realloc(service->workers, (service->worker_count + 1) * sizeof(struct bus_worker *));
    if (!workers)
        return NULL;
    service->workers = workers;
    struct bus_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->service = service;
    worker->credit = credit;
    worker->id_len = (uint8_t)id_len;
    memcpy(worker->id, id, id_len);
    uint32_t bucket = bucket_of(id, id_len);
    worker->chain = directory->workers[bucket];
    directory->workers[bucket] = worker;
    directory->worker_count++;
    workers[service->worker_count++] = worker;
    service->accepting++;
    service->known = true;
    return worker;
}

static void
stop_accepting(struct bus_worker *worker)
{
    if (!worker->draining && !worker->lost)
        worker->service->accepting--;
}

void
bus_service_drain_worker(struct bus_worker *worker)
{
    stop_accepting(worker);
    worker->draining = true;
}

void
bus_service_lose_worker(struct bus_worker *worker)
{
    stop_accepting(worker);
    worker->lost = true;
}

void
bus_service_remove_worker(struct bus_directory *directory, struct bus_worker *worker)
{
    struct bus_service *service = worker->service;
    stop_accepting(worker);
    for (uint32_t i = 0; i < service->worker_count; i++)
        if (service->workers[i] == worker) {
            service->workers[i] = service->workers[--service->worker_count];
            break;
        }
    struct bus_worker **at = &directory->workers[bucket_of(worker->id, worker->id_len)];
    while (*at != worker)
        at = &(*at)->chain;
    *at = worker->chain;
    directory->worker_count--;
    free(worker);
}

/* The load in steps of a 64th of the credit. Within a step workers count as equal and take turns,
 * so that a few requests in flight are shared evenly and do not all go to whoever answered last. */
static uint32_t
load_of(const struct bus_worker *worker)
{
    return (uint32_t)((uint64_t)worker->sent.count * 64 / worker->credit);
}

struct bus_worker *
bus_service_choose(struct bus_service *service)
{
    struct bus_worker *best = NULL;
    uint32_t count = service->worker_count, at = service->cursor, best_at = 0;
    for (uint32_t i = 0; i < count; i++, at++) {
        if (at >= count)
            at = 0;
        struct bus_worker *worker = service->workers[at];
        if (worker->draining || worker->lost || worker->sent.count >= worker->credit)
            continue;
        if (!best || load_of(worker) < load_of(best)) {
            best = worker;
            best_at = at;
        }
    }
    if (best)
        service->cursor = best_at + 1;
    return best;
}

void
bus_directory_fini(struct bus_directory *directory)
{
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        while (directory->workers[i])
            bus_service_remove_worker(directory, directory->workers[i]);
    for (unsigned i = 0; i < BUS_BUCKETS; i++)
        while (directory->services[i])
            free_service(directory, directory->services[i]);
}
