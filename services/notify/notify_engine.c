/* See notify_engine.h: which lanes there are, whose turn it is, and the stream that feeds them. It
 * must not know what a lane does with its records. */
#include "services/notify/notify_engine_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/log.h"

#define DRAIN_MS 5000     /* what is under way at the end is waited for so long */
#define HAND_OVER_MS 1000 /* … and so long of a shard that another is to have */
#define LOOK_MS 1000      /* how often the gauges are counted anew */

#define LANE_OF(link) ((struct lane *)(link)) /* the link is its first member */

/* ---- lanes ---- */

struct lane *
engine_lane(const struct notify_engine *engine, struct text id)
{
    struct notify_link *link =
        notify_hash_first(&engine->lanes, notify_hash_of(&engine->lanes, id.ptr, id.len));
    while (link && !text_is(id, LANE_OF(link)->id))
        link = notify_hash_again(&engine->lanes, link);
    return LANE_OF(link);
}

void
engine_ready(struct lane *lane)
{
    struct notify_engine *engine = lane->engine;
    if (lane->ready)
        return;
    lane->ready = true;
    lane->ready_next = NULL;
    *(engine->ready_last ? &engine->ready_last->ready_next : &engine->ready_first) = lane;
    engine->ready_last = lane;
    loop_tick_by(engine->loop, clock_mono_ms());
}

int64_t
engine_clock(const struct notify_engine *engine)
{
    return notify_leases_clock(engine->leases, clock_mono_ms());
}

uint32_t
engine_random(struct notify_engine *engine)
{
    engine->random = engine->random * 1664525U + 1013904223U;
    return engine->random >> 8;
}

void
engine_warn(struct notify_engine *engine, const char *what, const struct lane *lane,
            const char *why)
{
    int64_t now = clock_mono_ms();
    if (engine->warned_ms && now - engine->warned_ms < ENGINE_WARN_MS) {
        engine->untold++;
        return;
    }
    engine->warned_ms = now;
    log_event(LOG_LEVEL_WARN, what, LOG_TEXT("subscription", lane->id), LOG_TEXT("why", why),
              LOG_NUMBER("others", engine->untold));
    engine->untold = 0;
}

bool
engine_submit(struct lane *lane, bool *busy, op_handler_fn *handler, const void *params,
              size_t size, service_done_fn *done)
{
    *busy = true; /* it may be done at once */
    lane->ops++;
    if (service_submit(lane->engine->service, handler, params, size, done, lane))
        return true;
    *busy = false;
    lane->ops--;
    lane->not_before = clock_mono_ms() + ENGINE_AGAIN_MS;
    return false;
}

void
engine_over(struct lane *lane)
{
    lane->ops--;
    engine_ready(lane);
}

static bool
wanted(const struct notify_subscription *subscription)
{
    const struct subscription *document = &subscription->document;
    return document->channel != CHANNEL_MAILBOX &&
           (document->status == SUBSCRIPTION_ACTIVE || document->status == SUBSCRIPTION_PENDING);
}

bool
engine_serves(const struct lane *lane, int64_t now_ms)
{
    return !lane->leaving && !lane->engine->draining &&
           notify_leases_hold(lane->engine->leases, lane->shard, now_ms);
}

/* From here on nothing new is put in, so the stream is none of its any more: what is published now
 * is not passed, and its cursor stays before that. What its tries come to is written all the same.
 */
static void
leave(struct lane *lane)
{
    if (!lane->leaving) {
        lane->read_seq = lane_passed(lane);
        lane->current = false;
        lane->leaving = true;
    }
    engine_ready(lane);
}

