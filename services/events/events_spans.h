/* The calendar as a replica has it in memory: the events of eight days, kept as they are stored,
 * for lists of a span. What is kept is bounded in bytes, and what the log tells of outdates it. A
 * plain table: no I/O, no clock, no codec, no rule of who may see what. */
#ifndef CBM_EVENTS_SPANS_H
#define CBM_EVENTS_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

/* Bucket n is of the days from n times this on, counted from 1970. */
#define EVENTS_BUCKET_DAYS 8
int64_t events_spans_bucket(int64_t ms);

/* A piece of an event that overlaps the bucket: an entry of the index and its document. */
struct events_spans_item {
    int64_t start_ms, end_ms; /* of the piece; end_ms is INT64_MAX unless `exact` */
    struct text entry, document;
    uint32_t weight; /* MessagePack objects of the document */
    uint32_t hash;   /* of the id */
    bool exact; /* the event has no other piece and everybody may see it: who asks for a span and
                   nothing else need not look at its document */
};

/* In the order of the index. A crowded bucket has more than is kept: it has no items. */
struct events_spans_items {
    bool crowded;
    unsigned count;
    const struct events_spans_item *items;
};

struct events_spans;

/* Keeps at most `bytes_max`, all in all but a fixed 256 KiB. NULL when out of memory. */
struct events_spans *events_spans_new(size_t bytes_max);
void events_spans_destroy(struct events_spans **spans);
bool events_spans_used(const struct events_spans *spans); /* false: bytes_max is 0 */

/* The bucket; borrowed until the next call of put, drop or forget. NULL if it is not here, or was
 * touched since. */
const struct events_spans_items *events_spans_get(struct events_spans *spans, int64_t bucket);

/* Whether the bucket is here, most likely, and has its items on the way to the processor's cache.
 */
bool events_spans_expect(struct events_spans *spans, int64_t bucket);

/* Whether the event of an item of the bucket was touched since. */
bool events_spans_outdated(const struct events_spans *spans, const struct events_spans_items *in,
                           const struct events_spans_item *item);
void events_spans_drop(struct events_spans *spans, int64_t bucket);

/* To be taken before a bucket is read from a state that has every record up to `seq`. */
struct events_spans_mark {
    int64_t seq;
    uint64_t generation;
};
struct events_spans_mark events_spans_mark(const struct events_spans *spans, int64_t seq);

/* Keeps a bucket that was read after the mark was taken: copies the items, of which `hash` is set
 * here, from `ids`. False if something of it was touched meanwhile, it is too large, or memory is
 * short; then it is not kept. */
bool events_spans_put(struct events_spans *spans, int64_t bucket, struct events_spans_mark mark,
                      const struct events_spans_items *from, const struct text *ids);

/* The record `seq` tells of the event; it has a piece in the bucket now. */
void events_spans_touch(struct events_spans *spans, struct text id, int64_t seq);
void events_spans_touch_bucket(struct events_spans *spans, int64_t bucket, int64_t seq);

/* Nothing is known any more. */
void events_spans_forget(struct events_spans *spans);

/* For $stats; in bytes, and how often a bucket was and was not here. Borrowed for good. */
struct events_spans_counts {
    int64_t bytes, buckets, found, missed;
};
const struct events_spans_counts *events_spans_counts(const struct events_spans *spans);

#endif
