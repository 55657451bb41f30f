/* The delivery engine: for each subscription of the shards that this replica holds, the records
 * that it matches are sent as they are published, tried again when that fails, and written down.
 * What is not at hand (a subscription that was just taken over, or fell behind) is read from the
 * log. It must not know how webhooks and mails travel. docs/decisions/0020-deliveries.md says why
 * it is so.
 */
#ifndef CBM_NOTIFY_ENGINE_H
#define CBM_NOTIFY_ENGINE_H

#include "common/base/cfg.h"
#include "services/notify/notify_lane.h"
#include "services/notify/notify_publisher.h"
#include "services/notify/notify_retry.h"
#include "services/notify/notify_sender.h"
#include "services/notify/notify_subscriptions.h"

struct notify_engine_config {
    char retry[CFG_TEXT_MAX]; /* CBM_RETRY */
    int64_t deliveries_max;   /* CBM_DELIVERIES_MAX: tries under way */
    char disable_after[64];   /* CBM_DISABLE_AFTER */
    char from[CFG_TEXT_MAX];  /* whom mails are from: CBM_SMTP_FROM of the sender */
    char org[64];             /* CBM_ORG of the service */
};

/* The rows of a config struct whose member `member` is a struct notify_engine_config. */
#define NOTIFY_ENGINE_ROWS(type, member)                                                           \
    {"CBM_RETRY",                                                                                  \
     CFG_TEXT,                                                                                     \
     offsetof(type, member.retry),                                                                 \
     NOTIFY_RETRY_DEFAULT,                                                                         \
     1,                                                                                            \
     CFG_TEXT_MAX,                                                                                 \
     NULL,                                                                                         \
     "the pause before each try of a delivery, in seconds or as ISO 8601 durations, by comma"},    \
        {"CBM_DELIVERIES_MAX",                                                                     \
         CFG_INT,                                                                                  \
         offsetof(type, member.deliveries_max),                                                    \
         "1000",                                                                                   \
         1,                                                                                        \
         10000,                                                                                    \
         NULL,                                                                                     \
         "tries under way at once in this replica"},                                               \
    {                                                                                              \
        "CBM_DISABLE_AFTER", CFG_TEXT, offsetof(type, member.disable_after), "P5D", 1, 64, NULL,   \
            "a subscription of which every try failed for so long is disabled (ISO 8601)"          \
    }

struct notify_engine;

/* Makes one that does nothing until it is started; everything is borrowed and must outlive it but
 * the sender, which is to be destroyed before. NULL after a line in the log; `exit_code` says why.
 */
struct notify_engine *notify_engine_new(struct loop *loop,
                                        const struct notify_engine_config *config, int *exit_code);
bool notify_engine_start(struct notify_engine *engine, struct service *service,
                         struct notify_publisher *publisher,
                         struct notify_subscriptions *subscriptions, struct notify_sender *sender);

/* For struct notify_subscriptions_events. */
void notify_engine_changed(void *engine, const struct notify_subscription *before,
                           const struct notify_subscription *after);

/* Begins nothing new, lets what is under way end, writes it down and gives its shards back. */
void notify_engine_drain(struct notify_engine *engine);
bool notify_engine_drained(void *engine);

/* The secrets of a webhook that are in force. */
struct lane_secrets {
    unsigned count, current; /* current: the first of them, which are so beyond until_ms too */
    int64_t until_ms;
    char texts[NOTIFY_SECRETS_MAX][101];
};

/* One ping to the endpoint of a webhook, for who asks whether it is there: begun by the first call
 * with this `asked_ms`. False: it is not over yet; else `*out`, borrowed until the next call, is
 * what it came to, after 4 s that nothing came. */
bool notify_engine_ping(struct notify_engine *engine, const struct subscription *document,
                        int64_t asked_ms, const struct lane_secrets *secrets,
                        const struct notify_result **out);

void notify_engine_destroy(struct notify_engine **engine);

#endif