/* Makes the lane of a subscription (NULL: it is gone) that is to be served here, or lets it go. */
static void
consider(struct notify_engine *engine, struct text id,
         const struct notify_subscription *subscription)
{
    int64_t now_ms = clock_mono_ms();
    unsigned shard = notify_shares_shard(id);
    bool serve = subscription && wanted(subscription) && engine->stream_seq >= 0 &&
                 !engine->draining && notify_leases_hold(engine->leases, shard, now_ms);
    struct lane *lane = engine_lane(engine, id);
    if (lane) {
        bool another = serve && lane->loaded && subscription->document.created != lane->created;
        if (!serve || another)
            leave(lane);
        bool verifying = serve && subscription->document.status == SUBSCRIPTION_PENDING;
        if (verifying && !lane->verifying)
            lane->verify_at = lane->verify_tries = 0;
        lane->verifying = lane->asked_again = verifying;
        lane->reload = true;
        engine_ready(lane);
        return;
    }
    if (!serve || id.len > TEXT_ID_MAX)
        return;
    lane = calloc(1, sizeof *lane);
    if (!lane || !notify_hash_add(&engine->lanes, &lane->link,
                                  notify_hash_of(&engine->lanes, id.ptr, id.len))) {
        free(lane);
        engine->look_again = true;
        return;
    }
    lane->engine = engine;
    memcpy(lane->id, id.ptr, id.len);
    lane->shard = shard;
    lane->queue.held = &engine->held;
    lane->wake_at = INT64_MAX;
    lane->verifying = subscription->document.status == SUBSCRIPTION_PENDING;
    engine->lane_count++;
    engine_ready(lane);
}

static void
free_lane(struct lane *lane)
{
    struct notify_engine *engine = lane->engine;
    notify_hash_remove(&engine->lanes, &lane->link);
    notify_lane_fini(&lane->queue);
    engine->lane_count--;
    free(lane);
}

/* Whether a lane that leaves has nothing more to do. */
static bool
at_rest(const struct lane *lane)
{
    return !lane->ops && !lane->queue.sent;
}

/* ---- shards ---- */

static void
consider_one(void *arg, const struct notify_subscription *subscription)
{
    struct notify_engine *engine = arg;
    struct text id = subscription->document.id;
    if (!engine_lane(engine, id))
        consider(engine, id, subscription);
}

static void
not_giving(struct notify_engine *engine, uint64_t shards)
{
    for (unsigned i = 0; i < NOTIFY_SHARDS; i++)
        if (shards >> i & 1)
            engine->giving_since[i] = 0;
}

static void
on_taken(void *arg, uint64_t shards)
{
    struct notify_engine *engine = arg;
    not_giving(engine, shards);
    notify_subscriptions_each(engine->subscriptions, consider_one, engine);
}

static void
on_lost(void *arg, uint64_t shards)
{
    struct notify_engine *engine = arg;
    not_giving(engine, shards);
    for (struct notify_link *link = NULL; (link = notify_hash_walk(&engine->lanes, link));) {
        struct lane *lane = LANE_OF(link);
        if (shards >> lane->shard & 1)
            leave(lane);
    }
}

/* A shard is not kept from another for an endpoint that hangs: whoever has it next tries that
 * again, under the same id. */
static uint64_t
shards_at_rest(void *arg, uint64_t shards)
{
    struct notify_engine *engine = arg;
    int64_t now_ms = clock_mono_ms();
    uint64_t busy = 0, late = 0;
    for (unsigned i = 0; i < NOTIFY_SHARDS; i++) {
        if (!(shards >> i & 1))
            continue;
        if (!engine->giving_since[i])
            engine->giving_since[i] = now_ms;
        else if (now_ms - engine->giving_since[i] >= (engine->draining ? DRAIN_MS : HAND_OVER_MS))
            late |= UINT64_C(1) << i;
    }
    for (struct notify_link *link = NULL; (link = notify_hash_walk(&engine->lanes, link));) {
        struct lane *lane = LANE_OF(link);
        if (!(shards >> lane->shard & 1))
            continue;
        leave(lane);
        busy |= UINT64_C(1) << lane->shard;
    }
    return shards & ~(busy & ~late);
}

/* ---- the stream ---- */

