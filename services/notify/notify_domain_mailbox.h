/* A mailbox: what was given out, what of it is acknowledged, and so how far it has come. Pure.
 *
 *   not given -> given (a lease, until its time) -> acknowledged
 *                  ^                |  the time is over
 *                  +-- given again -+
 *
 * Leases are in order of seq; up to the first that is not acknowledged all is settled. */
#ifndef CBM_NOTIFY_DOMAIN_MAILBOX_H
#define CBM_NOTIFY_DOMAIN_MAILBOX_H

#include "common/msg/messages.h"

#define NOTIFY_LEASES_MAX 1000

/* An empty one that has come so far. */
void notify_mailbox_begin(struct mailbox_state *state, int64_t seq);

/* Up to here all is settled. */
int64_t notify_mailbox_cursor(const struct mailbox_state *state);

/* How many were given and are not acknowledged. */
unsigned notify_mailbox_waiting(const struct mailbox_state *state);

/* The next lease from index `*at` on whose time is over; NULL behind the last. */
struct mailbox_lease *notify_mailbox_due(struct mailbox_state *state, unsigned *at, int64_t now_ms);

/* Gives one that comes after all others. False if there is no more room. */
bool notify_mailbox_give(struct mailbox_state *state, int64_t seq, int64_t until_ms,
                         struct text consumer);

/* All up to the seq are acknowledged, also what was not given yet; or a single one. False for a
 * single one that was not given. */
void notify_mailbox_ack(struct mailbox_state *state, int64_t seq);
bool notify_mailbox_ack_one(struct mailbox_state *state, int64_t seq);

#endif
