/* Retention: what the log need not keep any more is trimmed, by whichever replica is first, in
 * small steps (docs/retention.md). The log is cut at signed checkpoints only, so what is kept can
 * be proven from its first record on. It must not know who asks. */
#ifndef CBM_NOTIFY_RETAIN_H
#define CBM_NOTIFY_RETAIN_H

#include "common/log/trim.h"
#include "common/service/service.h"
#include "services/notify/notify_domain_retain.h"

/* Who is let in and shut out is never trimmed: that a key was revoked must not be forgotten when
 * its owner gets another. */
#define NOTIFY_RETAIN_KEEP "private.secretariat.registry.principal."

struct notify_retain;

/* NULL without memory. */
struct notify_retain *notify_retain_new(struct loop *loop,
                                        const struct notify_retain_policy *policy,
                                        const char *redis, const char *org);

/* Starts it with the service, which ends before it is destroyed. False if it cannot. */
bool notify_retain_start(struct notify_retain *retain, struct service *service);
void notify_retain_destroy(struct notify_retain **retain);

const struct notify_retain_policy *notify_retain_policy(const struct notify_retain *retain);

/* What holds the log back: the seq up to which it may be trimmed, and what does not let more go:
 * "subscription <id>", or "checkpoint" (what is not signed yet stays). */
struct notify_floor {
    int64_t seq;
    struct text what; /* lives as long as the run */
};
enum status notify_retain_floor(struct op *op, struct notify_floor *out);

/* Where the trimming stood when this replica last looked. */
struct log_trimmed notify_retain_stands(const struct notify_retain *retain);

#endif
