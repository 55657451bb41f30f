/* See token.h. It must not know principals or HTTP. */
#include "common/auth/token.h"

#include <sodium.h>

#define HEAD "cbm_"

void
token_make(char out[TOKEN_LEN + 1])
{
    unsigned char bytes[32];
    randombytes_buf(bytes, sizeof bytes);
    memcpy(out, HEAD, sizeof HEAD - 1);
    sodium_bin2base64(out + sizeof HEAD - 1, TOKEN_LEN + 1 - (sizeof HEAD - 1), bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

void
token_digest(struct text token, char out[KEY_LEN + 1])
{
    unsigned char digest[KEY_BYTES];
    crypto_generichash(digest, sizeof digest, (const unsigned char *)token.ptr, token.len, NULL, 0);
    key_print(digest, out);
}
