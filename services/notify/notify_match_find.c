/* See notify_match.h: the filters that a record is for. Of the keys that it can have, each step of
 * looking them up is made for several together, so that they wait for memory at the same time. It
 * must not know how filters come to be under keys. */
#include "services/notify/notify_match_internal.h"

#define AHEAD 8 /* keys that are looked up together */

/* A key that is looked up. */
struct sought {
    uint64_t hash;
    struct notify_link *first; /* that has its hash */
    struct key key;
};

struct search {
    struct notify_match *match;
    const struct facts *facts;
    notify_match_item_fn *fn;
    void *context;
    unsigned conditions; /* of the shape that is looked up */
    struct key key;
    unsigned count; /* of those sought together */
    struct sought sought[AHEAD];
};

static void
take_cell(const struct search *search, const struct cell *cell)
{
    struct notify_match *match = search->match;
    for (uint32_t i = 0; cell && i < cell->count; i++) {
        const struct entry *entry = &cell->entries[i];
        struct notify_match_item *item = entry->arg ? NULL : entry->posting->item;
        if (item && item->seen == match->searches)
            continue;
        if (item)
            item->seen = match->searches;
        match->compared++;
        if (!item || item->whole || filter_matches(item->filter, search->facts))
            search->fn(search->context, item ? item->arg : entry->arg);
    }
}

/* Step by step for all of them: while one waits for memory, so do the others. */
static void
take_sought(struct search *search)
{
    const struct cell *cells[AHEAD];
    for (unsigned i = 0; i < search->count; i++) {
        struct sought *sought = &search->sought[i];
        sought->first = notify_hash_first(&search->match->cells, sought->hash);
        __builtin_prefetch(sought->first);
    }
    for (unsigned i = 0; i < search->count; i++) {
        const struct sought *sought = &search->sought[i];
        cells[i] =
            notify_match_cell(search->match, sought->first, sought->key.bytes, sought->key.len);
        if (cells[i])
            __builtin_prefetch(cells[i]->entries);
    }
    for (unsigned i = 0; i < search->count; i++)
        take_cell(search, cells[i]);
    search->count = 0;
}

static void
seek(struct search *search)
{
    struct sought *sought = &search->sought[search->count++];
    const struct key *key = &search->key;
    sought->hash = notify_hash_of(&search->match->cells, key->bytes, key->len);
    notify_hash_expect(&search->match->cells, sought->hash);
    sought->key.len = key->len;
    memcpy(sought->key.bytes, key->bytes, key->len);
    if (search->count == AHEAD)
        take_sought(search);
}

static void look_up(struct search *search, enum condition next);

static bool
is_among(const struct text *values, unsigned count, struct text value)
{
    for (unsigned i = 0; i < count; i++)
        if (text_equal(values[i], value))
            return true;
    return false;
}

/* Goes on with the key and each of the values that the record has of the condition. A value that is
 * there twice is looked up once; one that is too long, no filter names. */
static void
look_up_with(struct search *search, enum condition condition, const struct text *values,
             unsigned count)
{
    uint32_t len = search->key.len;
    for (unsigned i = 0; i < count; i++) {
        if (values[i].len > FILTER_VALUE_MAX || is_among(values, i, values[i]))
            continue;
        notify_match_key_add(&search->key, values[i]);
        look_up(search, (enum condition)(condition + 1));
        search->key.len = len;
    }
}

/* The beginnings of the type. */
static void
look_up_begun(struct search *search)
{
    const struct text type = search->facts->type;
    for (uint32_t len = 0; len <= type.len; len++)
        look_up_with(search, TYPE_OPEN, &(struct text){type.ptr, len}, 1);
}

static void
look_up(struct search *search, enum condition next)
{
    const struct facts *facts = search->facts;
    unsigned left = search->conditions >> next;
    next = left ? next + (enum condition)__builtin_ctz(left) : CONDITIONS;
    switch (next) {
    case CONDITIONS: seek(search); break;
    case TYPE: look_up_with(search, next, &facts->type, 1); break;
    case TYPE_OPEN: look_up_begun(search); break;
    case HOST: look_up_with(search, next, facts->hosts, facts->host_count); break;
    case AREA: look_up_with(search, next, &facts->area, 1); break;
    case DIMENSION: look_up_with(search, next, &facts->dimension, 1); break;
    case STATUS: look_up_with(search, next, &facts->status, 1); break;
    case LANGUAGE: look_up_with(search, next, facts->languages, facts->language_count); break;
    }
}

/* All shapes of so many levels that more may follow, or not. */
static void
look_at_shapes(struct search *search, unsigned levels, bool rest)
{
    const struct shapes *shapes = &search->match->shapes[levels][rest];
    bool named = text_is(search->facts->levels[0], "private"); /* no wildcard matches it */
    if (named && !levels)
        return;
    for (unsigned i = 0; i < shapes->count; i++) {
        if (named && shapes->items[i].stars & BIT(0))
            continue;
        search->conditions = shapes->items[i].conditions;
        notify_match_key_begin(&search->key, &shapes->items[i], search->facts->levels);
        look_up(search, TYPE);
    }
}

void
notify_match_find(struct notify_match *match, const struct facts *facts, notify_match_item_fn *fn,
                  void *context)
{
    struct search search;
    search.match = match;
    search.facts = facts;
    search.fn = fn;
    search.context = context;
    search.count = 0;
    match->searches++;
    if (!facts->level_count || facts->topic.len > TOPIC_MAX)
        return;
    for (unsigned levels = 0; levels < facts->level_count; levels++)
        look_at_shapes(&search, levels, true);
    look_at_shapes(&search, facts->level_count, false);
    take_sought(&search);
}
