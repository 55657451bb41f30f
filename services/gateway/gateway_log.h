/* The log as streams read it: what is new, once for all of them, and what is older, a page at a
 * time, along the prefixes that a filter shares. It must not know HTTP or who reads. */
#ifndef CBM_GATEWAY_LOG_H
#define CBM_GATEWAY_LOG_H

#include "common/base/loop.h"
#include "common/log/filter.h"
#include "services/gateway/gateway_ring.h"

struct gateway_log;

/* Called when there are new records, and when it is connected: whoever waits may try again. */
typedef void gateway_log_news_fn(void *arg);

/* `redis` and `org` as in struct service_config, borrowed while it lives. NULL after a line in the
 * log. */
struct gateway_log *gateway_log_new(struct loop *loop, const char *redis, const char *org,
                                    gateway_log_news_fn *news, void *arg);
void gateway_log_destroy(struct gateway_log **log); /* readings that are under way are not told */

/* What is new is followed while it is wanted, from then on: where nobody reads, no record costs
 * anything. It is known, and may be read, when `news` is called. */
void gateway_log_follow(struct gateway_log *log, bool wanted);

/* Whether it has what is committed now, if it is followed, and could read it if not. */
bool gateway_log_current(const struct gateway_log *log);

/* What is new; its `upto` is how far the log is known. */
const struct gateway_ring *gateway_log_ring(const struct gateway_log *log);

int64_t gateway_log_pages(const struct gateway_log *log); /* read so far */

/* Something under way: it is told once, unless it is forgotten before. */
struct gateway_reading;
void gateway_log_forget(struct gateway_reading **reading);

/* Reads behind a seq what is under the filter's prefixes, in order; at most so many at once. The
 * log is known as far as `upto` then. `record` is called for each, borrowed for the call, until it
 * returns false: what is at hand is put back. `done` is called once: `first` is the oldest seq that
 * is kept: if it is greater than the seq behind `after`, no record was given. Not ok: Redis was
 * lost. NULL: not now; `news` says when. */
struct gateway_reader {
    bool (*record)(void *arg, const struct log_record *record);
    void (*done)(void *arg, bool ok, int64_t first, int64_t upto);
    void *arg;
};
struct gateway_reading *gateway_log_read(struct gateway_log *log,
                                         const struct subscription_filter *filter, int64_t after,
                                         const struct gateway_reader *reader);

/* Finds where the log stands, and, unless `time_ms` is negative, the last seq before that time. */
struct gateway_place {
    int64_t first, last; /* of all that is kept */
    int64_t before;
};
typedef void gateway_log_place_fn(void *arg, bool ok, const struct gateway_place *place);
struct gateway_reading *gateway_log_find(struct gateway_log *log, int64_t time_ms,
                                         gateway_log_place_fn *found, void *arg);

#endif
