/* See key.h. It must not know certificates, files or sockets. */
#include "common/auth/key.h"

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

bool
key_valid(struct text text)
{
    uint64_t group = 0;
    if (!text.ptr || text.len != KEY_LEN)
        return false;
    for (uint32_t i = 0; i < KEY_LEN; i++) {
        const char *digit = memchr(digits, text.ptr[i], sizeof digits - 1);
        if (!digit)
            return false;
        group = (i % 5 ? group * 85 : 0) + (uint64_t)(digit - digits);
        if (group > UINT32_MAX)
            return false;
    }
    return true;
}

void
key_print(const uint8_t bytes[KEY_BYTES], char out[KEY_LEN + 1])
{
    for (unsigned i = 0; i < KEY_BYTES / 4; i++) {
        uint32_t group = 0;
        for (unsigned at = 0; at < 4; at++)
            group = group << 8 | bytes[4 * i + at];
        for (unsigned at = 5; at-- > 0; group /= 85)
            out[5 * i + at] = digits[group % 85];
    }
    out[KEY_LEN] = '\0';
}
