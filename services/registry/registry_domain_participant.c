/* Participants: their dated statuses and names (registry_domain.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_domain.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WORD_OF(status) participant_status_words[(status)-1]

/* Which status may follow which (domain.md, participants). Former participants may come back as
 * anything. */
#define BIT(status) (1u << (status))
static const unsigned changes[] = {
    [PARTICIPANT_MEMBER] = BIT(PARTICIPANT_OBSERVER) | BIT(PARTICIPANT_FORMER),
    [PARTICIPANT_OBSERVER] = BIT(PARTICIPANT_MEMBER) | BIT(PARTICIPANT_FORMER),
    [PARTICIPANT_PARTNER] = BIT(PARTICIPANT_FORMER),
    [PARTICIPANT_APPLICANT] = BIT(PARTICIPANT_OBSERVER) | BIT(PARTICIPANT_MEMBER) |
                              BIT(PARTICIPANT_PARTNER) | BIT(PARTICIPANT_FORMER),
    [PARTICIPANT_FORMER] = BIT(PARTICIPANT_MEMBER) | BIT(PARTICIPANT_OBSERVER) |
                           BIT(PARTICIPANT_PARTNER) | BIT(PARTICIPANT_APPLICANT),
};

/* What a state and what an organisation may be. */
static const unsigned statuses_of_kind[] = {
    [PARTICIPANT_STATE] = BIT(PARTICIPANT_MEMBER) | BIT(PARTICIPANT_OBSERVER) |
                          BIT(PARTICIPANT_APPLICANT) | BIT(PARTICIPANT_FORMER),
    [PARTICIPANT_ORGANISATION] = BIT(PARTICIPANT_OBSERVER) | BIT(PARTICIPANT_PARTNER) |
                                 BIT(PARTICIPANT_APPLICANT) | BIT(PARTICIPANT_FORMER),
};

#define LIST_TEXT_MAX 64

/* "observer or former" */
static const char *
list_statuses(unsigned set, char out[LIST_TEXT_MAX])
{
    size_t len = 0;
    unsigned left = set;
    out[0] = '\0';
    for (int status = 1; status < participant_status_end; status++) {
        if (!(set & BIT(status)))
            continue;
        left &= ~BIT(status);
        const char *joint = !len ? "" : left ? ", " : " or ";
        len += (size_t)snprintf(out + len, LIST_TEXT_MAX - len, "%s%s", joint, WORD_OF(status));
    }
    return out;
}

static const struct status_entry *
entry_on(const struct participant *participant, date_day day)
{
    const struct status_entry *best = NULL;
    for (uint32_t i = 0; i < participant->history.count; i++) {
        const struct status_entry *entry = &participant->history.items[i];
        if (entry->from <= day && (!best || entry->from >= best->from))
            best = entry;
    }
    return best;
}

/* The entry that takes effect next after the day; NULL if none. */
static const struct status_entry *
entry_after(const struct participant *participant, date_day day)
{
    const struct status_entry *next = NULL;
    for (uint32_t i = 0; i < participant->history.count; i++) {
        const struct status_entry *entry = &participant->history.items[i];
        if (entry->from > day && (!next || entry->from <= next->from))
            next = entry;
    }
    return next;
}

/* Before the first name the first one counts: a thing always has a name. */
static const struct name_entry *
name_on(const struct participant *participant, date_day day)
{
    const struct name_entry *best = NULL, *first = NULL;
    for (uint32_t i = 0; i < participant->name_history.count; i++) {
        const struct name_entry *entry = &participant->name_history.items[i];
        if (entry->from <= day && (!best || entry->from >= best->from))
            best = entry;
        if (!first || entry->from <= first->from)
            first = entry;
    }
    return best ? best : first;
}

enum participant_status
registry_participant_on(const struct participant *participant, date_day day)
{
    const struct status_entry *entry = entry_on(participant, day);
    return entry ? (enum participant_status)entry->status : participant_status_absent;
}

static void
trim_after(struct participant *participant, date_day day)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < participant->history.count; i++)
        if (participant->history.items[i].from <= day)
            participant->history.items[kept++] = participant->history.items[i];
    participant->history.count = kept;
    kept = 0;
    for (uint32_t i = 0; i < participant->name_history.count; i++)
        if (participant->name_history.items[i].from <= day)
            participant->name_history.items[kept++] = participant->name_history.items[i];
    participant->name_history.count = kept;
}

