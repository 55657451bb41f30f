/* The codec of schema.h's messages to and from MessagePack. A map by field name: a missing required
 * field, a duplicate, an unknown field or a wrong type is refused by its path. */
#ifndef CBM_MSG_SCHEMA_MP_H
#define CBM_MSG_SCHEMA_MP_H

#include "common/msg/mp.h"
#include "common/msg/schema.h"

enum schema_mode {
    SCHEMA_STRICT, /* from outside */
    SCHEMA_STORED, /* our own documents: a newer version's unknown fields are passed over */
};

/* Decodes `object` into `message` (schema->size bytes, any content). Texts point into the bytes
 * that `object` was unpacked from. STATUS_OK or STATUS_INVALID_ARGUMENT with `error` filled. */
enum status schema_decode(const struct schema *schema, const msgpack_object *object, void *message,
                          enum schema_mode mode, struct error *error);

/* Scan, unpack and decode of one encoded message. `zone` is cleared before and may be shared by
 * calls that do not overlap: nothing in `message` points into it. */
enum status schema_decode_bytes(const struct schema *schema, const void *data, size_t len,
                                msgpack_zone *zone, void *message, enum schema_mode mode,
                                struct error *error);

/* Appends the message as a map, absent values left out, fields in the order of the table. */
void schema_encode(const struct schema *schema, const void *message, struct buf *buf);

#endif
