/* See notify_reminders_log.h. It must not know who runs the steps, or when. */
#include "services/notify/notify_reminders_log.h"

#include <string.h>

#include "common/base/log.h"
#include "common/log/topic.h"
#include "common/msg/schema_mp.h"
#include "common/service/due.h"
#include "services/notify/notify_plan.h"

#define PAGE_RECORDS 256 /* of each prefix in a step */
#define SWEEP_TARGETS 256

/* ---- topics ---- */

#define LEVELS 8

/* The levels of a topic without their dots; of a private one from behind its audience. */
static unsigned
split(struct text topic, struct text levels[LEVELS])
{
    unsigned count = 0;
    const char *at = topic.ptr, *end = topic.ptr + topic.len;
    for (const char *dot; at < end && count < LEVELS && (dot = memchr(at, '.', (size_t)(end - at)));
         at = dot + 1)
        levels[count++] = (struct text){at, (uint32_t)(dot - at)};
    if (count > 2 && text_is(levels[0], "private")) {
        count -= 2;
        memmove(levels, levels + 2, count * sizeof *levels);
    }
    return count;
}

bool
notify_reminders_log_wants(struct text topic)
{
    struct text levels[LEVELS];
    return split(topic, levels) > 0 &&
           (text_is(levels[0], "events") || text_is(levels[0], "decisions") ||
            text_is(levels[0], NOTIFY_PLAN_RULES));
}

bool
notify_reminders_log_tells(struct text topic)
{
    struct text levels[LEVELS];
    return topic_private(topic) && split(topic, levels) > 0 &&
           (text_is(levels[0], "reminder") || text_is(levels[0], NOTIFY_PLAN_RULES));
}

/* ---- records ---- */

struct step {
    struct notify_plan plan;
    const struct reminder_rules *rules;
};

/* Plans what is about a target, and what rules make about it. */
static void
replan(struct step *step, struct text target_id, const struct reminder_target *target,
       int64_t as_of_ms)
{
    notify_plan_target(&step->plan, target_id, target, as_of_ms);
    for (uint32_t i = 0; step->rules && i < step->rules->rules.count; i++) {
        const struct notify_plan_item *rule =
            notify_plan_get(&step->plan, "reminder", step->rules->rules.items[i].id,
                            &reminder_schema);
        if (rule && rule->found)
            notify_plan_rule(&step->plan, rule->message, target_id, target, as_of_ms);
    }
}

static bool
decode(struct step *step, const struct schema *schema, const struct log_record *record, void **out)
{
    struct error error;
    *out = op_alloc(step->plan.op, schema->size);
    if (!*out) {
        step->plan.status = op_no_memory(step->plan.op);
        return false;
    }
    if (schema_decode_bytes(schema, record->data.ptr, record->data.len, *out, SCHEMA_STORED,
                            &error) == STATUS_OK)
        return true;
    log_event(LOG_LEVEL_ERROR, "a record cannot be read for reminders",
              LOG_NUMBER("seq", record->seq), LOG_TEXT("why", error.message));
    return false;
}

/* The target as the record says it is. */
static void
on_target(struct step *step, bool is_event, struct text id, const struct log_record *record)
{
    void *message;
    const struct schema *schema = is_event ? &event_schema : &decision_schema;
    struct text target_id = notify_plan_target_id(step->plan.op, is_event, id);
    struct notify_plan_item *item =
        notify_plan_get(&step->plan, "reminder-target", target_id, &reminder_target_schema);
    struct reminder_target *target = item ? item->message : NULL;
    /* an event that moved has records on several topics: the newest counts */
    if (!target || (target->seq != INT_NONE && target->seq >= record->seq) ||
        !decode(step, schema, record, &message))
        return;
    if (is_event)
        notify_domain_target_event(target, message);
    else
        notify_domain_target_decision(target, message);
    target->topic = record->topic;
    target->seq = record->seq;
    item->changed = true;
    replan(step, target_id, target, record->time_ms);
}

static void
on_milestone(struct step *step, struct text event, struct text kind,
             const struct log_record *record)
{
    void *message;
    struct op *op = step->plan.op;
    struct text id = op_join(op, 3, (const struct text[]){event, TEXT_LITERAL("/"), kind});
    struct text target_id = notify_plan_target_id(op, true, event);
    struct notify_plan_item *item =
        notify_plan_get(&step->plan, "reminder-milestone", id, &reminder_milestone_schema);
    const struct notify_plan_item *target =
        notify_plan_get(&step->plan, "reminder-target", target_id, &reminder_target_schema);
    struct reminder_milestone *milestone = item ? item->message : NULL;
    if (!milestone || (milestone->seq != INT_NONE && milestone->seq >= record->seq) ||
        !decode(step, &milestone_schema, record, &message))
        return;
    milestone->due = ((const struct milestone *)message)->due;
    milestone->done = ((const struct milestone *)message)->done;
    milestone->removed = ((const struct milestone *)message)->removed;
    milestone->seq = record->seq;
    item->changed = true;
    if (target && (target->found || target->changed))
        replan(step, target_id, target->message, record->time_ms);
}

