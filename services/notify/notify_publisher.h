/* The live publication of the log (design section 4): every open record as topic, meta, data on an
 * XPUB socket, or in batches for who asks for them, and watermarks for the prefixes that somebody
 * subscribes to. It must not know requests. */
#ifndef CBM_NOTIFY_PUBLISHER_H
#define CBM_NOTIFY_PUBLISHER_H

#include "common/auth/access.h"
#include "common/log/follow.h"
#include "common/base/loop.h"
#include "common/service/service.h"

struct notify_publisher_config {
    char bind[CFG_TEXT_MAX]; /* CBM_PUB_BIND */
    int64_t hwm;             /* CBM_PUB_HWM: messages queued for a slow subscriber, then dropped */
    int64_t prefixes_max;    /* CBM_PREFIXES_MAX */
};

struct notify_publisher;

/* Binds and starts to follow the log. `redis` and `org` as in struct service_config; `config` is
 * borrowed for the call; `access`, which lets subscribers in, must outlive the publisher. NULL
 * after a line in the log. */
struct notify_publisher *notify_publisher_new(struct loop *loop,
                                              const struct notify_publisher_config *config,
                                              struct access *access, const char *redis,
                                              const char *org);

/* Adds its numbers to the service's $stats; the publisher must outlive the service. */
void notify_publisher_add_gauges(struct notify_publisher *publisher, struct service *service);

/* Whether what is committed now would be published at once. */
/* Who else wants the log as it is published: called in the order of being added, after the record
 * went out, with every record (private ones too) from the first after the start on, in order, each
 * once; `passed` (may be NULL) as log_follow_passed_fn. At most 4, before the loop runs. False if
 * there are more. */
bool notify_publisher_listen(struct notify_publisher *publisher, log_follow_fn *record,
                             log_follow_passed_fn *passed, void *arg);

bool notify_publisher_ready(const struct notify_publisher *publisher);

void notify_publisher_destroy(struct notify_publisher **publisher);

#endif
