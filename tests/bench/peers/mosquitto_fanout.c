// NEEDS: libmosquitto
// LINK: -lmosquitto
/* Row 5, a lossy peer: N clients of mosquitto at QoS 0 read by one thread, and a burst of publishes
 * of records of the same size from one more. Prints one JSON object. */
#include <mosquitto.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/notify_samples.h"

#define KEEPALIVE_S 600
#define TURN_MAX 64

static uint64_t received, joined;
static int64_t last_us;

static void
on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    (void)client;
    (void)arg;
    (void)message;
    received++;
}

static void
on_subscribed(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
    (void)client;
    (void)arg;
    (void)mid;
    (void)count;
    (void)granted;
    joined++;
}

static void
on_connected(struct mosquitto *client, void *arg, int result)
{
    (void)arg;
    if (result == 0)
        mosquitto_subscribe(client, NULL, "events/#", 0);
}

static struct mosquitto *
open_client(const char *host, int port, int epoll)
{
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    if (!client)
        return NULL;
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_subscribe_callback_set(client, on_subscribed);
    if (epoll >= 0)
        mosquitto_connect_callback_set(client, on_connected);
    if (mosquitto_connect(client, host, port, KEEPALIVE_S) != MOSQ_ERR_SUCCESS)
        return NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll >= 0)
        epoll_ctl(epoll, EPOLL_CTL_ADD, mosquitto_socket(client), &event);
    return client;
}

static void
turn(int epoll, struct mosquitto *publisher)
{
    struct epoll_event events[64];
    uint64_t before = received;
    int count = epoll_wait(epoll, events, 64, 10);
    for (int i = 0; i < count; i++) {
        mosquitto_loop_read(events[i].data.ptr, TURN_MAX);
        if (mosquitto_want_write(events[i].data.ptr))
            mosquitto_loop_write(events[i].data.ptr, 1);
    }
    while (publisher && mosquitto_want_write(publisher)) {
        mosquitto_loop_write(publisher, 1);
        if (count)
            break;
    }
    if (received != before)
        last_us = clock_mono_us();
}

static bool
publish_all(struct mosquitto *publisher, int epoll, unsigned records)
{
    static char payload[SAMPLE_PAYLOAD_LEN];
    for (unsigned i = 0; i < records; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, "events/economic/tourism/bench-%06u", i);
        if (mosquitto_publish(publisher, NULL, topic, sizeof payload, payload, 0, false))
            return false;
        if (mosquitto_want_write(publisher))
            turn(epoll, publisher);
    }
    return true;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: mosquitto_fanout HOST PORT SUBSCRIBERS RECORDS\n");
        return 64;
    }
    unsigned subscribers = (unsigned)atoi(argv[3]), records = (unsigned)atoi(argv[4]);
    uint64_t want = (uint64_t)subscribers * records, before = 0;
    int epoll = epoll_create1(0), port = atoi(argv[2]);
    mosquitto_lib_init();
    for (unsigned i = 0; i < subscribers; i++)
        if (!open_client(argv[1], port, epoll))
            return 69;
    int64_t end = clock_mono_us() + 20000000;
    while (joined < subscribers && clock_mono_us() < end)
        turn(epoll, NULL);
    struct mosquitto *publisher = open_client(argv[1], port, -1);
    if (joined < subscribers || !publisher || mosquitto_loop_read(publisher, 1))
        return 69;
    int64_t begin = clock_mono_us(), quiet_at = begin + 3000000;
    if (!publish_all(publisher, epoll, records))
        return 1;
    while (received < want && clock_mono_us() < quiet_at) {
        turn(epoll, publisher);
        if (received != before)
            quiet_at = clock_mono_us() + 3000000;
        before = received;
    }
    double took = (double)(last_us - begin) / 1e6;
    printf(
        "{\"subscribers\":%u,\"deliveries\":%llu,\"lost\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n",
        subscribers, (unsigned long long)received, (unsigned long long)(want - received), took,
        (double)received / took);
    return 0;
}
