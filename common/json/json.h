/* JSON to MessagePack and back. Whole numbers stay whole; bytes become base64 text.
 * It must not know any message. */
#ifndef CBM_JSON_JSON_H
#define CBM_JSON_JSON_H

#include <jansson.h>

#include "common/base/buf.h"

#define JSON_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Appends the value. False if memory is short or it is nested deeper than a message may be. */
bool json_to_msgpack(const json_t *json, struct buf *buf);

/* The value of encoded bytes, owned by the caller; NULL if they are not MessagePack, or no memory.
 */
json_t *json_of_msgpack(const void *data, size_t len);

/* Parses a text that must be a JSON object; NULL with `why` filled. */
json_t *json_object_of_text(const char *text, size_t len, char why[200]);

#endif