static void
on_record(struct step *step, const struct log_record *record)
{
    struct text levels[LEVELS], type = log_record_type(record);
    unsigned count = split(record->topic, levels);
    if (!count || !type.ptr || text_is(type, "event.moved"))
        return;
    if (text_is(levels[0], "decisions") && count == 3)
        on_target(step, false, levels[2], record);
    else if (text_is(levels[0], "events") && count == 4)
        on_target(step, true, levels[3], record);
    else if (text_is(levels[0], "events") && count == 6 && text_is(levels[4], "milestone"))
        on_milestone(step, levels[3], levels[5], record);
}

/* ---- steps ---- */

static void
answer(struct op *op, bool more, int64_t seq, bool dormant)
{
    struct buf *out = op_result(op);
    mp_map(out, 3);
    mp_string(out, "more");
    mp_bool(out, more);
    mp_string(out, "upto");
    mp_int(out, seq);
    mp_string(out, "dormant");
    mp_bool(out, dormant);
}

/* Reads on under one prefix; whether there may be more. */
static bool
read_on(struct step *step, const char *prefix, int64_t *position)
{
    struct op_log_page page;
    struct op *op = step->plan.op;
    enum status status = op_log_read(op, text_of(prefix), *position, PAGE_RECORDS, &page);
    if (status != STATUS_OK) {
        if (step->plan.status == STATUS_OK || status != STATUS_AGAIN)
            step->plan.status = status;
        return true;
    }
    for (unsigned i = 0; i < page.count; i++)
        on_record(step, &page.records[i]);
    *position = page.next;
    return page.count && page.next < page.last;
}

static enum status
read_log(struct step *step, struct notify_plan_item *item)
{
    struct op *op = step->plan.op;
    struct reminder_position *position = item->message;
    const struct reminder_position before = *position;
    int64_t seq;
    if (!item->found)
        position->events = position->decisions = position->private = 0;
    enum status status = op_seq(op, &seq); /* before the pages: what it counts is in them */
    bool more = read_on(step, "events.", &position->events);
    more |= read_on(step, "decisions.", &position->decisions);
    more |= read_on(step, "private.", &position->private);
    if (step->plan.status == STATUS_OK)
        step->plan.status = status;
    if (step->plan.status != STATUS_OK)
        return step->plan.status;
    item->changed = before.events != position->events || before.decisions != position->decisions ||
                    before.private != position->private;
    notify_plan_save(&step->plan);
    answer(op, more, seq, false);
    return STATUS_OK;
}

/* Takes a rule off the list, in place. */
static void
forget(struct reminder_rules *rules, uint32_t at)
{
    memmove(&rules->rules.items[at], &rules->rules.items[at + 1],
            (rules->rules.count - at - 1) * sizeof *rules->rules.items);
    rules->rules.count--;
}

/* Brings a rule to the next of what was there before it. */
static enum status
sweep(struct step *step, struct notify_plan_item *item, uint32_t at)
{
    struct op *op = step->plan.op;
    struct reminder_rules *rules = item->message;
    struct reminder_rule *rule = &rules->rules.items[at];
    struct op_range range;
    int64_t now_ms;
    enum status clock = op_clock(op, &now_ms);
    enum status status =
        op_scan(op, op_format(op, "t|%.*s%s", TEXT_ARG(rule->after), rule->after.len ? "!" : ""),
                TEXT_LITERAL("t}"), SWEEP_TARGETS, &range);
    const struct notify_plan_item *said =
        notify_plan_get(&step->plan, "reminder", rule->id, &reminder_schema);
    if (status != STATUS_OK || clock != STATUS_OK || !said)
        return status != STATUS_OK ? status : clock != STATUS_OK ? clock : step->plan.status;
    for (unsigned i = 0; i < range.count; i++) {
        struct text id = {range.items[i].ptr + 2, range.items[i].len - 2};
        const struct notify_plan_item *target =
            notify_plan_get(&step->plan, "reminder-target", id, &reminder_target_schema);
        if (target)
            notify_plan_rule(&step->plan, said->message, id, target->message, now_ms);
        rule->after = id;
    }
    if (step->plan.status != STATUS_OK)
        return step->plan.status;
    item->changed = true;
    if (range.count < SWEEP_TARGETS) {
        rule->after = TEXT_NONE;
        if (rule->gone == 1)
            forget(rules, at);
    }
    notify_plan_save(&step->plan);
    answer(op, true, 0, false);
    return STATUS_OK;
}

