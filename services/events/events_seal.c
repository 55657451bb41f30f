/* See events_seal.h. It must not know delegations or the store. */
#include "services/events/events_seal.h"

#include <sodium.h>
#include <stdlib.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define MARK_BYTES 16

_Static_assert(EVENTS_SEAL_KEY_MAX == sodium_base64_ENCODED_LEN(KEY_BYTES, VARIANT), "key");
_Static_assert(EVENTS_SEAL_MARK_MAX == sodium_base64_ENCODED_LEN(MARK_BYTES, VARIANT), "mark");

void
events_seal_key(char out[EVENTS_SEAL_KEY_MAX])
{
    unsigned char key[KEY_BYTES];
    randombytes_buf(key, sizeof key);
    sodium_bin2base64(out, EVENTS_SEAL_KEY_MAX, key, sizeof key, VARIANT);
    sodium_memzero(key, sizeof key);
}

static bool
read_key(struct text text, unsigned char key[KEY_BYTES])
{
    size_t len;
    return text.ptr &&
           sodium_base642bin(key, KEY_BYTES, text.ptr, text.len, NULL, &len, NULL, VARIANT) == 0 &&
           len == KEY_BYTES;
}

size_t
events_seal_room(size_t len)
{
    return sodium_base64_encoded_len(NONCE_BYTES + len + TAG_BYTES, VARIANT);
}

bool
events_seal_close(struct text key, struct text bound, struct text plain, char *out)
{
    unsigned char bytes[KEY_BYTES];
    size_t len = NONCE_BYTES + plain.len + TAG_BYTES;
    unsigned char *box = malloc(len);
    bool done = box && read_key(key, bytes);
    if (done) {
        randombytes_buf(box, NONCE_BYTES);
        crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE_BYTES, NULL,
                                                   (const unsigned char *)plain.ptr, plain.len,
                                                   (const unsigned char *)bound.ptr, bound.len,
                                                   NULL, box, bytes);
        sodium_bin2base64(out, events_seal_room(plain.len), box, len, VARIANT);
    }
    sodium_memzero(bytes, sizeof bytes);
    free(box);
    return done;
}

long
events_seal_open(struct text key, struct text bound, struct text sealed, char *out)
{
    unsigned char bytes[KEY_BYTES];
    unsigned long long plain_len = 0;
    size_t len = 0;
    unsigned char *box = malloc(sealed.len + 1);
    bool done = box && read_key(key, bytes) &&
                sodium_base642bin(box, sealed.len, sealed.ptr, sealed.len, NULL, &len, NULL,
                                  VARIANT) == 0 &&
                len >= NONCE_BYTES + TAG_BYTES &&
                crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)out, &plain_len, NULL,
                                                           box + NONCE_BYTES, len - NONCE_BYTES,
                                                           (const unsigned char *)bound.ptr,
                                                           bound.len, box, bytes) == 0;
    sodium_memzero(bytes, sizeof bytes);
    free(box);
    return done ? (long)plain_len : -1;
}

bool
events_seal_mark(struct text key, struct text of, char out[EVENTS_SEAL_MARK_MAX])
{
    unsigned char bytes[KEY_BYTES], mark[MARK_BYTES];
    if (!read_key(key, bytes))
        return false;
    crypto_generichash(mark, sizeof mark, (const unsigned char *)of.ptr, of.len, bytes,
                       sizeof bytes);
    sodium_bin2base64(out, EVENTS_SEAL_MARK_MAX, mark, sizeof mark, VARIANT);
    sodium_memzero(bytes, sizeof bytes);
    return true;
}
