/* See notify_hash.h. */
#include "services/notify/notify_hash.h"

#include <sodium.h>
#include <stdlib.h>

#define SIZE_FIRST 64

_Static_assert(crypto_shorthash_KEYBYTES == sizeof((struct notify_hash *)0)->key, "the key's size");

void
notify_hash_init(struct notify_hash *hash)
{
    *hash = (struct notify_hash){.slots = NULL};
    randombytes_buf(hash->key, sizeof hash->key);
}

void
notify_hash_fini(struct notify_hash *hash)
{
    free(hash->slots);
    hash->slots = NULL;
    hash->count = hash->used = hash->size = 0;
}

uint64_t
notify_hash_of(const struct notify_hash *hash, const void *data, size_t len)
{
    uint64_t out;
    crypto_shorthash((unsigned char *)&out, data, len, hash->key);
    return out;
}

/* In a slot whose link was removed: what stands behind it is still to be found. */
static struct notify_link gone;

/* The slot of the first link from `at` on that has this hash; a free one if there is none. */
static size_t
slot_from(const struct notify_hash *table, size_t at, uint64_t hash)
{
    const struct notify_slot *slots = table->slots;
    size_t mask = table->size - 1;
    for (at &= mask; slots[at].link && (slots[at].hash != hash || slots[at].link == &gone);)
        at = (at + 1) & mask;
    return at;
}

static size_t
slot_of(const struct notify_hash *table, const struct notify_link *link)
{
    size_t at = slot_from(table, link->hash, link->hash);
    while (table->slots[at].link != link)
        at = slot_from(table, at + 1, link->hash);
    return at;
}

void
notify_hash_expect(const struct notify_hash *table, uint64_t hash)
{
    if (table->size)
        __builtin_prefetch(&table->slots[hash & (table->size - 1)]);
}

struct notify_link *
notify_hash_first(const struct notify_hash *table, uint64_t hash)
{
    return table->size ? table->slots[slot_from(table, hash, hash)].link : NULL;
}

struct notify_link *
notify_hash_again(const struct notify_hash *table, const struct notify_link *link)
{
    return table->slots[slot_from(table, slot_of(table, link) + 1, link->hash)].link;
}

static void
put(struct notify_hash *table, struct notify_link *link)
{
    size_t at = link->hash & (table->size - 1);
    while (table->slots[at].link)
        at = (at + 1) & (table->size - 1);
    table->slots[at] = (struct notify_slot){link->hash, link};
    table->used++;
}

/* Larger, or only without what is gone if that is half of it. */
static bool
make_room(struct notify_hash *table)
{
    struct notify_hash old = *table;
    size_t size = !old.size ? SIZE_FIRST : 2 * old.count > old.used ? 2 * old.size : old.size;
    struct notify_slot *slots = calloc(size, sizeof *slots);
    if (!slots)
        return false;
    table->slots = slots;
    table->size = size;
    table->used = 0;
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].link && old.slots[i].link != &gone)
            put(table, old.slots[i].link);
    free(old.slots);
    return true;
}

bool
notify_hash_add(struct notify_hash *table, struct notify_link *link, uint64_t hash)
{
    if (4 * table->used >= 3 * table->size && !make_room(table))
        return false;
    link->hash = hash;
    put(table, link);
    table->count++;
    return true;
}

void
notify_hash_remove(struct notify_hash *table, struct notify_link *link)
{
    table->slots[slot_of(table, link)].link = &gone;
    table->count--;
}

struct notify_link *
notify_hash_walk(const struct notify_hash *table, const struct notify_link *link)
{
    size_t at = link ? slot_of(table, link) + 1 : 0;
    while (at < table->size && (!table->slots[at].link || table->slots[at].link == &gone))
        at++;
    return at < table->size ? table->slots[at].link : NULL;
}
