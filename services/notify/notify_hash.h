/* A hash table of links that stand in what it holds; keyed, so that nobody outside can choose what
 * collides. It must not know what is held, nor free it. */
#ifndef CBM_NOTIFY_HASH_H
#define CBM_NOTIFY_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct notify_link {
    uint64_t hash;
};

/* Open addressing: a link is in the first slot that was free from its hash on. Its hash is there
 * too, so what is not looked for is not looked at. */
struct notify_slot {
    uint64_t hash;
    struct notify_link *link; /* NULL: free */
};

/* An embedded value, to be notify_hash_init-ed. */
struct notify_hash {
    struct notify_slot *slots; /* owned */
    size_t count, used, size;  /* used: slots that are not free; size: a power of two */
    uint8_t key[16];
};

void notify_hash_init(struct notify_hash *hash);
void notify_hash_fini(struct notify_hash *hash); /* empty and usable after */

uint64_t notify_hash_of(const struct notify_hash *hash, const void *data, size_t len);

/* The links with this very hash, one after the other; NULL behind the last. What they stand in may
 * still be of another key. */
struct notify_link *notify_hash_first(const struct notify_hash *table, uint64_t hash);
struct notify_link *notify_hash_again(const struct notify_hash *table,
                                      const struct notify_link *link);
/* It will be looked for soon: the memory that this needs is fetched. */
void notify_hash_expect(const struct notify_hash *table, uint64_t hash);

/* Adds a link; false without memory. Removes one that is there. */
bool notify_hash_add(struct notify_hash *table, struct notify_link *link, uint64_t hash);
void notify_hash_remove(struct notify_hash *table, struct notify_link *link);

/* All of them in any order: the one after `link` (NULL: the first), NULL behind the last. One may
 * be removed when the next is known. */
struct notify_link *notify_hash_walk(const struct notify_hash *table,
                                     const struct notify_link *link);

#endif
