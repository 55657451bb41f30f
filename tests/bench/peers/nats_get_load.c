/* The load on the peer of event.get: requests in flight on one connection, answers to one inbox.
 * It must not know what the service does.
 * usage: nats_get_load NATS asap|buffered ID [--in-flight N] [--seconds S] [--rate R] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/msg/mp.h"
#include "tests/bench/peers/nats_common.h"

struct load {
    struct bench_run run; /* under the lock */
    natsConnection *connection;
    char inbox[64]; /* with a dot at its end */
    size_t inbox_len;
    struct buf params;
    pthread_mutex_t lock;
    pthread_cond_t over;
};

static void
send_slot(struct load *load, unsigned slot)
{
    char reply[96];
    snprintf(reply, sizeof reply, "%s%u", load->inbox, slot);
    nats_check(natsConnection_PublishRequest(load->connection, "events.get", reply,
                                             load->params.data, (int)load->params.len),
               "publish");
}

/* Sends what may be sent; a paced run is sent by the main thread, a closed one from the answers. */
static void
send_due(struct load *load)
{
    pthread_mutex_lock(&load->lock);
    for (unsigned due; (due = bench_run_due(&load->run)) > 0;) {
        unsigned slot = bench_run_sent(&load->run);
        pthread_mutex_unlock(&load->lock);
        send_slot(load, slot);
        pthread_mutex_lock(&load->lock);
    }
    if (bench_run_over(&load->run))
        pthread_cond_signal(&load->over);
    pthread_mutex_unlock(&load->lock);
}

static void
on_reply(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    struct load *load = arg;
    (void)connection, (void)subscription;
    unsigned slot = (unsigned)atoi(natsMsg_GetSubject(msg) + load->inbox_len);
    pthread_mutex_lock(&load->lock);
    bench_run_done(&load->run, slot, natsMsg_GetDataLength(msg) > 0);
    bool paced = load->run.rate > 0;
    if (paced && bench_run_over(&load->run))
        pthread_cond_signal(&load->over);
    pthread_mutex_unlock(&load->lock);
    natsMsg_Destroy(msg);
    if (!paced)
        send_due(load);
}

static void
pace(struct load *load)
{
    while (true) {
        send_due(load);
        pthread_mutex_lock(&load->lock);
        int64_t wait = bench_run_wait_us(&load->run);
        pthread_mutex_unlock(&load->lock);
        if (wait < 0)
            return;
        struct timespec pause = {wait / 1000000, wait % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
}

static void
wait_over(struct load *load)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)load->run.seconds + 20;
    pthread_mutex_lock(&load->lock);
    while (!bench_run_over(&load->run))
        if (pthread_cond_timedwait(&load->over, &load->lock, &until))
            bench_fail("%llu requests were not answered",
                       (unsigned long long)(load->run.sent - load->run.answered));
    pthread_mutex_unlock(&load->lock);
}

int
main(int argc, char **argv)
{
    static struct load load = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    natsSubscription *subscription = NULL;
    natsInbox *inbox = NULL;
    char subject[80];
    if (bench_run_init(&load.run, argc, argv) != 4)
        bench_fail("usage: nats_get_load NATS asap|buffered ID [--in-flight N] …");
    load.connection = nats_open(argv[1], argv[2]);
    mp_map(&load.params, 1);
    mp_string(&load.params, "id");
    mp_string(&load.params, argv[3]);
    nats_check(natsInbox_Create(&inbox), "inbox");
    load.inbox_len = (size_t)snprintf(load.inbox, sizeof load.inbox, "%s.", inbox);
    snprintf(subject, sizeof subject, "%s*", load.inbox);
    nats_check(natsConnection_Subscribe(&subscription, load.connection, subject, on_reply, &load),
               "subscribe");
    nats_check(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    nats_check(natsConnection_FlushTimeout(load.connection, 5000), "flush");
    pthread_mutex_lock(&load.lock);
    bench_run_begin(&load.run);
    pthread_mutex_unlock(&load.lock);
    if (load.run.rate > 0)
        pace(&load);
    else
        send_due(&load);
    wait_over(&load);
    natsConnection_Close(load.connection);
    natsInbox_Destroy(inbox);
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(load.connection);
    nats_Close();
    buf_fini(&load.params);
    return bench_run_end(&load.run);
}
