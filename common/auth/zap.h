/* The ZeroMQ Authentication Protocol (RFC 27), served from the loop: libzmq asks here about every
 * CURVE handshake of the process before the peer may send a frame. There must be one in a process,
 * made before the sockets that need it and destroyed after them.
 * It must not know who is allowed. */
#ifndef CBM_AUTH_ZAP_H
#define CBM_AUTH_ZAP_H

#include "common/auth/key.h"
#include "common/base/loop.h"

/* A property of every message of a peer that was let in: the number of its connection, in decimal,
 * never given twice. Descriptors are. */
#define ZAP_CONNECTION "X-Connection"

#define ZAP_FRAMES_MAX                                                                             \
    8 /* frames of a request of ours, and one more so that a longer one shows                      \
       */

/* A request: version, sequence, domain, address, routing id, mechanism, credentials. All borrowed
 * from the frames. */
struct zap_request {
    struct text sequence; /* set whenever it could be read, for the answer */
    struct text domain, address;
    const uint8_t *key; /* 32 bytes: the client's public key */
};

/* RFC 27's status codes. A client that got ZAP_REFUSED does not try again by itself; one that got
 * ZAP_LATER is let go without a word and does. */
enum zap_verdict { ZAP_ACCEPTED = 200, ZAP_LATER = 300, ZAP_REFUSED = 400, ZAP_BROKEN = 500 };

/* Reads a request. ZAP_ACCEPTED: it is one of CURVE's, decide; ZAP_REFUSED: another mechanism;
 * ZAP_BROKEN: it is none. Pure. */
enum zap_verdict zap_parse(const struct text *frames, unsigned count, struct zap_request *out);

/* Decides about a request and names the peer in `user_id`, which becomes the property User-Id of
 * all that it sends. `request` is NULL for one that zap_parse did not accept, which is told so that
 * it is counted. */
typedef enum zap_verdict zap_decide_fn(void *arg, const struct zap_request *request,
                                       char user_id[KEY_LEN + 1]);

struct zap;

/* Begins to answer. NULL after a line in the log. */
struct zap *zap_new(struct loop *loop, zap_decide_fn *decide, void *arg);
void zap_destroy(struct zap **zap);

#endif
