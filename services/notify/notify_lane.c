/* See notify_lane.h. It must not know where deliveries go, nor how they are kept. */
#include "services/notify/notify_lane.h"

#include <stdlib.h>
#include <string.h>

#define BURST_US 50000 /* by so much the rate may be run ahead of */
#define BLOCKED_SLOTS 4096

uint64_t
notify_lane_hash(struct text topic)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (uint32_t i = 0; i < topic.len; i++)
        hash = (hash ^ (uint8_t)topic.ptr[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

/* ---- the list ---- */

static void
forget_record(struct notify_lane *lane, struct notify_item *item)
{
    *lane->held -= item->stored.len;
    free((char *)item->stored.ptr);
    item->stored = TEXT_NONE;
}

static void
unlink_item(struct notify_lane *lane, struct notify_item *item)
{
    *(item->prev ? &item->prev->next : &lane->first) = item->next;
    *(item->next ? &item->next->prev : &lane->last) = item->prev;
    *(item->kept ? &lane->kept : &lane->fresh) -= 1;
    forget_record(lane, item);
    free(item->result);
    free(item);
}

/* Makes an item behind `after`, NULL for the first. */
static struct notify_item *
insert(struct notify_lane *lane, struct notify_item *after, int64_t seq, bool kept)
{
    struct notify_item *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->seq = seq;
    item->kept = kept;
    item->prev = after;
    item->next = after ? after->next : lane->first;
    *(item->prev ? &item->prev->next : &lane->first) = item;
    *(item->next ? &item->next->prev : &lane->last) = item;
    *(kept ? &lane->kept : &lane->fresh) += 1;
    return item;
}

bool
notify_lane_add(struct notify_lane *lane, const struct log_record *record)
{
    char *copy = malloc(record->stored.len);
    struct notify_item *item = copy ? insert(lane, lane->last, record->seq, false) : NULL;
    if (!item) {
        free(copy);
        return false;
    }
    memcpy(copy, record->stored.ptr, record->stored.len);
    item->stored.ptr = copy;
    item->stored.len = record->stored.len;
    item->topic = notify_lane_hash(record->topic);
    *lane->held += item->stored.len;
    return true;
}

bool
notify_lane_full(const struct notify_lane *lane)
{
    return lane->fresh >= NOTIFY_WINDOW;
}

struct notify_item *
notify_lane_keep(struct notify_lane *lane, int64_t seq, uint64_t topic, unsigned tries,
                 int64_t next_at)
{
    struct notify_item *item = lane->last;
    while (item && item->seq > seq)
        item = item->prev;
    if (!item || item->seq != seq)
        item = insert(lane, item, seq, true);
    if (!item || item->state != NOTIFY_ITEM_WAITING)
        return item;
    item->topic = topic;
    item->tries = tries;
    item->next_at = next_at;
    return item;
}

void
notify_lane_drop(struct notify_lane *lane, struct notify_item *item)
{
    unlink_item(lane, item);
}

void
notify_lane_fini(struct notify_lane *lane)
{
    while (lane->first)
        unlink_item(lane, lane->first);
    *lane = (struct notify_lane){.held = lane->held};
}

/* ---- what may be tried ---- */

/* Topics of which something before is not settled: those that stand in the way of what comes after.
 * Two that meet in one slot only wait for one another. */
struct blocked {
    uint8_t bits[BLOCKED_SLOTS / 8];
};

static bool
block(struct blocked *blocked, uint64_t topic)
{
    unsigned slot = (unsigned)(topic % BLOCKED_SLOTS);
    uint8_t bit = (uint8_t)(1U << slot % 8);
    bool before = blocked->bits[slot / 8] & bit;
    blocked->bits[slot / 8] |= bit;
    return before;
}

/* Whether what comes after it on its topic has to wait for it. */
static bool
stands_in_the_way(const struct notify_item *item)
{
    return !item->result || item->result->verdict == NOTIFY_AGAIN;
}

static void
earlier(int64_t *wake, int64_t at)
{
    if (at < *wake)
        *wake = at;
}

static struct notify_item *
find_ready(struct notify_lane *lane, bool ordered, int64_t now_ms, int64_t *wake)
{
    struct blocked blocked;
    if (ordered)
        memset(&blocked, 0, sizeof blocked);
    for (struct notify_item *item = lane->first; item; item = item->next) {
        if (ordered && stands_in_the_way(item) && block(&blocked, item->topic))
            continue;
        if (item->state != NOTIFY_ITEM_WAITING || (!item->kept && lane->kept >= NOTIFY_KEPT_MAX))
            continue;
        if (item->next_at <= now_ms)
            return item;
        earlier(wake, item->next_at);
    }
    return NULL;
}

struct notify_item *
notify_lane_pick(struct notify_lane *lane, const struct notify_lane_limits *limits, int64_t now_ms,
                 int64_t *wake)
{
    unsigned allowed =
        lane->allowed + 1 < limits->concurrency ? lane->allowed + 1 : limits->concurrency;
    *wake = INT64_MAX;
    if (!lane->first || lane->sending >= allowed)
        return NULL;
    if (!notify_circuit_may(&lane->circuit, now_ms)) {
        if (!lane->circuit.probing)
            *wake = lane->circuit.open_until;
        return NULL;
    }
    int64_t now_us = now_ms * 1000;
    if (lane->rate_us > now_us + BURST_US) {
        *wake = (lane->rate_us - BURST_US) / 1000 + 1;
        return NULL;
    }
    struct notify_item *item = find_ready(lane, limits->ordered, now_ms, wake);
    if (!item)
        return NULL;
    lane->rate_us = (lane->rate_us > now_us ? lane->rate_us : now_us) + 1000000 / limits->rate;
    item->state = NOTIFY_ITEM_SENDING;
    lane->sending++;
    notify_circuit_begin(&lane->circuit);
    return item;
}

struct notify_item *
notify_lane_join(struct notify_lane *lane, struct notify_item *item, int64_t now_ms)
{
    for (item = item->next; item; item = item->next)
        if (item->state == NOTIFY_ITEM_WAITING && item->kept && item->next_at <= now_ms) {
            item->state = NOTIFY_ITEM_SENDING;
            lane->sending++;
            return item;
        }
    return NULL;
}

void
notify_lane_unpick(struct notify_lane *lane, struct notify_item *item, int64_t next_at)
{
    item->state = NOTIFY_ITEM_WAITING;
    item->next_at = next_at;
    lane->sending--;
    lane->circuit.probing = false;
}

void
notify_lane_sent(struct notify_lane *lane, struct notify_item *item, struct notify_result *result,
                 const struct notify_retry *retry)
{
    if (item->state == NOTIFY_ITEM_SENDING)
        lane->sending--;
    if (result->verdict != NOTIFY_PUT_OFF) {
        bool taken = result->verdict == NOTIFY_DELIVERED;
        item->tries++;
        lane->allowed = taken ? lane->allowed + 1 : 0;
        notify_circuit_end(&lane->circuit, taken, retry, result->at_ms);
    }
    item->state = NOTIFY_ITEM_SENT;
    item->result = result;
    lane->sent++;
}

/* ---- what is written ---- */

unsigned
notify_lane_write(struct notify_lane *lane, struct notify_item **items, unsigned max)
{
    unsigned count = 0;
    for (struct notify_item *item = lane->first; item && lane->sent && count < max;
         item = item->next) {
        if (item->state != NOTIFY_ITEM_SENT)
            continue;
        item->state = NOTIFY_ITEM_WRITING;
        lane->sent--;
        items[count++] = item;
    }
    return count;
}

int64_t
notify_lane_cursor(const struct notify_lane *lane, int64_t passed)
{
    for (const struct notify_item *item = lane->first; item; item = item->next)
        if (!item->kept && item->state != NOTIFY_ITEM_WRITING)
            return item->seq - 1;
    return passed;
}

void
notify_lane_written(struct notify_lane *lane, bool done)
{
    for (struct notify_item *item = lane->first, *next; item; item = next) {
        next = item->next;
        if (item->state != NOTIFY_ITEM_WRITING)
            continue;
        if (!done) {
            item->state = NOTIFY_ITEM_SENT;
            lane->sent++;
            continue;
        }
        enum notify_verdict verdict = item->result->verdict;
        if (verdict == NOTIFY_DELIVERED || verdict == NOTIFY_DEAD) {
            unlink_item(lane, item);
            continue;
        }
        item->next_at = item->result->next_at;
        item->state = NOTIFY_ITEM_WAITING;
        free(item->result);
        item->result = NULL;
        forget_record(lane, item);
        lane->fresh -= !item->kept;
        lane->kept += !item->kept;
        item->kept = true;
    }
}
