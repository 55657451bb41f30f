/* The documents that stand beside a subscription: its secrets, its cursor and its mailbox; and the
 * answers that show a secret once. See notify_handlers_subscription.h. Secrets never come into a
 * record, a log, or what an idempotency key keeps. */
#include "services/notify/notify_handlers_subscription.h"

#include "common/msg/schema_mp.h"
#include "services/notify/notify_domain_mailbox.h"

enum status
notify_handlers_beside(struct op *op, struct text id, struct notify_beside *out)
{
    out->mailbox = op_alloc(op, sizeof *out->mailbox);
    if (!out->mailbox)
        return op_no_memory(op);
    enum status secret = op_load(op, "secret", id, &subscription_secret_schema, &out->secret);
    enum status cursor = op_load(op, "cursor", id, &subscription_cursor_schema, &out->cursor);
    enum status mailbox = op_load(op, "mailbox", id, &mailbox_state_schema, out->mailbox);
    const enum status statuses[] = {secret, cursor, mailbox};
    for (unsigned i = 0; i < 3; i++)
        if (statuses[i] != STATUS_OK && statuses[i] != STATUS_NOT_FOUND)
            return statuses[i];
    if (secret == STATUS_NOT_FOUND) {
        schema_init(&subscription_secret_schema, &out->secret);
        out->secret.present = true;
    }
    if (cursor == STATUS_NOT_FOUND)
        out->cursor = (struct subscription_cursor){.present = true};
    out->has_secret = secret == STATUS_OK;
    out->has_mailbox = mailbox == STATUS_OK;
    return STATUS_OK;
}

void
notify_handlers_set_cursor(struct op *op, struct text id, struct notify_beside *beside, int64_t seq)
{
    beside->cursor.seq = seq;
    op_save(op, "cursor", id, &subscription_cursor_schema, &beside->cursor);
    if (!beside->has_mailbox)
        return;
    notify_mailbox_begin_anew(beside->mailbox, seq);
    op_save(op, "mailbox", id, &mailbox_state_schema, beside->mailbox);
}

void
notify_handlers_set_secret(struct op *op, struct text id, struct notify_beside *beside,
                           const struct notify_secret *made, int64_t previous_until)
{
    struct subscription_secret *secret = &beside->secret;
    bool overlap = made && previous_until != TIME_NONE;
    secret->previous = overlap ? secret->current : TEXT_NONE;
    secret->previous_key = overlap ? secret->key : TEXT_NONE;
    secret->previous_until = overlap ? previous_until : TIME_NONE;
    secret->current = made ? text_of(made->secret) : TEXT_NONE;
    secret->key = made ? text_of(made->key) : TEXT_NONE;
    secret->rotated = op_now_ms(op);
    if (made || beside->has_secret)
        op_save(op, "secret", id, &subscription_secret_schema, secret);
}

/* Answers the document with its secret, of which the key keeps only the document. */
enum status
notify_handlers_answer_made(struct op *op, const struct subscription *subscription,
                            struct text secret, struct text kept)
{
    struct subscription_made *made = op_alloc(op, sizeof *made);
    if (!made)
        return op_no_memory(op);
    schema_init(&subscription_made_schema, made);
    made->present = true;
    schema_copy(&subscription_made_schema, made, &subscription_schema, subscription);
    made->secret = secret;
    if (kept.ptr)
        op_answer_apart(op, &subscription_made_schema, made, kept);
    else
        op_answer(op, &subscription_made_schema, made);
    return STATUS_OK;
}

/* The same request again: what was answered then, with its secret unless that was replaced. */
enum status
notify_handlers_answer_again(struct op *op, struct text kept)
{
    struct subscription *subscription = op_alloc(op, sizeof *subscription);
    struct subscription_secret secret;
    if (!subscription)
        return op_no_memory(op);
    if (schema_decode_bytes(&subscription_schema, kept.ptr, kept.len, subscription, SCHEMA_STORED,
                            op_error(op)) != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored answer is damaged");
    enum status status =
        op_peek(op, "secret", subscription->id, &subscription_secret_schema, &secret, NULL);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    bool same = status == STATUS_OK && secret.rotated == subscription->rotated;
    return notify_handlers_answer_made(op, subscription, same ? secret.current : TEXT_NONE,
                                       TEXT_NONE);
}
