/* MessagePack at the lowest level: the allocation-free check of what comes from outside, reading
 * value by value, writing into a buf, and splicing of maps. Trees of objects are msgpack-c's. It
 * must not know any message. */
#ifndef CBM_MSG_MP_H
#define CBM_MSG_MP_H

#include <msgpack.h>

#include "common/base/buf.h"
#include "common/base/status.h"
#include "common/base/text.h"

/* Limits of every message from outside. msgpack-c trusts the counts it reads (`dd ff ff ff ff`
 * makes it reserve gigabytes): nothing is unpacked that has not passed mp_scan. */
#define MP_DEPTH_MAX 16
#define MP_ITEMS_MAX 262144
#define MP_BYTES_MAX (1024 * 1024)

/* Checks that `data` is exactly one well-formed MessagePack object within the limits, with UTF-8 in
 * every str. STATUS_OK or STATUS_INVALID_ARGUMENT with `error` filled (error may be NULL). Uses no
 * memory beyond a fixed stack. */
enum status mp_scan(const void *data, size_t len, struct error *error);

/* The length of the well-formed object that `data` begins with, 0 if there is none. Limits as
 * above. */
size_t mp_object_len(const void *data, size_t len);

/* Reading without a tree: only of bytes that passed mp_scan, which is why nothing here can fail or
 * read too far. */
enum mp_type { MP_NIL, MP_BOOL, MP_INT, MP_FLOAT, MP_TEXT, MP_BIN, MP_EXT, MP_ARRAY, MP_MAP };

struct mp_value {
    enum mp_type type;
    bool big;          /* MP_INT: it is above INT64_MAX, `number` is negative */
    int64_t number;    /* MP_BOOL, MP_INT; items of MP_ARRAY, pairs of MP_MAP: these follow */
    struct text bytes; /* MP_TEXT, MP_BIN; never absent */
};

/* Reads the value at `at` (of an array or map: its head) and returns what is behind it. */
const char *mp_read(const char *at, struct mp_value *out);

/* The same, but returns what is behind all of it. */
const char *mp_next(const char *at, struct mp_value *out);

/* The end of the value that begins at `at`. */
const char *mp_skip(const char *at);

/* Scans, then unpacks into `zone`; strings point into `data`, which must outlive `out`. */
enum status mp_unpack(const void *data, size_t len, msgpack_zone *zone, msgpack_object *out,
                      struct error *error);

/* The value of a key in a map object; NULL if `object` is no map or has no such key. */
const msgpack_object *mp_map_get(const msgpack_object *object, const char *key);

/* Typed reads that refuse other types: false leaves `out` alone. */
bool mp_as_text(const msgpack_object *object, struct text *out);
bool mp_as_int(const msgpack_object *object, int64_t *out);

/* Writers. A failed allocation sticks in the buf. */
void mp_map(struct buf *buf, size_t pairs);
void mp_array(struct buf *buf, size_t items);
void mp_text(struct buf *buf, struct text text); /* an absent text is written as nil */
void mp_string(struct buf *buf, const char *string);
void mp_int(struct buf *buf, int64_t value);
void mp_uint(struct buf *buf, uint64_t value);
void mp_bool(struct buf *buf, bool value);
void mp_nil(struct buf *buf);
void mp_bin(struct buf *buf, const void *data, size_t len);
void mp_bin_head(struct buf *buf, size_t len); /* `len` bytes are to follow */

/* Appends the encoded map `map` with room for `extra` more pairs, which the caller writes next. The
 * pairs of `map` are copied unchanged. False if `map` is no map. */
bool mp_map_extend(struct buf *buf, const void *map, size_t len, size_t extra);

#endif
