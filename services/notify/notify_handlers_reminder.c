/* reminder.*: what is to be reminded of. It must not know how the log is read or what is sent. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/auth/audience.h"
#include "services/notify/notify.h"
#include "services/notify/notify_handlers.h"
#include "services/notify/notify_plan.h"
#include "services/notify/notify_reminders.h"

#define LIMIT_DEFAULT 100
#define LOOK_MAX 1000               /* entries looked at for a page */
#define PAGE_BYTES_MAX (700 * 1024) /* of items, before the last one */
#define RULES_MAX 64

/* ---- shared ---- */

static struct text
topic_of(struct op *op, const struct reminder *reminder)
{
    struct text audience = reminder->owner.ptr ? reminder->owner : TEXT_LITERAL("secretariat");
    return op_format(op, "private.%.*s.%s.%.*s.", TEXT_ARG(audience),
                     reminder->every.present ? NOTIFY_PLAN_RULES : "reminder",
                     TEXT_ARG(reminder->id));
}

/* Whether the caller may see it. */
static bool
is_seen(const struct op *op, const struct reminder *reminder)
{
    const struct principal *principal = op_principal(op);
    struct text audience = reminder->audience;
    if (reminder->owner.ptr && audience_has(principal, reminder->owner))
        return true;
    if (reminder->every.present && !audience.ptr)
        audience = TEXT_LITERAL("secretariat");
    return !audience.ptr || audience_has(principal, audience);
}

static struct notify_actor
actor_of(const struct op *op)
{
    const struct principal *principal = op_principal(op);
    return (struct notify_actor){principal->roles, principal->member};
}

/* Saves what is planned; tells and answers the reminder. */
static enum status
commit(struct notify_plan *plan, struct notify_plan_item *item, const char *type)
{
    struct op *op = plan->op;
    const struct reminder *reminder = item->message;
    item->changed = true;
    notify_plan_save(plan);
    op_record(op, type, topic_of(op, reminder), &reminder_schema, reminder, NULL, NULL, TEXT_NONE);
    op_answer(op, &reminder_schema, reminder);
    return STATUS_OK;
}

/* An id made of words; where they do not fit, or (of a rule) could be read in two ways, of their
 * beginning and a digest of all. */
static struct text
make_id(struct op *op, const struct reminder_put *in)
{
    char slug[TEXT_ID_MAX + 1], hex[17];
    unsigned char digest[crypto_generichash_BYTES_MIN];
    const struct reminder_every *every = &in->every;
    struct text words =
        op_format(op, "%.*s%.*s%s %.*s %.*s %.*s %.*s %.*s %.*s %s", TEXT_ARG(in->event),
                  TEXT_ARG(in->decision), every->present ? "every" : "", TEXT_ARG(every->dimension),
                  TEXT_ARG(every->area), TEXT_ARG(every->host), TEXT_ARG(every->body),
                  TEXT_ARG(in->anchor), TEXT_ARG(in->offset),
                  *in->offset.ptr == '-' ? "before" : "after");
    size_t len = text_slug(words, slug);
    if (!every->present && words.len <= TEXT_ID_MAX - 4)
        return op_format(op, "%s", slug);
    const size_t most = NOTIFY_REMINDER_RULE_ID_MAX - 17; /* of a rule it must fit too */
    crypto_generichash(digest, sizeof digest, (const unsigned char *)words.ptr, words.len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, digest, 8);
    return op_format(op, "%.*s-%s", (int)(len < most ? len : most), slug, hex);
}

/* Whether a reminder of that id may be put in the place of what is there. */
static enum status
may_replace(struct op *op, const struct reminder_put *in, const struct notify_plan_item *item)
{
    const struct reminder *there = item->message;
    const struct notify_actor actor = actor_of(op);
    enum status status = op_expect_rev(op, in->rev, item->found ? there->rev : 0);
    if (status != STATUS_OK || !item->found || there->status == REMINDER_DELETED)
        return status;
    status = notify_domain_reminder_own(there, &actor, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (there->rule.ptr)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                         "id: %.*s was made by rule %.*s; put that one", TEXT_ARG(item->id),
                         TEXT_ARG(there->rule));
    if (there->every.present != in->every.present || !text_equal(there->event, in->event) ||
        !text_equal(there->decision, in->decision))
        return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                         "id: %.*s is about something else; give another id", TEXT_ARG(item->id));
    return STATUS_OK;
}

/* Fills in what is asked for; what became of it before stays. */
static void
fill(struct op *op, struct notify_plan_item *item, const struct reminder_put *in)
{
    struct reminder *reminder = item->message, now;
    const struct principal *principal = op_principal(op);
    bool is_new = !item->found || reminder->status == REMINDER_DELETED;
    schema_init(&reminder_schema, &now);
    schema_copy(&reminder_schema, &now, &reminder_put_schema, in);
    now.present = true;
    now.id = item->id;
    if (!is_new) {
        now.owner = reminder->owner;
        notify_domain_reminder_keep(&now, reminder);
    } else if (!(principal->roles & PERMIT_SECRETARIAT)) {
        now.owner = text_of(principal->member);
    }
    now.rev = reminder->rev;
    *reminder = now;
}