bool
registry_participant_view(struct participant *participant, date_day day, bool trim)
{
    const struct status_entry *entry = entry_on(participant, day);
    if (!entry)
        return false;
    participant->status = entry->status;
    /* a corrected first day leaves two entries of one status in a row: the run began with the first
     */
    for (const struct status_entry *before = entry; before && before->status == entry->status;
         before = entry_on(participant, before->from - 1))
        participant->since = before->from;
    const struct name_entry *name = name_on(participant, day);
    if (name) {
        participant->name = name->name;
        participant->names.count = name->names.count;
        for (uint32_t i = 0; i < name->names.count; i++)
            participant->names.items[i] = name->names.items[i];
    }
    if (trim)
        trim_after(participant, day);
    return true;
}

void
registry_participant_view_changed(struct participant *participant, date_day day)
{
    if (registry_participant_view(participant, day, false))
        return;
    const struct status_entry *next = entry_after(participant, day);
    if (next)
        registry_participant_view(participant, next->from, false);
}

static bool
is_state_code(struct text code)
{
    return code.len == 2 && code.ptr[0] >= 'A' && code.ptr[0] <= 'Z' && code.ptr[1] >= 'A' &&
           code.ptr[1] <= 'Z';
}

/* Records a name as the last entry; the caller saw that there is room. */
static void
append_name(struct participant *participant, const struct participant_put *in, date_day from)
{
    struct name_entry *entry = &participant->name_history.items[participant->name_history.count++];
    schema_init(&name_entry_schema, entry);
    entry->present = true;
    entry->name = in->name;
    entry->from = from;
    entry->names.count = in->names.count;
    for (uint32_t i = 0; i < in->names.count; i++)
        entry->names.items[i] = in->names.items[i];
}

static void
append_status(struct participant *participant, int status, date_day from, struct text decision)
{
    struct status_entry *entry = &participant->history.items[participant->history.count++];
    schema_init(&status_entry_schema, entry);
    entry->present = true;
    entry->status = status;
    entry->from = from;
    entry->decision = decision;
}

static enum status
check_new(const struct participant_put *in, int status, struct error *error)
{
    char list[LIST_TEXT_MAX];
    if (text_is(in->code, "SECRETARIAT"))
        return error_set(error, STATUS_INVALID_ARGUMENT, "code",
                         "code: SECRETARIAT stands for the Secretariat and is no participant");
    if (!in->kind)
        return error_set(
            error, STATUS_INVALID_ARGUMENT, "kind",
            "kind: is missing; %.*s is not known yet, and a new participant is a state "
            "or an organisation",
            TEXT_ARG(in->code));
    if (in->kind == PARTICIPANT_STATE && !is_state_code(in->code))
        return error_set(error, STATUS_INVALID_ARGUMENT, "code",
                         "code: %.*s is no code of a state; want the two letters of ISO 3166, "
                         "such as KZ",
                         TEXT_ARG(in->code));
    if (!(statuses_of_kind[in->kind] & BIT(status)))
        return error_set(error, STATUS_INVALID_ARGUMENT, "status",
                         "status: %s %s cannot be %s; it may be %s",
                         in->kind == PARTICIPANT_STATE ? "a" : "an",
                         participant_kind_words[in->kind - 1], WORD_OF(status),
                         list_statuses(statuses_of_kind[in->kind], list));
    if (in->status && in->since == DATE_NONE)
        return error_set(error, STATUS_INVALID_ARGUMENT, "since",
                         "since: is missing; a status needs its first day, YYYY-MM-DD");
    return STATUS_OK;
}

enum status
registry_participant_create(const struct participant_put *in, date_day today,
                            struct participant *out, struct error *error)
{
    int status = in->status ? in->status : PARTICIPANT_APPLICANT;
    enum status checked = check_new(in, status, error);
    if (checked != STATUS_OK)
        return checked;
    date_day since = in->since != DATE_NONE ? in->since : today;
    schema_init(&participant_schema, out);
    out->present = true;
    out->code = in->code;
    out->kind = in->kind;
    append_status(out, status, since, in->decision);
    append_name(out, in, in->from != DATE_NONE ? in->from : since);
    registry_participant_view_changed(out, today);
    return STATUS_OK;
}

/* Whether an entry says what the put says, as far as it says anything. */
static bool
is_recorded(const struct participant *participant, const struct participant_put *in)
{
    for (uint32_t i = 0; i < participant->history.count; i++) {
        const struct status_entry *entry = &participant->history.items[i];
        /* `since` of an answer is the first day of a run, which is an entry of that status too */
        if ((!in->status || entry->status == in->status) &&
            (in->since == DATE_NONE || entry->from == in->since) &&
            (!in->decision.ptr || text_equal(entry->decision, in->decision)))
            return true;
    }
    return false;
}

