/* See notify_match.h: filters under their keys. It must not know records. */
#include <stdlib.h>

#include "services/notify/notify_match_internal.h"

#define KEYS_MAX 64      /* of a filter under one pattern */
#define POSTINGS_MAX 256 /* of a filter in all; with many patterns each has fewer keys */
#define KEYS_LEAST 8

/* ---- keys ---- */

void
notify_match_key_begin(struct key *key, const struct shape *shape, const struct text *levels)
{
    const uint8_t head[] = {shape->levels, shape->stars, shape->rest, shape->conditions};
    memcpy(key->bytes, head, sizeof head);
    key->len = sizeof head;
    for (unsigned i = 0; i < shape->levels; i++)
        if (!(shape->stars & BIT(i)))
            notify_match_key_add(key, levels[i]);
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

struct cell *
notify_match_cell(const struct notify_match *match, struct notify_link *first, const uint8_t *key,
                  uint32_t len)
{
    for (struct notify_link *at = first; at; at = notify_hash_again(&match->cells, at)) {
        struct cell *cell = (struct cell *)at;
        if (cell->len == len && memcmp(cell->key, key, len) == 0)
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
    free(cell->entries);
    free(cell);
}

/* Puts the posting under the key. */
static bool
post(struct notify_match *match, struct posting *posting, const struct key *key)
{
    uint64_t hash = notify_hash_of(&match->cells, key->bytes, key->len);
    struct cell *cell =
        notify_match_cell(match, notify_hash_first(&match->cells, hash), key->bytes, key->len);
    if (!cell)
        cell = cell_new(match, key, hash);
    if (!cell)
        return false;
    if (cell->count == cell->cap) {
        uint32_t cap = cell->cap ? 2 * cell->cap : 1;
        struct entry *entries = realloc(cell->entries, cap * sizeof *entries);
        if (!entries) {
            if (!cell->count)
                cell_end(match, cell);
            return false;
        }
        cell->entries = entries;
        cell->cap = cap;
    }
    posting->cell = cell;
    posting->at = cell->count;
    void *arg = posting->item->plain ? posting->item->arg : NULL;
    cell->entries[cell->count++] = (struct entry){arg, posting};
    return true;
}

static void
unpost(struct notify_match *match, struct posting *posting)
{
    struct cell *cell = posting->cell;
    struct entry last = cell->entries[--cell->count];
    cell->entries[posting->at] = last;
    last.posting->at = posting->at;
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
    notify_match_key_begin(&key, &posting->shape, levels);
    for (unsigned i = 0; i < CONDITIONS; i++)
        if (posting->shape.conditions & BIT(i))
            notify_match_key_add(&key, values[i]);
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
    item->plain = whole && count == 1;
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
