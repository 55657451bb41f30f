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
    hash->count = hash->size = 0;
}

uint64_t
notify_hash_of(const struct notify_hash *hash, const void *data, size_t len)
{
    uint64_t out;
    crypto_shorthash((unsigned char *)&out, data, len, hash->key);
    return out;
}

static struct notify_link *
same_from(struct notify_link *link, uint64_t hash)
{
    while (link && link->hash != hash)
        link = link->next;
    return link;
}

struct notify_link *
notify_hash_first(const struct notify_hash *table, uint64_t hash)
{
    return table->size ? same_from(table->slots[hash & (table->size - 1)], hash) : NULL;
}

struct notify_link *
notify_hash_again(const struct notify_link *link)
{
    return same_from(link->next, link->hash);
}

static void
put(struct notify_hash *table, struct notify_link *link)
{
    struct notify_link **slot = &table->slots[link->hash & (table->size - 1)];
    link->next = *slot;
    *slot = link;
}

static bool
grow(struct notify_hash *table)
{
    struct notify_hash old = *table;
    size_t size = old.size ? 2 * old.size : SIZE_FIRST;
    struct notify_link **slots = calloc(size, sizeof *slots);
    if (!slots)
        return false;
    table->slots = slots;
    table->size = size;
    for (size_t i = 0; i < old.size; i++)
        for (struct notify_link *at = old.slots[i], *next; at; at = next) {
            next = at->next;
            put(table, at);
        }
    free(old.slots);
    return true;
}

bool
notify_hash_add(struct notify_hash *table, struct notify_link *link, uint64_t hash)
{
    if (table->count >= table->size && !grow(table))
        return false;
    link->hash = hash;
    put(table, link);
    table->count++;
    return true;
}

void
notify_hash_remove(struct notify_hash *table, struct notify_link *link)
{
    struct notify_link **at = &table->slots[link->hash & (table->size - 1)];
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    table->count--;
}

struct notify_link *
notify_hash_walk(const struct notify_hash *table, const struct notify_link *link)
{
    if (link && link->next)
        return link->next;
    size_t slot = link ? (link->hash & (table->size - 1)) + 1 : 0;
    while (slot < table->size && !table->slots[slot])
        slot++;
    return slot < table->size ? table->slots[slot] : NULL;
}
