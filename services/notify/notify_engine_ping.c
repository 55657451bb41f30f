/* See notify_engine.h: what is sent to endpoints that is no delivery: the handshake of a webhook,
 * and a ping for who asks whether an endpoint is there. It must not know the log. */
#include "services/notify/notify_engine_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "services/notify/notify_engine_status.h"

#define VERIFY_MS ((int64_t)60 * 60 * 1000) /* a handshake is tried for so long by all */
#define PING_MS 4000                        /* what has not come by then is told so */

/* A ping that somebody waits for, or whose answer was not fetched yet. */
struct engine_ping {
    struct engine_ping *next;
    char subscription[TEXT_ID_MAX + 1];
    int64_t asked_ms, began_ms; /* by the service's clock; monotonic */
    bool over;
    struct notify_result result;
    struct try *try; /* NULL when it is over */
};

static notify_receipt_fn on_event;

/* Posts an event that is none of the log's. `data` is taken. */
static bool
post_event(struct try *try, const struct subscription *document, const char *type, json_t *data,
           const struct lane_secrets *secrets)
{
    const struct notify_header content_type = {
        TEXT_LITERAL("content-type"), TEXT_LITERAL("application/cloudevents+json; charset=utf-8")};
    char id[TEXT_ID_MAX + 64];
    snprintf(id, sizeof id, "%.*s.%s.%" PRId64, TEXT_ARG(document->id), strrchr(type, '.') + 1,
             try->at_ms);
    json_t *event =
        json_pack("{s:s, s:s, s:s, s:s, s:s%, s:s, s:o}", "specversion", "1.0", "id", id, "source",
                  "/notify", "type", type, "subject", document->id.ptr, (size_t)document->id.len,
                  "datacontenttype", "application/json", "data", data);
    char *body = event ? json_dumps(event, JSON_COMPACT) : NULL;
    struct notify_post post = {.url = document->url,
                               .id = text_of(id),
                               .time_ms = try->at_ms,
                               .header_count = 1,
                               .headers = {content_type},
                               .body = text_of(body)};
    engine_add_secrets(&post, secrets);
    bool begun =
        body && document->url.ptr && notify_sender_post(try->engine->sender, &post, on_event, try);
    json_decref(event);
    free(body);
    return begun;
}

static bool
has(struct text body, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= body.len; i++)
        if (memcmp(body.ptr + i, word, len) == 0)
            return true;
    return false;
}

/* The endpoint must have said the challenge: then it is the subscriber's. */
static void
on_verified(struct try *try, const struct notify_receipt *receipt)
{
    struct lane *lane = try->lane;
    struct notify_engine *engine = try->engine;
    const struct notify_subscription *subscription =
        notify_subscriptions_get(engine->subscriptions, text_of(lane->id));
    bool taken = receipt->outcome == NOTIFY_SENT_TAKEN;
    char why[400];
    lane->proving = false;
    lane->verify_tries++;
    if (taken && has(receipt->body, try->challenge)) {
        engine_set_status(lane, SUBSCRIPTION_ACTIVE, "");
        return;
    }
    int64_t pause = notify_retry_pause(&engine->retry, lane->verify_tries, receipt->retry_after_ms,
                                       engine_random(engine));
    if (pause < 0) /* the last pause again and again, until the hour is over */
        pause = engine->retry.pauses_ms[engine->retry.count - 1];
    lane->verify_at = clock_mono_ms() + (pause > 1000 ? pause : 1000);
    snprintf(why, sizeof why, "the handshake failed: %s",
             taken                                 ? "the answer does not have the challenge"
             : receipt->error && receipt->error[0] ? receipt->error
                                                   : "the endpoint refused it");
    engine_warn(engine, "a handshake failed", lane, why);
    int64_t since = subscription ? subscription->document.pending_since : TIME_NONE;
    if (since == TIME_NONE) /* of before this was kept */
        since = subscription ? subscription->document.created : 0;
    if (subscription && (receipt->outcome == NOTIFY_SENT_GONE || try->at_ms - since >= VERIFY_MS))
        engine_set_status(lane, SUBSCRIPTION_DISABLED, why);
}

