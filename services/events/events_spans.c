/* See events_spans.h. What was touched is noted by hash, so a bucket may be read again without
 * need, but never kept when it should not be. It must not know where buckets come from. */
#include "services/events/events_spans.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/date.h"

#define TOUCHED 32768     /* slots; a power of two */
#define BUCKET_BYTES 4096 /* about what a bucket takes: for the number of heads */
#define LARGEST_PART 4    /* no bucket takes more than a fourth of all */
#define BUCKET_MS (EVENTS_BUCKET_DAYS * DATE_DAY_MS)

struct bucket {
    struct events_spans_items items; /* the first member; its items and their bytes stand behind */
    int64_t number, seq;             /* as it was at `seq`, or later */
    size_t size;
    struct bucket *next; /* of the same head */
    struct bucket *newer, *older;
};

struct events_spans {
    size_t bytes_max;
    uint64_t generation;
    struct events_spans_counts counts;
    size_t heads_mask;
    struct bucket **heads; /* owned, and what hangs on them */
    struct bucket *newest, *oldest;
    int64_t last; /* the newest of `touched` */
    int64_t touched[TOUCHED];
};

int64_t
events_spans_bucket(int64_t ms)
{
    return ms >= 0 ? ms / BUCKET_MS : -((BUCKET_MS - 1 - ms) / BUCKET_MS);
}

