/* A growable byte buffer whose failure sticks, and an arena for what lives as long as one request.
 * It must not know what the bytes mean. */
#ifndef CBM_BASE_BUF_H
#define CBM_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An embedded value: zeroed is a valid empty buffer. Once an allocation fails, `failed` is true,
 * later appends do nothing, and the writer checks once at the end. */
struct buf {
    uint8_t *data; /* owned */
    size_t len, cap;
    bool failed;
};

void buf_fini(struct buf *buf); /* frees; the buffer is empty and usable after */

/* len 0, keeps the memory, forgets a failure */
static inline void
buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* Makes room for `len` more bytes; for buf_reserve. */
bool buf_grow(struct buf *buf, size_t len);

/* Room for `len` more bytes, which the caller fills and then adds to buf->len; NULL on failure. */
static inline uint8_t *
buf_reserve(struct buf *buf, size_t len)
{
    if (buf->failed || (buf->cap - buf->len < len && !buf_grow(buf, len)))
        return NULL;
    return buf->data + buf->len;
}

static inline void
buf_append(struct buf *buf, const void *data, size_t len)
{
    uint8_t *to = len ? buf_reserve(buf, len) : NULL;
    if (to) {
        memcpy(to, data, len);
        buf->len += len;
    }
}

/* Memory given back all at once. An embedded value: zeroed is a valid empty arena. Aligned to 16.
 */
struct arena {
    struct arena_block *first, *now; /* owned */
};

void *arena_alloc(struct arena *arena, size_t size); /* not zeroed; NULL on failure */
void *arena_copy(struct arena *arena, const void *data, size_t len); /* NULL on failure */
void arena_reset(struct arena *arena); /* everything given is void; keeps a small block */

/* What was given since the mark was taken is void; a zeroed mark is that of an empty arena. */
struct arena_mark {
    struct arena_block *block;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

void arena_fini(struct arena *arena); /* frees; empty and usable after */

#endif