enum status
notify_reminders_log_step(struct op *op, const void *params)
{
    struct step step = {.plan = {.op = op}};
    const bool *wake = params;
    struct notify_plan_item *position =
        notify_plan_get(&step.plan, "reminder-log", TEXT_LITERAL("position"),
                        &reminder_position_schema);
    struct notify_plan_item *rules =
        notify_plan_get(&step.plan, "reminder-log", TEXT_LITERAL("rules"), &reminder_rules_schema);
    enum status status = step.plan.status;
    if (position && !position->found && !*wake) {
        answer(op, false, 0, true);
        status = STATUS_OK;
    } else if (position && rules) {
        uint32_t at = 0;
        step.rules = rules->message;
        while (at < step.rules->rules.count && !step.rules->rules.items[at].after.ptr)
            at++;
        status = at < step.rules->rules.count ? sweep(&step, rules, at) : read_log(&step, position);
    }
    notify_plan_fini(&step.plan);
    return status;
}

/* ---- sending ---- */

/* Whether all that the log has about the target was planned with. */
static enum status
is_read(struct op *op, const struct reminder_target *target)
{
    struct reminder_position position;
    struct op_log_page page;
    enum status status = op_peek(op, "reminder-log", TEXT_LITERAL("position"),
                                 &reminder_position_schema, &position, NULL);
    enum status read = op_log_read(op, target->topic, 0, 0, &page);
    if (status != STATUS_OK || read != STATUS_OK)
        return status != STATUS_OK ? status : read;
    int64_t upto = topic_private(target->topic)                                ? position.private
                   : topic_starts_with(target->topic, TEXT_LITERAL("events.")) ? position.events
                                                                               : position.decisions;
    return page.last <= upto ? STATUS_OK
                             : error_set(op_error(op), STATUS_UNAVAILABLE, NULL,
                                         "what changed about it is planned first");
}

static void
tell(struct op *op, struct reminder *reminder, const struct reminder_target *target, int64_t now_ms)
{
    char topic[TOPIC_MAX];
    struct reminder_notice *notice = op_alloc(op, sizeof *notice);
    if (!notice || !notify_domain_notice_topic(target->topic, topic, sizeof topic))
        return;
    reminder->status = REMINDER_SENT;
    reminder->sent_at = now_ms;
    reminder->late = now_ms - reminder->due > NOTIFY_REMINDER_LATE_MS;
    notify_domain_notice(reminder, target, notice);
    op_save(op, "reminder", reminder->id, &reminder_schema, reminder);
    op_record(op, "reminder.due", op_format(op, "%s", topic), &reminder_notice_schema, notice, NULL,
              NULL, TEXT_NONE);
    op_not_before(op, reminder->due);
}

enum status
notify_reminders_log_send(struct op *op, const void *params)
{
    const struct due *due = params;
    struct reminder *reminder = op_alloc(op, sizeof *reminder);
    struct reminder_target *target = op_alloc(op, sizeof *target);
    int64_t now_ms;
    if (!reminder || !target)
        return op_no_memory(op);
    enum status clock = op_clock(op, &now_ms);
    enum status status = op_load(op, "reminder", text_of(due->id), &reminder_schema, reminder);
    if (clock != STATUS_OK || (status != STATUS_OK && status != STATUS_NOT_FOUND))
        return clock != STATUS_OK ? clock : status;
    struct text entry = due_entry(op, NOTIFY_PLAN_DUE, due->at_ms, text_of(due->id));
    bool planned = status == STATUS_OK && reminder->status == REMINDER_PLANNED &&
                   (reminder->due > 0 ? reminder->due : 0) == due->at_ms;
    if (planned && due->at_ms > now_ms + DUE_EARLY_MS)
        return STATUS_OK;
    if (planned) {
        status = op_peek(op, "reminder-target", notify_plan_target_of(op, reminder),
                         &reminder_target_schema, target, NULL);
        if (status == STATUS_OK)
            status = is_read(op, target);
        if (status != STATUS_OK)
            return status;
        tell(op, reminder, target, now_ms);
    }
    op_index_remove(op, entry); /* of another plan it is left over */
    return STATUS_OK;
}
