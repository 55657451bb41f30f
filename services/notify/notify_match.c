/* See notify_match.h. Two hash tables: nodes of the tree by parent and level, cells by end,
 * conditions and values. A cell is known by its hash alone: two keys in one are two filters
 * compared in vain. */
#include "services/notify/notify_match.h"

#include <stdlib.h>

#include "services/notify/notify_hash.h"

#define KEYS_MAX 64      /* of a filter under one pattern */
#define POSTINGS_MAX 256 /* of a filter in all; with many patterns each has fewer keys */
#define KEYS_LEAST 8

/* The conditions that are in keys. Types that end with `*` are one of their own. */
enum condition { TYPE, TYPE_OPEN, HOST, AREA, DIMENSION, STATUS, LANGUAGE, CONDITIONS };
#define BIT(condition) (1U << (condition))
#define SETS (1U << CONDITIONS)

/* Where patterns end: the topic has no more levels, or any number of more. */
enum end { END_WHOLE, END_REST, ENDS };

struct node {
    struct notify_link link; /* the first member */
    struct node *parent;
    uint64_t number; /* never given twice */
    unsigned used;   /* by nodes under it and by patterns that end here */
    uint32_t set_count[ENDS], set_cap[ENDS];
    struct set {
        unsigned conditions; /* bits */
        unsigned used;
    } * sets[ENDS]; /* owned: the sets of conditions that keys of filters ending here have */
    uint32_t len;
    char level[];
};

struct posting {
    struct notify_match_item *item;
    struct cell *cell;
    struct posting *prev, *next; /* in the cell */
    struct node *node;
    enum end end;
    unsigned conditions;
};

struct cell {
    struct notify_link link; /* the first member */
    struct posting *first;
};

struct notify_match_item {
    const struct subscription_filter *filter;
    void *arg;
    uint64_t seen; /* the last search that compared it */
    unsigned count;
    struct posting *postings; /* owned */
};

struct notify_match {
    struct notify_hash nodes, cells;
    struct node *root;
    uint64_t numbers, searches, compared;
};

/* A key under construction. */
struct key {
    size_t len;
    uint8_t bytes[16 + CONDITIONS * (NOTIFY_VALUE_MAX + 1)];
};

static void
key_begin(struct key *key, const struct node *node, enum end end, unsigned conditions)
{
    key->len = 0;
    memcpy(key->bytes, &node->number, sizeof node->number);
    key->len += sizeof node->number;
    key->bytes[key->len++] = (uint8_t)end;
    key->bytes[key->len++] = (uint8_t)conditions;
}

static void
key_add(struct key *key, struct text value)
{
    key->bytes[key->len++] = (uint8_t)value.len;
    if (value.len)
        memcpy(key->bytes + key->len, value.ptr, value.len);
    key->len += value.len;
}

/* ---- nodes ---- */

static uint64_t
node_hash(const struct notify_match *match, const struct node *parent, struct text level)
{
    uint8_t bytes[sizeof parent->number + TOPIC_MAX];
    memcpy(bytes, &parent->number, sizeof parent->number);
    memcpy(bytes + sizeof parent->number, level.ptr, level.len);
    return notify_hash_of(&match->nodes, bytes, sizeof parent->number + level.len);
}

static struct node *
node_find(const struct notify_match *match, const struct node *parent, struct text level)
{
    struct notify_link *at = level.len < TOPIC_MAX
                                 ? notify_hash_first(&match->nodes, node_hash(match, parent, level))
                                 : NULL;
    for (; at; at = notify_hash_again(at)) {
        struct node *node = (struct node *)at;
        if (node->parent == parent && text_equal(level, (struct text){node->level, node->len}))
            return node;
    }
    return NULL;
}

static struct node *
node_new(struct notify_match *match, struct node *parent, struct text level)
{
    struct node *node = calloc(1, sizeof *node + level.len + 1);
    if (!node)
        return NULL;
    node->parent = parent;
    node->number = ++match->numbers;
    node->len = level.len;
    if (level.len)
        memcpy(node->level, level.ptr, level.len);
    if (parent && !notify_hash_add(&match->nodes, &node->link, node_hash(match, parent, level))) {
        free(node);
        return NULL;
    }
    if (parent)
        parent->used++;
    return node;
}

static void
node_free(struct node *node)
{
    for (unsigned end = 0; end < ENDS; end++)
        free(node->sets[end]);
    free(node);
}

/* Ends it, and those above it, if nothing is there any more. */
static void
node_unused(struct notify_match *match, struct node *node)
{
    while (node->parent && !node->used) {
        struct node *parent = node->parent;
        notify_hash_remove(&match->nodes, &node->link);
        node_free(node);
        parent->used--;
        node = parent;
    }
}

