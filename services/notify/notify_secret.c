/* See notify_secret.h. */
#include "services/notify/notify_secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void
write_text(char out[NOTIFY_SECRET_TEXT_MAX], const char *prefix, const unsigned char *bytes,
           size_t len)
{
    size_t head = strlen(prefix);
    snprintf(out, NOTIFY_SECRET_TEXT_MAX, "%s", prefix);
    sodium_bin2base64(out + head, NOTIFY_SECRET_TEXT_MAX - head, bytes, len,
                      sodium_base64_VARIANT_ORIGINAL);
}

void
notify_secret_make(struct notify_secret *out)
{
    unsigned char secret[32], public_key[crypto_sign_PUBLICKEYBYTES],
        key[crypto_sign_SECRETKEYBYTES];
    randombytes_buf(secret, sizeof secret);
    crypto_sign_keypair(public_key, key);
    write_text(out->secret, "whsec_", secret, sizeof secret);
    write_text(out->key, "whsk_", key, sizeof key);
    write_text(out->public_key, "whpk_", public_key, sizeof public_key);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(key, sizeof key);
}

void
notify_secret_forget(struct notify_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}
