/* What Redis answers to the commit function, to the log function and of the log, as values. Nothing
 * is trusted: another shape is an error, never a crash. It must not know connections. */
#ifndef CBM_STORE_REPLY_H
#define CBM_STORE_REPLY_H

#include <hiredis/hiredis.h>

#include "common/log/record.h"
#include "common/store/store.h"

/* The bytes of a string reply, borrowed; absent for any other. */
struct text reply_text(const redisReply *reply);

/* The answer to a call of commits: reply_commits, then reply_commit for each of them in order, with
 * its number from 0 and how many records it has. A shape that is none gives STORE_UNKNOWN to all:
 * they may have been made. `kept` borrows from the reply. */
struct reply_commits {
    const redisReply *reply;
    bool sound;
    int64_t seq;    /* of the last record so far */
    size_t refused; /* the element that is the number of the next one refused */
};
struct reply_commits reply_commits(const redisReply *reply, unsigned count);
enum store_outcome reply_commit(struct reply_commits *answers, unsigned index, unsigned records,
                                int64_t *number, struct text *kept);

/* Whether the reply says that the functions are not loaded (FUNCTION FLUSH, a fresh Redis). */
bool reply_function_lost(const redisReply *reply);

/* Where the records of a page are, as cbm_log_find says. */
struct reply_found {
    int64_t last, first;
    unsigned count;
    int64_t *seqs; /* owned by the caller */
};

/* The answer of TIME in ms. False if the reply is none. */
bool reply_time(const redisReply *reply, int64_t *ms);

/* Fills `out` with the seqs after `after`, at most `limit`. False if the reply is damaged or memory
 * is short: then there is nothing to free. */
bool reply_log_found(const redisReply *reply, int64_t after, unsigned limit,
                     struct reply_found *out);

/* The records with these `count` seqs, or with those after `after` if `seqs` is NULL: fills
 * page->count and page->records, and returns the latter, which the caller frees; they borrow from
 * the reply. What is no longer kept is passed over. NULL if one is damaged or memory is short. */
struct log_record *reply_log_records(const redisReply *reply, int64_t after, const int64_t *seqs,
                                     unsigned count, struct store_log_page *page);

/* The same, but a damaged one has only its seq and `stored`: for who looks for damage. */
struct log_record *reply_log_stored(const redisReply *reply, const int64_t *seqs, unsigned count,
                                    struct store_log_page *page);

#endif
