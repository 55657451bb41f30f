/* A load on the bus, as libzmq alone makes it: N requests in flight on one DEALER, and the time from an
 * acknowledgement to the arrival of its notification. Prints one JSON object.
 * It must not know libcbm: what is measured is the system, not our client. */
#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/bus/mdp.h"
#include "common/bus/rpc.h"

#define IN_FLIGHT_MAX 65536

struct load {
    void *context, *client, *sub;
    unsigned in_flight, seconds, run_id;
    bool propose;
    const char *id; /* of the event that event.get asks for */
    int64_t sent_us[IN_FLIGHT_MAX];
    int64_t *latencies; /* µs */
    size_t count, cap, errors;
    uint32_t next;
};

static int
by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double
quantile(struct load *load, double q)
{
    if (!load->count)
        return 0;
    size_t at = (size_t)(q * (double)(load->count - 1));
    return (double)load->latencies[at];
}

static void
request_write(struct load *load, struct buf *buf, uint32_t msgid)
{
    struct buf params = {0};
    char text[80];
    if (load->propose) {
        mp_map(&params, 7);
        mp_string(&params, "id");
        snprintf(text, sizeof text, "bench-%u-%u", load->run_id, msgid);
        mp_string(&params, text);
        mp_string(&params, "title");
        mp_string(&params, "Seminar on the development of secure and effective transport corridors");
        mp_string(&params, "kind");
        mp_string(&params, "seminar");
        mp_string(&params, "dimension");
        mp_string(&params, "economic");
        mp_string(&params, "area");
        mp_string(&params, "tourism");
        mp_string(&params, "host");
        mp_string(&params, "KZ");
        mp_string(&params, "year");
        mp_int(&params, 2031);
        rpc_request_write(buf, msgid, "event.propose", params.data, params.len);
    } else {
        mp_map(&params, 1);
        mp_string(&params, "id");
        mp_string(&params, load->id);
        rpc_request_write(buf, msgid, "event.get", params.data, params.len);
    }
    buf_fini(&params);
}

static void
send_one(struct load *load)
{
    struct buf body = {0};
    uint32_t msgid = load->next++;
    request_write(load, &body, msgid);
    load->sent_us[msgid % IN_FLIGHT_MAX] = clock_mono_us();
    zmq_send(load->client, MDP_CLIENT, MDP_HEADER_LEN, ZMQ_SNDMORE);
    zmq_send(load->client, "\1", 1, ZMQ_SNDMORE);
    zmq_send(load->client, "events", 6, ZMQ_SNDMORE);
    zmq_send(load->client, body.data, body.len, 0);
    buf_fini(&body);
}

static void
keep(struct load *load, int64_t latency)
{
    if (load->count == load->cap) {
        load->cap = load->cap ? load->cap * 2 : 65536;
        load->latencies = realloc(load->latencies, load->cap * sizeof *load->latencies);
        if (!load->latencies)
            abort();
    }
    load->latencies[load->count++] = latency;
}

/* Receives one reply; false after a second without one. */
static bool
receive_one(struct load *load)
{
    zmq_msg_t frame;
    int more = 1;
    bool got = false;
    for (unsigned i = 0; more; i++) {
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, load->client, 0) < 0) {
            zmq_msg_close(&frame);
            return got;
        }
        more = zmq_msg_more(&frame);
        if (i == 3) {
            const uint8_t *data = zmq_msg_data(&frame);
            uint32_t msgid = rpc_msgid(data, zmq_msg_size(&frame));
            keep(load, clock_mono_us() - load->sent_us[msgid % IN_FLIGHT_MAX]);
            size_t header = 2 + mp_object_len(data + 2, zmq_msg_size(&frame) - 2);
            load->errors += data[header] != 0xc0;
            got = true;
        }
        zmq_msg_close(&frame);
    }
    return got;
}