/* ---- reminder.put ---- */

static enum status
put_rule(struct notify_plan *plan, const struct reminder_put *in)
{
    struct op *op = plan->op;
    struct text id = in->id.ptr ? in->id : make_id(op, in);
    struct notify_plan_item *item = notify_plan_get(plan, "reminder", id, &reminder_schema);
    struct notify_plan_item *list =
        notify_plan_get(plan, "reminder-log", TEXT_LITERAL("rules"), &reminder_rules_schema);
    enum status status = plan->status;
    if (!item || !list || (status = may_replace(op, in, item)) != STATUS_OK)
        return status;
    const struct reminder before = *(const struct reminder *)item->message;
    fill(op, item, in);
    if (item->found && schema_same(&reminder_schema, &before, item->message))
        return op_answer_unchanged(op, &reminder_schema, item->message, topic_of(op, &before));
    ((struct reminder *)item->message)->status = reminder_status_absent;
    struct reminder_rules *rules = list->message;
    uint32_t at = 0;
    while (at < rules->rules.count && !text_equal(rules->rules.items[at].id, id))
        at++;
    if (at == RULES_MAX)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "every",
                         "every: there are %d rules already; delete one", RULES_MAX);
    if (at == rules->rules.count)
        rules->rules.count++;
    rules->rules.items[at] = (struct reminder_rule){
        .present = true, .id = id, .after = TEXT_LITERAL(""), .gone = BOOL_NONE};
    list->changed = true;
    return commit(plan, item, "reminder.set");
}

/* What it is about, as far as the caller may see it, and that there are not too many about it. */
static enum status
check_target(struct op *op, const struct notify_plan_item *target, bool is_new)
{
    const struct reminder_target *about = target->message;
    const struct notify_actor actor = actor_of(op);
    struct op_range range;
    if (!target->found || (about->audience.ptr && !audience_has(op_principal(op), about->audience)))
        return error_set(op_error(op), STATUS_NOT_FOUND, "event", "there is no %.*s",
                         TEXT_ARG(target->id));
    enum status status = notify_domain_reminder_about(about, &actor, op_error(op));
    if (status == STATUS_OK)
        status = op_scan(op, op_format(op, "rt|%.*s|", TEXT_ARG(target->id)),
                         op_format(op, "rt|%.*s}", TEXT_ARG(target->id)), NOTIFY_PLAN_TARGET_MAX,
                         &range);
    if (status == STATUS_OK && is_new && range.count >= NOTIFY_PLAN_TARGET_MAX)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "event",
                         "there are %d reminders about %.*s already", NOTIFY_PLAN_TARGET_MAX,
                         TEXT_ARG(target->id));
    return status;
}

static enum status
put_one(struct notify_plan *plan, const struct reminder_put *in)
{
    struct op *op = plan->op;
    int64_t now_ms;
    struct text id = in->id.ptr ? in->id : make_id(op, in);
    enum status clock = op_clock(op, &now_ms), status;
    struct notify_plan_item *target =
        notify_plan_get(plan, "reminder-target",
                        notify_plan_target_id(op, in->event.ptr != NULL,
                                              in->event.ptr ? in->event : in->decision),
                        &reminder_target_schema);
    struct notify_plan_item *item = notify_plan_get(plan, "reminder", id, &reminder_schema);
    if (!target || !item || clock != STATUS_OK)
        return plan->status != STATUS_OK ? plan->status : clock;
    struct reminder *reminder = item->message;
    bool is_new = !item->found || reminder->status == REMINDER_DELETED;
    status = check_target(op, target, is_new);
    if (status == STATUS_OK)
        status = may_replace(op, in, item);
    if (status != STATUS_OK)
        return status;
    const struct reminder before = *reminder;
    fill(op, item, in);
    notify_plan_reminder(plan, item, target->message, now_ms);
    if (plan->status != STATUS_OK)
        return plan->status;
    if (!is_new && schema_same(&reminder_schema, &before, reminder))
        return op_answer_unchanged(op, &reminder_schema, reminder, topic_of(op, reminder));
    op_bump(op, "reminder-target", target->id); /* who plans with it sees this one too */
    return commit(plan, item, "reminder.set");
}

enum status
reminder_put_handle(struct op *op, const void *params)
{
    const struct reminder_put *in = params;
    const struct notify_actor actor = actor_of(op);
    struct notify_plan plan = {.op = op};
    int64_t seq;
    enum status status = notify_domain_reminder_put(in, &actor, op_error(op));
    if (status == STATUS_OK)
        notify_reminders_wake(notify_of(op)->reminders);
    if (status == STATUS_OK)
        status = op_seq(op, &seq); /* what was done before it is known of */
    if (status == STATUS_OK)
        status = op_wait_seq(op, seq);
    if (status == STATUS_OK)
        status = in->every.present ? put_rule(&plan, in) : put_one(&plan, in);
    notify_plan_fini(&plan);
    return status;
}