enum status
registry_participant_rename(struct participant *participant, const struct participant_put *in,
                            date_day today, bool *changed, struct error *error)
{
    *changed = false;
    if (in->kind && in->kind != participant->kind)
        return error_set(error, STATUS_FAILED_PRECONDITION, "kind",
                         "kind: %.*s is recorded as %s, and a kind never changes",
                         TEXT_ARG(in->code), participant_kind_words[participant->kind - 1]);
    if (!is_recorded(participant, in))
        return error_set(error, STATUS_FAILED_PRECONDITION,
                         in->status               ? "status"
                         : in->since != DATE_NONE ? "since"
                                                  : "decision",
                         "%.*s is recorded with another history; a status changes by "
                         "participant.status {code, status, from, decision?}",
                         TEXT_ARG(in->code));
    /* a repeat of the first put names the day it spoke of, so it must not rename today */
    date_day from = in->from != DATE_NONE ? in->from : in->since != DATE_NONE ? in->since : today;
    const struct name_entry *name = name_on(participant, from);
    if (name && text_equal(name->name, in->name) &&
        (!in->names.count || registry_names_equal(name->names.items, name->names.count,
                                                  in->names.items, in->names.count)))
        return STATUS_OK;
    if (participant->name_history.count == COUNT(participant->name_history.items))
        return error_set(error, STATUS_FAILED_PRECONDITION, "name",
                         "name: %.*s has %u names recorded already, which is the most that is kept",
                         TEXT_ARG(in->code), (unsigned)participant->name_history.count);
    append_name(participant, in, from);
    registry_participant_view_changed(participant, today);
    *changed = true;
    return STATUS_OK;
}

/* Judges the new status against what is in effect before and what comes after it. */
static enum status
check_change(const struct participant *participant, const struct participant_change *in,
             struct error *error)
{
    char day[DATE_TEXT_MAX], list[LIST_TEXT_MAX];
    const struct status_entry *now = entry_on(participant, in->from);
    const struct status_entry *before = entry_on(participant, in->from - 1);
    const struct status_entry *after = entry_after(participant, in->from);
    if (before && before->status == in->status && now == before) {
        date_print(before->from, day);
        return error_set(
            error, STATUS_FAILED_PRECONDITION, "status",
            "status: %.*s is %s already, from %s; it may become %s", TEXT_ARG(in->code),
            WORD_OF(in->status), day,
            list_statuses(changes[before->status] & statuses_of_kind[participant->kind], list));
    }
    if (before && before->status != in->status && !(changes[before->status] & BIT(in->status)))
        return error_set(
            error, STATUS_FAILED_PRECONDITION, "status",
            "status: %.*s is %s until then and cannot become %s; it may become %s",
            TEXT_ARG(in->code), WORD_OF(before->status), WORD_OF(in->status),
            list_statuses(changes[before->status] & statuses_of_kind[participant->kind], list));
    if (after && after->status != in->status && !(changes[in->status] & BIT(after->status))) {
        date_print(after->from, day);
        return error_set(
            error, STATUS_FAILED_PRECONDITION, "status",
            "status: %.*s is recorded as %s from %s, which cannot follow %s; %s may be "
            "followed by %s",
            TEXT_ARG(in->code), WORD_OF(after->status), day, WORD_OF(in->status),
            WORD_OF(in->status),
            list_statuses(changes[in->status] & statuses_of_kind[participant->kind], list));
    }
    return STATUS_OK;
}

enum status
registry_participant_change(struct participant *participant, const struct participant_change *in,
                            enum participant_status *before, bool *changed, struct error *error)
{
    char list[LIST_TEXT_MAX];
    *changed = false;
    const struct status_entry *now = entry_on(participant, in->from);
    *before = now ? (enum participant_status)now->status : participant_status_absent;
    if (now && now->from == in->from && now->status == in->status &&
        text_equal(now->decision, in->decision))
        return STATUS_OK;
    if (!(statuses_of_kind[participant->kind] & BIT(in->status)))
        return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                         "status: %.*s is %s %s and cannot be %s; it may be %s", TEXT_ARG(in->code),
                         participant->kind == PARTICIPANT_STATE ? "a" : "an",
                         participant_kind_words[participant->kind - 1], WORD_OF(in->status),
                         list_statuses(statuses_of_kind[participant->kind], list));
    enum status checked = check_change(participant, in, error);
    if (checked != STATUS_OK)
        return checked;
    if (participant->history.count == COUNT(participant->history.items))
        return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                         "status: %.*s has %u entries recorded already, which is the most that is "
                         "kept",
                         TEXT_ARG(in->code), (unsigned)participant->history.count);
    append_status(participant, in->status, in->from, in->decision);
    *changed = true;
    return STATUS_OK;
}
