/* What Redis answers to the commit function, to the log function and of the log, as values. Nothing
 * is trusted: another shape is an error, never a crash. It must not know connections. */
#ifndef CBM_STORE_REPLY_H
#define CBM_STORE_REPLY_H

#include <hiredis/hiredis.h>

#include "common/log/record.h"
#include "common/store/store.h"

/* The bytes of a string reply, borrowed; absent for any other. */
struct text reply_text(const redisReply *reply);

/* The answer to commit number `index` of a call with `count` commits. A shape that is none gives
 * STORE_UNKNOWN: the commit may have been made. `kept` borrows from the reply. */
enum store_outcome reply_commit(const redisReply *reply, unsigned index, unsigned count,
                                int64_t *number, struct text *kept);

/* Whether the reply says that the functions are not loaded (FUNCTION FLUSH, a fresh Redis). */
bool reply_function_lost(const redisReply *reply);

/* A page of cbm_log_read: fills `page` and returns its records, which the caller frees; they borrow
 * from the reply. `upto`, if not 0, says to read the seqs themselves up to there. NULL if it is
 * damaged or memory is short. */
struct log_record *reply_log_page(const redisReply *reply, struct store_log_page *page,
                                  int64_t *upto);

/* The same of the seqs after `after` (store_range_read): what is under `prefix` ("" leaves out what
 * is private, NULL takes everything) goes to page->records and page->count. A seq that is not there
 * is passed over. */
struct log_record *reply_log_range(const redisReply *reply, int64_t after,
                                   const struct text *prefix, struct store_log_page *page);

#endif