/* ---- reminder.delete ---- */

enum status
reminder_delete_handle(struct op *op, const void *params)
{
    const struct reminder_delete *in = params;
    const struct notify_actor actor = actor_of(op);
    struct notify_plan plan = {.op = op};
    struct notify_plan_item *item = notify_plan_get(&plan, "reminder", in->id, &reminder_schema);
    struct notify_plan_item *list =
        notify_plan_get(&plan, "reminder-log", TEXT_LITERAL("rules"), &reminder_rules_schema);
    if (!item || !list)
        return plan.status;
    struct reminder *reminder = item->message;
    if (!item->found || reminder->status == REMINDER_DELETED || !is_seen(op, reminder))
        return error_set(op_error(op), STATUS_NOT_FOUND, "id", "id: there is no reminder %.*s",
                         TEXT_ARG(in->id));
    enum status status = notify_domain_reminder_own(reminder, &actor, op_error(op));
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, reminder->rev);
    if (status == STATUS_OK && reminder->rule.ptr)
        status = error_set(op_error(op), STATUS_FAILED_PRECONDITION, "id",
                           "id: %.*s was made by rule %.*s, which would make it again; delete that",
                           TEXT_ARG(in->id), TEXT_ARG(reminder->rule));
    if (status != STATUS_OK)
        return status;
    reminder->status = REMINDER_DELETED;
    struct reminder_rules *rules = list->message;
    for (uint32_t i = 0; reminder->every.present && i < rules->rules.count; i++)
        if (text_equal(rules->rules.items[i].id, in->id)) {
            rules->rules.items[i].after = TEXT_LITERAL("");
            rules->rules.items[i].gone = 1;
            list->changed = true;
        }
    return commit(&plan, item, "reminder.deleted");
}

/* ---- reminder.list ---- */

/* Gives the reminder if it is asked for and may be seen. */
static enum status
give(struct op *op, const struct reminder_list *in, struct text id, size_t *bytes, unsigned *given)
{
    struct reminder *reminder = op_alloc(op, sizeof *reminder);
    struct text raw;
    if (!reminder)
        return op_no_memory(op);
    enum status status = op_peek(op, "reminder", id, &reminder_schema, reminder, &raw);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (reminder->status == REMINDER_DELETED || (in->status && reminder->status != in->status) ||
        !is_seen(op, reminder))
        return STATUS_OK;
    op_list_item_raw(op, raw);
    *bytes += raw.len;
    ++*given;
    return STATUS_OK;
}

/* Of the index entries of what is asked for; the id follows. */
static struct text
prefix_of(struct op *op, const struct reminder_list *in)
{
    if (!in->event.ptr && !in->decision.ptr)
        return TEXT_LITERAL("r|");
    return op_format(op, "rt|%.*s|",
                     TEXT_ARG(notify_plan_target_id(op, in->event.ptr != NULL,
                                                    in->event.ptr ? in->event : in->decision)));
}

static enum status
check_list(const struct reminder_list *in, struct error *error)
{
    if (in->event.ptr && in->decision.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "decision",
                         "decision: nothing is about an event and a decision");
    if (in->cursor.len && !text_is_id(in->cursor))
        return error_set(error, STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before");
    return STATUS_OK;
}

enum status
reminder_list_handle(struct op *op, const void *params)
{
    const struct reminder_list *in = params;
    struct op_range range;
    int64_t seq;
    unsigned given = 0, limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit, i = 0;
    size_t bytes = 0;
    bool again = false;
    struct text prefix = prefix_of(op, in), last = TEXT_NONE;
    struct text upto = op_format(op, "%.*s}", (int)prefix.len - 1, prefix.ptr);
    struct text from = op_format(op, "%.*s%.*s%s", TEXT_ARG(prefix), TEXT_ARG(in->cursor),
                                 in->cursor.len ? "!" : "");
    enum status status = check_list(in, op_error(op));
    if (status != STATUS_OK)
        return status;
    status = op_seq(op, &seq);
    enum status scanned = op_scan(op, from, upto, in->status ? LOOK_MAX : limit + 1, &range);
    if (status != STATUS_OK || scanned != STATUS_OK)
        return status != STATUS_OK ? status : scanned;
    op_list_begin(op);
    for (; i < range.count && given < limit && bytes < PAGE_BYTES_MAX; i++) {
        last = (struct text){range.items[i].ptr + prefix.len, range.items[i].len - prefix.len};
        status = give(op, in, last, &bytes, &given);
        again |= status == STATUS_AGAIN;
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
    }
    if (again)
        return STATUS_AGAIN;
    bool more = i < range.count || (in->status && range.count == LOOK_MAX);
    op_list_end(op, more ? last : TEXT_NONE, seq);
    return STATUS_OK;
}