static void
on_match(void *arg, const struct notify_subscription *subscription)
{
    struct notify_engine *engine = arg;
    struct lane *lane = engine_lane(engine, subscription->document.id);
    if (lane && !lane->leaving)
        lane_published(lane, engine->record);
}

/* What people did to deliveries is found in the store. */
static void
look_at_changes(struct notify_engine *engine, const struct log_record *record)
{
    struct text type = log_record_type(record);
    if (!text_is(type, "delivery.redelivered") && !text_is(type, "delivery.discarded"))
        return;
    struct text id = topic_subject(record->topic);
    struct lane *lane = engine_lane(engine, id);
    if (!lane)
        return;
    lane->reload = true;
    engine_ready(lane);
}

static void
on_record(void *arg, const struct log_record *record)
{
    struct notify_engine *engine = arg;
    engine->record = record;
    if (lane_takes(record))
        notify_subscriptions_match(engine->subscriptions, record, on_match, engine);
    else
        look_at_changes(engine, record);
    engine->stream_seq = record->seq;
}

static void
on_passed(void *arg, int64_t seq)
{
    struct notify_engine *engine = arg;
    bool first = engine->stream_seq < 0;
    if (seq > engine->stream_seq)
        engine->stream_seq = seq;
    if (first)
        on_taken(engine, UINT64_MAX);
}

void
notify_engine_changed(void *arg, const struct notify_subscription *before,
                      const struct notify_subscription *after)
{
    struct notify_engine *engine = arg;
    if (engine->service)
        consider(engine, (after ? after : before)->document.id, after);
}

/* ---- turns ---- */

static void
work_on(struct lane *lane, int64_t now_ms)
{
    struct notify_engine *engine = lane->engine;
    lane_work(lane, now_ms);
    if (!lane->leaving || lane->ready || !at_rest(lane))
        return;
    char id[sizeof lane->id];
    memcpy(id, lane->id, sizeof id);
    free_lane(lane);
    consider(engine, text_of(id), /* it may have come back meanwhile */
             notify_subscriptions_get(engine->subscriptions, text_of(id)));
}

static void
count(struct notify_engine *engine)
{
    int64_t clock = engine_clock(engine), oldest = clock;
    engine->pending = engine->circuits = 0;
    for (struct notify_link *link = NULL; (link = notify_hash_walk(&engine->lanes, link));) {
        const struct lane *lane = LANE_OF(link);
        engine->pending += lane->queue.fresh + lane->queue.kept;
        engine->circuits += notify_circuit_open(&lane->queue.circuit);
        int64_t since = lane->queue.circuit.failing_since;
        if (since && since < oldest)
            oldest = since;
    }
    engine->oldest_s = (clock - oldest) / 1000;
}

/* Those whose time has come; all of them are looked at, for they are few and this is seldom. */
static void
wake(struct notify_engine *engine, int64_t now_ms)
{
    engine->next_wake = INT64_MAX;
    for (struct notify_link *link = NULL; (link = notify_hash_walk(&engine->lanes, link));) {
        struct lane *lane = LANE_OF(link);
        if (lane->wake_at <= now_ms) {
            lane->wake_at = INT64_MAX;
            engine_ready(lane);
        } else if (lane->wake_at < engine->next_wake) {
            engine->next_wake = lane->wake_at;
        }
    }
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct notify_engine *engine = arg;
    if (now_ms >= engine->next_wake)
        wake(engine, now_ms);
    struct lane *last = engine->ready_last, *lane;
    while ((lane = engine->ready_first)) {
        engine->ready_first = lane->ready_next;
        if (!engine->ready_first)
            engine->ready_last = NULL;
        lane->ready = false;
        bool end = lane == last;
        work_on(lane, now_ms);
        if (end)
            break;
    }
    if (now_ms >= engine->count_at) {
        engine->count_at = now_ms + LOOK_MS;
        count(engine);
        if (engine->look_again) {
            engine->look_again = false;
            on_taken(engine, UINT64_MAX);
        }
    }
    if (engine->ready_first)
        return now_ms;
    return engine->next_wake < engine->count_at ? engine->next_wake : engine->count_at;
}

