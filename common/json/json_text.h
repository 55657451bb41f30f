/* MessagePack to the text of JSON in one pass, without a tree: what goes out many times a second.
 * The same values as json.h makes. It must not know any message. */
#ifndef CBM_JSON_JSON_TEXT_H
#define CBM_JSON_JSON_TEXT_H

#include "common/base/buf.h"
#include "common/base/text.h"

/* Appends the value of encoded bytes. False, and `out` is unusable, if they are no MessagePack
 * within the limits of mp_scan. A failed allocation sticks in the buf. */
bool json_text_of_msgpack(struct buf *out, struct text encoded);

/* Appends a string with its quotes; the bytes must be UTF-8. */
void json_text_string(struct buf *out, struct text string);

/* Appends what is JSON already. */
static inline void
json_text_put(struct buf *out, struct text text)
{
    buf_append(out, text.ptr, text.len);
}

#endif
