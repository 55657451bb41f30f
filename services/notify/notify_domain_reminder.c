/* See notify_domain_reminder.h. It must not know stores, clocks or codecs. */
#include "services/notify/notify_domain_reminder.h"

#include <stdio.h>

#include "common/log/topic.h"

/* ---- offsets ---- */

/* Takes "12D" off the front; the unit, 0 if there is none. */
static char
take(struct text *rest, int64_t *number)
{
    uint32_t len = 0;
    *number = 0;
    while (len < rest->len && len < 9 && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        *number = *number * 10 + (rest->ptr[len++] - '0');
    if (!len || len == rest->len)
        return 0;
    char unit = rest->ptr[len];
    *rest = (struct text){rest->ptr + len + 1, rest->len - len - 1};
    return unit;
}

/* What the units mean, in the order in which they may come. */
static const struct unit {
    char name;
    int64_t months, days, ms;
} units[] = {{'Y', 12, 0, 0}, {'M', 1, 0, 0},       {'W', 0, 7, 0},     {'D', 0, 1, 0},
             {'T', 0, 0, 0},  {'H', 0, 0, 3600000}, {'M', 0, 0, 60000}, {'S', 0, 0, 1000}};
#define UNITS (sizeof units / sizeof *units)
#define UNIT_T 4

static bool
take_units(struct text rest, struct notify_offset *out)
{
    size_t next = 0;
    int64_t number;
    while (rest.len) {
        if (*rest.ptr == 'T') {
            if (next > UNIT_T || rest.len == 1)
                return false;
            next = UNIT_T + 1;
            rest = (struct text){rest.ptr + 1, rest.len - 1};
            continue;
        }
        char unit = take(&rest, &number);
        size_t end = next > UNIT_T ? UNITS : UNIT_T;
        while (next < end && units[next].name != unit)
            next++;
        if (!unit || next == end)
            return false;
        out->months += number * units[next].months;
        out->days += number * units[next].days;
        out->ms += number * units[next].ms;
        next++;
    }
    return next > 0;
}

bool
notify_domain_offset(struct text text, struct notify_offset *out)
{
    *out = (struct notify_offset){0};
    bool minus = text.len && *text.ptr == '-';
    if (minus)
        text = (struct text){text.ptr + 1, text.len - 1};
    if (text.len < 3 || *text.ptr != 'P' ||
        !take_units((struct text){text.ptr + 1, text.len - 1}, out))
        return false;
    /* each by itself first, so that the sum cannot be too large for its type */
    if (out->months > 1200 || out->days > DURATION_MAX_MS / DATE_DAY_MS ||
        out->ms > DURATION_MAX_MS ||
        out->months * 31 * DATE_DAY_MS + out->days * DATE_DAY_MS + out->ms >
            DURATION_MAX_MS + 720 * DATE_DAY_MS)
        return false;
    if (minus)
        *out = (struct notify_offset){-out->months, -out->days, -out->ms};
    return true;
}

static date_day
add_months(date_day day, int64_t months)
{
    int year, month, mday;
    date_civil(day, &year, &month, &mday);
    int64_t count = (int64_t)year * 12 + month - 1 + months;
    int to_year = (int)(count / 12), to_month = (int)(count % 12) + 1;
    if (to_year < 1 || to_year > 9998)
        return day; /* beyond what is a date: nothing there is ever due */
    date_day first = date_of_civil(to_year, to_month, 1);
    date_day next =
        to_month == 12 ? date_of_civil(to_year + 1, 1, 1) : date_of_civil(to_year, to_month + 1, 1);
    return first + (mday <= next - first ? mday : next - first) - 1;
}

int64_t
notify_domain_due(int64_t anchor_ms, const struct notify_offset *offset, const struct zone *zone)
{
    int64_t at_ms = anchor_ms;
    if (offset->months || offset->days) {
        int64_t local_ms = zone_local(zone, anchor_ms);
        date_day day = date_of_time(local_ms);
        int64_t of_day_ms = local_ms - day * DATE_DAY_MS;
        day = (date_day)(add_months(day, offset->months) + offset->days);
        at_ms = zone_utc(zone, day * DATE_DAY_MS + of_day_ms);
    }
    return at_ms + offset->ms;
}

/* ---- what may be asked for ---- */

struct text
notify_domain_milestone(struct text anchor)
{
    const struct text head = TEXT_LITERAL("milestone:");
    struct text kind = {anchor.ptr + head.len, anchor.len - head.len};
    if (anchor.len <= head.len || memcmp(anchor.ptr, head.ptr, head.len) != 0 || !text_is_id(kind))
        return TEXT_NONE;
    return kind;
}

static enum status
check_anchor(const struct reminder_put *in, struct error *error)
{
    struct notify_offset offset;
    bool of_decision = text_is(in->anchor, "silence");
    if (!of_decision && !text_is(in->anchor, "session") && !text_is(in->anchor, "session-end") &&
        !notify_domain_milestone(in->anchor).ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "anchor",
                         "anchor: want session, session-end, milestone:<kind> or silence");
    if (of_decision ? in->event.ptr != NULL : in->decision.ptr != NULL)
        return error_set(error, STATUS_INVALID_ARGUMENT, "anchor",
                         "anchor: silence is of a decision, the others are of an event");
    if (of_decision ? in->every.dimension.ptr || in->every.area.ptr || in->every.host.ptr
                    : in->every.body.ptr != NULL)
        return error_set(error, STATUS_INVALID_ARGUMENT, "every",
                         "every: a rule goes by body for silence, else by dimension, area, host");
    if (!notify_domain_offset(in->offset, &offset))
        return error_set(error, STATUS_INVALID_ARGUMENT, "offset",
                         "offset: want an ISO 8601 duration of at most 100 years, before the "
                         "anchor with a minus: -P14D, -P1M, -PT2H, P1D");
    return STATUS_OK;
}

static bool
is_member(const struct notify_actor *actor)
{
    return actor->roles & PERMIT_MEMBER && *actor->member;
}

enum status
notify_domain_reminder_put(const struct reminder_put *in, const struct notify_actor *actor,
                           struct error *error)
{
    int about = (in->event.ptr != NULL) + (in->decision.ptr != NULL) + in->every.present;
    if (about != 1)
        return error_set(error, STATUS_INVALID_ARGUMENT, "event",
                         "event: want one of event, decision and every");
    enum status status = check_anchor(in, error);
    if (status != STATUS_OK || actor->roles & PERMIT_SECRETARIAT)
        return status;
    if (in->every.present && !(is_member(actor) && text_is(in->every.host, actor->member)))
        return error_set(error, STATUS_PERMISSION_DENIED, "every.host",
                         "every.host: rules are put by the Secretariat, and by a member for events "
                         "that it hosts");
    return in->id.len > NOTIFY_REMINDER_RULE_ID_MAX && in->every.present
               ? error_set(error, STATUS_INVALID_ARGUMENT, "id",
                           "id: of a rule at most %d characters", NOTIFY_REMINDER_RULE_ID_MAX)
               : STATUS_OK;
}

enum status
notify_domain_reminder_about(const struct reminder_target *target, const struct notify_actor *actor,
                             struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT ||
        (is_member(actor) && text_is(target->host, actor->member)))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "event",
                     "event: reminders are put by the Secretariat, and by a member about events "
                     "that it hosts");
}