/* ---- life ---- */

static bool
configure(struct notify_engine *engine, const struct notify_engine_config *config)
{
    if (!notify_retry_read(text_of(config->retry), &engine->retry)) {
        log_event(LOG_LEVEL_ERROR, "CBM_RETRY: want at most 24 pauses by comma, as 0,1,PT5M",
                  LOG_TEXT("value", config->retry));
        return false;
    }
    if (!duration_parse(text_of(config->disable_after), &engine->disable_after_ms)) {
        log_event(LOG_LEVEL_ERROR, "CBM_DISABLE_AFTER: want a duration, as P5D",
                  LOG_TEXT("value", config->disable_after));
        return false;
    }
    engine->deliveries_max = config->deliveries_max;
    memcpy(engine->from, config->from, sizeof engine->from);
    memcpy(engine->org, config->org, sizeof engine->org);
    return true;
}

struct notify_engine *
notify_engine_new(struct loop *loop, const struct notify_engine_config *config, int *exit_code)
{
    static const struct notify_leases_events events = {on_taken, on_lost, shards_at_rest};
    struct notify_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->loop = loop;
    engine->stream_seq = -1;
    engine->next_wake = INT64_MAX;
    notify_hash_init(&engine->lanes);
    engine->leases = notify_leases_new(loop, &events, engine);
    if (!engine->leases || getrandom(&engine->random, sizeof engine->random, 0) < 0) {
        log_write(LOG_LEVEL_ERROR, "cannot deliver: no memory", NULL);
        notify_engine_destroy(&engine);
    } else if (!configure(engine, config)) {
        *exit_code = EX_CONFIG;
        notify_engine_destroy(&engine);
    }
    return engine;
}

bool
notify_engine_start(struct notify_engine *engine, struct service *service,
                    struct notify_publisher *publisher, struct notify_subscriptions *subscriptions,
                    struct notify_sender *sender)
{
    engine->subscriptions = subscriptions;
    engine->sender = sender;
    if (!notify_publisher_listen(publisher, on_record, on_passed, engine) ||
        loop_add_tick(engine->loop, tick, engine) != 0)
        return false;
    engine->service = service;
    service_add_gauge(service, "deliveries_sent", &engine->sent);
    service_add_gauge(service, "deliveries_failed", &engine->failed);
    service_add_gauge(service, "deliveries_dead", &engine->dead);
    service_add_gauge(service, "deliveries_under_way", &engine->under_way);
    service_add_gauge(service, "deliveries_pending", &engine->pending);
    service_add_gauge(service, "deliveries_oldest_seconds", &engine->oldest_s);
    service_add_gauge(service, "circuits_open", &engine->circuits);
    service_add_gauge(service, "lanes", &engine->lane_count);
    service_add_gauge(service, "shards_held", notify_leases_count(engine->leases));
    service_set_last(service, notify_engine_drained, engine);
    notify_leases_start(engine->leases, service);
    return true;
}

void
notify_engine_drain(struct notify_engine *engine)
{
    engine->draining = true;
    notify_leases_leave(engine->leases);
}

bool
notify_engine_drained(void *arg)
{
    const struct notify_engine *engine = arg;
    return engine->draining && notify_leases_left(engine->leases);
}

void
notify_engine_destroy(struct notify_engine **engine)
{
    struct notify_engine *self = *engine;
    struct notify_link *link;
    if (!self)
        return;
    if (self->service)
        loop_remove_tick(self->loop, tick, self);
    engine_forget_tries(self);
    engine_forget_pings(self);
    while ((link = notify_hash_walk(&self->lanes, NULL)))
        free_lane(LANE_OF(link));
    notify_leases_destroy(&self->leases);
    notify_hash_fini(&self->lanes);
    notify_cloudevent_fini(&self->event);
    buf_fini(&self->mail);
    zone_set_fini(&self->zones);
    free(self);
    *engine = NULL;
}
