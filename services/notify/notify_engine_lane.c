/* See notify_engine.h: the life of one lane: what it begins with, reading what it missed, trying
 * what is due, writing down what came of it. It must not know how a try is made. */
#include "services/notify/notify_engine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/mp.h"

#define CURSOR_LAG 10000 /* records without a match, then the cursor is moved past them */
#define FIRST_TRIES 64   /* begun in one turn of one lane: the others have theirs */

static int64_t
take_int(const char **at)
{
    struct mp_value value;
    *at = mp_read(*at, &value);
    return value.number;
}

int64_t
lane_passed(const struct lane *lane)
{
    int64_t stream = lane->engine->stream_seq;
    return lane->current && stream > lane->read_seq ? stream : lane->read_seq;
}

/* An operation failed: the same again, later. */
static void
pause_lane(struct lane *lane, const char *what, enum status status)
{
    lane->not_before = clock_mono_ms() + ENGINE_AGAIN_MS;
    engine_warn(lane->engine, what, lane, status_word(status));
}

/* ---- what it begins with ---- */

static const char *
take_secrets(struct lane *lane, const char *at)
{
    struct mp_value value;
    lane->secrets.count = 0;
    for (int64_t left = take_int(&at); left > 0; left--) {
        at = mp_read(at, &value);
        if (lane->secrets.count < NOTIFY_SECRETS_MAX &&
            value.bytes.len < sizeof *lane->secrets.texts) {
            char *to = lane->secrets.texts[lane->secrets.count++];
            memcpy(to, value.bytes.ptr, value.bytes.len);
            to[value.bytes.len] = '\0';
        }
    }
    lane->secrets.current = (unsigned)take_int(&at);
    lane->secrets.until_ms = take_int(&at);
    return at;
}

/* Those that wait for another try are what the store says they are: others may have stepped in. */
static const char *
take_pending(struct lane *lane, const char *at)
{
    struct notify_lane *queue = &lane->queue;
    struct notify_pending pending;
    struct mp_value value;
    struct notify_item *item = queue->first, *next;
    int64_t left = take_int(&at);
    lane->more = left >= NOTIFY_LOAD_MAX;
    for (; left > 0; left--) {
        at = mp_read(at, &value);
        if (!notify_deliveries_pending(value.bytes, &pending))
            continue;
        for (; item && item->seq < pending.seq; item = next) {
            next = item->next;
            if (item->kept && item->state == NOTIFY_ITEM_WAITING)
                notify_lane_drop(queue, item);
        }
        item = notify_lane_keep(queue, pending.seq, pending.topic, pending.tries, pending.next_at);
        if (!item) {
            lane->reload = true;
            break;
        }
        item = item->next;
    }
    for (; item; item = next) {
        next = item->next;
        if (item->kept && item->state == NOTIFY_ITEM_WAITING)
            notify_lane_drop(queue, item);
    }
    return at;
}

static void
on_loaded(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    lane->writing = false;
    if (status != STATUS_OK) {
        lane->reload = lane->loaded;
        pause_lane(lane, "a subscription cannot be read", status);
        engine_over(lane);
        return;
    }
    struct mp_value value;
    const char *at = mp_read(result.ptr, &value);
    if (value.type != MP_ARRAY) { /* not all of another's is taken away yet */
        lane->reload = lane->loaded;
        engine_over(lane);
        return;
    }
    take_int(&at); /* the clock: the leases know it */
    int64_t cursor = take_int(&at), failing = take_int(&at);
    at = take_secrets(lane, at);
    at = take_pending(lane, at);
    if (!lane->loaded) {
        lane->cursor = lane->read_seq = cursor;
        lane->told_failing = failing;
        if (failing)
            notify_circuit_failing(&lane->queue.circuit, failing);
    }
    lane->loaded = true;
    engine_over(lane);
}

static void
load(struct lane *lane)
{
    const struct notify_subscription *subscription =
        notify_subscriptions_get(lane->engine->subscriptions, text_of(lane->id));
    struct notify_load in = {0};
    if (!subscription)
        return;
    in.after = subscription->document.after;
    in.created = lane->created = subscription->document.created;
    memcpy(in.subscription, lane->id, sizeof in.subscription);
    lane->reload = false;
    engine_submit(lane, &lane->writing, notify_deliveries_load, &in, sizeof in, on_loaded);
}

