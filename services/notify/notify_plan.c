/* See notify_plan.h. It must not know when something is planned, or why. */
#include "services/notify/notify_plan.h"

#include <sodium.h>
#include <string.h>

#include "common/service/due.h"

void
notify_plan_fini(struct notify_plan *plan)
{
    zone_set_fini(&plan->zones);
}

static void
fail(struct notify_plan *plan, enum status status)
{
    if (plan->status == STATUS_OK || plan->status == STATUS_AGAIN)
        plan->status = status;
}

static struct notify_plan_item *
find(const struct notify_plan *plan, const char *kind, struct text id)
{
    struct notify_plan_item *item = plan->first;
    while (item && (strcmp(item->kind, kind) != 0 || !text_equal(item->id, id)))
        item = item->next;
    return item;
}

static int64_t
entry_of(const struct reminder *reminder)
{
    if (reminder->status != REMINDER_PLANNED)
        return TIME_NONE;
    return reminder->due > 0 ? reminder->due : 0;
}

struct notify_plan_item *
notify_plan_get(struct notify_plan *plan, const char *kind, struct text id,
                const struct schema *schema)
{
    struct notify_plan_item *item = find(plan, kind, id);
    if (item || (plan->status != STATUS_OK && plan->status != STATUS_AGAIN))
        return item;
    item = op_alloc(plan->op, sizeof *item);
    void *message = op_alloc(plan->op, schema->size);
    if (!item || !message) {
        fail(plan, op_no_memory(plan->op));
        return NULL;
    }
    enum status status = op_load(plan->op, kind, id, schema, message);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        fail(plan, status);
        return NULL;
    }
    if (status == STATUS_NOT_FOUND)
        schema_init(schema, message);
    *item = (struct notify_plan_item){.kind = kind,
                                      .id = id,
                                      .schema = schema,
                                      .found = status == STATUS_OK,
                                      .entry = TIME_NONE,
                                      .message = message};
    if (schema == &reminder_schema && item->found)
        item->entry = entry_of(message);
    *(plan->last ? &plan->last->next : &plan->first) = item;
    plan->last = item;
    return item;
}

/* ---- targets ---- */

#define OF_EVENT "event/"
#define OF_DECISION "decision/"

struct text
notify_plan_target_id(struct op *op, bool is_event, struct text id)
{
    return op_join(
        op, 2,
        (const struct text[]){is_event ? TEXT_LITERAL(OF_EVENT) : TEXT_LITERAL(OF_DECISION), id});
}

bool
notify_plan_of_event(struct text target_id)
{
    return target_id.len && target_id.ptr[0] == OF_EVENT[0];
}

struct text
notify_plan_id_of(struct text target_id)
{
    uint32_t head = notify_plan_of_event(target_id) ? sizeof OF_EVENT - 1 : sizeof OF_DECISION - 1;
    return (struct text){target_id.ptr + head, target_id.len - head};
}

struct text
notify_plan_target_of(struct op *op, const struct reminder *reminder)
{
    return notify_plan_target_id(op, reminder->event.ptr != NULL,
                                 reminder->event.ptr ? reminder->event : reminder->decision);
}

/* ---- planning ---- */

void
notify_plan_reminder(struct notify_plan *plan, struct notify_plan_item *item,
                     const struct reminder_target *target, int64_t as_of_ms)
{
    struct reminder *reminder = item->message;
    struct text kind = notify_domain_milestone(reminder->anchor);
    const struct notify_plan_item *milestone = NULL;
    if (kind.ptr) {
        milestone = notify_plan_get(
            plan, "reminder-milestone",
            op_join(plan->op, 3, (const struct text[]){reminder->event, TEXT_LITERAL("/"), kind}),
            &reminder_milestone_schema);
        if (!milestone)
            return;
    }
    const struct reminder before = *reminder;
    const struct reminder_milestone *known = milestone ? milestone->message : NULL;
    bool there = known && known->seq != INT_NONE && known->removed != 1;
    notify_domain_plan(reminder, target, there ? known : NULL,
                       zone_set_get(&plan->zones, target->zone), as_of_ms);
    item->changed |= !schema_same(&reminder_schema, &before, reminder);
}

