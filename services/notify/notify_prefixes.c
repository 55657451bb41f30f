/* See notify_prefixes.h. A hash table of entries, each of which also stands on exactly one list; a
 * list is in order of time, so what is due is at its head. */
#include "services/notify/notify_prefixes.h"

#include <stdlib.h>
#include <string.h>

#include "common/log/topic.h"

#define BUCKETS_MIN 64u
#define DUE_TOGETHER_MS 10 /* what is due this soon goes in the same turn: fewer timers */

enum place { PLACE_TO_ASK, PLACE_ASKED, PLACE_HELD, PLACE_SOON, PLACE_RESTING, PLACE_COUNT };

struct entry {
    struct entry *chain;           /* next in the bucket */
    struct entry *before, *behind; /* on its list */
    uint64_t hash;
    int64_t seq;     /* known: last seq published; HELD: the answer that is waited for */
    int64_t due_ms;  /* ASKED: when to ask again; SOON, RESTING: when to send */
    int64_t sent_ms; /* INT64_MIN if never */
    enum place place;
    struct notify_holders frames, compact;
    struct notify_batch batch;
    uint32_t len;
    char prefix[];
};

struct bucket {
    struct entry *first;
};

struct list {
    struct entry *head, *tail;
    uint32_t count;
};

struct notify_prefixes {
    uint64_t key[2];
    uint32_t max, count, bucket_count; /* a power of two */
    struct bucket *buckets;            /* owned */
    uint32_t of_length[TOPIC_MAX + 1]; /* how many are so long: most lookups are spared */
    struct list lists[PLACE_COUNT];
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein): keyed, so that nobody outside can aim at one bucket. */
static uint64_t
hash_of(const uint64_t key[2], struct text t)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word = 0;
    for (uint32_t i = 0; i < t.len; i++) {
        word |= (uint64_t)(unsigned char)t.ptr[i] << (8 * (i % 8));
        if (i % 8 == 7) {
            v[3] ^= word;
            sip_round(v);
            v[0] ^= word;
            word = 0;
        }
    }
    word |= (uint64_t)(t.len & 0xff) << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void
list_remove(struct notify_prefixes *prefixes, struct entry *entry)
{
    struct list *list = &prefixes->lists[entry->place];
    if (entry->before)
        entry->before->behind = entry->behind;
    else
        list->head = entry->behind;
    if (entry->behind)
        entry->behind->before = entry->before;
    else
        list->tail = entry->before;
    list->count--;
}

static void
list_append(struct notify_prefixes *prefixes, struct entry *entry, enum place place)
{
    struct list *list = &prefixes->lists[place];
    entry->place = place;
    entry->before = list->tail;
    entry->behind = NULL;
    if (list->tail)
        list->tail->behind = entry;
    else
        list->head = entry;
    list->tail = entry;
    list->count++;
}

static void
move(struct notify_prefixes *prefixes, struct entry *entry, enum place place, int64_t due_ms)
{
    list_remove(prefixes, entry);
    entry->due_ms = due_ms;
    list_append(prefixes, entry, place);
}

static bool
is_known(const struct entry *entry)
{
    return entry->place == PLACE_SOON || entry->place == PLACE_RESTING;
}

/* Its watermark is to be sent at once, or as soon as the last one is not too recent. */
static void
make_due(struct notify_prefixes *prefixes, struct entry *entry, int64_t now_ms)
{
    int64_t due = now_ms;
    if (entry->sent_ms != INT64_MIN && entry->sent_ms + NOTIFY_WATERMARK_MIN_MS > now_ms)
        due = entry->sent_ms + NOTIFY_WATERMARK_MIN_MS;
    move(prefixes, entry, PLACE_SOON, due);
}

static struct entry **
find(const struct notify_prefixes *prefixes, struct text prefix, uint64_t hash)
{
    struct entry **at = &prefixes->buckets[hash & (prefixes->bucket_count - 1)].first;
    while (*at && ((*at)->hash != hash || (*at)->len != prefix.len ||
                   memcmp((*at)->prefix, prefix.ptr, prefix.len) != 0))
        at = &(*at)->chain;
    return at;
}

static struct entry *
lookup(const struct notify_prefixes *prefixes, struct text prefix)
{
    return *find(prefixes, prefix, hash_of(prefixes->key, prefix));
}