/* The node where the pattern ends, and how. NULL without memory. */
static struct node *
node_of_pattern(struct notify_match *match, struct text pattern, enum end *end)
{
    struct text levels[TOPIC_LEVELS_MAX];
    unsigned count = notify_filter_levels(pattern, levels);
    struct node *node = match->root;
    *end = count && text_is(levels[count - 1], ">") ? END_REST : END_WHOLE;
    count -= *end == END_REST;
    for (unsigned i = 0; i < count; i++) {
        struct node *next = node_find(match, node, levels[i]);
        if (!next)
            next = node_new(match, node, levels[i]);
        if (!next) {
            node_unused(match, node);
            return NULL;
        }
        node = next;
    }
    return node;
}

/* Counts a set of conditions at an end. */
static bool
set_use(struct node *node, enum end end, unsigned conditions)
{
    for (uint32_t i = 0; i < node->set_count[end]; i++)
        if (node->sets[end][i].conditions == conditions) {
            node->sets[end][i].used++;
            return true;
        }
    if (node->set_count[end] == node->set_cap[end]) {
        uint32_t cap = node->set_cap[end] ? 2 * node->set_cap[end] : 2;
        struct set *sets = realloc(node->sets[end], cap * sizeof *sets);
        if (!sets)
            return false;
        node->sets[end] = sets;
        node->set_cap[end] = cap;
    }
    node->sets[end][node->set_count[end]++] = (struct set){conditions, 1};
    return true;
}

static void
set_unuse(struct node *node, enum end end, unsigned conditions)
{
    struct set *sets = node->sets[end];
    uint32_t i = 0;
    while (sets[i].conditions != conditions)
        i++;
    if (--sets[i].used == 0)
        sets[i] = sets[--node->set_count[end]];
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

/* Leaves out the longest lists until there are at most `max` keys. Returns how many. */
static unsigned
narrow(struct choice choices[CHOICES], unsigned max)
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
        if (i == 0 && notify_filter_type_open(value, &value))
            condition = TYPE_OPEN;
        conditions |= BIT(condition);
        values[condition] = value;
    }
    return conditions;
}

/* ---- cells ---- */

static struct cell *
cell_of(const struct notify_match *match, uint64_t hash)
{
    return (struct cell *)notify_hash_first(&match->cells, hash);
}

/* Puts the posting under the key. */
static bool
post(struct notify_match *match, struct posting *posting, const struct key *key)
{
    uint64_t hash = notify_hash_of(&match->cells, key->bytes, key->len);
    struct cell *cell = cell_of(match, hash);
    if (!cell) {
        cell = calloc(1, sizeof *cell);
        if (!cell || !notify_hash_add(&match->cells, &cell->link, hash)) {
            free(cell);
            return false;
        }
    }
    posting->cell = cell;
    posting->prev = NULL;
    posting->next = cell->first;
    if (cell->first)
        cell->first->prev = posting;
    cell->first = posting;
    return true;
}

static void
unpost(struct notify_match *match, struct posting *posting)
{
    struct cell *cell = posting->cell;
    if (posting->prev)
        posting->prev->next = posting->next;
    else
        cell->first = posting->next;
    if (posting->next)
        posting->next->prev = posting->prev;
    if (!cell->first) {
        notify_hash_remove(&match->cells, &cell->link);
        free(cell);
    }
    set_unuse(posting->node, posting->end, posting->conditions);
    posting->node->used--;
    node_unused(match, posting->node);
}

/* ---- adding and removing ---- */

/* One posting: under the pattern's end, by the n-th combination. */
static bool
add_one(struct notify_match *match, struct notify_match_item *item, struct node *node, enum end end,
        const struct choice choices[CHOICES], unsigned n)
{
    struct text values[CONDITIONS];
    struct key key;
    struct posting *posting = &item->postings[item->count];
    unsigned conditions = combination(choices, n, values);
    key_begin(&key, node, end, conditions);
    for (unsigned i = 0; i < CONDITIONS; i++)
        if (conditions & BIT(i))
            key_add(&key, values[i]);
    if (!set_use(node, end, conditions))
        return false;
    *posting = (struct posting){.item = item, .node = node, .end = end, .conditions = conditions};
    if (!post(match, posting, &key)) {
        set_unuse(node, end, conditions);
        return false;
    }
    node->used++;
    item->count++;
    return true;
}

struct notify_match_item *
notify_match_add(struct notify_match *match, const struct subscription_filter *filter, void *arg)
{
    struct choice choices[CHOICES];
    choices_of(filter, choices);
    unsigned keys = narrow(choices, keys_max(filter));
    struct notify_match_item *item = calloc(1, sizeof *item);
    struct posting *postings = calloc(filter->topics.count * keys, sizeof *postings);
    bool good = item && postings;
    if (good)
        *item = (struct notify_match_item){.filter = filter, .arg = arg, .postings = postings};
    for (unsigned i = 0; good && i < filter->topics.count; i++) {
        enum end end;
        struct node *node = node_of_pattern(match, filter->topics.items[i], &end);
        good = node != NULL;
        for (unsigned n = 0; good && n < keys; n++)
            good = add_one(match, item, node, end, choices, n);
        if (node)
            node_unused(match, node);
    }
    if (good)
        return item;
    if (item && item->postings)
        notify_match_remove(match, &item);
    else
        free(postings);
    free(item);
    return NULL;
}