void
notify_plan_target(struct notify_plan *plan, struct text target_id,
                   const struct reminder_target *target, int64_t as_of_ms)
{
    struct op_range range;
    struct text from = op_format(plan->op, "rt|%.*s|", TEXT_ARG(target_id));
    enum status status =
        op_scan(plan->op, from, op_format(plan->op, "rt|%.*s}", TEXT_ARG(target_id)),
                2 * NOTIFY_PLAN_TARGET_MAX, &range);
    if (status != STATUS_OK) {
        fail(plan, status);
        return;
    }
    for (unsigned i = 0; i < range.count; i++) {
        struct text id = {range.items[i].ptr + from.len, range.items[i].len - from.len};
        struct notify_plan_item *item = notify_plan_get(plan, "reminder", id, &reminder_schema);
        /* one that was deleted since the scan stays deleted */
        if (item && item->found && ((struct reminder *)item->message)->status != REMINDER_DELETED)
            notify_plan_reminder(plan, item, target, as_of_ms);
    }
}

/* ---- rules ---- */

/* The id of what a rule makes about a target: two of different targets never share one. */
static struct text
made_id(struct op *op, struct text rule, struct text target_id)
{
    unsigned char digest[crypto_generichash_BYTES_MIN];
    char hex[21];
    crypto_generichash(digest, sizeof digest, (const unsigned char *)target_id.ptr, target_id.len,
                       NULL, 0);
    sodium_bin2hex(hex, sizeof hex, digest, 10);
    return op_format(op, "%.*s-%s", TEXT_ARG(rule), hex);
}

static void
fill(struct reminder *made, const struct reminder *rule, struct text target_id)
{
    const struct text id = notify_plan_id_of(target_id);
    struct reminder now = *rule;
    now.id = made->id;
    now.every.present = false;
    now.rule = rule->id;
    *(notify_plan_of_event(target_id) ? &now.event : &now.decision) = id;
    notify_domain_reminder_keep(&now, made);
    now.rev = made->rev;
    *made = now;
}

void
notify_plan_rule(struct notify_plan *plan, const struct reminder *rule, struct text target_id,
                 const struct reminder_target *target, int64_t as_of_ms)
{
    struct text id = made_id(plan->op, rule->id, target_id);
    bool gone = rule->status == REMINDER_DELETED;
    bool wanted = !gone && notify_domain_rule_for(rule, target, notify_plan_of_event(target_id));
    struct notify_plan_item *item = notify_plan_get(plan, "reminder", id, &reminder_schema);
    if (!item)
        return;
    struct reminder *made = item->message, before = *made;
    bool is_there = (item->found || item->changed) && made->status != REMINDER_DELETED;
    if (wanted) {
        made->id = id;
        fill(made, rule, target_id);
        if (!is_there)
            made->status = reminder_status_absent;
        notify_plan_reminder(plan, item, target, as_of_ms);
        /* what would begin its life dropped or waiting begins it when it is planned */
        if (!is_there && made->status != REMINDER_PLANNED) {
            *made = before;
            item->changed = false;
            return;
        }
    } else if (is_there && made->status != REMINDER_SENT) {
        made->status = gone ? REMINDER_DELETED : REMINDER_DROPPED;
        made->reason = gone ? TEXT_NONE : TEXT_LITERAL("its rule is for others now");
    } else if (is_there && gone) {
        made->status = REMINDER_DELETED;
    }
    item->changed |= (is_there || wanted) && !schema_same(&reminder_schema, &before, made);
}

/* ---- saving ---- */

static void
index_reminder(struct op *op, const struct notify_plan_item *item)
{
    const struct reminder *reminder = item->message;
    int64_t entry = entry_of(reminder);
    void (*change)(struct op *, struct text) =
        reminder->status == REMINDER_DELETED ? op_index_remove : op_index_add;
    change(op, op_format(op, "r|%.*s", TEXT_ARG(item->id)));
    if (!reminder->every.present)
        change(op, op_format(op, "rt|%.*s|%.*s", TEXT_ARG(notify_plan_target_of(op, reminder)),
                             TEXT_ARG(item->id)));
    if (entry == item->entry)
        return;
    if (item->entry != TIME_NONE)
        op_index_remove(op, due_entry(op, NOTIFY_PLAN_DUE, item->entry, item->id));
    if (entry != TIME_NONE)
        op_index_add(op, due_entry(op, NOTIFY_PLAN_DUE, entry, item->id));
}

void
notify_plan_save(struct notify_plan *plan)
{
    for (struct notify_plan_item *item = plan->first; item; item = item->next) {
        if (!item->changed)
            continue;
        *(bool *)item->message = true; /* `present`, the first member of every message */
        op_save(plan->op, item->kind, item->id, item->schema, item->message);
        if (item->schema == &reminder_schema)
            index_reminder(plan->op, item);
        else if (item->schema == &reminder_target_schema && !item->found)
            op_index_add(plan->op, op_format(plan->op, "t|%.*s", TEXT_ARG(item->id)));
    }
}
