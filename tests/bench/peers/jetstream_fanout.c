// NEEDS: libnats
// LINK: -lnats
/* Row 5, the peer of the same promise: N connections to nats-server, each with an ordered push
 * consumer (sees gaps and fills them) on a stream on files, and a burst of publishes of records of
 * the same size. Prints one JSON object. */
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
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Ordered = true;
    options.Stream = NATS_STREAM;
    options.Config.DeliverPolicy = js_DeliverNew;
    for (unsigned i = 0; i < count; i++) {
        natsConnection *connection = nats_open(url, true);
        natsSubscription *subscription = NULL;
        jsCtx *js = connection ? nats_stream(connection, false) : NULL;
        jsErrCode code = 0;
        natsStatus status = js ? js_Subscribe(&subscription, js, "events.>", on_message, NULL, NULL,
                                              &options, &code)
                               : NATS_ERR;
        if (status != NATS_OK) {
            fprintf(stderr, "consumer %u: %s (%d)\n", i, natsStatus_GetText(status), (int)code);
            return false;
        }
        natsSubscription_SetPendingLimits(subscription, -1, -1);
    }
    return true;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: jetstream_fanout URL SUBSCRIBERS RECORDS\n");
        return 64;
    }
    unsigned subscribers = (unsigned)atoi(argv[2]), records = (unsigned)atoi(argv[3]);
    uint64_t want = (uint64_t)subscribers * records, before = 0;
    natsConnection *publisher = nats_open(argv[1], false);
    jsCtx *js = publisher ? nats_stream(publisher, true) : NULL;
    nats_SetMessageDeliveryPoolSize(1);
    if (!js || !subscribe(argv[1], subscribers))
        return 69;
    static char payload[SAMPLE_PAYLOAD_LEN];
    int64_t begin = clock_mono_us(), quiet_at = begin + 10000000;
    for (unsigned i = 0; i < records; i++) {
        char subject[64];
        int len = snprintf(subject, sizeof subject, SAMPLE_TOPIC, i);
        subject[len - 1] = '\0'; /* a subject ends without a dot */
        if (js_PublishAsync(js, subject, payload, sizeof payload, NULL) != NATS_OK)
            return 1;
    }
    while (atomic_load(&received) < want && clock_mono_us() < quiet_at) {
        if (atomic_load(&received) != before)
            quiet_at = clock_mono_us() + 10000000;
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
