/* The state of a service in Redis: documents, their revisions, one index, idempotency keys, and the
 * one commit that changes them together with the log. Asynchronous and pipelined: everything asked
 * for in a turn leaves as few commands at store_flush. It must not know any domain.
 *
 * Keys (`org` is the hash tag, `service` owns all but the log, which is everybody's):
 *
 *   {org}:<service>:doc         hash  <kind>/<id> -> "revision document" (MessagePack)
 *   {org}:<service>:ix          zset  index entries, all of score 0, ordered by bytes
 *   {org}:<service>:keys:<day>  hash  <principal>:<key> -> "digest time seq reply", for 3 days
 *   {org}:log                   hash  seq -> record (common/log/record.h)
 *   {org}:log:prefix            hash  prefix -> "last-seq count steps"; "#" for all
 *   {org}:log:block             hash  "<prefix> <n>" -> "last-seq steps" of 128 records
 *
 * Steps are the distances from each record under the prefix to the next: so "9 3 2 5" is the
 * records 2, 4 and 9 ("9 2 5"), of 3 that there are. A block has 127 of them; with the prefix
 * stand those since its last block. */
#ifndef CBM_STORE_STORE_H
#define CBM_STORE_STORE_H

#include "common/base/buf.h"
#include "common/base/loop.h"
#include "common/base/text.h"
#include "common/log/record.h"

struct store;

enum store_durability { STORE_ALWAYS, STORE_EVERYSEC, STORE_MEMORY };
extern const char *const store_durability_words[]; /* "always", "everysec", "memory" */

struct store_config {
    const char *url, *org, *service;  /* borrowed for store_new */
    enum store_durability durability; /* the least that Redis must promise */
};

struct store_events {
    void (*up)(void *arg);   /* checked, function loaded: it may be used */
    void (*down)(void *arg); /* lost; every outstanding function got its failure */
    void (*refused)(void *arg, const char *why); /* it promises less than the configuration asks */
    void (*turn)(void *arg);                     /* all replies at hand were given */
};

struct store *store_new(struct loop *loop, const struct store_config *config,
                        const struct store_events *events, void *arg);
void store_destroy(struct store **store);
bool store_up(const struct store *store);

/* What Redis promises, as found at the last connection: for `$info`. */
enum store_durability store_durability(const struct store *store);

/* Functions that get what was read. `values` are borrowed for the call; ok false: the connection
 * was lost, nothing else is set. `slot` is what the asker gave. */
typedef void store_value_fn(void *arg, unsigned slot, bool ok, struct text value);
typedef void store_list_fn(void *arg, unsigned slot, bool ok, unsigned count,
                           const struct text *values);

/* Asks. Of one flush the clock is read first, then the seq, then the documents: so a document is at
 * least as new as the clock and the seq that came with it. Scans and log pages are answered from
 * states of their own, before or after these. While the store is not up they fail at once. */
void store_get_time(struct store *store, store_value_fn *fn, void *arg,
                    unsigned slot); /* ms since 1970, decimal */
void store_get_seq(struct store *store, store_value_fn *fn, void *arg, unsigned slot);
void store_get_doc(struct store *store, struct text field, store_value_fn *fn, void *arg,
                   unsigned slot); /* as it is stored: store_document takes it apart */

/* The document of what is stored under a field, absent if there is none (then it may still have a
 * revision); both borrow from `value`. The revision of what is not there is "0". */
struct text store_document(struct text value, struct text *revision);

/* What an idempotency key has kept: "digest time seq reply", absent if it is not known or older
 * than 24 h. One command a key: meant for the rare request that makes no commit. */
void store_get_key(struct store *store, struct text key, store_value_fn *fn, void *arg,
                   unsigned slot);
void store_scan(struct store *store, struct text from, struct text upto, unsigned limit,
                store_list_fn *fn, void *arg, unsigned slot);

/* A page of the log. */
struct store_log_page {
    int64_t last, first;
    unsigned count;
    const struct log_record *records; /* borrowed for the call */
};
typedef void store_log_fn(void *arg, unsigned slot, bool ok, const struct store_log_page *page);
#define STORE_LOG_BYTES (1024 * 1024) /* in a page, passed by at most one record */
void store_log_read(struct store *store, struct text prefix, int64_t after, unsigned limit,
                    store_log_fn *fn, void *arg, unsigned slot);

/* The `count` records after `after`, by their seqs; fewer where one is not kept any more, or is
 * damaged. The page has neither `last` nor `first`. */
void store_get_records(struct store *store, int64_t after, unsigned count, store_log_fn *fn,
                       void *arg, unsigned slot);

/* A commit under construction: the caller fills it, store_commit borrows it until `fn` is called.
 * Zeroed is empty; store_commit_fini frees, store_commit_clear keeps the memory. */
struct store_commit {
    struct text key; /* idempotency key with its principal, "<principal>:<key>"; absent for none */
    struct text digest;         /* of the request; bytes without space */
    struct text reply;          /* kept under the key */
    int64_t not_before, before; /* ms, 0 for none */
    struct store_list {
        struct buf bytes;
        uint32_t count, cap, *lens; /* of the texts in `bytes`, one after the other */
    } checks, writes, add, remove, records, floors;
};

void store_commit_clear(struct store_commit *commit);
void store_commit_fini(struct store_commit *commit);
void store_commit_check(struct store_commit *commit, struct text field, struct text revision);

/* Writes the document of a field that is checked, before or after, with its next revision. */
void store_commit_write(struct store_commit *commit, struct text field, struct text document);

/* The document that is written under a field gets this revision instead, which is greater: it is
 * put back as it was. */
void store_commit_floor(struct store_commit *commit, struct text field, struct text revision);
void store_commit_index_add(struct store_commit *commit, struct text entry);
void store_commit_index_remove(struct store_commit *commit, struct text entry);
void store_commit_record(struct store_commit *commit, struct text topic, struct text attributes,
                         struct text data);
bool store_commit_failed(const struct store_commit *commit); /* out of memory while it was filled */

enum store_outcome {
    STORE_COMMITTED, /* `number` is the seq of its last record (of the log if it has none) */
    STORE_MOVED,     /* a revision moved: nothing was done */
    STORE_KEPT,      /* the key was used before: `kept` is "digest time seq reply" */
    STORE_CLOCK,     /* outside not_before…before: `number` is the store's clock, ms */
    STORE_FAILED,    /* Redis refused, nothing was done: `kept` is its error */
    STORE_UNKNOWN,   /* the connection was lost on the way: done or not, the key tells */
};
typedef void store_commit_fn(void *arg, enum store_outcome outcome, int64_t number,
                             struct text kept);
void store_commit(struct store *store, struct store_commit *commit, store_commit_fn *fn, void *arg);

/* Sends what was asked for and committed since the last flush. Commits go together, up to 256 a
 * call, 4 calls under way; what is over waits for one to return. */
void store_flush(struct store *store);

#endif
