/* See notify_match.h. With many filters the time goes into memory that is in no cache, so what is
 * looked at for a match is little and lies together: a slot, a cell, its filters. */
#include "services/notify/notify_match.h"

#include <stdlib.h>

#include "services/notify/notify_hash.h"

#define KEYS_MAX 64      /* of a filter under one pattern */
#define POSTINGS_MAX 256 /* of a filter in all; with many patterns each has fewer keys */
#define KEYS_LEAST 8

/* The conditions that are in keys. Types that end with `*` are one of their own. */
enum condition { TYPE, TYPE_OPEN, HOST, AREA, DIMENSION, STATUS, LANGUAGE, CONDITIONS };
#define BIT(n) (1U << (n))

/* What keys are made of: of how many levels a pattern is (without a last `>`), which of them are
 * `*`, whether more levels may follow, and the conditions. */
struct shape {
    uint8_t levels, stars, rest, conditions; /* stars, conditions: bits */
    unsigned used;                           /* postings */
};

struct posting {
    struct notify_match_item *item;
    struct cell *cell;
    uint32_t at; /* in the cell */
    struct shape shape;
};

/* The filters under one key. */
struct cell {
    struct notify_link link;   /* the first member */
    struct posting **postings; /* owned; no list, whose next one is known only when one is here */
    uint32_t count, cap, len;
    uint8_t key[];
};

struct notify_match_item {
    uint64_t seen; /* the last search that found it */
    bool whole;    /* its keys have all its conditions: what is found by one need not be compared */
    unsigned count;
    void *arg;
    const struct subscription_filter *filter;
    struct posting postings[];
};

struct notify_match {
    struct notify_hash cells;
    uint64_t searches, compared;
    struct shapes {
        unsigned count, cap;
        struct shape *items;           /* owned */
    } shapes[TOPIC_LEVELS_MAX + 1][2]; /* by their levels, and whether more may follow */
};

/* ---- keys ---- */

/* A key under construction; it is cut back to try another value. */
struct key {
    uint32_t len;
    uint8_t bytes[4 + TOPIC_MAX + 2 * TOPIC_LEVELS_MAX + CONDITIONS * (FILTER_VALUE_MAX + 2)];
};

static void
key_add(struct key *key, struct text value)
{
    key->bytes[key->len++] = (uint8_t)(value.len >> 8);
    key->bytes[key->len++] = (uint8_t)value.len;
    if (value.len)
        memcpy(key->bytes + key->len, value.ptr, value.len);
    key->len += value.len;
}

/* Begins a key of a shape with the levels that are none of its stars. */
static void
key_begin(struct key *key, const struct shape *shape, const struct text *levels)
{
    const uint8_t head[] = {shape->levels, shape->stars, shape->rest, shape->conditions};
    memcpy(key->bytes, head, sizeof head);
    key->len = sizeof head;
    for (unsigned i = 0; i < shape->levels; i++)
        if (!(shape->stars & BIT(i)))
            key_add(key, levels[i]);
}

/* ---- shapes ---- */

static void
shape_of_pattern(struct text pattern, struct text levels[TOPIC_LEVELS_MAX], struct shape *out)
{
    unsigned count = filter_levels(pattern, levels);
    *out = (struct shape){.rest = count && text_is(levels[count - 1], ">")};
    out->levels = (uint8_t)(count - out->rest);
    for (unsigned i = 0; i < out->levels; i++)
        if (text_is(levels[i], "*"))
            out->stars = (uint8_t)(out->stars | BIT(i));
}

static struct shapes *
shapes_of(struct notify_match *match, const struct shape *shape)
{
    return &match->shapes[shape->levels][shape->rest];
}

static struct shape *
shape_find(const struct shapes *shapes, const struct shape *shape)
{
    for (unsigned i = 0; i < shapes->count; i++)
        if (shapes->items[i].stars == shape->stars &&
            shapes->items[i].conditions == shape->conditions)
            return &shapes->items[i];
    return NULL;
}

static bool
shape_use(struct notify_match *match, const struct shape *shape)
{
    struct shapes *shapes = shapes_of(match, shape);
    struct shape *there = shape_find(shapes, shape);
    if (!there && shapes->count == shapes->cap) {
        unsigned cap = shapes->cap ? 2 * shapes->cap : 4;
        struct shape *items = realloc(shapes->items, cap * sizeof *items);
        if (!items)
            return false;
        shapes->items = items;
        shapes->cap = cap;
    }
    if (!there) {
        there = &shapes->items[shapes->count++];
        *there = *shape;
        there->used = 0;
    }
    there->used++;
    return true;
}

