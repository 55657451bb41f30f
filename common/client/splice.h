/* Looking into encoded MessagePack without unpacking it: values of a map as bytes, items of an
 * array. Only for bytes that passed mp_scan; it must not know any message. */
#ifndef CBM_CLIENT_SPLICE_H
#define CBM_CLIENT_SPLICE_H

#include "common/base/buf.h"
#include "common/base/text.h"

/* Values are given as texts over their encoded bytes. */

/* The value of a key in a map; false if `map` is no map or has no such key. */
bool splice_get(struct text map, const char *key, struct text *value);

/* The contents of a bin, of a str; the number of an int (false beyond int64_t). */
bool splice_bin(struct text value, struct text *out);
bool splice_text(struct text value, struct text *out);
bool splice_int(struct text value, int64_t *out);

/* The same of a key in a map. */
bool splice_get_text(struct text map, const char *key, struct text *out);
bool splice_get_int(struct text map, const char *key, int64_t *out);

/* Opens an array or a map: `count` items or pairs, encoded in `items`. False if it is none. */
bool splice_array(struct text value, uint32_t *count, struct text *items);
bool splice_map(struct text value, uint32_t *count, struct text *items);

/* The values of `count` keys of the map that begins at `map`, in one pass (TEXT_NONE if it has no
 * such key). Returns what is behind the map, NULL if there is none. */
const char *splice_fields(const char *map, const struct text *keys, struct text *values,
                          unsigned count);

/* Takes the next value off the front of `items`; false if there is none. */
bool splice_next(struct text *items, struct text *value);

/* Appends the map `map` with the array under `key` put after `count` more items, encoded in
 * `before`. False if `map` is no map with an array under `key`. */
bool splice_prepend(struct buf *out, struct text map, const char *key, struct text before,
                    uint32_t count);

#endif
