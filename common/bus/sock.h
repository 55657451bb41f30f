/* The settings of every ZeroMQ socket, in one place, each with its reason.
 * It must not know what goes over the sockets. */
#ifndef CBM_BUS_SOCK_H
#define CBM_BUS_SOCK_H

#include <czmq.h>

#include "common/base/buf.h"

/* A frame beyond our own limit (MP_BYTES_MAX) is answered with an error; one beyond this cuts its
 * peer. */
#define SOCK_MESSAGE_MAX (16 * 1024 * 1024)

/* A socket of `type` (ZMQ_ROUTER, …) with our defaults. NULL if ZeroMQ refuses. Destroyed by
 * zsock_destroy. Attach with zsock_attach/zsock_bind/zsock_connect. */
zsock_t *sock_new(int type);

/* Binds to every endpoint of a comma list. 0, or -1 after a line in the log that names the
 * endpoint. */
int sock_bind_all(zsock_t *sock, const char *endpoints);

/* Sends the bytes as the last frame of a message to a socket of libzmq, without waiting; long ones
 * are not copied but given away with their memory. 0, and the buf is empty; or -1, and it has them
 * still (unless memory is short too). */
int sock_send_buf(void *raw, struct buf *buf);

#endif