/* ---- reading what was missed ---- */

bool
lane_takes(const struct log_record *record)
{
    struct text type = log_record_type(record);
    return type.ptr && !(type.len > 9 && memcmp(type.ptr, "delivery.", 9) == 0);
}

/* Whether one more fits; else it is read later. */
static bool
has_room(const struct lane *lane)
{
    return !notify_lane_full(&lane->queue) && lane->queue.kept < NOTIFY_KEPT_MAX &&
           (lane->engine->held < ENGINE_HELD_MAX || !lane->queue.fresh);
}

/* The pages of a read, as they are taken apart. */
struct pages {
    unsigned count;
    int64_t first, last, upto; /* upto: all of them are complete up to here */
    bool full;                 /* there is more */
    unsigned known_count;
    int64_t known[NOTIFY_KNOWN_MAX]; /* with documents */
    struct text packs[NOTIFY_READ_PREFIXES_MAX];
    struct log_record heads[NOTIFY_READ_PREFIXES_MAX]; /* the next of each */
    bool has[NOTIFY_READ_PREFIXES_MAX];
};

static void
step(struct pages *pages, unsigned i)
{
    pages->has[i] = log_pack_next(&pages->packs[i], &pages->heads[i]) == 1;
}

static bool
is_known(const struct pages *pages, int64_t seq)
{
    for (unsigned i = 0; i < pages->known_count; i++)
        if (pages->known[i] == seq)
            return true;
    return false;
}

static void
read_pages(struct text result, int64_t after, struct pages *pages)
{
    struct mp_value value;
    const char *at = mp_read(result.ptr, &value);
    *pages = (struct pages){.count = (unsigned)value.number - 2, .upto = INT64_MAX};
    int64_t end = after;
    pages->first = take_int(&at);
    for (int64_t left = take_int(&at); left > 0 && pages->known_count < NOTIFY_KNOWN_MAX; left--)
        pages->known[pages->known_count++] = take_int(&at);
    for (unsigned i = 0; i < pages->count; i++) {
        at = mp_read(at, &value);
        int64_t next = take_int(&at), last = take_int(&at);
        bool full = take_int(&at);
        at = mp_read(at, &value);
        pages->packs[i] = value.bytes;
        step(pages, i);
        if (last > pages->last)
            pages->last = last;
        if (full && next < pages->upto)
            pages->upto = next;
        if (next > end)
            end = next;
        pages->full = pages->full || full;
    }
    if (!pages->full)
        pages->upto = end;
}

/* The next record of all pages by seq; each once. False at the end. */
static bool
next_record(struct pages *pages, struct log_record *out)
{
    int best = -1;
    for (unsigned i = 0; i < pages->count; i++)
        if (pages->has[i] && (best < 0 || pages->heads[i].seq < pages->heads[best].seq))
            best = (int)i;
    if (best < 0)
        return false;
    *out = pages->heads[best];
    for (unsigned i = 0; i < pages->count; i++)
        if (pages->has[i] && pages->heads[i].seq == out->seq)
            step(pages, i);
    return true;
}

static void
on_missed_told(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    (void)result;
    lane->writing = false;
    if (status != STATUS_OK)
        pause_lane(lane, "a subscription cannot be told what it missed", status);
    engine_over(lane);
}

/* Records that it had not got may be gone: it is told which, and goes on behind them. */
static void
tell_missed(struct lane *lane, int64_t first)
{
    struct notify_missed in = {.from = lane->read_seq + 1, .to = first - 1};
    memcpy(in.subscription, lane->id, sizeof in.subscription);
    if (lane->writing)
        return; /* it is read again */
    if (engine_submit(lane, &lane->writing, notify_deliveries_missed, &in, sizeof in,
                      on_missed_told))
        lane->read_seq = first - 1;
}

