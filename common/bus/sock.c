/* See sock.h. */
#include "common/bus/sock.h"

#include <stdlib.h>

#include "common/base/cfg.h"
#include "common/base/log.h"

#define HWM 100000 /* bounds are kept by credit and by queues; this is the last resort */
#define HEARTBEAT_IVL_MS 2000
#define HEARTBEAT_TIMEOUT_MS 6000
#define HANDSHAKE_IVL_MS 5000  /* a peer that connects and says nothing is dropped */
#define COPIED_MAX (16 * 1024) /* bytes that are cheaper copied than allocated anew */

zsock_t *
sock_new(int type)
{
    zsock_t *sock = zsock_new(type);
    if (!sock)
        return NULL;
    zsock_set_linger(sock, 500); /* the last answers may leave; an absent peer does not hold us */
    zsock_set_sndhwm(sock, HWM);
    zsock_set_rcvhwm(sock, HWM);
    zsock_set_maxmsgsize(sock, SOCK_MESSAGE_MAX);
    zsock_set_heartbeat_ivl(sock, HEARTBEAT_IVL_MS); /* finds peers lost without a FIN */
    zsock_set_heartbeat_timeout(sock, HEARTBEAT_TIMEOUT_MS);
    zsock_set_handshake_ivl(sock, HANDSHAKE_IVL_MS);
    zsock_set_tcp_keepalive(sock, 1);
    zsock_set_reconnect_ivl(sock, 50);
    zsock_set_reconnect_ivl_max(sock, 1000);
    zsock_set_ipv6(sock, 1);
    if (type == ZMQ_ROUTER)
        zsock_set_router_mandatory(sock,
                                   1); /* sending to a peer that is gone is an error, not loss */
    if (type == ZMQ_DEALER)
        zsock_set_immediate(sock, 1); /* nothing is queued for a connection that does not exist */
    return sock;
}

int
sock_bind_all(zsock_t *sock, const char *endpoints)
{
    char one[CFG_TEXT_MAX];
    for (const char *at = endpoints; (at = cfg_next_endpoint(at, one, sizeof one));) {
        if (zsock_bind(sock, "%s", one) == -1) {
            log_event(LOG_LEVEL_ERROR, "cannot bind", LOG_TEXT("endpoint", one),
                      LOG_TEXT("error", zmq_strerror(zmq_errno())));
            return -1;
        }
    }
    return 0;
}

static void
free_bytes(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static int
give_away(void *raw, struct buf *buf)
{
    zmq_msg_t msg;
    struct buf left = {0};
    if (zmq_msg_init_data(&msg, buf->data, buf->len, free_bytes, NULL) != 0)
        return -1;
    int sent = zmq_msg_send(&msg, raw, ZMQ_DONTWAIT);
    if (sent < 0) {
        buf_append(&left, buf->data, buf->len);
        zmq_msg_close(&msg);
    } else {
        buf_reserve(&left, buf->len); /* the next will be as long, most likely */
    }
    *buf = left;
    return sent < 0 ? -1 : 0;
}

int
sock_send_buf(void *raw, struct buf *buf)
{
    if (buf->len > COPIED_MAX)
        return give_away(raw, buf);
    if (zmq_send(raw, buf->data, buf->len, ZMQ_DONTWAIT) < 0)
        return -1;
    buf_clear(buf);
    return 0;
}