static void
run_requests(struct load *load)
{
    int64_t begin = clock_mono_us(), end = begin + (int64_t)load->seconds * 1000000;
    for (unsigned i = 0; i < load->in_flight; i++)
        send_one(load);
    unsigned open = load->in_flight;
    while (open) {
        if (!receive_one(load)) {
            fprintf(stderr, "%u requests were not answered\n", open);
            exit(1);
        }
        open--;
        if (clock_mono_us() < end) {
            send_one(load);
            open++;
        }
    }
    double took = (double)(clock_mono_us() - begin) / 1e6;
    qsort(load->latencies, load->count, sizeof *load->latencies, by_value);
    printf("{\"method\":\"%s\",\"in_flight\":%u,\"requests\":%zu,\"errors\":%zu,\"rate\":%.0f,"
           "\"p50_us\":%.0f,\"p99_us\":%.0f}\n",
           load->propose ? "event.propose" : "event.get", load->in_flight, load->count,
           load->errors, (double)load->count / took, quantile(load, 0.5), quantile(load, 0.99));
}

/* One change at a time: from its acknowledgement to the arrival at a SUB (negative counts as 0: the
 * notification overtook the acknowledgement). */
static void
run_notifications(struct load *load)
{
    int64_t end = clock_mono_us() + (int64_t)load->seconds * 1000000;
    load->propose = true;
    struct load acks = {0};
    while (clock_mono_us() < end) {
        send_one(load);
        zmq_pollitem_t items[] = {{load->client, 0, ZMQ_POLLIN, 0}, {load->sub, 0, ZMQ_POLLIN, 0}};
        int64_t acked = 0, arrived = 0;
        while (!acked || !arrived) {
            if (zmq_poll(items, 2, 2000) <= 0) {
                fprintf(stderr, "no %s came\n", acked ? "notification" : "acknowledgement");
                exit(1);
            }
            if (items[0].revents && receive_one(load))
                acked = clock_mono_us();
            if (items[1].revents) {
                zmq_msg_t frame;
                unsigned frames = 0;
                int more = 1;
                while (more) {
                    zmq_msg_init(&frame);
                    zmq_msg_recv(&frame, load->sub, 0);
                    more = zmq_msg_more(&frame);
                    zmq_msg_close(&frame);
                    frames++;
                }
                if (frames == 3) /* two are a watermark */
                    arrived = clock_mono_us();
            }
        }
        keep(&acks, arrived > acked ? arrived - acked : 0);
    }
    qsort(acks.latencies, acks.count, sizeof *acks.latencies, by_value);
    printf("{\"method\":\"notification\",\"changes\":%zu,\"errors\":%zu,\"p50_us\":%.0f,"
           "\"p99_us\":%.0f}\n",
           acks.count, load->errors, quantile(&acks, 0.5), quantile(&acks, 0.99));
    free(acks.latencies);
}

int
main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: load BUS NOTIFY get:ID|propose|notify IN-FLIGHT SECONDS\n");
        return 64;
    }
    struct load *load = calloc(1, sizeof *load);
    if (!load)
        return 71;
    load->context = zmq_ctx_new();
    load->client = zmq_socket(load->context, ZMQ_DEALER);
    load->sub = zmq_socket(load->context, ZMQ_SUB);
    load->run_id = (unsigned)(clock_wall_ms() & 0x7fffffff);
    load->in_flight = (unsigned)atoi(argv[4]);
    load->seconds = (unsigned)atoi(argv[5]);
    load->propose = strcmp(argv[3], "propose") == 0;
    load->id = strncmp(argv[3], "get:", 4) == 0 ? argv[3] + 4 : "";
    int none = 0, wait_ms = 5000;
    zmq_setsockopt(load->client, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(load->client, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(load->client, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(load->client, ZMQ_LINGER, &none, sizeof none);
    zmq_connect(load->client, argv[1]);
    if (strcmp(argv[3], "notify") == 0) {
        zmq_setsockopt(load->sub, ZMQ_SUBSCRIBE, "events.", 7);
        zmq_connect(load->sub, argv[2]);
        zmq_msg_t first; /* the watermark: the subscription is in force */
        for (int more = 1; more;) {
            zmq_msg_init(&first);
            zmq_msg_recv(&first, load->sub, 0);
            more = zmq_msg_more(&first);
            zmq_msg_close(&first);
        }
        run_notifications(load);
    } else {
        run_requests(load);
    }
    zmq_close(load->client);
    zmq_close(load->sub);
    zmq_ctx_term(load->context);
    free(load->latencies);
    free(load);
    return 0;
}
