// NEEDS: libnats
// LINK: -lnats
/* Row 6, a peer: a stream of COUNT records on files, 1 % of them under one prefix (as notify_fill
 * lays them), and how fast an ordered push consumer reads what its filter asks for, from the start.
 * FILTER "fill" makes the stream. Prints one JSON object. */
#include <stdatomic.h>
#include <unistd.h>

#include "tests/bench/notify_samples.h"
#include "tests/bench/peers/nats_helper.h"

static atomic_uint_fast64_t received;

static void
on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    (void)connection;
    (void)subscription;
    (void)arg;
    natsMsg_Destroy(msg);
    atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
}

static int
fill(jsCtx *js, unsigned count)
{
    static char payload[SAMPLE_PAYLOAD_LEN];
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 60000;
    int64_t begin = clock_mono_us();
    for (unsigned i = 0; i < count; i++) {
        char subject[64];
        unsigned event = i / 5 % 200000;
        if (i % 100 == 0)
            snprintf(subject, sizeof subject, "events.human.youth.e-%u", i / 500);
        else
            snprintf(subject, sizeof subject, "events.d%u.area%u.e-%u", event % 4, event % 17,
                     event);
        if (js_PublishAsync(js, subject, payload, sizeof payload, NULL) != NATS_OK)
            return 1;
    }
    if (js_PublishAsyncComplete(js, &options) != NATS_OK)
        return 1;
    double took = (double)(clock_mono_us() - begin) / 1e6;
    printf("{\"records\":%u,\"seconds\":%.3f,\"rate\":%.0f}\n", count, took, count / took);
    return 0;
}

static int
replay(jsCtx *js, const char *filter, uint64_t want)
{
    natsSubscription *subscription = NULL;
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Ordered = true;
    options.Stream = NATS_STREAM;
    options.Config.DeliverPolicy = js_DeliverAll;
    int64_t begin = clock_mono_us();
    if (js_Subscribe(&subscription, js, filter, on_message, NULL, NULL, &options, NULL) != NATS_OK)
        return 69;
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    while (atomic_load(&received) < want && clock_mono_us() < begin + 120000000)
        usleep(200);
    double took = (double)(clock_mono_us() - begin) / 1e6;
    uint64_t got = atomic_load(&received);
    printf("{\"records\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n", (unsigned long long)got, took,
           (double)got / took);
    return got == want ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: jetstream_replay URL fill|FILTER COUNT\n");
        return 64;
    }
    bool filling = strcmp(argv[2], "fill") == 0;
    natsConnection *connection = nats_open(argv[1], false);
    jsCtx *js = connection ? nats_stream(connection, filling) : NULL;
    if (!js)
        return 69;
    unsigned count = (unsigned)atoi(argv[3]);
    int result = filling ? fill(js, count) : replay(js, argv[2], count);
    fflush(stdout);
    _exit(result);
}
