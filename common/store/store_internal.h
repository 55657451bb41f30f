/* What the files of the store share with one another and with nobody else. */
#ifndef CBM_STORE_STORE_INTERNAL_H
#define CBM_STORE_STORE_INTERNAL_H

#include "common/store/redis.h"
#include "common/store/store.h"

#define STORE_KEY_MAX 160

enum store_key { KEY_DOC, KEY_INDEX, KEY_LOG, KEY_PREFIX, KEY_BLOCK, KEY_COUNT };

/* One ask of a kind that is answered by one command for all. */
struct store_ask {
    store_value_fn *fn;
    void *arg;
    unsigned slot;
    uint32_t len; /* of the field in `names` */
};
struct store_asks {
    struct store_ask *items;
    unsigned count, cap;
    struct buf names;
};

struct store_commit_entry {
    struct store_commit *commit;
    store_commit_fn *fn;
    void *arg;
};
#define STORE_BATCH_MAX 256
#define STORE_CALLS_MAX 4

/* The commits of one call, until its reply comes. */
struct store_call {
    struct store *store;
    unsigned count;
    struct store_commit_entry entries[STORE_BATCH_MAX];
    unsigned shapes; /* in a row: the first commit of each */
    uint16_t first_of[STORE_BATCH_MAX];
};

/* What the commits of a call touch, by hash: two that touch the same could not both rest on what
 * was read before the call. A hash that two share only parts them. */
#define STORE_TOUCHED_MAX 2048 /* a power of two */
struct store_touched {
    uint64_t call; /* which one, from 1: slots of earlier ones are empty */
    unsigned count;
    struct {
        uint64_t hash, call;
        bool written;
    } slots[STORE_TOUCHED_MAX];
};

struct store {
    struct loop *loop;
    struct redis_link *link;
    struct store_events events;
    void *arg;
    char keys[KEY_COUNT][STORE_KEY_MAX];
    char days_prefix[STORE_KEY_MAX]; /* of the hashes of idempotency keys, one a day */
    enum store_durability wanted, found;
    int64_t ahead_ms; /* of clock_mono_ms, Redis' clock: our own wall clock may be anywhere */
    bool up, refused, closing;
    struct store_asks times, seqs, docs;
    struct redis_command command;                  /* scratch */
    struct buf shapes, shape, next_shape, scratch; /* … of store_call.c */
    struct text *parents;
    unsigned parents_count, parents_cap;
    struct store_commit_entry *queue; /* commits that wait, in order, from `head` on */
    unsigned queue_head, queue_count, queue_cap;
    unsigned calls; /* commit calls under way */
    struct store_touched touched;
};

/* store_setup.c: what happens between connected and up. */
void store_setup_start(struct store *store);

/* What Redis' clock reads now, ms. */
void store_note_time(struct store *store, int64_t ms);

/* The hashes of idempotency keys of the day before, today and the day after. Returns today, counted
 * from 1970, by Redis' clock as far as it is known. */
#define STORE_DAYS 3
int64_t store_day_keys(const struct store *store, char keys[STORE_DAYS][STORE_KEY_MAX]);

/* store_call.c: sends one call of the commit function. -1 if it could not be sent. */
int store_call_send(struct store *store, struct store_call *call, redis_reply_fn *fn);

/* store_commit.c: the texts of a list, one after the other. */
struct store_walk {
    const struct store_list *list;
    uint32_t at;
    size_t offset;
};
bool store_walk_next(struct store_walk *walk, struct text *out);

/* store_queue.c */
void store_queue_send(struct store *store);
void store_queue_fail_all(struct store *store);

#endif
