/* Row 5, the limit: a bare XPUB that sends each record in three frames from memory, as notify does
 * to who does not ask for batches, in a process of its own; the receivers are the very same. Prints
 * one JSON object. */
#define _GNU_SOURCE
#include "tests/bench/notify_receivers.h"

#include <unistd.h>

/* A meta of the right length with a true seq and prev, as a receiver reads it. */
static size_t
meta_write(uint8_t out[SAMPLE_META_LEN], uint32_t seq)
{
    struct buf buf = {0};
    mp_map(&buf, 3);
    mp_string(&buf, "seq");
    mp_uint(&buf, seq);
    mp_string(&buf, "prev");
    mp_array(&buf, 5);
    for (unsigned i = 0; i < 5; i++)
        mp_uint(&buf, i < 4 ? seq - 1 : 0);
    memset(out, 0xc0, SAMPLE_META_LEN);
    memcpy(out, buf.data, buf.len);
    buf_fini(&buf);
    return SAMPLE_META_LEN;
}

static void
send_frame(void *sock, const void *data, size_t len, int flags)
{
    zmq_msg_t msg;
    zmq_msg_init_size(&msg, len);
    memcpy(zmq_msg_data(&msg), data, len);
    zmq_msg_send(&msg, sock, flags);
}

/* Answers each subscription with a first message, then sends all on a byte of the pipe. */
static int
publish(const char *endpoint, unsigned subscribers, unsigned records, int go)
{
    static uint8_t data[SAMPLE_DATA_LEN];
    uint8_t meta[SAMPLE_META_LEN];
    void *context = zmq_ctx_new(), *sock = zmq_socket(context, ZMQ_XPUB);
    int hwm = 10000, one = 1;
    zmq_setsockopt(sock, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(sock, ZMQ_XPUB_VERBOSE, &one, sizeof one);
    if (zmq_bind(sock, endpoint))
        return 69;
    for (unsigned i = 0; i < subscribers; i++) {
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        zmq_msg_recv(&msg, sock, 0);
        zmq_msg_close(&msg);
    }
    send_frame(sock, "events.", 7, 0);
    char byte;
    if (read(go, &byte, 1) != 1)
        return 1;
    for (unsigned i = 0; i < records; i++) {
        char topic[64];
        int len = snprintf(topic, sizeof topic, SAMPLE_TOPIC, i);
        send_frame(sock, topic, (size_t)len, ZMQ_SNDMORE);
        send_frame(sock, meta, meta_write(meta, i + 1), ZMQ_SNDMORE);
        send_frame(sock, data, sizeof data, 0);
    }
    if (read(go, &byte, 1) < 0) /* until the receivers have all */
        return 1;
    zmq_close(sock);
    zmq_ctx_term(context);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: zmq_fanout ENDPOINT SUBSCRIBERS RECORDS\n");
        return 64;
    }
    unsigned subscribers = (unsigned)atoi(argv[2]), records = (unsigned)atoi(argv[3]);
    int go[2];
    if (pipe(go))
        return 71;
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        _exit(publish(argv[1], subscribers, records, go[0]));
    }
    close(go[0]);
    struct receivers all;
    if (child < 0 || !receivers_open(&all, argv[1], subscribers, TEXT_LITERAL("events.")))
        return 69;
    int64_t begin = clock_mono_us();
    if (write(go[1], "g", 1) != 1)
        return 1;
    uint64_t want = (uint64_t)subscribers * records;
    receivers_run(&all, want);
    int result = receivers_print(&all, want, begin);
    close(go[1]);
    receivers_close(&all);
    return result;
}
