/* See notify_engine.h: one try: of a delivery, of a webhook's handshake, or for who asks whether an
 * endpoint is there. It must not know when the next one is. */
#include "services/notify/notify_engine_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/mp.h"
#include "services/notify/notify_engine_status.h"

#define VERIFY_MS ((int64_t)60 * 60 * 1000) /* a handshake is tried for so long */
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

static const char *const outcomes[] = {[NOTIFY_SENT_TAKEN] = "taken",
                                       [NOTIFY_SENT_FAILED] = "failed",
                                       [NOTIFY_SENT_GONE] = "gone",
                                       [NOTIFY_SENT_FORBIDDEN] = "forbidden"};

/* ---- tries ---- */

static struct try *
begin_try(struct notify_engine *engine, enum try_kind kind, struct lane *lane)
{
    struct try *try = calloc(1, sizeof *try);
    if (!try)
        return NULL;
    try->engine = engine;
    try->kind = kind;
    try->lane = lane;
    try->at_ms = engine_clock(engine);
    try->next = engine->tries;
    if (try->next)
        try->next->prev = try;
    engine->tries = try;
    engine->under_way++;
    if (lane)
        lane->ops++;
    return try;
}

static void
end_try(struct try *try)
{
    struct lane *lane = try->lane;
    *(try->prev ? &try->prev->next : &try->engine->tries) = try->next;
    if (try->next)
        try->next->prev = try->prev;
    try->engine->under_way--;
    free(try);
    if (lane)
        engine_over(lane);
}

void
engine_forget_tries(struct notify_engine *engine)
{
    while (engine->tries) {
        struct try *try = engine->tries;
        engine->tries = try->next;
        free(try);
    }
}

static void
copy_text(char *to, size_t size, struct text from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    if (len)
        memcpy(to, from.ptr, len);
    to[len] = '\0';
    text_trim_cut(to);
}

static void
fill_result(struct notify_result *result, const struct try *try,
            const struct notify_receipt *receipt)
{
    result->at_ms = try->at_ms;
    result->took_ms = receipt->took_ms > 0 ? receipt->took_ms : 0;
    result->code = receipt->code;
    result->outcome = outcomes[receipt->outcome];
    copy_text(result->error, sizeof result->error, text_of(receipt->error ? receipt->error : ""));
    copy_text(result->body, sizeof result->body, receipt->body);
}

/* ---- deliveries ---- */

/* What a try came to, and what follows from it. */
static void
judge(struct notify_result *result, const struct notify_engine *engine, unsigned tries,
      int64_t asked_ms, uint32_t random)
{
    int64_t pause = notify_retry_pause(&engine->retry, tries + 1, asked_ms, random);
    if (strcmp(result->outcome, outcomes[NOTIFY_SENT_TAKEN]) == 0)
        result->verdict = NOTIFY_DELIVERED;
    else if (pause < 0)
        result->verdict = NOTIFY_DEAD;
    else
        result->verdict = NOTIFY_AGAIN;
    result->next_at = result->at_ms + result->took_ms + pause;
}

static void
count_verdict(struct notify_engine *engine, const struct lane *lane,
              const struct notify_result *result)
{
    engine->sent += result->verdict == NOTIFY_DELIVERED;
    engine->failed += result->verdict != NOTIFY_DELIVERED;
    engine->dead += result->verdict == NOTIFY_DEAD;
    if (result->verdict != NOTIFY_DELIVERED)
        engine_warn(engine, "a delivery failed", lane, result->error);
}

/* An endpoint that is gone, or was not there for days, is left alone. */
static void
look_at_endpoint(struct lane *lane, const struct notify_receipt *receipt, int64_t now_ms)
{
    const struct notify_circuit *circuit = &lane->queue.circuit;
    if (receipt->outcome == NOTIFY_SENT_GONE)
        engine_set_status(lane, SUBSCRIPTION_DISABLED,
                          "the endpoint answered 410: it does not want any more");
    else if (circuit->failing_since &&
             now_ms - circuit->failing_since >= lane->engine->disable_after_ms)
        engine_set_status(lane, SUBSCRIPTION_DISABLED,
                          "every try has failed for days: the endpoint does not answer");
}

