/* A mailbox: what was given out, what of it is acknowledged, and so how far it has come. Pure; all
 * times are ms since 1970.
 *
 *   not given -> given (a lease, until its time) -> acknowledged
 *                  ^                |  the time is over
 *                  +-- given again -+-- given so often -> in the dead-letter box -> returned
 *
 * Leases are in order of seq; up to the first that is not acknowledged all is settled, but for what
 * was returned: the mailbox had passed it. */
#ifndef CBM_NOTIFY_DOMAIN_MAILBOX_H
#define CBM_NOTIFY_DOMAIN_MAILBOX_H

#include "common/msg/messages.h"

#define NOTIFY_LEASES_MAX 1000
#define NOTIFY_RUNS_MAX 16

/* Of one fetch: to whom, when, and until when to nobody else. */
struct mailbox_offer {
    int64_t at_ms, until_ms;
    struct text consumer; /* absent: not told */
};

/* A new one that has come so far; or one begins anew there, that knows what was settled before. */
void notify_mailbox_begin(struct mailbox_state *state, int64_t seq);
void notify_mailbox_begin_anew(struct mailbox_state *state, int64_t seq);

/* Up to here all is settled. */
int64_t notify_mailbox_cursor(const struct mailbox_state *state);

/* How many were given and are not acknowledged. */
unsigned notify_mailbox_waiting(const struct mailbox_state *state);

/* NULL if there is none of that seq. */
struct mailbox_lease *notify_mailbox_find(struct mailbox_state *state, int64_t seq);

/* When it was given the first and the last time; one that was returned and not given since has
 * neither. Of one of an older mailbox the last is when its time is over. */
int64_t notify_mailbox_first(const struct mailbox_lease *lease);
int64_t notify_mailbox_last(const struct mailbox_lease *lease);

/* The next lease from index `*at` on whose time is over; NULL behind the last. */
struct mailbox_lease *notify_mailbox_due(struct mailbox_state *state, unsigned *at, int64_t now_ms);

/* Gives one that comes after all others. False if there is no more room. */
bool notify_mailbox_give(struct mailbox_state *state, int64_t seq,
                         const struct mailbox_offer *offer);

/* Gives one again; `before` is its new list of how it was given until now. */
void notify_mailbox_give_again(struct mailbox_lease *lease, const struct mailbox_offer *offer,
                               struct text before);

/* Puts one in that it had passed, to be given at once, or lets one that is out begin anew. False if
 * there is no more room. */
bool notify_mailbox_return(struct mailbox_state *state, int64_t seq, int64_t now_ms);

/* All up to the seq are acknowledged, also what was not given yet, but for what was returned and
 * not given since; or a single one. False for a single one that was not given. */
void notify_mailbox_ack(struct mailbox_state *state, int64_t seq, int64_t now_ms);
bool notify_mailbox_ack_one(struct mailbox_state *state, int64_t seq, int64_t now_ms);

/* It is done with without having been acknowledged: no time of it is kept here. */
void notify_mailbox_drop(struct mailbox_lease *lease);

/* Lets go of what is settled. `runs` gets when it was given and acknowledged, in order, what was
 * known before first: at most NOTIFY_RUNS_MAX + NOTIFY_LEASES_MAX. Returns how many; the caller
 * puts those into the state that it has room for. */
unsigned notify_mailbox_settle(struct mailbox_state *state, struct mailbox_run *runs);

#endif
