/* cbm-notify: publishes the log live and answers what was missed. It must not know any other
 * service. */
#include <stdlib.h>
#include <string.h>

#include "common/auth/access.h"
#include "common/msg/schema.h"
#include "common/service/due.h"
#include "common/service/service.h"
#include "services/notify/notify.h"
#include "services/notify/notify_chain.h"
#include "services/notify/notify_engine.h"
#include "services/notify/notify_handlers_subscription.h"
#include "services/notify/notify_publisher.h"
#include "services/notify/notify_reminders.h"
#include "services/notify/notify_retain.h"
#include "services/notify/notify_subscriptions.h"

struct config {
    struct service_config service;
    struct access_config access;
    struct notify_publisher_config publisher;
    struct notify_sender_config sender;
    struct notify_engine_config engine;
    struct notify_retain_policy retain;
    int64_t checkpoint_ms, mailbox_tries, mail_confirm;
};

static const struct cfg_row rows[] = {
    SERVICE_ROWS(struct config, service),
    ACCESS_ROWS(struct config, access),
    {"CBM_PUB_BIND", CFG_ENDPOINTS, offsetof(struct config, publisher.bind), "tcp://*:5560", 1,
     CFG_TEXT_MAX, NULL, "where subscribers connect"},
    {"CBM_PUB_HWM", CFG_INT, offsetof(struct config, publisher.hwm), "10000", 1, 1000000, NULL,
     "messages queued for a slow subscriber, each a record or a batch of up to 32 KiB; what it "
     "misses beyond, it reads back"},
    {"CBM_PREFIXES_MAX", CFG_INT, offsetof(struct config, publisher.prefixes_max), "100000", 1,
     10000000, NULL, "distinct prefixes that get watermarks"},
    NOTIFY_SENDER_ROWS(struct config, sender),
    NOTIFY_ENGINE_ROWS(struct config, engine),
    {"CBM_RETAIN_DAYS", CFG_INT, offsetof(struct config, retain.days), "0", 0, 36500, NULL,
     "days that records of the log are kept, 0 for ever; at least 25 hours, and never less than "
     "what holds them back (cbm log status)"},
    {"CBM_RETAIN_RECORDS", CFG_INT, offsetof(struct config, retain.records), "0", 0, INT64_MAX,
     NULL, "records of the log that are kept, 0 for all; at least those of 25 hours"},
    {"CBM_RETAIN_PAST_CURSORS", CFG_WORD, offsetof(struct config, retain.past_cursors), "no", 0, 0,
     "no|yes", "yes: also what a subscription has not had yet goes"},
    {"CBM_CHECKPOINT_MS", CFG_INT, offsetof(struct config, checkpoint_ms), "1000", 10, 86400000,
     NULL, "between two signed checkpoints of the log while there are new records"},
    {"CBM_MAIL_CONFIRM", CFG_WORD, offsetof(struct config, mail_confirm), "others", 0, 0,
     "no|others|yes",
     "whose mail goes only to confirmed addresses: others than the Secretariat's, everybody's, "
     "nobody's"},
    {"CBM_MAILBOX_TRIES", CFG_INT, offsetof(struct config, mailbox_tries), "10", 0, 32, NULL,
     "a mailbox gives a record so often, and what is not acknowledged then is dead; 0 for ever"},
    CFG_END,
};

static void
stop(void *state)
{
    struct notify *notify = state;
    notify_sender_destroy(&notify->sender);
    service_destroy(&notify->service);
    notify_engine_destroy(&notify->engine);
    notify_subscriptions_destroy(&notify->subscriptions);
    due_clock_destroy(&notify->subscription_clock);
    notify_retain_destroy(&notify->retain);
    notify_chain_destroy(&notify->chain);
    notify_publisher_destroy(&notify->publisher);
    notify_reminders_destroy(&notify->reminders);
    access_destroy(&notify->access);
    free(notify);
}