/* Twice the buckets; without memory the chains just grow longer. */
static void
grow(struct notify_prefixes *prefixes)
{
    uint32_t bucket_count = prefixes->bucket_count * 2;
    struct bucket *buckets = calloc(bucket_count, sizeof *buckets);
    if (!buckets)
        return;
    for (uint32_t i = 0; i < prefixes->bucket_count; i++)
        for (struct entry *entry = prefixes->buckets[i].first, *next; entry; entry = next) {
            next = entry->chain;
            struct entry **to = &buckets[entry->hash & (bucket_count - 1)].first;
            entry->chain = *to;
            *to = entry;
        }
    free(prefixes->buckets);
    prefixes->buckets = buckets;
    prefixes->bucket_count = bucket_count;
}

struct notify_prefixes *
notify_prefixes_new(uint32_t max, const uint64_t key[2])
{
    struct notify_prefixes *prefixes = calloc(1, sizeof *prefixes);
    if (!prefixes)
        return NULL;
    prefixes->max = max;
    prefixes->key[0] = key[0];
    prefixes->key[1] = key[1];
    prefixes->bucket_count = BUCKETS_MIN;
    prefixes->buckets = calloc(BUCKETS_MIN, sizeof *prefixes->buckets);
    if (!prefixes->buckets) {
        free(prefixes);
        return NULL;
    }
    return prefixes;
}

static void
free_entry(struct entry *entry)
{
    notify_holders_fini(&entry->frames);
    notify_holders_fini(&entry->compact);
    buf_fini(&entry->batch.buf);
    free(entry);
}

void
notify_prefixes_destroy(struct notify_prefixes **prefixes)
{
    if (!*prefixes)
        return;
    for (unsigned place = 0; place < PLACE_COUNT; place++)
        for (struct entry *entry = (*prefixes)->lists[place].head, *next; entry; entry = next) {
            next = entry->behind;
            free_entry(entry);
        }
    free((*prefixes)->buckets);
    free(*prefixes);
    *prefixes = NULL;
}

static struct notify_holders *
holders_of(struct entry *entry, enum notify_form form)
{
    return form == NOTIFY_COMPACT ? &entry->compact : &entry->frames;
}

/* A new entry in the table, held by nobody; NULL if there are too many or without memory. */
static struct entry *
add(struct notify_prefixes *prefixes, struct text prefix, uint64_t hash)
{
    struct entry *entry =
        prefixes->count < prefixes->max ? malloc(sizeof *entry + prefix.len) : NULL;
    if (!entry)
        return NULL;
    *entry = (struct entry){.hash = hash, .sent_ms = INT64_MIN, .len = prefix.len};
    if (prefix.len)
        memcpy(entry->prefix, prefix.ptr, prefix.len);
    entry->batch.prefix = (struct text){entry->prefix, prefix.len};
    prefixes->of_length[prefix.len]++;
    if (prefixes->count++ >= prefixes->bucket_count)
        grow(prefixes);
    struct entry **to = &prefixes->buckets[hash & (prefixes->bucket_count - 1)].first;
    entry->chain = *to;
    *to = entry;
    list_append(prefixes, entry, PLACE_TO_ASK);
    return entry;
}

/* Takes the entry out if nobody holds it any more. */
static void
settle(struct notify_prefixes *prefixes, struct entry *entry)
{
    if (entry->frames.live || entry->compact.live)
        return;
    *find(prefixes, (struct text){entry->prefix, entry->len}, entry->hash) = entry->chain;
    list_remove(prefixes, entry);
    prefixes->of_length[entry->len]--;
    prefixes->count--;
    free_entry(entry);
}

bool
notify_prefixes_subscribe(struct notify_prefixes *prefixes, struct text prefix,
                          enum notify_form form, struct notify_peer peer, int64_t now_ms)
{
    uint64_t hash = hash_of(prefixes->key, prefix);
    struct entry *entry = *find(prefixes, prefix, hash);
    bool known = entry != NULL;
    if (!known && !(entry = add(prefixes, prefix, hash)))
        return false;
    bool held = notify_holders_add(holders_of(entry, form), peer);
    if (!held)
        settle(prefixes, entry);
    else if (known && entry->place == PLACE_RESTING)
        make_due(prefixes, entry, now_ms);
    return held;
}

void
notify_prefixes_unsubscribe(struct notify_prefixes *prefixes, struct text prefix,
                            enum notify_form form, struct notify_peer peer)
{
    struct entry *entry = lookup(prefixes, prefix);
    if (!entry)
        return;
    notify_holders_remove(holders_of(entry, form), peer);
    settle(prefixes, entry);
}