static void
on_read(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    struct pages pages;
    struct log_record record;
    lane->reading = false;
    const struct notify_subscription *subscription =
        notify_subscriptions_get(lane->engine->subscriptions, text_of(lane->id));
    if (status != STATUS_OK)
        pause_lane(lane, "the log cannot be read for a subscription", status);
    if (status != STATUS_OK || lane->leaving || !subscription) {
        engine_over(lane);
        return;
    }
    read_pages(result, lane->read_seq, &pages);
    if (pages.first > lane->read_seq + 1 && pages.last > lane->read_seq) {
        tell_missed(lane, pages.first);
        engine_over(lane);
        return;
    }
    bool fits = true;
    while (fits && next_record(&pages, &record) && record.seq <= pages.upto) {
        bool wanted = lane_takes(&record) && !is_known(&pages, record.seq) &&
                      notify_subscription_matches(subscription, &record);
        fits = !wanted || (has_room(lane) && notify_lane_add(&lane->queue, &record));
        if (fits)
            lane->read_seq = record.seq;
    }
    if (fits && pages.upto > lane->read_seq)
        lane->read_seq = pages.upto;
    if (fits && !pages.full && lane->seen_seq == lane->seen_before)
        lane->current = true;
    engine_over(lane);
}

static void
add_prefix(struct notify_read *in, struct text prefix)
{
    for (unsigned i = 0; i < in->prefix_count; i++)
        if (prefix.len >= strlen(in->prefixes[i]) && in->prefixes[i][0] &&
            memcmp(prefix.ptr, in->prefixes[i], strlen(in->prefixes[i])) == 0)
            return; /* it is in another */
    if (in->prefix_count == NOTIFY_READ_PREFIXES_MAX || prefix.len > TOPIC_MAX)
        return;
    char *to = in->prefixes[in->prefix_count++];
    memcpy(to, prefix.ptr, prefix.len);
    to[prefix.len] = '\0';
}

static void
read_log(struct lane *lane, const struct notify_subscription *subscription)
{
    const struct subscription *document = &subscription->document;
    struct notify_read in = {.after = lane->read_seq};
    memcpy(in.subscription, lane->id, sizeof in.subscription);
    struct text prefixes[FILTER_TREES_MAX];
    char own[NOTIFY_OWN_TOPIC_MAX];
    unsigned count = filter_prefixes(&document->filter, prefixes);
    for (unsigned i = 0; i < count; i++)
        add_prefix(&in, prefixes[i]);
    add_prefix(&in, notify_subscription_topic(document, own));
    lane->seen_before = lane->seen_seq;
    engine_submit(lane, &lane->reading, notify_deliveries_read, &in, sizeof in, on_read);
}

void
lane_published(struct lane *lane, const struct log_record *record)
{
    if (record->seq <= lane->read_seq)
        return; /* it was read from the log before it was published here */
    if (lane->current && has_room(lane) && notify_lane_add(&lane->queue, record)) {
        engine_ready(lane);
        return;
    }
    if (lane->current) {
        lane->current = false; /* it is read from the log when there is room */
        lane->read_seq = record->seq - 1;
    }
    lane->seen_seq = record->seq;
}

/* ---- writing down ---- */

static void
on_settled(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    lane->writing = false;
    notify_lane_written(&lane->queue, status == STATUS_OK);
    if (status == STATUS_OK) {
        struct mp_value value;
        const char *at = mp_read(result.ptr, &value);
        at = mp_read(at, &value); /* cursor */
        lane->cursor = take_int(&at);
        lane->told_failing = lane->telling;
    } else {
        pause_lane(lane, "deliveries cannot be written down", status);
    }
    engine_over(lane);
}

static void
fill(struct notify_settle_item *to, const struct notify_item *item)
{
    struct log_record record;
    struct log_attributes attributes;
    to->seq = item->seq;
    to->kept = item->kept;
    to->tries = item->tries;
    to->topic = to->type = TEXT_NONE;
    to->result = *item->result;
    if (item->kept || !item->stored.ptr || !log_record_parse(item->stored, item->seq, &record) ||
        !log_record_attributes(&record, &attributes))
        return;
    to->topic = record.topic;
    to->type = attributes.type;
}

