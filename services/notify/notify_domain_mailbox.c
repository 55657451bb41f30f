/* See notify_domain_mailbox.h. It must not know records. */
#include "services/notify/notify_domain_mailbox.h"

#include <string.h>

void
notify_mailbox_begin(struct mailbox_state *state, int64_t seq)
{
    state->present = true;
    state->settled.count = 0;
    state->rev = 0;
    notify_mailbox_begin_anew(state, seq);
}

void
notify_mailbox_begin_anew(struct mailbox_state *state, int64_t seq)
{
    state->scanned = seq;
    state->leases.count = 0;
}

int64_t
notify_mailbox_cursor(const struct mailbox_state *state)
{
    for (uint32_t i = 0; i < state->leases.count; i++)
        if (state->leases.items[i].returned != 1)
            return state->leases.items[i].seq - 1;
    return state->scanned;
}

unsigned
notify_mailbox_waiting(const struct mailbox_state *state)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < state->leases.count; i++)
        count += state->leases.items[i].acked != 1;
    return count;
}

/* The index of the first lease of at least that seq. */
static uint32_t
place_of(const struct mailbox_state *state, int64_t seq)
{
    uint32_t low = 0, high = state->leases.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (state->leases.items[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct mailbox_lease *
notify_mailbox_find(struct mailbox_state *state, int64_t seq)
{
    uint32_t at = place_of(state, seq);
    return at < state->leases.count && state->leases.items[at].seq == seq ? &state->leases.items[at]
                                                                          : NULL;
}

int64_t
notify_mailbox_last(const struct mailbox_lease *lease)
{
    return lease->until - (lease->held == INT_NONE ? 0 : lease->held);
}

int64_t
notify_mailbox_first(const struct mailbox_lease *lease)
{
    return lease->first == INT_NONE ? notify_mailbox_last(lease) : lease->first;
}

struct mailbox_lease *
notify_mailbox_due(struct mailbox_state *state, unsigned *at, int64_t now_ms)
{
    while (*at < state->leases.count) {
        struct mailbox_lease *lease = &state->leases.items[(*at)++];
        if (lease->acked != 1 && lease->until <= now_ms)
            return lease;
    }
    return NULL;
}

static struct mailbox_lease
lease_of(int64_t seq, int64_t until_ms)
{
    return (struct mailbox_lease){.present = true,
                                  .seq = seq,
                                  .until = until_ms,
                                  .acked = BOOL_NONE,
                                  .held = INT_NONE,
                                  .first = INT_NONE,
                                  .acked_at = INT_NONE,
                                  .returned = BOOL_NONE};
}

bool
notify_mailbox_give(struct mailbox_state *state, int64_t seq, const struct mailbox_offer *offer)
{
    if (state->leases.count == NOTIFY_LEASES_MAX)
        return false;
    struct mailbox_lease *lease = &state->leases.items[state->leases.count++];
    *lease = lease_of(seq, 0);
    notify_mailbox_give_again(lease, offer, TEXT_NONE);
    return true;
}

void
notify_mailbox_give_again(struct mailbox_lease *lease, const struct mailbox_offer *offer,
                          struct text before)
{
    if (lease->attempt++)
        lease->first = notify_mailbox_first(lease);
    lease->before = before;
    lease->until = offer->until_ms;
    lease->held = offer->until_ms - offer->at_ms;
    lease->consumer = offer->consumer;
}

bool
notify_mailbox_return(struct mailbox_state *state, int64_t seq, int64_t now_ms)
{
    uint32_t at = place_of(state, seq);
    struct mailbox_lease *lease = &state->leases.items[at];
    bool out = at < state->leases.count && lease->seq == seq;
    if (!out && state->leases.count == NOTIFY_LEASES_MAX)
        return false;
    int8_t returned = 1;
    if (out)
        returned = lease->returned;
    else
        memmove(lease + 1, lease, (state->leases.count++ - at) * sizeof *lease);
    *lease = lease_of(seq, now_ms);
    lease->attempt = 0;
    lease->returned = returned;
    return true;
}

static void
acknowledge(struct mailbox_lease *lease, int64_t now_ms)
{
    if (lease->acked != 1)
        lease->acked_at = now_ms;
    lease->acked = 1;
}

void
notify_mailbox_ack(struct mailbox_state *state, int64_t seq, int64_t now_ms)
{
    for (uint32_t i = 0; i < state->leases.count; i++)
        if (state->leases.items[i].seq <= seq && state->leases.items[i].attempt)
            acknowledge(&state->leases.items[i], now_ms);
    if (seq > state->scanned)
        state->scanned = seq;
}

bool
notify_mailbox_ack_one(struct mailbox_state *state, int64_t seq, int64_t now_ms)
{
    struct mailbox_lease *lease = notify_mailbox_find(state, seq);
    if (lease && lease->attempt)
        acknowledge(lease, now_ms);
    return lease ? lease->attempt > 0 : seq <= state->scanned; /* it was settled before */
}

void
notify_mailbox_drop(struct mailbox_lease *lease)
{
    lease->acked = 1;
    lease->acked_at = INT_NONE;
}

/* Adds what a lease came to, to the run before it if it went alike. */
static unsigned
add_run(struct mailbox_run *runs, unsigned count, const struct mailbox_lease *lease)
{
    const struct mailbox_run run = {.present = true,
                                    .from = lease->seq,
                                    .to = lease->seq,
                                    .attempt = lease->attempt,
                                    .first = notify_mailbox_first(lease),
                                    .last = notify_mailbox_last(lease),
                                    .acked = lease->acked_at};
    struct mailbox_run *last = count ? &runs[count - 1] : NULL;
    if (last && last->attempt == run.attempt && last->first == run.first &&
        last->last == run.last && last->acked == run.acked)
        last->to = run.to;
    else
        runs[count++] = run;
    return count;
}

unsigned
notify_mailbox_settle(struct mailbox_state *state, struct mailbox_run *runs)
{
    unsigned count = state->settled.count;
    uint32_t left = 0;
    bool open = false;
    memcpy(runs, state->settled.items, count * sizeof *runs);
    for (uint32_t i = 0; i < state->leases.count; i++) {
        const struct mailbox_lease *lease = &state->leases.items[i];
        bool returned = lease->returned == 1;
        if (lease->acked == 1 && (returned || !open)) {
            if (!returned && lease->acked_at != INT_NONE)
                count = add_run(runs, count, lease);
            continue;
        }
        open = open || !returned;
        state->leases.items[left++] = *lease;
    }
    state->leases.count = left;
    return count;
}
