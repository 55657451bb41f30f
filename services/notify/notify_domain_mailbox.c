/* See notify_domain_mailbox.h. */
#include "services/notify/notify_domain_mailbox.h"

#include <string.h>

void
notify_mailbox_begin(struct mailbox_state *state, int64_t seq)
{
    state->present = true;
    state->scanned = seq;
    state->leases.count = 0;
    state->rev = 0;
}

int64_t
notify_mailbox_cursor(const struct mailbox_state *state)
{
    return state->leases.count ? state->leases.items[0].seq - 1 : state->scanned;
}

unsigned
notify_mailbox_waiting(const struct mailbox_state *state)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < state->leases.count; i++)
        count += state->leases.items[i].acked != 1;
    return count;
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

bool
notify_mailbox_give(struct mailbox_state *state, int64_t seq, int64_t until_ms,
                    struct text consumer)
{
    if (state->leases.count == NOTIFY_LEASES_MAX)
        return false;
    state->leases.items[state->leases.count++] =
        (struct mailbox_lease){true, seq, 1, until_ms, consumer, BOOL_NONE};
    return true;
}

/* Those at the front that are acknowledged are settled. */
static void
settle(struct mailbox_state *state)
{
    uint32_t done = 0;
    while (done < state->leases.count && state->leases.items[done].acked == 1)
        done++;
    state->leases.count -= done;
    memmove(state->leases.items, state->leases.items + done,
            state->leases.count * sizeof *state->leases.items);
}

void
notify_mailbox_ack(struct mailbox_state *state, int64_t seq)
{
    for (uint32_t i = 0; i < state->leases.count; i++)
        if (state->leases.items[i].seq <= seq)
            state->leases.items[i].acked = 1;
    if (seq > state->scanned)
        state->scanned = seq;
    settle(state);
}

bool
notify_mailbox_ack_one(struct mailbox_state *state, int64_t seq)
{
    for (uint32_t i = 0; i < state->leases.count; i++)
        if (state->leases.items[i].seq == seq) {
            state->leases.items[i].acked = 1;
            settle(state);
            return true;
        }
    return seq <= state->scanned; /* it was settled before */
}
