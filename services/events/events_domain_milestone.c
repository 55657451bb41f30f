/* Milestones (events_parts.h). It must not know clocks, stores or codecs. */
#include "services/events/events_parts.h"

enum status
events_parts_may(const struct events_actor *actor, const struct event *event,
                 const struct events_known *known, date_day today, struct error *error)
{
    bool speaks = actor->roles & PERMIT_MEMBER && *actor->member;
    if (actor->roles & PERMIT_SECRETARIAT || (speaks && text_is(event->host, actor->member)) ||
        (speaks && events_known_coordinates(known, event->area, actor->member, today)))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "event",
                     "event: milestones and documents of %.*s are put by its host, a coordinator "
                     "of its area and the Secretariat",
                     TEXT_ARG(event->id));
}

static bool
same_when(struct when a, struct when b)
{
    return a.is_date == b.is_date && a.ms == b.ms;
}

static enum status
check(const struct milestone_put *in, bool is_new, struct error *error)
{
    int year, month, mday;
    if (in->kind.len > EVENTS_PART_ID_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, "kind", "kind: want at most %d characters",
                         EVENTS_PART_ID_MAX);
    if (in->due.ms == TIME_NONE)
        return !is_new ? STATUS_OK
                       : error_set(error, STATUS_INVALID_ARGUMENT, "due",
                                   "due: a new milestone needs a day or a time");
    date_civil(date_of_time(in->due.ms), &year, &month, &mday);
    if (year < EVENTS_YEAR_MIN || year > EVENTS_YEAR_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, "due", "due: want a year from %d up to %d",
                         EVENTS_YEAR_MIN, EVENTS_YEAR_MAX);
    return STATUS_OK;
}

/* What a change is told as: what matters most to who waits for it. */
static const char *
type_of(const struct milestone *before, const struct milestone *now)
{
    if (!before->rev || before->removed == 1)
        return "milestone.set";
    if (before->done != now->done)
        return now->done ? "milestone.done" : "milestone.reopened";
    if (!same_when(before->due, now->due))
        return "milestone.moved";
    return text_equal(before->note, now->note) ? NULL : "milestone.amended";
}

enum status
events_milestone_put(struct milestone *milestone, const struct milestone_put *in, int64_t now_ms,
                     const char **type, struct error *error)
{
    const struct milestone before = *milestone;
    bool is_new = !before.rev || before.removed == 1;
    enum status status = check(in, is_new, error);
    if (status != STATUS_OK)
        return status;
    if (is_new) { /* of one that was removed nothing stays but its revision */
        milestone->note = TEXT_NONE;
        milestone->done = 0;
        milestone->removed = BOOL_NONE;
    }
    milestone->event = in->event;
    milestone->kind = in->kind;
    if (in->due.ms != TIME_NONE)
        milestone->due = in->due;
    if (in->done != BOOL_NONE)
        milestone->done = in->done == 1;
    if (in->note.ptr)
        milestone->note = in->note;
    if (milestone->done != 1)
        milestone->done_at = TIME_NONE;
    else if (is_new || before.done != 1)
        milestone->done_at = now_ms / 1000 * 1000;
    *type = type_of(&before, milestone);
    return STATUS_OK;
}

static void
print_key(int64_t ms, char out[EVENTS_KEY_LEN + 1])
{
    char text[TIME_TEXT_MAX];
    time_print(ms - (ms % 1000 + 1000) % 1000, text);
    memcpy(out, text, EVENTS_KEY_LEN + 1);
}

void
events_milestone_key(const struct milestone *milestone, char out[EVENTS_KEY_LEN + 1])
{
    print_key(milestone->due.ms, out);
}

void
events_milestone_day_key(date_day day, char out[EVENTS_KEY_LEN + 1])
{
    print_key(day * DATE_DAY_MS, out);
}

bool
events_milestone_listed(const struct milestone_list *in, const struct milestone *milestone,
                        const struct event *event)
{
    date_day day = date_of_time(milestone->due.ms);
    if ((in->kind.ptr && !text_equal(in->kind, milestone->kind)) ||
        (in->from != DATE_NONE && day < in->from) || (in->to != DATE_NONE && day > in->to) ||
        (in->done != BOOL_NONE && in->done != milestone->done))
        return false;
    return in->overdue == DATE_NONE ||
           (milestone->done != 1 && day < in->overdue && event->status != EVENT_CANCELLED &&
            event->status != EVENT_WITHDRAWN);
}
