/* Signatures of webhooks by Standard Webhooks 1.0.0. It must not know subscriptions or how anything
 * is sent.
 *
 *   whsec_ + base64 of 24 to 64 bytes       HMAC-SHA256: "v1," + base64
 *   whsk_  + base64 of seed, public key     ed25519 (of the 32 bytes of the seed alone as well):
 *   whpk_  + base64 of the public key       "v1a," + base64, checked with the public key alone
 *
 * What is signed is "<id>.<time in seconds>.<body>". */
#ifndef CBM_NOTIFY_SIGN_H
#define CBM_NOTIFY_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* What signing needs again and again; of one thread. NULL without memory, or without
 * OpenSSL's libcrypto, which is loaded by the first. */
struct notify_sign;
struct notify_sign *notify_sign_new(void);
void notify_sign_destroy(struct notify_sign **sign);

/* Appends the signature of each secret, by space: the value of webhook-signature, terminated.
 * Returns its length, 0 if one of them is no secret. */
#define NOTIFY_SIGNATURE_MAX 96
size_t notify_sign(struct notify_sign *sign, struct text id, int64_t time_s, struct text body,
                   unsigned secret_count, const struct text *secrets, char *out);

#endif
