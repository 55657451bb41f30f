/* See buf.h. */
#include "common/base/buf.h"

#include <stdlib.h>
#include <string.h>

void
buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

bool
buf_grow(struct buf *buf, size_t len)
{
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap - buf->len < len) {
        if (cap > SIZE_MAX / 2) {
            buf->failed = true;
            return false;
        }
        cap *= 2;
    }
    uint8_t *data = realloc(buf->data, cap);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

#define ARENA_FIRST 1024 /* thousands of them are in use at once */
#define ARENA_KEPT 16384 /* the largest block that a reset keeps */
#define ARENA_ALIGN 16

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

void *
arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *block = arena->now;
    if (!block || block->size - block->used < size) {
        size_t room = !block                     ? ARENA_FIRST
                      : block->size < ARENA_KEPT ? 2 * block->size
                                                 : ARENA_KEPT;
        if (room < size)
            room = size;
        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct arena_block){.size = room};
        if (arena->now)
            arena->now->next = block;
        else
            arena->first = block;
        arena->now = block;
    }
    void *at = block->data + block->used;
    block->used += size;
    return at;
}

void *
arena_copy(struct arena *arena, const void *data, size_t len)
{
    void *copy = arena_alloc(arena, len ? len : 1);
    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

static void
free_chain(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void
arena_reset(struct arena *arena)
{
    struct arena_block *last = arena->now;
    if (!last)
        return;
    if (last->size > ARENA_KEPT) {
        arena_fini(arena);
        return;
    }
    while (arena->first != last) {
        struct arena_block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
    last->used = 0;
}

struct arena_mark
arena_mark(const struct arena *arena)
{
    struct arena_block *block = arena->now;
    return (struct arena_mark){block, block ? block->used : 0};
}

void
arena_rewind(struct arena *arena, struct arena_mark mark)
{
    if (!mark.block) {
        arena_reset(arena);
        return;
    }
    free_chain(mark.block->next);
    mark.block->next = NULL;
    mark.block->used = mark.used;
    arena->now = mark.block;
}

void
arena_fini(struct arena *arena)
{
    free_chain(arena->first);
    *arena = (struct arena){0};
}
