/* Following the log in Redis: every record under a prefix, in order, each once, from a seq on,
 * through lost connections. Two own connections to Redis, on the loop; nothing blocks. */
#ifndef CBM_LOG_FOLLOW_H
#define CBM_LOG_FOLLOW_H

#include "common/base/loop.h"
#include "common/log/record.h"

struct log_follow;

/* One record; all borrowed for the call. */
typedef void log_follow_fn(void *arg, const struct log_record *record);

/* Called after each batch of records (also an empty one) that ends at the end of the log as it was:
 * `seq` is the last seq of the whole log that has been passed, whatever its topic. */
typedef void log_follow_passed_fn(void *arg, int64_t seq);

#define LOG_FOLLOW_NEW (-1) /* from the first record committed after the start */

/* Starts following `prefix` ("" for all, private records included) after `after`, or
 * LOG_FOLLOW_NEW. What is older is read back along the prefix's own chain, so a short prefix of a
 * long log is cheap. `url` and `org` as in struct service_config. `passed` may be NULL. NULL when
 * out of memory. */
struct log_follow *log_follow_new(struct loop *loop, const char *url, const char *org,
                                  struct text prefix, int64_t after, log_follow_fn *record,
                                  log_follow_passed_fn *passed, void *arg);

/* Whether it is connected and has passed the end of the log as it was when it (re)connected. */
bool log_follow_current(const struct log_follow *follow);

/* Asks for what is new at once. Of use to who follows a prefix: news of it come by themselves, but
 * that nothing is new, and so how far the whole log has been passed, is found only when asked for
 * (here, and every second). */
void log_follow_hurry(struct log_follow *follow);

/* The last seq passed. */
int64_t log_follow_seq(const struct log_follow *follow);

/* Asks for the last seq under a prefix that ends at a level; `fn` gets it (0 if there is none)
 * once, or never if the connection is lost before: ask again when log_follow_current. `prefix` is
 * copied. -1 if not connected. */
typedef void log_follow_last_fn(void *arg, struct text prefix, int64_t seq);
int log_follow_last(struct log_follow *follow, struct text prefix, log_follow_last_fn *fn,
                    void *arg);

void log_follow_destroy(struct log_follow **follow);

#endif
