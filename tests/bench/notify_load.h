/* The two ends of a notification over libzmq alone: changes by event.propose on a DEALER, and
 * records from a SUB. It must not know libcbm: what is measured is the system, not our client. */
#ifndef CBM_BENCH_NOTIFY_LOAD_H
#define CBM_BENCH_NOTIFY_LOAD_H

#include <string.h>
#include <zmq.h>

#include "common/bus/mdp.h"
#include "common/bus/rpc.h"
#include "common/log/batch.h"

static inline void
notify_pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

/* Sends the proposal of event bench-<run>-<number>; its msgid is the number. */
static inline void
notify_propose(void *dealer, unsigned run, uint32_t number)
{
    struct buf params = {0}, body = {0};
    char id[48];
    snprintf(id, sizeof id, "bench-%u-%u", run, number);
    mp_map(&params, 7);
    notify_pair(&params, "id", id);
    notify_pair(&params, "title",
                "Seminar on the development of secure and effective transport corridors");
    notify_pair(&params, "kind", "seminar");
    notify_pair(&params, "dimension", "economic");
    notify_pair(&params, "area", "tourism");
    notify_pair(&params, "host", "KZ");
    mp_string(&params, "year");
    mp_int(&params, 2031);
    rpc_request_write(&body, number, "event.propose", params.data, params.len);
    zmq_send(dealer, MDP_CLIENT, MDP_HEADER_LEN, ZMQ_SNDMORE);
    zmq_send(dealer, "\1", 1, ZMQ_SNDMORE);
    zmq_send(dealer, "events", 6, ZMQ_SNDMORE);
    zmq_send(dealer, body.data, body.len, 0);
    buf_fini(&params);
    buf_fini(&body);
}

/* Receives one message into `frames`, which the caller closes. Returns how many frames it has, 0 if
 * there is none now. */
static inline int
notify_receive(void *sock, zmq_msg_t *frames, int max)
{
    int count = 0, more = 1;
    while (more) {
        zmq_msg_t extra, *frame = count < max ? &frames[count] : &extra;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, sock, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            break;
        }
        more = zmq_msg_more(frame);
        if (frame == &extra)
            zmq_msg_close(&extra);
        else
            count++;
    }
    return count;
}

static inline void
notify_close(zmq_msg_t *frames, int count)
{
    for (int i = 0; i < count; i++)
        zmq_msg_close(&frames[i]);
}

/* Takes one acknowledgement; false if there is none now. `good` tells whether it is no error. */
static inline bool
notify_acknowledged(void *dealer, uint32_t *number, bool *good)
{
    zmq_msg_t frames[4];
    int count = notify_receive(dealer, frames, 4);
    if (count == 4) {
        const uint8_t *data = zmq_msg_data(&frames[3]);
        size_t len = zmq_msg_size(&frames[3]);
        *number = rpc_msgid(data, len);
        *good = data[2 + mp_object_len(data + 2, len - 2)] == 0xc0;
    }
    notify_close(frames, count);
    return count == 4;
}

static inline void *
notify_dealer(void *context, const char *endpoint)
{
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int none = 0;
    zmq_setsockopt(dealer, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(dealer, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none);
    return zmq_connect(dealer, endpoint) == 0 ? dealer : NULL;
}

/* What libcbm subscribes to for "events.". */
#define NOTIFY_EVENTS TEXT_LITERAL(BATCH_KEY_HEAD "events./")

static inline struct text
notify_frame(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), (uint32_t)zmq_msg_size(frame)};
}

static inline void *
notify_sub(void *context, const char *endpoint, struct text subscription)
{
    void *sub = zmq_socket(context, ZMQ_SUB);
    int none = 0;
    if (!sub)
        return NULL;
    zmq_setsockopt(sub, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(sub, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, subscription.ptr, subscription.len);
    return zmq_connect(sub, endpoint) == 0 ? sub : NULL;
}

#endif
