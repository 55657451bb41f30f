// NEEDS: libnats
// LINK: -lnats
/* Row 8, a peer: nats-server with as many subscriptions, all of one client, on the same subjects;
 * records are published as fast as it takes them, and each goes to BENCH_MATCHES. What a record
 * costs is the CPU time of the server for it, deliveries included. Prints one JSON object. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/bench/bench_match.h"
#include "tests/bench/peers/nats_helper.h"

#define AHEAD 2000 /* published and not received everywhere */
#define PAYLOAD 300

static atomic_uint_fast64_t received;

static void
on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *arg)
{
    (void)connection, (void)subscription, (void)arg;
    atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
    natsMsg_Destroy(msg);
}

/* CPU time that a process has taken, µs. */
static double
cpu_us(const char *pid)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                        &user, &kernel) != 2)
        user = kernel = 0;
    if (file)
        fclose(file);
    return (double)(user + kernel) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static bool
subscribe(natsConnection *connection, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct bench_match_texts texts;
        natsSubscription *subscription = NULL;
        bench_match_subscription(BENCH_MATCH_TOPIC, i, &texts);
        if (natsConnection_Subscribe(&subscription, connection, texts.pattern, on_message, NULL) !=
            NATS_OK)
            return false;
        natsSubscription_SetPendingLimits(subscription, -1, -1);
    }
    return natsConnection_Flush(connection) == NATS_OK; /* the server has them */
}

/* Publishes for so long, never far ahead of what is received. Returns how many, 0 on failure. */
static uint64_t
publish(natsConnection *publisher, unsigned count, double seconds)
{
    static char payload[PAYLOAD];
    int64_t end = clock_mono_us() + (int64_t)(seconds * 1e6);
    uint64_t sent = 0;
    for (; clock_mono_us() < end; sent++) {
        struct bench_match_texts texts;
        bench_match_record((unsigned)(sent % 4096), count, &texts);
        texts.topic[strlen(texts.topic) - 1] = '\0'; /* a subject ends without a dot */
        if (natsConnection_Publish(publisher, texts.topic, payload, sizeof payload) != NATS_OK)
            return 0;
        while (sent * BENCH_MATCHES > atomic_load(&received) + (uint64_t)AHEAD * BENCH_MATCHES) {
            natsConnection_Flush(publisher);
            usleep(100);
        }
    }
    natsConnection_Flush(publisher);
    for (unsigned i = 0; i < 20000 && atomic_load(&received) < sent * BENCH_MATCHES; i++)
        usleep(500);
    return atomic_load(&received) == sent * BENCH_MATCHES ? sent : 0;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: nats_match URL PID SUBSCRIPTIONS SECONDS\n");
        return 64;
    }
    unsigned count = (unsigned)atoi(argv[3]);
    natsConnection *publisher = nats_open(argv[1], false);
    natsConnection *subscriber = nats_open(argv[1], true);
    nats_SetMessageDeliveryPoolSize(1);
    if (!publisher || !subscriber || !subscribe(subscriber, count))
        return 69;
    double before = cpu_us(argv[2]);
    int64_t begin = clock_mono_us();
    uint64_t sent = publish(publisher, count, atof(argv[4]));
    double took = (double)(clock_mono_us() - begin);
    if (!sent) {
        fprintf(stderr, "not all was delivered\n");
        return 1;
    }
    printf("{\"records\":%llu,\"subscriptions\":%u,\"matches\":%d,\"us\":%.3f,\"rate\":%.0f}\n",
           (unsigned long long)sent, count, BENCH_MATCHES,
           (cpu_us(argv[2]) - before) / (double)sent, (double)sent / took * 1e6);
    fflush(stdout);
    _exit(0); /* the subscriptions need not be ended one by one */
}