static void
shape_unuse(struct notify_match *match, const struct shape *shape)
{
    struct shapes *shapes = shapes_of(match, shape);
    struct shape *there = shape_find(shapes, shape);
    if (--there->used == 0)
        *there = shapes->items[--shapes->count];
}

/* ---- filters ---- */

/* What a filter names of each condition. */
struct choice {
    const struct text *items;
    unsigned count;
};
#define CHOICES 6 /* both kinds of types are one list */

static void
choices_of(const struct subscription_filter *filter, struct choice out[CHOICES])
{
    out[0] = (struct choice){filter->types.items, filter->types.count};
    out[1] = (struct choice){filter->hosts.items, filter->hosts.count};
    out[2] = (struct choice){filter->areas.items, filter->areas.count};
    out[3] = (struct choice){filter->dimensions.items, filter->dimensions.count};
    out[4] = (struct choice){filter->statuses.items, filter->statuses.count};
    out[5] = (struct choice){filter->languages.items, filter->languages.count};
}

/* Leaves out the longest lists until there are at most `max` keys. Returns how many; `whole`
 * becomes false if any was left out. */
static unsigned
narrow(struct choice choices[CHOICES], unsigned max, bool *whole)
{
    for (;;) {
        unsigned keys = 1, longest = 0;
        for (unsigned i = 0; i < CHOICES; i++) {
            keys *= choices[i].count && keys <= max ? choices[i].count : 1;
            if (choices[i].count > choices[longest].count)
                longest = i;
        }
        if (keys <= max)
            return keys;
        choices[longest].count = 0;
        *whole = false;
    }
}

static unsigned
keys_max(const struct subscription_filter *filter)
{
    unsigned max = POSTINGS_MAX / filter->topics.count;
    return max > KEYS_MAX ? KEYS_MAX : max < KEYS_LEAST ? KEYS_LEAST : max;
}

/* The n-th combination of values: its conditions, and in `values` one of each of them. */
static unsigned
combination(const struct choice choices[CHOICES], unsigned n, struct text values[CONDITIONS])
{
    unsigned conditions = 0;
    for (unsigned i = 0; i < CHOICES; i++) {
        enum condition condition = i == 0 ? TYPE : (enum condition)(HOST + i - 1);
        if (!choices[i].count)
            continue;
        struct text value = choices[i].items[n % choices[i].count];
        n /= choices[i].count;
        if (i == 0 && filter_type_open(value, &value))
            condition = TYPE_OPEN;
        conditions |= BIT(condition);
        values[condition] = value;
    }
    return conditions;
}

/* ---- cells ---- */

static struct cell *
cell_of(const struct notify_match *match, const struct key *key, uint64_t *hash)
{
    *hash = notify_hash_of(&match->cells, key->bytes, key->len);
    struct notify_link *at = notify_hash_first(&match->cells, *hash);
    for (; at; at = notify_hash_again(at)) {
        struct cell *cell = (struct cell *)at;
        if (cell->len == key->len && memcmp(cell->key, key->bytes, key->len) == 0)
            return cell;
    }
    return NULL;
}

static struct cell *
cell_new(struct notify_match *match, const struct key *key, uint64_t hash)
{
    struct cell *cell = calloc(1, sizeof *cell + key->len);
    if (!cell)
        return NULL;
    cell->len = (uint32_t)key->len;
    memcpy(cell->key, key->bytes, key->len);
    if (notify_hash_add(&match->cells, &cell->link, hash))
        return cell;
    free(cell);
    return NULL;
}

static void
cell_end(struct notify_match *match, struct cell *cell)
{
    notify_hash_remove(&match->cells, &cell->link);
    free(cell->postings);
    free(cell);
}

/* Puts the posting under the key. */
static bool
post(struct notify_match *match, struct posting *posting, const struct key *key)
{
    uint64_t hash;
    struct cell *cell = cell_of(match, key, &hash);
    if (!cell)
        cell = cell_new(match, key, hash);
    if (!cell)
        return false;
    if (cell->count == cell->cap) {
        uint32_t cap = cell->cap ? 2 * cell->cap : 1;
        struct posting **postings = realloc(cell->postings, cap * sizeof(struct posting *));
        if (!postings) {
            if (!cell->count)
                cell_end(match, cell);
            return false;
        }
        cell->postings = postings;
        cell->cap = cap;
    }
    posting->cell = cell;
    posting->at = cell->count;
    cell->postings[cell->count++] = posting;
    return true;
}

