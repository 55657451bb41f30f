// LINK: common/auth/zap.c common/auth/key.c common/base/log.c common/base/loop.c common/base/clock.c common/base/date.c common/base/text.c -lczmq -lzmq
/* Requests of the authentication protocol: frames of any bytes, each with a length before it.
 * Whatever is accepted has a key of 32 bytes and is CURVE's. */
#include "tests/fuzz/fuzz.h"

#include "common/auth/zap.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct text frames[ZAP_FRAMES_MAX];
    struct zap_request request;
    char key[KEY_LEN + 1];
    unsigned count = 0;
    for (size_t at = 0; at < len && count < ZAP_FRAMES_MAX; count++) {
        size_t size = data[at++];
        size = size < len - at ? size : len - at;
        frames[count] = (struct text){(const char *)data + at, (uint32_t)size};
        at += size;
    }
    if (zap_parse(frames, count, &request) == ZAP_ACCEPTED) {
        PROMISE(count == 7 && text_is(frames[5], "CURVE") && frames[6].len == KEY_BYTES);
        key_print(request.key, key);
        PROMISE(key_valid((struct text){key, KEY_LEN}));
    }
    return 0;
}
