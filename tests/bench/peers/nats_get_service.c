/* The peer of event.get: the same handler as a NATS micro service. An asynchronous subscription in
 * a queue group decodes {id}, all that is at hand goes to Redis as one pipelined HMGET, and the
 * document is the answer. It must not know the load. usage: nats_get_service NATS REDIS-SOCKET HASH
 * asap|buffered, the operator's password in REDISCLI_AUTH; prints "ready" once it serves. */
#include <errno.h>
#include <hiredis/async.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/msg/mp.h"
#include "tests/bench/peers/nats_common.h"

#define BATCH_MAX 512
#define FIELD_MAX 128

struct request {
    natsMsg *msg;
    char field[FIELD_MAX];
};

struct batch {
    struct service *service;
    unsigned count;
    struct request requests[BATCH_MAX];
};

struct service {
    natsConnection *connection;
    redisAsyncContext *redis;
    const char *hash;
    int wake, events; /* `events`: what hiredis waits for */
    pthread_mutex_t lock;
    struct batch *filling; /* under the lock */
    bool woken;            /* under the lock */
};

/* libnats' delivery thread: decodes and hands over to the thread of Redis. */
static void
on_request(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    struct service *service = arg;
    struct text id;
    msgpack_object object;
    msgpack_zone zone;
    (void)connection, (void)subscription;
    msgpack_zone_init(&zone, 512);
    bool good = mp_unpack(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), &zone, &object,
                          NULL) == STATUS_OK &&
                mp_as_text(mp_map_get(&object, "id"), &id);
    if (!good) {
        natsConnection_Publish(service->connection, natsMsg_GetReply(msg), "", 0);
        natsMsg_Destroy(msg);
        msgpack_zone_destroy(&zone);
        return;
    }
    pthread_mutex_lock(&service->lock);
    while (service->filling && service->filling->count == BATCH_MAX) {
        pthread_mutex_unlock(&service->lock);
        sched_yield();
        pthread_mutex_lock(&service->lock);
    }
    if (!service->filling) {
        service->filling = malloc(sizeof *service->filling);
        if (!service->filling)
            bench_fail("out of memory");
        service->filling->service = service;
        service->filling->count = 0;
    }
    struct request *request = &service->filling->requests[service->filling->count++];
    request->msg = msg;
    snprintf(request->field, sizeof request->field, "event/%.*s", TEXT_ARG(id));
    bool wake = !service->woken;
    service->woken = true;
    pthread_mutex_unlock(&service->lock);
    if (wake)
        eventfd_write(service->wake, 1);
    msgpack_zone_destroy(&zone);
}

static void
on_documents(redisAsyncContext *redis, void *raw, void *arg)
{
    const redisReply *reply = raw;
    struct batch *batch = arg;
    (void)redis;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != batch->count)
        bench_fail("Redis does not answer as it should");
    for (unsigned i = 0; i < batch->count; i++) {
        const redisReply *document = reply->element[i];
        natsMsg *msg = batch->requests[i].msg;
        natsConnection_Publish(batch->service->connection, natsMsg_GetReply(msg), document->str,
                               (int)document->len);
        natsMsg_Destroy(msg);
    }
    free(batch);
}

static void
take_batch(struct service *service)
{
    const char *argv[BATCH_MAX + 2] = {"HMGET", service->hash};
    size_t lens[BATCH_MAX + 2] = {5, strlen(service->hash)};
    eventfd_t value;
    eventfd_read(service->wake, &value);
    pthread_mutex_lock(&service->lock);
    struct batch *batch = service->filling;
    service->filling = NULL;
    service->woken = false;
    pthread_mutex_unlock(&service->lock);
    if (!batch)
        return;
    for (unsigned i = 0; i < batch->count; i++) {
        argv[i + 2] = batch->requests[i].field;
        lens[i + 2] = strlen(batch->requests[i].field);
    }
    redisAsyncCommandArgv(service->redis, on_documents, batch, (int)batch->count + 2, argv, lens);
}

/* ---- hiredis on poll --------------------------------------------------------------------------
 */

static void
add_read(void *arg)
{
    ((struct service *)arg)->events |= POLLIN;
}
static void
del_read(void *arg)
{
    ((struct service *)arg)->events &= ~POLLIN;
}
static void
add_write(void *arg)
{
    ((struct service *)arg)->events |= POLLOUT;
}
static void
del_write(void *arg)
{
    ((struct service *)arg)->events &= ~POLLOUT;
}

static void
serve(struct service *service)
{
    while (true) {
        struct pollfd items[2] = {{service->wake, POLLIN, 0},
                                  {service->redis->c.fd, (short)service->events, 0}};
        if (poll(items, 2, -1) < 0 && errno != EINTR)
            bench_fail("poll failed");
        if (items[0].revents)
            take_batch(service);
        if (items[1].revents & POLLIN)
            redisAsyncHandleRead(service->redis);
        if (service->events & POLLOUT) /* at once, without another turn */
            redisAsyncHandleWrite(service->redis);
    }
}

int
main(int argc, char **argv)
{
    static struct service service = {.lock = PTHREAD_MUTEX_INITIALIZER};
    natsSubscription *subscription = NULL;
    if (argc != 5)
        bench_fail("usage: nats_get_service NATS REDIS-SOCKET HASH asap|buffered");
    service.hash = argv[3];
    service.wake = eventfd(0, EFD_NONBLOCK);
    service.redis = redisAsyncConnectUnix(argv[2]);
    if (service.wake < 0 || !service.redis || service.redis->err)
        bench_fail("cannot connect to Redis at %s", argv[2]);
    service.redis->ev.data = &service;
    service.redis->ev.addRead = add_read;
    service.redis->ev.delRead = del_read;
    service.redis->ev.addWrite = add_write;
    service.redis->ev.delWrite = del_write;
    service.events = POLLIN | POLLOUT;
    const char *password = getenv("REDISCLI_AUTH");
    if (password)
        redisAsyncCommand(service.redis, NULL, NULL, "AUTH operator %s", password);
    service.connection = nats_open(argv[1], argv[4]);
    nats_check(natsConnection_QueueSubscribe(&subscription, service.connection, "events.get",
                                             "events", on_request, &service),
               "subscribe");
    nats_check(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    nats_check(natsConnection_FlushTimeout(service.connection, 5000), "flush");
    puts("ready");
    fflush(stdout);
    serve(&service);
    return 0;
}