static void
unpost(struct notify_match *match, struct posting *posting)
{
    struct cell *cell = posting->cell;
    struct posting *last = cell->postings[--cell->count];
    cell->postings[posting->at] = last;
    last->at = posting->at;
    if (!cell->count)
        cell_end(match, cell);
    shape_unuse(match, &posting->shape);
}

/* ---- adding and removing ---- */

/* One posting: under a pattern, by the n-th combination. */
static bool
add_one(struct notify_match *match, struct notify_match_item *item, struct text pattern,
        const struct choice choices[CHOICES], unsigned n)
{
    struct text values[CONDITIONS], levels[TOPIC_LEVELS_MAX];
    struct key key;
    struct posting *posting = &item->postings[item->count];
    *posting = (struct posting){.item = item};
    shape_of_pattern(pattern, levels, &posting->shape);
    posting->shape.conditions = (uint8_t)combination(choices, n, values);
    key_begin(&key, &posting->shape, levels);
    for (unsigned i = 0; i < CONDITIONS; i++)
        if (posting->shape.conditions & BIT(i))
            key_add(&key, values[i]);
    if (!shape_use(match, &posting->shape))
        return false;
    if (!post(match, posting, &key)) {
        shape_unuse(match, &posting->shape);
        return false;
    }
    item->count++;
    return true;
}

struct notify_match_item *
notify_match_add(struct notify_match *match, const struct subscription_filter *filter, void *arg)
{
    struct choice choices[CHOICES];
    bool whole = true;
    choices_of(filter, choices);
    unsigned keys = narrow(choices, keys_max(filter), &whole);
    unsigned count = filter->topics.count * keys;
    struct notify_match_item *item = calloc(1, sizeof *item + count * sizeof *item->postings);
    if (!item)
        return NULL;
    item->filter = filter;
    item->arg = arg;
    item->whole = whole;
    for (unsigned i = 0; item && i < count; i++)
        if (!add_one(match, item, filter->topics.items[i / keys], choices, i % keys))
            notify_match_remove(match, &item);
    return item;
}

void
notify_match_remove(struct notify_match *match, struct notify_match_item **item)
{
    if (!*item)
        return;
    for (unsigned i = 0; i < (*item)->count; i++)
        unpost(match, &(*item)->postings[i]);
    free(*item);
    *item = NULL;
}

/* ---- searching ---- */

struct search {
    struct notify_match *match;
    const struct facts *facts;
    notify_match_item_fn *fn;
    void *context;
    unsigned conditions; /* of the shape that is looked up */
    struct key key;
};

static void
take_cell(struct search *search)
{
    struct notify_match *match = search->match;
    uint64_t hash;
    const struct cell *cell = cell_of(match, &search->key, &hash);
    for (uint32_t i = 0; cell && i < cell->count; i++) {
        struct notify_match_item *item = cell->postings[i]->item;
        if (item->seen == match->searches)
            continue;
        item->seen = match->searches;
        match->compared++;
        if (item->whole || filter_matches(item->filter, search->facts))
            search->fn(search->context, item->arg);
    }
}

static void look_up(struct search *search, enum condition next);

/* Goes on with the key and each of the values that the record has of the condition. */
static void
look_up_with(struct search *search, enum condition condition, const struct text *values,
             unsigned count)
{
    uint32_t len = search->key.len;
    for (unsigned i = 0; i < count; i++) {
        if (values[i].len > FILTER_VALUE_MAX)
            continue; /* no filter names it */
        key_add(&search->key, values[i]);
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
    while (next < CONDITIONS && !(search->conditions & BIT(next)))
        next++;
    switch (next) {
    case CONDITIONS: take_cell(search); break;
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
        key_begin(&search->key, &shapes->items[i], search->facts->levels);
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
    match->searches++;
    if (!facts->level_count || facts->topic.len > TOPIC_MAX)
        return;
    for (unsigned levels = 0; levels < facts->level_count; levels++)
        look_at_shapes(&search, levels, true);
    look_at_shapes(&search, facts->level_count, false);
}

uint64_t
notify_match_compared(const struct notify_match *match)
{
    return match->compared;
}

/* ---- life ---- */

struct notify_match *
notify_match_new(void)
{
    struct notify_match *match = calloc(1, sizeof *match);
    if (match)
        notify_hash_init(&match->cells);
    return match;
}

void
notify_match_destroy(struct notify_match **match)
{
    if (!*match)
        return;
    notify_hash_fini(&(*match)->cells);
    for (unsigned levels = 0; levels <= TOPIC_LEVELS_MAX; levels++)
        for (unsigned rest = 0; rest < 2; rest++)
            free((*match)->shapes[levels][rest].items);
    free(*match);
    *match = NULL;
}
