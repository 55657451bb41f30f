/* What Redis answers to the commit function, to the log function and to XREAD, as values. Nothing is
 * trusted: another shape is an error, never a crash. It must not know connections. */
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

/* A page of cbm_log_read. `records` has room for reply->elements. False if it is damaged. */
bool reply_log_page(const redisReply *reply, struct log_record *records,
                    struct store_log_page *page);

/* One entry of the stream as XREAD gives it. */
bool reply_stream_entry(const redisReply *entry, struct log_record *out);

#endif
