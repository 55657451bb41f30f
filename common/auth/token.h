/* Tokens, by which a principal is known where there is no CURVE: over HTTP. A token is 256 random
 * bits, so its digest needs no salt and is found by comparing, and who has only digests has
 * nothing. Pure but for libsodium's random numbers: it must not know principals or HTTP. */
#ifndef CBM_AUTH_TOKEN_H
#define CBM_AUTH_TOKEN_H

#include "common/auth/key.h"

#define TOKEN_LEN 47 /* "cbm_" and 32 bytes in base64url (RFC 4648, section 5) without padding */

void token_make(char out[TOKEN_LEN + 1]); /* sodium_init was called */

/* The digest in Z85 (BLAKE2b-256), of any text. */
void token_digest(struct text token, char out[KEY_LEN + 1]);

#endif
