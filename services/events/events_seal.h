/* Personal data as the store and the log may have it (docs/decisions/0019): sealed with a key of
 * its own, so that who destroys the key has erased it everywhere; and marks of names, which are
 * equal where the names are and tell nothing else. libsodium; it must not know delegations or the
 * store. All texts it makes are of [A-Za-z0-9_-]. */
#ifndef CBM_EVENTS_SEAL_H
#define CBM_EVENTS_SEAL_H

#include <stddef.h>

#include "common/base/text.h"

/* A fresh random key, and its terminator. */
#define EVENTS_SEAL_KEY_MAX 44
void events_seal_key(char out[EVENTS_SEAL_KEY_MAX]);

/* Seals bytes (XChaCha20-Poly1305, fresh nonce); `bound` is not in it but needed to open it. `out`
 * holds events_seal_room(len) bytes and is terminated. False if the key is none. */
size_t events_seal_room(size_t len);
bool events_seal_close(struct text key, struct text bound, struct text plain, char *out);

/* Opens what was sealed; `out` holds sealed.len bytes. Returns the length, or -1 if key or `bound`
 * are others, or it was changed. */
long events_seal_open(struct text key, struct text bound, struct text sealed, char *out);

/* The mark of a text under a key (BLAKE2b, 128 bits), and its terminator. False if the key is none.
 */
#define EVENTS_SEAL_MARK_MAX 23
bool events_seal_mark(struct text key, struct text of, char out[EVENTS_SEAL_MARK_MAX]);

#endif
