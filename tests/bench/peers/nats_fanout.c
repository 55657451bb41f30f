// NEEDS: libnats
// LINK: -lnats
/* Row 5, a lossy peer: N connections to nats-server, each with one subscription, and a burst of
 * publishes of records of the same size from one more. Prints one JSON object. */
#include <stdatomic.h>
#include <unistd.h>

#include "tests/bench/notify_samples.h"
#include "tests/bench/peers/nats_helper.h"

static atomic_uint_fast64_t received;
static atomic_int_fast64_t last_us;

static void
on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    (void)connection;
    (void)subscription;
    (void)arg;
    atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
    atomic_store_explicit(&last_us, clock_mono_us(), memory_order_relaxed);
    natsMsg_Destroy(msg);
}

static bool
subscribe(const char *url, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        natsConnection *connection = nats_open(url, true);
        natsSubscription *subscription = NULL;
        if (!connection || natsConnection_Subscribe(&subscription, connection, "events.>",
                                                    on_message, NULL) != NATS_OK)
            return false;
        natsSubscription_SetPendingLimits(subscription, -1, -1);
        natsConnection_Flush(connection); /* the server has the subscription */
    }
    return true;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: nats_fanout URL SUBSCRIBERS RECORDS\n");
        return 64;
    }
    unsigned subscribers = (unsigned)atoi(argv[2]), records = (unsigned)atoi(argv[3]);
    uint64_t want = (uint64_t)subscribers * records, before = 0;
    natsConnection *publisher = nats_open(argv[1], false);
    nats_SetMessageDeliveryPoolSize(1);
    if (!publisher || !subscribe(argv[1], subscribers))
        return 69;
    static char payload[SAMPLE_PAYLOAD_LEN];
    int64_t begin = clock_mono_us(), quiet_at = begin + 3000000;
    for (unsigned i = 0; i < records; i++) {
        char subject[64];
        int len = snprintf(subject, sizeof subject, SAMPLE_TOPIC, i);
        subject[len - 1] = '\0'; /* a subject ends without a dot */
        if (natsConnection_Publish(publisher, subject, payload, sizeof payload) != NATS_OK)
            return 1;
    }
    natsConnection_Flush(publisher);
    while (atomic_load(&received) < want && clock_mono_us() < quiet_at) {
        if (atomic_load(&received) != before)
            quiet_at = clock_mono_us() + 3000000;
        before = atomic_load(&received);
        usleep(500);
    }
    uint64_t got = atomic_load(&received);
    double took = (double)(atomic_load(&last_us) - begin) / 1e6;
    printf(
        "{\"subscribers\":%u,\"deliveries\":%llu,\"lost\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n",
        subscribers, (unsigned long long)got, (unsigned long long)(want - got), took,
        (double)got / took);
    fflush(stdout);
    _exit(0); /* a thousand connections need not be closed one by one */
}