enum status
notify_domain_reminder_own(const struct reminder *reminder, const struct notify_actor *actor,
                           struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT ||
        (is_member(actor) && text_is(reminder->owner, actor->member)))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "id",
                     "id: reminder %.*s is changed by who put it and the Secretariat",
                     TEXT_ARG(reminder->id));
}

static bool
fits(struct text wanted, struct text is)
{
    return !wanted.ptr || text_equal(wanted, is);
}

bool
notify_domain_rule_for(const struct reminder *rule, const struct reminder_target *target,
                       bool is_event)
{
    const struct reminder_every *every = &rule->every;
    return is_event != text_is(rule->anchor, "silence") &&
           fits(every->dimension, target->dimension) && fits(every->area, target->area) &&
           fits(every->host, target->host) && fits(every->body, target->body);
}

/* ---- facts ---- */

void
notify_domain_target_event(struct reminder_target *target, const struct event *event)
{
    bool dated = event->sessions.count && event->status != EVENT_POSTPONED;
    const struct when none = {false, TIME_NONE};
    schema_copy(&reminder_target_schema, target, &event_schema, event);
    target->titles.count = event->titles.count;
    target->dimension = event->dimension;
    target->area = event->area;
    target->zone = event->zone;
    target->audience = event->draft == 1 ? event->author : TEXT_NONE;
    target->starts = dated ? event->sessions.items[0].start : none;
    target->ends = dated ? event->sessions.items[event->sessions.count - 1].end : none;
    target->over = event->status == EVENT_CANCELLED   ? TEXT_LITERAL("the event was cancelled")
                   : event->status == EVENT_WITHDRAWN ? TEXT_LITERAL("the event was withdrawn")
                                                      : TEXT_NONE;
}

void
notify_domain_target_decision(struct reminder_target *target, const struct decision *decision)
{
    target->title = decision->title;
    target->body = decision->body;
    target->deadline = decision->mode == DECISION_SILENCE ? decision->deadline : TIME_NONE;
    target->over = TEXT_NONE;
    if (decision->status == DECISION_WITHDRAWN)
        target->over = TEXT_LITERAL("the decision was withdrawn");
    else if (decision->status != DECISION_OPEN && target->deadline == TIME_NONE)
        target->over = TEXT_LITERAL("the decision has its outcome");
}

/* ---- planning ---- */

static int64_t
instant_of(int64_t at_ms, bool is_date, const struct zone *zone)
{
    return is_date ? zone_utc(zone, at_ms) : at_ms;
}