void
notify_match_remove(struct notify_match *match, struct notify_match_item **item)
{
    if (!*item)
        return;
    for (unsigned i = 0; i < (*item)->count; i++)
        unpost(match, &(*item)->postings[i]);
    free((*item)->postings);
    free(*item);
    *item = NULL;
}

/* ---- searching ---- */

struct search {
    struct notify_match *match;
    const struct notify_facts *facts;
    notify_match_item_fn *fn;
    void *context;
};

static void
compare_cell(const struct search *search, const struct key *key)
{
    struct notify_match *match = search->match;
    const struct cell *cell = cell_of(match, notify_hash_of(&match->cells, key->bytes, key->len));
    for (const struct posting *at = cell ? cell->first : NULL; at; at = at->next) {
        struct notify_match_item *item = at->item;
        if (item->seen == match->searches)
            continue;
        item->seen = match->searches;
        match->compared++;
        if (notify_filter_matches(item->filter, search->facts))
            search->fn(search->context, item->arg);
    }
}

static void look_up(const struct search *search, unsigned conditions, enum condition next,
                    const struct key *key);

static void
look_up_with(const struct search *search, unsigned conditions, enum condition condition,
             const struct key *key, struct text value)
{
    struct key longer = *key;
    if (value.len > NOTIFY_VALUE_MAX)
        return; /* no filter names it */
    key_add(&longer, value);
    look_up(search, conditions, (enum condition)(condition + 1), &longer);
}

/* Goes on with the key for each value that the record has of the conditions from `next` on. */
static void
look_up(const struct search *search, unsigned conditions, enum condition next,
        const struct key *key)
{
    const struct notify_facts *facts = search->facts;
    while (next < CONDITIONS && !(conditions & BIT(next)))
        next++;
    switch (next) {
    case CONDITIONS: compare_cell(search, key); break;
    case TYPE: look_up_with(search, conditions, next, key, facts->type); break;
    case TYPE_OPEN:
        for (uint32_t len = 0; len <= facts->type.len; len++)
            look_up_with(search, conditions, next, key, (struct text){facts->type.ptr, len});
        break;
    case HOST:
        for (unsigned i = 0; i < facts->host_count; i++)
            look_up_with(search, conditions, next, key, facts->hosts[i]);
        break;
    case AREA: look_up_with(search, conditions, next, key, facts->area); break;
    case DIMENSION: look_up_with(search, conditions, next, key, facts->dimension); break;
    case STATUS: look_up_with(search, conditions, next, key, facts->status); break;
    case LANGUAGE:
        for (unsigned i = 0; i < facts->language_count; i++)
            look_up_with(search, conditions, next, key, facts->languages[i]);
        break;
    }
}

static void
look_at_end(const struct search *search, const struct node *node, enum end end)
{
    struct key key;
    for (uint32_t i = 0; i < node->set_count[end]; i++) {
        key_begin(&key, node, end, node->sets[end][i].conditions);
        look_up(search, node->sets[end][i].conditions, TYPE, &key);
    }
}

/* Every end that the topic from a level on leads to: at most 2^levels of them. */
static void
walk(const struct search *search, const struct node *node, unsigned level)
{
    const struct notify_facts *facts = search->facts;
    if (level == facts->level_count) {
        look_at_end(search, node, END_WHOLE);
        return;
    }
    bool named = level == 0 && text_is(facts->levels[0], "private"); /* no wildcard matches it */
    if (!named)
        look_at_end(search, node, END_REST);
    const struct node *next = node_find(search->match, node, facts->levels[level]);
    if (next)
        walk(search, next, level + 1);
    next = named ? NULL : node_find(search->match, node, TEXT_LITERAL("*"));
    if (next)
        walk(search, next, level + 1);
}

void
notify_match_find(struct notify_match *match, const struct notify_facts *facts,
                  notify_match_item_fn *fn, void *context)
{
    const struct search search = {match, facts, fn, context};
    match->searches++;
    if (facts->level_count)
        walk(&search, match->root, 0);
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
    if (!match)
        return NULL;
    notify_hash_init(&match->nodes);
    notify_hash_init(&match->cells);
    match->root = node_new(match, NULL, TEXT_LITERAL(""));
    if (!match->root) {
        free(match);
        return NULL;
    }
    return match;
}

/* Everything was removed before. */
void
notify_match_destroy(struct notify_match **match)
{
    if (!*match)
        return;
    notify_hash_fini(&(*match)->nodes);
    notify_hash_fini(&(*match)->cells);
    node_free((*match)->root);
    free(*match);
    *match = NULL;
}
