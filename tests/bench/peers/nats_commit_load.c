/* The peer of event.propose on NATS JetStream: the document as a key of a KV bucket with the
 * expected revision 0, and when that is acknowledged the record as a message of a stream; file
 * storage with JetStream's own fsync every two minutes. Two writes that are not atomic, no index,
 * no idempotency key: less than what we do. It must not know anything but libnats. usage:
 * nats_commit_load NATS asap|buffered [--in-flight N] [--seconds S | --count N] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/peers/nats_common.h"

struct load {
    struct bench_run run; /* under the lock */
    natsConnection *connection;
    char inbox[64];
    size_t inbox_len;
    uint32_t run_id;
    uint64_t numbers[BENCH_SLOTS];
    pthread_mutex_t lock;
    pthread_cond_t over;
};

static void
make_streams(natsConnection *connection)
{
    jsCtx *js = NULL;
    jsStreamConfig stream;
    kvConfig bucket;
    kvStore *store = NULL;
    nats_check(natsConnection_JetStream(&js, connection, NULL), "JetStream");
    nats_check(kvConfig_Init(&bucket), "bucket");
    bucket.Bucket = "events";
    bucket.History = 1;
    bucket.StorageType = js_FileStorage;
    nats_check(js_CreateKeyValue(&store, js, &bucket), "bucket");
    nats_check(jsStreamConfig_Init(&stream), "stream");
    stream.Name = "LOG";
    stream.Subjects = (const char *[]){"events.>"};
    stream.SubjectsLen = 1;
    stream.Storage = js_FileStorage;
    nats_check(js_AddStream(NULL, js, &stream, NULL, NULL), "stream");
    kvStore_Destroy(store);
    jsCtx_Destroy(js);
}

static void
send_step(struct load *load, unsigned slot, bool record)
{
    char id[BENCH_ID_MAX], subject[BENCH_ID_MAX + 40], reply[96];
    struct buf document = {0};
    natsMsg *msg = NULL;
    uint64_t n = load->numbers[slot];
    bench_event_id(id, load->run_id, n);
    bench_event_document(&document, id, n);
    snprintf(subject, sizeof subject, record ? "events.economic.tourism.%s" : "$KV.events.%s", id);
    snprintf(reply, sizeof reply, "%s%u.%c", load->inbox, slot, record ? 'r' : 'k');
    nats_check(natsMsg_Create(&msg, subject, reply, (const char *)document.data, (int)document.len),
               "message");
    if (!record)
        nats_check(natsMsgHeader_Set(msg, "Nats-Expected-Last-Subject-Sequence", "0"), "header");
    nats_check(natsConnection_PublishMsg(load->connection, msg), "publish");
    natsMsg_Destroy(msg);
    buf_fini(&document);
}

static void
send_due(struct load *load)
{
    pthread_mutex_lock(&load->lock);
    while (bench_run_due(&load->run) > 0) {
        uint64_t n = load->run.sent;
        unsigned slot = bench_run_sent(&load->run);
        load->numbers[slot] = n;
        pthread_mutex_unlock(&load->lock);
        send_step(load, slot, false);
        pthread_mutex_lock(&load->lock);
    }
    if (bench_run_over(&load->run))
        pthread_cond_signal(&load->over);
    pthread_mutex_unlock(&load->lock);
}

static void
on_acknowledged(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    struct load *load = arg;
    (void)connection, (void)subscription;
    char *kind;
    unsigned slot = (unsigned)strtoul(natsMsg_GetSubject(msg) + load->inbox_len, &kind, 10);
    /* {"stream":"LOG","seq":1} or {"error":{…}} */
    bool good =
        natsMsg_GetDataLength(msg) > 10 && strncmp(natsMsg_GetData(msg), "{\"stream\"", 9) == 0;
    if (!good)
        bench_fail("JetStream refuses: %.*s", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
    if (kind[1] == 'k') {
        send_step(load, slot, true);
    } else {
        pthread_mutex_lock(&load->lock);
        bench_run_done(&load->run, slot, true);
        pthread_mutex_unlock(&load->lock);
        send_due(load);
    }
    natsMsg_Destroy(msg);
}

int
main(int argc, char **argv)
{
    static struct load load = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    natsSubscription *subscription = NULL;
    natsInbox *inbox = NULL;
    char subject[80];
    struct timespec until;
    if (bench_run_init(&load.run, argc, argv) != 3)
        bench_fail("usage: nats_commit_load NATS asap|buffered [--in-flight N] …");
    load.run_id = bench_run_id();
    load.connection = nats_open(argv[1], argv[2]);
    make_streams(load.connection);
    nats_check(natsInbox_Create(&inbox), "inbox");
    load.inbox_len = (size_t)snprintf(load.inbox, sizeof load.inbox, "%s.", inbox);
    snprintf(subject, sizeof subject, "%s>", load.inbox);
    nats_check(natsConnection_Subscribe(&subscription, load.connection, subject, on_acknowledged,
                                        &load),
               "subscribe");
    nats_check(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    nats_check(natsConnection_FlushTimeout(load.connection, 5000), "flush");
    bench_run_begin(&load.run);
    send_due(&load);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)load.run.seconds + 60;
    pthread_mutex_lock(&load.lock);
    while (!bench_run_over(&load.run))
        if (pthread_cond_timedwait(&load.over, &load.lock, &until))
            bench_fail("not all was acknowledged");
    pthread_mutex_unlock(&load.lock);
    natsConnection_Close(load.connection);
    natsSubscription_Destroy(subscription);
    natsInbox_Destroy(inbox);
    natsConnection_Destroy(load.connection);
    nats_Close();
    return bench_run_end(&load.run);
}
