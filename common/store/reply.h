/* What Redis answers to the commit function, to the log function and to XREAD, as values. Nothing
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
 * from the reply. `upto`, if not 0, says to read from the stream itself up to there. NULL if it is
 * damaged or memory is short. */
struct log_record *reply_log_page(const redisReply *reply, struct store_log_page *page,
                                  int64_t *upto);

/* The same of an XRANGE: what is under `prefix` ("" leaves out what is private) goes to
 * page->records and page->count, `passed` becomes the seq of the last entry (it stays if there is
 * none). */
struct log_record *reply_log_range(const redisReply *reply, struct text prefix,
                                   struct store_log_page *page, int64_t *passed);

/* One entry of the stream as XREAD gives it. */
bool reply_stream_entry(const redisReply *entry, struct log_record *out);

#endif
