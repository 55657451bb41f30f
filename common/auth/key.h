/* Public keys as people and messages write them: 32 bytes in Z85, 40 characters (ZeroMQ RFC 32).
 * Pure: it must not know certificates, files or sockets. */
#ifndef CBM_AUTH_KEY_H
#define CBM_AUTH_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

#define KEY_LEN 40
#define KEY_BYTES 32

/* Whether the text is 32 bytes in Z85. */
bool key_valid(struct text text);

/* Writes the 40 characters and a terminator. */
void key_print(const uint8_t bytes[KEY_BYTES], char out[KEY_LEN + 1]);

#endif
