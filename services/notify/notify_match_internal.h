/* What the files of the matching share. Nothing else includes it. With many filters the time goes
 * into memory that is in no cache, so what is looked at for a match is little and lies together: a
 * slot of the table, a cell, its entries. */
#ifndef CBM_NOTIFY_MATCH_INTERNAL_H
#define CBM_NOTIFY_MATCH_INTERNAL_H

#include "services/notify/notify_hash.h"
#include "services/notify/notify_match.h"

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

struct entry {
    void *arg; /* that of a plain item; NULL: the item must be looked at */
    struct posting *posting;
};

/* The filters under one key. */
struct cell {
    struct notify_link link; /* the first member */
    struct entry *entries;   /* owned; no list, whose next one is known only when one is here */
    uint32_t count, cap, len;
    uint8_t key[];
};

struct notify_match_item {
    uint64_t seen; /* the last search that found it */
    bool whole;    /* its keys have all its conditions: what is found by one need not be compared */
    bool plain;    /* … and there is one key only: it cannot be found twice */
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

/* A key under construction; it is cut back to try another value. */
struct key {
    uint32_t len;
    uint8_t bytes[4 + TOPIC_MAX + 2 * TOPIC_LEVELS_MAX + CONDITIONS * (FILTER_VALUE_MAX + 2)];
};

static inline void
notify_match_key_add(struct key *key, struct text value)
{
    key->bytes[key->len++] = (uint8_t)(value.len >> 8);
    key->bytes[key->len++] = (uint8_t)value.len;
    if (value.len)
        memcpy(key->bytes + key->len, value.ptr, value.len);
    key->len += value.len;
}

/* Begins a key of a shape with the levels that are none of its stars. */
void notify_match_key_begin(struct key *key, const struct shape *shape, const struct text *levels);

/* The cell of the key: `first`, which has its hash, or another that does. */
struct cell *notify_match_cell(const struct notify_match *match, struct notify_link *first,
                               const uint8_t *key, uint32_t len);

#endif