/* Every item of the try is told what it came to; `dead`: whatever the schedule says. */
static void
settle_items(struct try *try, const struct notify_receipt *receipt, bool dead)
{
    struct lane *lane = try->lane;
    struct notify_engine *engine = try->engine;
    uint32_t random = engine_random(engine); /* one for all: they stay together */
    for (unsigned i = 0; i < try->count; i++) {
        struct notify_item *item = try->items[i];
        struct notify_result *result = calloc(1, sizeof *result);
        if (!result) {
            notify_lane_unpick(&lane->queue, item, try->at_ms + ENGINE_AGAIN_MS);
            continue;
        }
        fill_result(result, try, receipt);
        judge(result, engine, item->tries, receipt->retry_after_ms, random);
        if (dead)
            result->verdict = NOTIFY_DEAD;
        count_verdict(engine, lane, result);
        notify_lane_sent(&lane->queue, item, result, &engine->retry);
    }
}

static void
on_delivery(void *arg, const struct notify_receipt *receipt)
{
    struct try *try = arg;
    settle_items(try, receipt, false);
    look_at_endpoint(try->lane, receipt, try->at_ms);
    end_try(try);
}

/* It cannot be sent at all: it is given up without a try. */
static void
give_up(struct try *try, const char *why)
{
    const struct notify_receipt receipt = {.outcome = NOTIFY_SENT_FAILED,
                                           .retry_after_ms = -1,
                                           .error = why};
    settle_items(try, &receipt, true);
    end_try(try);
}

static void
put_back(struct try *try)
{
    for (unsigned i = 0; i < try->count; i++)
        notify_lane_unpick(&try->lane->queue, try->items[i], try->at_ms + ENGINE_AGAIN_MS);
    end_try(try);
}

static void
add_secrets(struct notify_post *post, const struct lane_secrets *secrets)
{
    unsigned count = post->time_ms < secrets->until_ms ? secrets->count : secrets->current;
    post->secret_count = count;
    for (unsigned i = 0; i < count; i++)
        post->secrets[i] = text_of(secrets->texts[i]);
}

static void
send_post(struct try *try, const struct subscription *document, const struct log_record *record)
{
    struct notify_engine *engine = try->engine;
    struct notify_cloudevent *event = &engine->event;
    char id[TEXT_ID_MAX + TEXT_NUMBER_MAX + 2];
    if (!notify_cloudevent_write(event, record, document->content == CONTENT_BINARY,
                                 document->payload == PAYLOAD_THIN)) {
        give_up(try, "the record cannot be told in JSON");
        return;
    }
    struct notify_post post = {.url = document->url, .time_ms = try->at_ms, .body = event->body};
    snprintf(id, sizeof id, "%s.%" PRId64, try->lane->id, record->seq);
    post.id = text_of(id);
    post.header_count = event->header_count;
    memcpy(post.headers, event->headers, event->header_count * sizeof *event->headers);
    add_secrets(&post, &try->lane->secrets);
    if (!notify_sender_post(engine->sender, &post, on_delivery, try))
        put_back(try);
}

/* Sends the records of the try, of which there are as many as items. */
static void
send_records(struct try *try, const struct log_record *records)
{
    const struct notify_subscription *subscription =
        notify_subscriptions_get(try->engine->subscriptions, text_of(try->lane->id));
    const struct subscription *document = subscription ? &subscription->document : NULL;
    if (document && document->channel == CHANNEL_WEBHOOK && document->url.ptr) {
        send_post(try, document, records);
    } else if (document && document->channel == CHANNEL_MAIL && document->address.ptr) {
        if (!engine_mail(try, document, try->count, records, on_delivery)) {
            const struct notify_receipt receipt = {.outcome = NOTIFY_SENT_FAILED,
                                                   .retry_after_ms = -1,
                                                   .error =
                                                       "the mail could not be given to a relay"};
            on_delivery(try, &receipt);
        }
    } else {
        put_back(try);
    }
}

/* Takes out of the try what was settled meanwhile, or cannot be; the others' records are in
 * `records`. */
