/* Trimming the log in Redis, by a connection of its own on the loop (commit.lua says what goes and
 * what stays). It must not know what may be trimmed. */
#ifndef CBM_LOG_TRIM_H
#define CBM_LOG_TRIM_H

#include "common/base/loop.h"
#include "common/base/text.h"

struct log_trim;

#define LOG_TRIM_MAX 1000 /* records gone through in a step */

/* Where it stands. */
struct log_trimmed {
    int64_t first, last; /* the log's first and last seq */
    int64_t done;        /* what is before `first` has been gone through up to here */
    int64_t removed;     /* records, in all */
};

/* NULL: the connection was lost or Redis refused, which is in the log; done or not. */
typedef void log_trim_fn(void *arg, const struct log_trimmed *trimmed);

/* `url` and `org` as in struct service_config; `service` is whose documents log_trim_drop drops.
 * NULL without memory. */
struct log_trim *log_trim_new(struct loop *loop, const char *url, const char *org,
                              const char *service);
void log_trim_destroy(struct log_trim **trim); /* functions that wait are not called */

/* Makes `first` the log's first seq, unless that is later already, and goes through at most
 * LOG_TRIM_MAX records before it; `keep` is a prefix under which all stay. One call at a time. -1
 * if not connected: `fn` is not called. */
int log_trim_step(struct log_trim *trim, int64_t first, const char *keep, log_trim_fn *fn,
                  void *arg);

/* Takes away documents and index entries, whoever may have changed them: only for what nobody
 * changes any more. -1 if not connected. */
struct log_drop {
    unsigned count;
    const struct text *fields, *entries; /* one of each a document */
};
int log_trim_drop(struct log_trim *trim, const struct log_drop *drop);

#endif
