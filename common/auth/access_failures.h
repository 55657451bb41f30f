/* Failed authentications, counted by reason and told to the operator, a line a second at most.
 * It must not know sockets. */
#ifndef CBM_AUTH_ACCESS_FAILURES_H
#define CBM_AUTH_ACCESS_FAILURES_H

#include "common/auth/key.h"
#include "common/base/buf.h"

enum access_reason {
    ACCESS_UNKNOWN,   /* a key that nobody enrolled */
    ACCESS_REVOKED,   /* … or whose principal was revoked */
    ACCESS_ROLE,      /* not one of those whom this socket is for */
    ACCESS_MECHANISM, /* NULL or PLAIN instead of CURVE */
    ACCESS_HANDSHAKE, /* no handshake of ours: another protocol, the wrong server key, silence */
    ACCESS_MALFORMED, /* libzmq asked what cannot be understood */
    ACCESS_REASONS
};

/* The reason of a word of peers.h. */
enum access_reason access_reason_of(const char *word);

/* An embedded value: zeroed is none yet. */
struct access_failures {
    uint64_t counts[ACCESS_REASONS];
    uint64_t untold;           /* since the last line */
    int64_t told_ms;           /* monotonic; 0: never */
    enum access_reason reason; /* the last one not told */
    char key[KEY_LEN + 1], address[64];
};

/* Counts one; `key` and `address` are empty where they are not known. */
void access_failures_add(struct access_failures *failures, enum access_reason reason,
                         const char *key, const char *address, int64_t now_ms);

/* Tells the last one if a line is due, and how many went untold. Returns when to call again,
 * INT64_MAX: not before the next failure. */
int64_t access_failures_tick(struct access_failures *failures, int64_t now_ms);

void access_failures_metrics(const struct access_failures *failures, struct buf *out);

#endif
