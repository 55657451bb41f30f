// NEEDS: libnats
// LINK: -lnats
/* Row 4, a peer: from JetStream's acknowledgement of a publish (file storage, flushed to disk
 * later: less than ours promises) to the arrival at a push consumer. The acknowledgement is read as
 * libnats reads it, from a subscription to the inbox. One at a time (RATE 0) or in an open loop. */
#include <stdatomic.h>
#include <unistd.h>

#include "tests/bench/notify_samples.h"
#include "tests/bench/peers/nats_helper.h"

static struct instants at;
static atomic_uint acked, arrived;

static void
on_ack(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    (void)connection;
    (void)subscription;
    (void)arg;
    const char *dot = strrchr(natsMsg_GetSubject(msg), '.');
    at.acked[strtoul(dot + 1, NULL, 10) % CHANGES_MAX] = clock_mono_us();
    natsMsg_Destroy(msg);
    atomic_fetch_add(&acked, 1);
}

static void
on_record(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    (void)connection;
    (void)subscription;
    (void)arg;
    const char *dash = strrchr(natsMsg_GetSubject(msg), '-');
    at.arrived[strtoul(dash + 1, NULL, 10) % CHANGES_MAX] = clock_mono_us();
    natsMsg_Destroy(msg);
    atomic_fetch_add(&arrived, 1);
}

static bool
send_one(natsConnection *connection, const char *inbox, uint32_t number)
{
    static char payload[SAMPLE_PAYLOAD_LEN];
    char subject[64], reply[64];
    int len = snprintf(subject, sizeof subject, SAMPLE_TOPIC, number);
    subject[len - 1] = '\0'; /* a subject ends without a dot */
    snprintf(reply, sizeof reply, "%s.%u", inbox, number);
    at.sent[number] = clock_mono_us();
    return natsConnection_PublishRequest(connection, subject, reply, payload, sizeof payload) ==
           NATS_OK;
}

static bool
all_came(uint32_t count)
{
    return atomic_load(&acked) >= count && atomic_load(&arrived) >= count;
}

static uint32_t
run_load(natsConnection *connection, unsigned rate, unsigned seconds)
{
    const char *inbox = "_INBOX.bench";
    uint32_t count = 0;
    int64_t begin = clock_mono_us(), end = begin + (int64_t)seconds * 1000000, now;
    while ((now = clock_mono_us()) < end && count < CHANGES_MAX) {
        if (rate) {
            while ((int64_t)count * 1000000 / rate <= now - begin && count < CHANGES_MAX)
                if (!send_one(connection, inbox, count++))
                    return 0;
            natsConnection_FlushTimeout(connection, 1000);
            usleep(PACE_US);
            continue;
        }
        if (!send_one(connection, inbox, count++))
            return 0;
        while (!all_came(count) && clock_mono_us() - now < 3000000)
            usleep(20);
    }
    end = clock_mono_us() + 3000000;
    while (!all_came(count) && clock_mono_us() < end)
        usleep(1000);
    return count;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: jetstream_notify URL RATE SECONDS\n");
        return 64;
    }
    natsConnection *sender = nats_open(argv[1], false), *receiver = nats_open(argv[1], false);
    jsCtx *js = sender ? nats_stream(sender, true) : NULL, *live = NULL;
    natsSubscription *acks = NULL, *records = NULL;
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Ordered = true;
    options.Stream = NATS_STREAM;
    options.Config.DeliverPolicy = js_DeliverNew;
    if (!js || !receiver || !(live = nats_stream(receiver, false)) ||
        natsConnection_Subscribe(&acks, sender, "_INBOX.bench.*", on_ack, NULL) != NATS_OK ||
        js_Subscribe(&records, live, "events.>", on_record, NULL, NULL, &options, NULL) != NATS_OK)
        return 69;
    natsConnection_Flush(sender);
    int64_t begin = clock_mono_us();
    uint32_t count = run_load(sender, (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
    int result = instants_print(&at, count, (double)(clock_mono_us() - begin) / 1e6);
    fflush(stdout);
    _exit(result);
}