/* When the anchor is; TIME_NONE if that has no time yet. A day begins in the event's zone, and a
 * last day ends where the next begins. */
static int64_t
anchor_of(const struct reminder *reminder, const struct reminder_target *target,
          const struct reminder_milestone *milestone, const struct zone *zone)
{
    if (text_is(reminder->anchor, "silence"))
        return target->deadline;
    if (text_is(reminder->anchor, "session-end"))
        return target->ends.ms == TIME_NONE
                   ? TIME_NONE
                   : instant_of(when_end_ms(target->ends), target->ends.is_date, zone);
    const struct when *when = &target->starts;
    if (!text_is(reminder->anchor, "session")) {
        if (!milestone)
            return TIME_NONE;
        when = &milestone->due;
    }
    return when->ms == TIME_NONE ? TIME_NONE : instant_of(when->ms, when->is_date, zone);
}

/* Why there is nothing to remind of; absent if there is. */
static struct text
over(const struct reminder *reminder, const struct reminder_target *target,
     const struct reminder_milestone *milestone)
{
    if (target->over.ptr)
        return target->over;
    if (milestone && milestone->done == 1)
        return TEXT_LITERAL("the milestone was met");
    if (reminder->owner.ptr && !text_equal(reminder->owner, target->host))
        return TEXT_LITERAL("who put it does not host the event any more");
    return TEXT_NONE;
}

static void
stand(struct reminder *reminder, enum reminder_status status, struct text reason)
{
    reminder->status = (int)status;
    reminder->reason = reason;
    reminder->sent_at = TIME_NONE;
    reminder->late = BOOL_NONE;
}

void
notify_domain_reminder_keep(struct reminder *reminder, const struct reminder *before)
{
    reminder->status = before->status;
    reminder->anchor_at = before->anchor_at;
    reminder->due = before->due;
    reminder->sent_at = before->sent_at;
    reminder->late = before->late;
    reminder->reason = before->reason;
    reminder->audience = before->audience;
}

void
notify_domain_plan(struct reminder *reminder, const struct reminder_target *target,
                   const struct reminder_milestone *milestone, const struct zone *zone,
                   int64_t as_of_ms)
{
    struct notify_offset offset;
    bool was_sent = reminder->status == REMINDER_SENT;
    struct text gone = over(reminder, target, milestone);
    int64_t anchor_ms = anchor_of(reminder, target, milestone, zone);
    reminder->audience = target->audience;
    if (was_sent && (gone.ptr || anchor_ms == TIME_NONE))
        return; /* what was said stays said */
    if (!notify_domain_offset(reminder->offset, &offset))
        gone = TEXT_LITERAL("its offset is none");
    int64_t due_ms =
        anchor_ms == TIME_NONE ? TIME_NONE : notify_domain_due(anchor_ms, &offset, zone);
    if (was_sent && (due_ms == reminder->due || due_ms <= as_of_ms))
        return;
    bool same = reminder->status == REMINDER_PLANNED && due_ms == reminder->due;
    reminder->anchor_at = anchor_ms;
    reminder->due = due_ms;
    if (gone.ptr)
        stand(reminder, REMINDER_DROPPED, gone);
    else if (anchor_ms == TIME_NONE)
        stand(reminder, REMINDER_WAITING, TEXT_NONE);
    else if (!same && (due_ms > anchor_ms ? due_ms : anchor_ms) <= as_of_ms)
        stand(reminder, REMINDER_DROPPED, TEXT_LITERAL("its time had passed"));
    else
        stand(reminder, REMINDER_PLANNED, TEXT_NONE);
}

void
notify_domain_notice(const struct reminder *reminder, const struct reminder_target *target,
                     struct reminder_notice *out)
{
    schema_init(&reminder_notice_schema, out);
    schema_copy(&reminder_notice_schema, out, &reminder_target_schema, target);
    if (reminder->title.ptr || reminder->titles.count)
        out->titles.count = 0; /* its own words, none of the target's */
    schema_copy(&reminder_notice_schema, out, &reminder_schema, reminder);
    out->present = true;
    out->late = reminder->late == 1;
}

bool
notify_domain_notice_topic(struct text target, char *out, size_t size)
{
    const struct text events = TEXT_LITERAL("events.");
    const char *at = target.ptr, *end = target.ptr + target.len;
    if (topic_private(target)) { /* private.<audience>.events.… */
        at += strlen("private.");
        while (at < end && *at != '.')
            at++;
        at += at < end;
    }
    struct text rest = {at, (uint32_t)(end - at)};
    int head = (int)(at - target.ptr);
    if (topic_starts_with(rest, events))
        rest = (struct text){rest.ptr + events.len, rest.len - events.len};
    int len = snprintf(out, size, "%.*sreminders.%.*s", head, target.ptr, TEXT_ARG(rest));
    return len > 0 && (size_t)len < size;
}