/* Everything that came of tries since, in one commit. */
static void
settle(struct lane *lane)
{
    struct notify_item *items[NOTIFY_SETTLE_MAX];
    unsigned count = notify_lane_write(&lane->queue, items, NOTIFY_SETTLE_MAX);
    size_t size = sizeof(struct notify_settle) + count * sizeof(struct notify_settle_item);
    struct notify_settle *in = calloc(1, size);
    bool begun = false;
    if (in) {
        memcpy(in->subscription, lane->id, sizeof in->subscription);
        in->created = lane->created;
        in->from = lane->cursor;
        in->to = lane->loaded ? notify_lane_cursor(&lane->queue, lane_passed(lane)) : 0;
        in->count = count;
        in->failing_since = lane->telling =
            lane->loaded ? lane->queue.circuit.failing_since : lane->told_failing;
        in->health = lane->telling != lane->told_failing;
        for (unsigned i = 0; i < count; i++)
            fill(&in->items[i], items[i]);
        begun = engine_submit(lane, &lane->writing, notify_deliveries_settle, in, size, on_settled);
    }
    if (!begun)
        notify_lane_written(&lane->queue, false);
    free(in);
}

/* ---- work ---- */

static bool
lags(const struct lane *lane)
{
    return lane->loaded && !lane->queue.fresh && lane_passed(lane) - lane->cursor >= CURSOR_LAG;
}

/* Tries what is due. Returns when there may be more by time alone (monotonic). */
static int64_t
try_some(struct lane *lane, const struct notify_subscription *subscription, int64_t now_ms)
{
    struct notify_engine *engine = lane->engine;
    const struct subscription *document = &subscription->document;
    const struct notify_lane_limits limits = {
        document->concurrency == INT_NONE ? 8 : (unsigned)document->concurrency,
        document->rate == INT_NONE ? 1000 : (unsigned)document->rate,
        document->ordered == 1,
    };
    int64_t clock = engine_clock(engine), wake = INT64_MAX;
    if (document->channel == CHANNEL_MAIL && (wake = lane_put_off(lane, document, clock)) > clock)
        return now_ms + (wake - clock);
    for (unsigned i = 0; i < FIRST_TRIES; i++) {
        if (engine->under_way >= engine->deliveries_max)
            return now_ms + 10; /* in turn with the others */
        struct notify_item *item = notify_lane_pick(&lane->queue, &limits, clock, &wake);
        if (!item)
            return wake == INT64_MAX ? INT64_MAX : now_ms + (wake - clock);
        engine_try(lane, document, item);
    }
    return now_ms;
}

static void
wake_by(struct lane *lane, int64_t at)
{
    if (at < lane->wake_at)
        lane->wake_at = at;
    if (at < lane->engine->next_wake)
        lane->engine->next_wake = at;
}

void
lane_work(struct lane *lane, int64_t now_ms)
{
    struct notify_engine *engine = lane->engine;
    const struct notify_subscription *subscription =
        notify_subscriptions_get(engine->subscriptions, text_of(lane->id));
    bool serves = engine_serves(lane, now_ms) && subscription;
    lane->wake_at = INT64_MAX;
    if (now_ms < lane->not_before) {
        wake_by(lane, lane->not_before);
        return;
    }
    if (lane->queue.sent && !lane->writing)
        settle(lane);
    if (!serves)
        return;
    if (lane->more && lane->queue.kept < NOTIFY_KEPT_MAX / 2)
        lane->reload = true;
    if ((!lane->loaded || lane->reload) && !lane->writing)
        load(lane);
    if (!lane->loaded)
        return;
    if (lane->verifying) {
        if (subscription->document.channel == CHANNEL_MAIL)
            engine_confirm(lane, now_ms);
        else
            engine_verify(lane, now_ms);
        wake_by(lane, lane->verify_at);
        return;
    }
    wake_by(lane, try_some(lane, subscription, now_ms));
    if (lane->queue.sent && !lane->writing)
        settle(lane);
    if (!lane->current && !lane->reading && has_room(lane) &&
        lane->queue.fresh <= NOTIFY_WINDOW / 2)
        read_log(lane, subscription);
    if (lags(lane) && !lane->writing)
        settle(lane);
}