/* Webhooks and mails, of the subscriptions that this replica serves. */
static bool
start_deliveries(struct loop *loop, struct notify *notify, const struct config *config,
                 int *exit_code)
{
    static const struct notify_subscriptions_events events = {notify_engine_changed};
    struct notify_engine_config engine = config->engine;
    memcpy(engine.from, config->sender.smtp_from, sizeof engine.from);
    memcpy(engine.org, config->service.org, sizeof engine.org);
    notify->sender = notify_sender_new(loop, &config->sender);
    notify->engine = notify->sender ? notify_engine_new(loop, &engine, exit_code) : NULL;
    if (!notify->engine)
        return false;
    notify_subscriptions_watch(notify->subscriptions, &events, notify->engine);
    return true;
}

/* What the log is proven by, and how much of it is kept. */
static bool
start_log(struct loop *loop, struct notify *notify, const struct config *config)
{
    notify->chain = notify_chain_new(loop, config->access.keys, config->checkpoint_ms,
                                     config->service.redis, config->service.org);
    notify->retain =
        notify_retain_new(loop, &config->retain, config->service.redis, config->service.org);
    return notify->chain && notify->retain;
}

static bool
url_allowed(void *arg, struct text url, char why[200])
{
    const struct notify *notify = arg;
    return notify_sender_url_allowed(notify->sender, url, why);
}

static void *
start(struct loop *loop, const void *data, int *exit_code)
{
    const struct config *config = data;
    struct notify *notify = calloc(1, sizeof *notify);
    if (!notify)
        return NULL;
    notify->mail_confirm = config->mail_confirm;
    notify->mailbox_tries = config->mailbox_tries;
    notify->access =
        access_new(loop, &config->access, config->service.redis, config->service.org, exit_code);
    if (notify->access)
        notify->publisher = notify_publisher_new(loop, &config->publisher, notify->access,
                                                 config->service.redis, config->service.org);
    if (notify->publisher)
        notify->subscriptions = notify_subscriptions_new(loop, notify->publisher, notify->access);
    if (notify->subscriptions)
        notify->subscription_clock = due_clock_new(loop, NOTIFY_DUE_PREFIX, notify_handlers_due);
    if (notify->subscription_clock)
        notify->reminders = notify_reminders_new(loop, notify->publisher);
    if (notify->reminders && start_deliveries(loop, notify, config, exit_code) &&
        start_log(loop, notify, config))
        notify->service = service_new(loop, &notify_interface, notify_handlers, &config->service,
                                      notify, exit_code);
    if (!notify->service ||
        !notify_chain_start(notify->chain, notify->service, notify->publisher) ||
        !notify_retain_start(notify->retain, notify->service)) {
        stop(notify);
        return NULL;
    }
    notify_publisher_add_gauges(notify->publisher, notify->service);
    notify_subscriptions_start(notify->subscriptions, notify->service);
    due_clock_start(notify->subscription_clock, notify->service);
    notify->url_allowed = url_allowed;
    notify->url_arg = notify;
    if (!notify_engine_start(notify->engine, notify->service, notify->publisher,
                             notify->subscriptions, notify->sender)) {
        stop(notify);
        return NULL;
    }
    notify_reminders_start(notify->reminders, notify->service);
    return notify;
}

static bool
ready(void *state)
{
    const struct notify *notify = state;
    return service_ready(notify->service) && notify_publisher_ready(notify->publisher) &&
           access_current(notify->access);
}

static void
drain(void *state)
{
    struct notify *notify = state;
    notify_engine_drain(notify->engine);
    service_drain(notify->service);
}

static void
write_metrics(void *state, struct buf *out)
{
    const struct notify *notify = state;
    service_metrics(notify->service, out);
    access_metrics(notify->access, out);
}

int
main(int argc, char **argv)
{
    static const struct run_program program = {
        .name = "cbm-notify",
        .about = "publishes the log to subscribers, live and on replay",
        .rows = rows,
        .config_size = sizeof(struct config),
        .start = start,
        .ready = ready,
        .drain = drain,
        .drained = service_run_drained,
        .stop = stop,
        .metrics = write_metrics,
    };
    return run_main(&program, argc, argv);
}