static uint32_t
hash_of_number(int64_t number)
{
    return (uint32_t)(((uint64_t)number * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static uint32_t
hash_of_id(struct text id)
{
    uint32_t hash = 2166136261U;
    for (uint32_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 16777619U;
    return hash;
}

struct events_spans *
events_spans_new(size_t bytes_max)
{
    struct events_spans *spans = calloc(1, sizeof *spans);
    size_t heads = 1;
    while (heads < bytes_max / BUCKET_BYTES)
        heads *= 2;
    if (!spans || !(spans->heads = calloc(heads, sizeof(struct bucket *)))) {
        free(spans);
        return NULL;
    }
    spans->bytes_max = bytes_max;
    spans->heads_mask = heads - 1;
    return spans;
}

void
events_spans_destroy(struct events_spans **spans)
{
    if (!*spans)
        return;
    events_spans_forget(*spans);
    free((*spans)->heads);
    free(*spans);
    *spans = NULL;
}

bool
events_spans_used(const struct events_spans *spans)
{
    return spans->bytes_max > 0;
}

/* ---- the buckets ----------------------------------------------------------------------------- */

static struct bucket **
place_of(struct events_spans *spans, int64_t number)
{
    struct bucket **at = &spans->heads[hash_of_number(number) & spans->heads_mask];
    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

static void
unlink_age(struct events_spans *spans, struct bucket *bucket)
{
    *(bucket->newer ? &bucket->newer->older : &spans->newest) = bucket->older;
    *(bucket->older ? &bucket->older->newer : &spans->oldest) = bucket->newer;
}

static void
make_newest(struct events_spans *spans, struct bucket *bucket)
{
    bucket->newer = NULL;
    bucket->older = spans->newest;
    *(bucket->older ? &bucket->older->newer : &spans->oldest) = bucket;
    spans->newest = bucket;
}

void
events_spans_drop(struct events_spans *spans, int64_t number)
{
    struct bucket **at = place_of(spans, number), *bucket = *at;
    if (!bucket)
        return;
    *at = bucket->next;
    unlink_age(spans, bucket);
    spans->counts.bytes -= (int64_t)bucket->size;
    spans->counts.buckets--;
    free(bucket);
}

void
events_spans_forget(struct events_spans *spans)
{
    while (spans->oldest)
        events_spans_drop(spans, spans->oldest->number);
    memset(spans->touched, 0, sizeof spans->touched);
    spans->last = 0;
    spans->generation++;
}

const struct events_spans_counts *
events_spans_counts(const struct events_spans *spans)
{
    return &spans->counts;
}

/* ---- what was touched ------------------------------------------------------------------------ */

static void
touch(struct events_spans *spans, uint32_t hash, int64_t seq)
{
    spans->touched[hash % TOUCHED] = seq;
    spans->last = seq;
}

void
events_spans_touch(struct events_spans *spans, struct text id, int64_t seq)
{
    touch(spans, hash_of_id(id), seq);
}

void
events_spans_touch_bucket(struct events_spans *spans, int64_t bucket, int64_t seq)
{
    touch(spans, hash_of_number(bucket), seq);
}

static bool
is_touched(const struct events_spans *spans, uint32_t hash, int64_t since)
{
    return spans->last > since && spans->touched[hash % TOUCHED] > since;
}

bool
events_spans_outdated(const struct events_spans *spans, const struct events_spans_items *in,
                      const struct events_spans_item *item)
{
    return is_touched(spans, item->hash, ((const struct bucket *)in)->seq);
}

const struct events_spans_items *
events_spans_get(struct events_spans *spans, int64_t number)
{
    struct bucket *bucket = *place_of(spans, number);
    if (bucket && is_touched(spans, hash_of_number(number), bucket->seq)) {
        events_spans_drop(spans, number);
        bucket = NULL;
    }
    if (!bucket) {
        spans->counts.missed++;
        return NULL;
    }
    spans->counts.found++;
    if (bucket != spans->newest) {
        unlink_age(spans, bucket);
        make_newest(spans, bucket);
    }
    return &bucket->items;
}

bool
events_spans_expect(struct events_spans *spans, int64_t number)
{
    const struct bucket *bucket = *place_of(spans, number);
    for (unsigned i = 0; bucket && i < bucket->items.count; i++)
        __builtin_prefetch(&bucket->items.items[i]);
    return bucket != NULL;
}

struct events_spans_mark
events_spans_mark(const struct events_spans *spans, int64_t seq)
{
    return (struct events_spans_mark){seq, spans->generation};
}

static struct text
copy(char **at, struct text from)
{
    char *to = *at;
    memcpy(to, from.ptr, from.len);
    *at += from.len;
    return (struct text){to, from.len};
}

static struct bucket *
make(const struct events_spans_items *from, const struct text *ids)
{
    size_t head = sizeof(struct bucket) + from->count * sizeof *from->items, size = head;
    for (unsigned i = 0; i < from->count; i++)
        size += (size_t)from->items[i].entry.len + from->items[i].document.len;
    struct bucket *bucket = malloc(size);
    if (!bucket)
        return NULL;
    struct events_spans_item *items = (struct events_spans_item *)(bucket + 1);
    char *at = (char *)bucket + head;
    *bucket = (struct bucket){.items = {from->crowded, from->count, items}, .size = size};
    for (unsigned i = 0; i < from->count; i++) {
        items[i] = from->items[i];
        items[i].entry = copy(&at, from->items[i].entry);
        items[i].document = copy(&at, from->items[i].document);
        items[i].hash = hash_of_id(ids[i]);
    }
    return bucket;
}

bool
events_spans_put(struct events_spans *spans, int64_t number, struct events_spans_mark mark,
                 const struct events_spans_items *from, const struct text *ids)
{
    if (mark.generation != spans->generation || is_touched(spans, hash_of_number(number), mark.seq))
        return false;
    for (unsigned i = 0; i < from->count; i++)
        if (is_touched(spans, hash_of_id(ids[i]), mark.seq))
            return false;
    struct bucket *bucket = make(from, ids);
    if (!bucket || bucket->size > spans->bytes_max / LARGEST_PART) {
        free(bucket);
        return false;
    }
    events_spans_drop(spans, number);
    while (spans->oldest && (size_t)spans->counts.bytes + bucket->size > spans->bytes_max)
        events_spans_drop(spans, spans->oldest->number);
    bucket->number = number;
    bucket->seq = mark.seq;
    struct bucket **at = place_of(spans, number);
    *at = bucket;
    make_newest(spans, bucket);
    spans->counts.bytes += (int64_t)bucket->size;
    spans->counts.buckets++;
    return true;
}
