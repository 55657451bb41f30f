/* Who may connect to a server socket, kept current: the keys in files of the operator and the
 * registry's principals, followed on the log. CURVE with ZAP on the sockets given to it; what is
 * not known is refused. It must not know what the peers ask for.
 *
 * The table lasts as long as the process: while Redis is away, who was known last is let in, and
 * whoever is not known is put off rather than refused until the log has been read once. */
#ifndef CBM_AUTH_ACCESS_H
#define CBM_AUTH_ACCESS_H

#include <czmq.h>

#include "common/auth/principals.h"
#include "common/base/cfg.h"
#include "common/base/loop.h"

enum access_mode { ACCESS_OPEN, ACCESS_CURVE };
extern const char *const access_words[]; /* "open", "curve" */

struct access_config {
    char keys[CFG_TEXT_MAX]; /* CBM_KEYS */
    int64_t mode;            /* CBM_ACCESS: enum access_mode */
};

/* The rows of a config struct whose member `member` is a struct access_config. */
#define ACCESS_ROWS(type, member)                                                                  \
    {"CBM_KEYS",                                                                                   \
     CFG_TEXT,                                                                                     \
     offsetof(type, member.keys),                                                                  \
     "keys",                                                                                       \
     1,                                                                                            \
     1000,                                                                                         \
     NULL,                                                                                         \
     "the directory of keys: server.key, server.key_secret, trusted/*.key"},                       \
    {                                                                                              \
        "CBM_ACCESS", CFG_WORD, offsetof(type, member.mode), "curve", 0, 0, "open|curve",          \
            "curve: known keys only; open: everybody who reaches the port is the Secretariat"      \
    }

/* What a socket is for: its ZAP domain. Workers must have the role `service`. */
enum access_gate { ACCESS_CLIENTS, ACCESS_WORKERS, ACCESS_SUBSCRIBERS };

struct access;

/* Reads or makes the keys and begins to follow the log; `redis` and `org` as in struct
 * service_config. In the open mode it does neither. NULL after a line in the log; `exit_code` says
 * why. */
struct access *access_new(struct loop *loop, const struct access_config *config, const char *redis,
                          const char *org, int *exit_code);

/* Makes a server socket that is not bound yet ask for keys; does nothing in the open mode. The
 * socket must not outlive `access`: access_release before it is destroyed. 0, or -1 after a line in
 * the log. */
int access_secure(struct access *access, zsock_t *sock, enum access_gate gate);
void access_release(struct access *access, zsock_t *sock);

/* Who sent a frame; the connection is remembered as his. NULL: he was revoked since, or is unknown:
 * do nothing for him (he is being cut). In the open mode everybody is the local Secretariat. The
 * pointer holds as long as `access`; look at identity->allowed whenever it is used later. */
const struct identity *access_of(struct access *access, zmq_msg_t *frame);

/* The same by the frame's property User-Id, which is the public key in Z85; absent in the open
 * mode. NULL: refuse. */
const struct principal *access_find(struct access *access, struct text user_id);

/* Who shows this token over HTTP, absent for none; NULL: refuse. In the open mode everybody is the
 * local Secretariat. The pointer holds as long as `access`; look at `allowed` and `token` whenever
 * it is used later. */
const struct identity *access_token(struct access *access, struct text token);

/* Whether anything is known anew since: another number than before. The rights of somebody who is
 * not connected: access_each calls `fn` for every key that was ever known, allowed or not; in the
 * open mode for none. The same principal may have several keys. */
uint64_t access_version(const struct access *access);
typedef void access_each_fn(void *arg, const struct identity *identity);
void access_each(const struct access *access, access_each_fn *fn, void *arg);

/* Cuts the connection that a frame came by, if it is still there; the peer may connect again. */
void access_drop(struct access *access, zmq_msg_t *frame);

/* A number of the connection that a frame came by, never given twice. In the open mode, where the
 * kernel is asked, it may be that of the next connection on the same descriptor, if the frame's has
 * ended. */
uint64_t access_connection(zmq_msg_t *frame);

/* Whether the principals have been read from the log, or need not be. */
bool access_current(const struct access *access);
enum access_mode access_mode(const struct access *access);

/* Appends its metrics in Prometheus' format. */
void access_metrics(const struct access *access, struct buf *out);

void access_destroy(struct access **access);

#endif