static void
on_event(void *arg, const struct notify_receipt *receipt)
{
    struct try *try = arg;
    if (try->kind == TRY_VERIFY) {
        on_verified(try, receipt);
    } else {
        engine_fill_result(&try->ping->result, try, receipt);
        try->ping->over = true;
        try->ping->try = NULL;
    }
    engine_end_try(try);
}

void
engine_verify(struct lane *lane, int64_t now_ms)
{
    struct notify_engine *engine = lane->engine;
    const struct notify_subscription *subscription =
        notify_subscriptions_get(engine->subscriptions, text_of(lane->id));
    uint8_t random[16];
    if (lane->proving || lane->changing || now_ms < lane->verify_at || !subscription)
        return;
    lane->verify_at = now_ms + ENGINE_AGAIN_MS;
    struct try *try = engine_begin_try(engine, TRY_VERIFY, lane);
    if (!try)
        return;
    if (getrandom(random, sizeof random, 0) == (ssize_t)sizeof random)
        for (unsigned i = 0; i < sizeof random; i++)
            snprintf(try->challenge + 2 * i, 3, "%02x", random[i]);
    lane->proving = true;
    if (try->challenge[0] &&
        post_event(try, &subscription->document, "subscription.verify",
                   json_pack("{s:s, s:s}", "subscription", lane->id, "challenge", try->challenge),
                   &lane->secrets))
        return;
    lane->proving = false;
    engine_end_try(try);
}

static struct engine_ping *
find_ping(struct notify_engine *engine, struct text subscription, int64_t asked_ms)
{
    struct engine_ping *ping = engine->pings;
    while (ping && (ping->asked_ms != asked_ms || !text_is(subscription, ping->subscription)))
        ping = ping->next;
    return ping;
}

/* Those that nobody came back for. */
static void
drop_old_pings(struct notify_engine *engine, int64_t now_ms)
{
    for (struct engine_ping **at = &engine->pings; *at;) {
        struct engine_ping *ping = *at;
        if (ping->try || now_ms - ping->began_ms < 2 * PING_MS) {
            at = &ping->next;
            continue;
        }
        *at = ping->next;
        free(ping);
    }
}

static struct engine_ping *
begin_ping(struct notify_engine *engine, const struct subscription *document, int64_t asked_ms,
           const struct lane_secrets *secrets)
{
    struct engine_ping *ping = calloc(1, sizeof *ping);
    struct try *try = ping ? engine_begin_try(engine, TRY_PING, NULL) : NULL;
    if (!try) {
        free(ping);
        return NULL;
    }
    try->ping = ping;
    ping->try = try;
    ping->asked_ms = asked_ms;
    ping->began_ms = clock_mono_ms();
    snprintf(ping->subscription, sizeof ping->subscription, "%.*s", TEXT_ARG(document->id));
    ping->next = engine->pings;
    engine->pings = ping;
    bool begun = document->channel == CHANNEL_MAIL
                     ? engine_mail_ping(try, document, on_event)
                     : post_event(try, document, "subscription.ping",
                                  json_pack("{s:s}", "subscription", ping->subscription), secrets);
    if (!begun) {
        const struct notify_receipt receipt = {.outcome = NOTIFY_SENT_FAILED,
                                               .error = "it could not be sent"};
        on_event(try, &receipt);
    }
    return ping;
}

bool
notify_engine_ping(struct notify_engine *engine, const struct subscription *document,
                   int64_t asked_ms, const struct lane_secrets *secrets,
                   const struct notify_result **out)
{
    static const struct notify_result late = {.outcome = "failed",
                                              .took_ms = PING_MS,
                                              .error = "there was no answer yet"};
    int64_t now_ms = clock_mono_ms();
    struct engine_ping *ping = find_ping(engine, document->id, asked_ms);
    if (!ping) {
        drop_old_pings(engine, now_ms);
        ping = begin_ping(engine, document, asked_ms, secrets);
    }
    *out = ping && ping->over ? &ping->result : &late;
    return !ping || ping->over || now_ms - ping->began_ms >= PING_MS;
}

void
engine_forget_pings(struct notify_engine *engine)
{
    while (engine->pings) {
        struct engine_ping *ping = engine->pings;
        engine->pings = ping->next;
        free(ping);
    }
}
