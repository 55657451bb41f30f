/* See notify_engine.h: one try of a delivery. It must not know when the next one is. */
#include "services/notify/notify_engine_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/mp.h"
#include "services/notify/notify_engine_status.h"

static const char *const outcomes[] = {[NOTIFY_SENT_TAKEN] = "taken",
                                       [NOTIFY_SENT_FAILED] = "failed",
                                       [NOTIFY_SENT_GONE] = "gone",
                                       [NOTIFY_SENT_FORBIDDEN] = "forbidden"};

/* ---- tries ---- */

struct try *
engine_begin_try(struct notify_engine *engine, enum try_kind kind, struct lane *lane)
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

void
engine_end_try(struct try *try)
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

void
engine_fill_result(struct notify_result *result, const struct try *try,
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
        engine_fill_result(result, try, receipt);
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
    engine_end_try(try);
}

/* It cannot be sent at all: it is given up without a try. */
static void
give_up(struct try *try, const char *why)
{
    const struct notify_receipt receipt = {.outcome = NOTIFY_SENT_FAILED,
                                           .retry_after_ms = -1,
                                           .error = why};
    settle_items(try, &receipt, true);
    engine_end_try(try);
}

static void
put_back(struct try *try)
{
    for (unsigned i = 0; i < try->count; i++)
        notify_lane_unpick(&try->lane->queue, try->items[i], try->at_ms + ENGINE_AGAIN_MS);
    engine_end_try(try);
}

void
engine_add_secrets(struct notify_post *post, const struct lane_secrets *secrets)
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
    char id[TEXT_NUMBER_MAX];
    if (!notify_cloudevent_write(event, record, document->content == CONTENT_BINARY,
                                 document->payload == PAYLOAD_THIN)) {
        give_up(try, "the record cannot be told in JSON");
        return;
    }
    struct notify_post post = {.url = document->url, .time_ms = try->at_ms, .body = event->body};
    post.id = (struct text){id, (uint32_t)text_number(record->seq, id)}; /* that of the record */
    post.header_count = event->header_count;
    memcpy(post.headers, event->headers, event->header_count * sizeof *event->headers);
    engine_add_secrets(&post, &try->lane->secrets);
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
        engine_end_try(try);
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
    struct try *try = engine_begin_try(lane->engine, TRY_DELIVERY, lane);
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
