/* Pages of the log over a connection: asks the function where the records under a prefix are, and
 * reads them. It must not know who reads. */
#ifndef CBM_STORE_STORE_PAGE_H
#define CBM_STORE_STORE_PAGE_H

#include <hiredis/hiredis.h>

#include "common/store/redis.h"
#include "common/store/store.h"

struct store_page_keys {
    const char *log, *prefix, *block; /* borrowed until the page came */
};

/* Called once with the page, borrowed for the call; NULL with what Redis said instead, which is
 * NULL if the connection was lost. */
typedef void store_page_fn(void *arg, const struct store_log_page *page, const redisReply *failure);

/* Asks for the records under `prefix` (copied) after `after`: at most `limit`, about
 * STORE_LOG_BYTES. An empty page is the end. It leaves with the link's next flush. -1 if it
 * could not be asked: then `fn` is not called. */
int store_page_read(struct redis_link *link, const struct store_page_keys *keys, struct text prefix,
                    int64_t after, unsigned limit, store_page_fn *fn, void *arg);

/* Reads the records with these `count` seqs, or with those after `after` if `seqs` is NULL: the
 * reply is for reply_log_records. It leaves with the link's next flush. -1 as above. */
int store_seqs_read(struct redis_link *link, const char *log, int64_t after, const int64_t *seqs,
                    unsigned count, redis_reply_fn *fn, void *arg);

#endif
