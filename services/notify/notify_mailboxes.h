/* What mailboxes keep: their state, when what is settled was given and acknowledged, and what they
 * give up. For the handlers that give out, acknowledge, state and step in. It must not know
 * sockets.
 *
 * Documents: kind "mailbox" (the subscription); "delivery" (notify_deliveries.h) of what was given
 * up; "receipt" ("<subscription>.<created>.<seq>"), of what the state has no room for, with index
 * entries receipt|<subscription>|<created>|<seq>: the last seq in it. */
#ifndef CBM_NOTIFY_MAILBOXES_H
#define CBM_NOTIFY_MAILBOXES_H

#include "services/notify/notify_deliveries.h"
#include "services/notify/notify_domain_mailbox.h"

struct mailbox {
    const struct subscription *subscription;
    struct mailbox_state *state;
    struct subscription_cursor cursor;
};

/* Loads it, to be changed; one that nothing was fetched from is empty. */
enum status notify_mailboxes_load(struct op *op, const struct subscription *subscription,
                                  struct mailbox *out);

/* Settles what is acknowledged, and keeps how far the mailbox has come. */
enum status notify_mailboxes_save(struct op *op, struct mailbox *mailbox);

/* The list of how one was given until now, for notify_mailbox_give_again. */
struct text notify_mailboxes_before(struct op *op, const struct mailbox_lease *lease);

/* One that was given so often goes to the dead-letter box, which is told unless it is about the
 * subscription itself. The record is NULL if it is no longer kept: then only what was returned
 * does.
 */
enum status notify_mailboxes_bury(struct op *op, struct mailbox *mailbox,
                                  struct mailbox_lease *lease, const struct log_record *record);

/* One delivery is to be fetched again, or not any more. STATUS_RESOURCE_EXHAUSTED, with the error
 * filled, if too many are out. */
enum status notify_mailboxes_step_in(struct op *op, struct mailbox *mailbox, int64_t seq,
                                     bool again);

/* When the records from a seq on were given and acknowledged: runs in order, which live as long as
 * the op's run. `state` NULL: nothing was fetched. */
enum status notify_mailboxes_runs(struct op *op, const struct subscription *subscription,
                                  const struct mailbox_state *state, int64_t from,
                                  const struct mailbox_run **runs, unsigned *count);

/* Adds to `done`, as notify_deliveries_done does, receipts of what is below `below`. */
enum status notify_mailboxes_done(struct op *op, struct text subscription, int64_t below,
                                  struct notify_done *done);

#endif