static void
sort_again(struct try *try, struct text result, struct log_record *records)
{
    const struct notify_receipt gone = {.outcome = NOTIFY_SENT_FAILED,
                                        .retry_after_ms = -1,
                                        .error = "the record is no longer kept"};
    struct notify_lane *queue = &try->lane->queue;
    struct mp_value value;
    const char *at = mp_read(result.ptr, &value);
    unsigned count = try->count, kept = 0;
    for (unsigned i = 0; i < count; i++) {
        struct notify_item *item = try->items[i];
        at = mp_read(at, &value);
        if (value.type == MP_BIN && log_pack_next(&value.bytes, &records[kept]) == 1) {
            try->items[kept++] = item;
        } else if (value.type == MP_BIN) { /* somebody stepped in */
            notify_lane_unpick(queue, item, try->at_ms);
            notify_lane_drop(queue, item);
        } else {
            struct try one = {.engine = try->engine, .lane = try->lane, .at_ms = try->at_ms};
            one.items[one.count++] = item;
            settle_items(&one, &gone, true);
        }
    }
    try->count = kept;
}

static void
on_again(void *arg, enum status status, struct text result)
{
    struct try *try = arg;
    struct log_record records[NOTIFY_AGAIN_MAX];
    if (status != STATUS_OK) {
        put_back(try);
        return;
    }
    sort_again(try, result, records);
    if (try->count)
        send_records(try, records);
    else
        end_try(try);
}

/* What is due at the same time goes along in one digest. */
static void
join(struct try *try, const struct subscription *document)
{
    struct notify_item *item = try->items[0];
    if (document->channel != CHANNEL_MAIL || document->digest == DIGEST_NONE || !document->digest)
        return;
    while (try->count < NOTIFY_AGAIN_MAX &&
           (item = notify_lane_join(&try->lane->queue, item, try->at_ms)))
        try->items[try->count++] = item;
}

void
engine_try(struct lane *lane, const struct subscription *document, struct notify_item *item)
{
    struct log_record record;
    struct notify_again again = {.count = 0};
    struct try *try = begin_try(lane->engine, TRY_DELIVERY, lane);
    if (!try) {
        notify_lane_unpick(&lane->queue, item, engine_clock(lane->engine) + ENGINE_AGAIN_MS);
        return;
    }
    try->items[try->count++] = item;
    if (item->stored.ptr) {
        if (log_record_parse(item->stored, item->seq, &record))
            send_records(try, &record);
        else
            give_up(try, "the record is damaged");
        return;
    }
    join(try, document);
    memcpy(again.subscription, lane->id, sizeof again.subscription);
    for (; again.count < try->count; again.count++)
        again.seqs[again.count] = try->items[again.count]->seq;
    if (!service_submit(lane->engine->service, notify_deliveries_again, &again, sizeof again,
                        on_again, try))
        put_back(try);
}

/* ---- handshakes and pings ---- */

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
    add_secrets(&post, secrets);
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
    if (subscription &&
        (receipt->outcome == NOTIFY_SENT_GONE || clock_mono_ms() - lane->verify_since >= VERIFY_MS))
        engine_set_status(lane, SUBSCRIPTION_DISABLED, why);
}

static void
on_event(void *arg, const struct notify_receipt *receipt)
{
    struct try *try = arg;
    if (try->kind == TRY_VERIFY) {
        on_verified(try, receipt);
    } else {
        fill_result(&try->ping->result, try, receipt);
        try->ping->over = true;
        try->ping->try = NULL;
    }
    end_try(try);
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
    struct try *try = begin_try(engine, TRY_VERIFY, lane);
    if (!try)
        return;
    if (getrandom(random, sizeof random, 0) == (ssize_t)sizeof random)
        for (unsigned i = 0; i < sizeof random; i++)
            snprintf(try->challenge + 2 * i, 3, "%02x", random[i]);
    lane->proving = true;
    if (!lane->verify_since)
        lane->verify_since = now_ms;
    if (try->challenge[0] &&
        post_event(try, &subscription->document, "subscription.verify",
                   json_pack("{s:s, s:s}", "subscription", lane->id, "challenge", try->challenge),
                   &lane->secrets))
        return;
    lane->proving = false;
    end_try(try);
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
    struct try *try = ping ? begin_try(engine, TRY_PING, NULL) : NULL;
    if (!try) {
        free(ping);
        return NULL;
    }
    try->ping = ping;
    ping->try = try;
    ping->asked_ms = asked_ms;
    ping->began_ms = clock_mono_ms();
    copy_text(ping->subscription, sizeof ping->subscription, document->id);
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
