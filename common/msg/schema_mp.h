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

/* Decodes the encoded map at the beginning of `map`, which passed mp_scan, into `message`
 * (schema->size bytes, any content). Texts point into `map`. STATUS_OK or STATUS_INVALID_ARGUMENT
 * with `error` filled. */
enum status schema_decode(const struct schema *schema, struct text map, void *message,
                          enum schema_mode mode, struct error *error);

/* Scan and decode of one encoded message. */
enum status schema_decode_bytes(const struct schema *schema, const void *data, size_t len,
                                void *message, enum schema_mode mode, struct error *error);

/* Appends the message as a map, absent values left out, fields in the order of the table. */
void schema_encode(const struct schema *schema, const void *message, struct buf *buf);

#endif
