/* Bodies: what they are from a day on, and who holds their seats (registry_domain.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_domain.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct dated
entries_of(const struct body *body)
{
    return DATED(body->history, body_entry, offsetof(struct body_entry, supersedes), DATED_NONE);
}

static struct dated
seats_of(const struct body *body)
{
    return DATED(body->seat_history, body_seat, offsetof(struct body_seat, supersedes),
                 offsetof(struct body_seat, seat));
}

static void
tell_holders(struct body *body, date_day day)
{
    struct dated list = seats_of(body);
    body->holders.count = 0;
    for (uint32_t i = 0; i < body->seat_history.count; i++) {
        const struct body_seat *seat = &body->seat_history.items[i];
        if (dated_on(&list, seat->seat, day) != (int)i ||
            (!seat->participant.ptr && !seat->institution.ptr) ||
            (seat->to != DATE_NONE && seat->to <= day) ||
            body->holders.count == COUNT(body->holders.items))
            continue;
        uint32_t at = body->holders.count++;
        for (; at > 0 && text_compare(body->holders.items[at - 1].seat, seat->seat) > 0; at--)
            body->holders.items[at] = body->holders.items[at - 1];
        body->holders.items[at] = *seat;
    }
}

bool
registry_body_view(struct body *body, date_day day, bool trim)
{
    struct dated list = entries_of(body), seats = seats_of(body);
    int now = dated_on(&list, TEXT_NONE, day);
    if (now < 0)
        return false;
    const struct body_entry *entry = &body->history.items[now];
    body->names.count = 0;
    body->level = INT_NONE;
    body->chair = body->chair_institution = body->seats = body->note = TEXT_NONE;
    body->chair_to = DATE_NONE;
    schema_copy(&body_schema, body, &body_entry_schema, entry);
    if (entry->chair_to != DATE_NONE && entry->chair_to <= day) {
        body->chair = body->chair_institution = TEXT_NONE;
        body->chair_to = DATE_NONE;
    }
    tell_holders(body, day);
    if (trim) {
        body->history.count = dated_trim(&list, body->history.items, day);
        body->seat_history.count = dated_trim(&seats, body->seat_history.items, day);
    }
    return true;
}

void
registry_body_view_changed(struct body *body, date_day day)
{
    struct dated list = entries_of(body);
    if (registry_body_view(body, day, false))
        return;
    int next = dated_after(&list, TEXT_NONE, day);
    if (next >= 0)
        registry_body_view(body, body->history.items[next].from, false);
}

static enum status
check_chair_term(const struct body_entry *entry, struct error *error)
{
    if (!entry->chair.ptr && (entry->chair_institution.ptr || entry->chair_to != DATE_NONE))
        return error_set(error, STATUS_INVALID_ARGUMENT, "chair",
                         "chair: is missing; an institution or a last day is that of a chair");
    if (entry->chair_to != DATE_NONE && entry->chair_to <= entry->from)
        return error_set(error, STATUS_INVALID_ARGUMENT, "chair_to",
                         "chair_to: want a day after from; it is the day after the chair's last");
    return STATUS_OK;
}

enum status
registry_body_put(struct body *body, const struct body_put *in, date_day today, bool *changed,
                  struct error *error)
{
    struct dated list = entries_of(body);
    date_day from = in->from != DATE_NONE ? in->from : today;
    *changed = false;
    if (body->history.count == COUNT(body->history.items))
        return registry_refuse_full("code", body->history.count, error);
    struct body_entry *entry = &body->history.items[body->history.count];
    schema_init(&body_entry_schema, entry);
    schema_copy(&body_entry_schema, entry, &body_put_schema, in);
    entry->present = true;
    entry->from = from;
    enum status status = check_chair_term(entry, error);
    if (status != STATUS_OK)
        return status;
    /* a repetition: the first day of what is in effect is no part of what is said of today */
    int now = dated_on(&list, TEXT_NONE, from);
    if (now >= 0 && (in->from == DATE_NONE || body->history.items[now].from == from)) {
        struct body_entry known = body->history.items[now];
        known.from = from;
        if (in->supersedes == DATE_NONE)
            known.supersedes = DATE_NONE;
        if (in->decision.ptr == NULL)
            known.decision = TEXT_NONE;
        if (schema_same(&body_entry_schema, &known, entry))
            return STATUS_OK;
    }
    status = registry_superseded(&list, TEXT_NONE, in->supersedes, error);
    if (status != STATUS_OK)
        return status;
    body->history.count++;
    *changed = true;
    return STATUS_OK;
}

enum status
registry_body_seat(struct body *body, const struct body_seating *in, struct text seat,
                   bool *changed, struct error *error)
{
    struct dated list = seats_of(body);
    *changed = false;
    if (in->to != DATE_NONE && in->to <= in->from)
        return error_set(error, STATUS_INVALID_ARGUMENT, "to",
                         "to: want a day after from; it is the day after the last");
    if (body->seat_history.count == COUNT(body->seat_history.items))
        return registry_refuse_full("code", body->seat_history.count, error);
    struct body_seat *entry = &body->seat_history.items[body->seat_history.count];
    schema_init(&body_seat_schema, entry);
    schema_copy(&body_seat_schema, entry, &body_seating_schema, in);
    entry->present = true;
    entry->seat = seat;
    int now = dated_at(&list, seat, in->from);
    if (now >= 0 && schema_same(&body_seat_schema, &body->seat_history.items[now], entry))
        return STATUS_OK;
    enum status status = registry_superseded(&list, seat, in->supersedes, error);
    if (status != STATUS_OK)
        return status;
    body->seat_history.count++;
    *changed = true;
    return STATUS_OK;
}