void
notify_prefixes_gone(struct notify_prefixes *prefixes, struct text prefix, enum notify_form form)
{
    struct entry *entry = lookup(prefixes, prefix);
    if (!entry)
        return;
    notify_holders_gone(holders_of(entry, form));
    settle(prefixes, entry);
}

void
notify_prefixes_published(struct notify_prefixes *prefixes, struct text topic, int64_t seq,
                          int64_t now_ms, struct notify_wanted *wanted)
{
    struct text levels[TOPIC_LEVELS_MAX + 1];
    unsigned count = prefixes->count ? topic_prefixes(topic, levels) : 0;
    wanted->frames = false;
    wanted->count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct entry *entry =
            prefixes->of_length[levels[i].len] ? lookup(prefixes, levels[i]) : NULL;
        if (!entry)
            continue;
        entry->seq = seq;
        if (!is_known(entry))
            make_due(prefixes, entry, now_ms);
        wanted->frames |= entry->frames.live != 0;
        if (entry->compact.live)
            wanted->batches[wanted->count++] = &entry->batch;
    }
}

bool
notify_prefixes_next_ask(struct notify_prefixes *prefixes, int64_t now_ms, struct text *prefix)
{
    struct list *asked = &prefixes->lists[PLACE_ASKED];
    while (asked->head && asked->head->due_ms <= now_ms)
        move(prefixes, asked->head, PLACE_TO_ASK, 0);
    struct entry *entry = prefixes->lists[PLACE_TO_ASK].head;
    if (!entry || asked->count >= NOTIFY_ASKED_MAX)
        return false;
    move(prefixes, entry, PLACE_ASKED, now_ms + NOTIFY_ASK_MS);
    *prefix = (struct text){entry->prefix, entry->len};
    return true;
}

void
notify_prefixes_unasked(struct notify_prefixes *prefixes, struct text prefix)
{
    struct entry *entry = lookup(prefixes, prefix);
    if (entry && entry->place == PLACE_ASKED)
        move(prefixes, entry, PLACE_TO_ASK, 0);
}

void
notify_prefixes_answered(struct notify_prefixes *prefixes, struct text prefix, int64_t last,
                         int64_t passed, int64_t now_ms)
{
    struct entry *entry = lookup(prefixes, prefix);
    if (!entry || is_known(entry))
        return;
    entry->seq = last;
    if (last <= passed)
        make_due(prefixes, entry, now_ms);
    else if (entry->place != PLACE_HELD)
        move(prefixes, entry, PLACE_HELD, 0);
}

void
notify_prefixes_passed(struct notify_prefixes *prefixes, int64_t passed, int64_t now_ms)
{
    for (struct entry *entry = prefixes->lists[PLACE_HELD].head, *next; entry; entry = next) {
        next = entry->behind;
        if (entry->seq <= passed)
            make_due(prefixes, entry, now_ms);
    }
}

bool
notify_prefixes_next_due(struct notify_prefixes *prefixes, int64_t now_ms, struct notify_due *due)
{
    struct entry *entry = prefixes->lists[PLACE_SOON].head;
    if (!entry || entry->due_ms > now_ms)
        entry = prefixes->lists[PLACE_RESTING].head;
    if (!entry || entry->due_ms > now_ms + (entry->place == PLACE_RESTING ? DUE_TOGETHER_MS : 0))
        return false;
    entry->sent_ms = now_ms;
    move(prefixes, entry, PLACE_RESTING, now_ms + NOTIFY_WATERMARK_MS);
    *due = (struct notify_due){
        .prefix = {entry->prefix, entry->len},
        .seq = entry->seq,
        .frames = entry->frames.live != 0,
        .batch = entry->compact.live ? &entry->batch : NULL,
    };
    return true;
}

int64_t
notify_prefixes_next_ms(const struct notify_prefixes *prefixes)
{
    static const enum place timed[] = {PLACE_ASKED, PLACE_SOON, PLACE_RESTING};
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < sizeof timed / sizeof *timed; i++) {
        const struct entry *head = prefixes->lists[timed[i]].head;
        if (head && head->due_ms < next)
            next = head->due_ms;
    }
    return next;
}

uint32_t
notify_prefixes_count(const struct notify_prefixes *prefixes)
{
    return prefixes->count;
}
