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

static struct dated
statuses_of(const struct participant *participant)
{
    return DATED(participant->history, status_entry, offsetof(struct status_entry, supersedes),
                 DATED_NONE);
}

static struct dated
names_of(const struct participant *participant)
{
    return DATED(participant->name_history, name_entry, DATED_NONE, DATED_NONE);
}

static const struct status_entry *
entry_on(const struct participant *participant, date_day day)
{
    struct dated list = statuses_of(participant);
    int at = dated_on(&list, TEXT_NONE, day);
    return at < 0 ? NULL : &participant->history.items[at];
}

/* The entry that takes effect next after the day; NULL if none. */
static const struct status_entry *
entry_after(const struct participant *participant, date_day day)
{
    struct dated list = statuses_of(participant);
    int at = dated_after(&list, TEXT_NONE, day);
    return at < 0 ? NULL : &participant->history.items[at];
}

/* Before the first name the first one counts: a thing always has a name. */
static const struct name_entry *
name_on(const struct participant *participant, date_day day)
{
    struct dated list = names_of(participant);
    int at = dated_on(&list, TEXT_NONE, day);
    if (at < 0)
        at = dated_after(&list, TEXT_NONE, day);
    return at < 0 ? NULL : &participant->name_history.items[at];
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
    struct dated statuses = statuses_of(participant), names = names_of(participant);
    participant->history.count = dated_trim(&statuses, participant->history.items, day);
    participant->name_history.count = dated_trim(&names, participant->name_history.items, day);
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
append_status(struct participant *participant, int status, date_day from, struct text decision,
              date_day supersedes)
{
    struct status_entry *entry = &participant->history.items[participant->history.count++];
    schema_init(&status_entry_schema, entry);
    entry->present = true;
    entry->status = status;
    entry->from = from;
    entry->decision = decision;
    entry->supersedes = supersedes;
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
    append_status(out, status, since, in->decision, DATE_NONE);
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

static enum status
refuse_status(const struct participant *participant, int status, const char *why, int other,
              date_day day, struct error *error)
{
    char text[DATE_TEXT_MAX], list[LIST_TEXT_MAX];
    date_print(day, text);
    return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                     "status: %.*s is %s %s %s%s%s; %s may become %s", TEXT_ARG(participant->code),
                     WORD_OF(other), why, text, status ? " and cannot become " : "",
                     status ? WORD_OF(status) : "", WORD_OF(other),
                     list_statuses(changes[other] & statuses_of_kind[participant->kind], list));
}

/* Whether the status that begins on a day, the last one recorded, may follow what is in effect
 * before and be followed by what comes next. */
static enum status
check_turn(const struct participant *participant, date_day from, struct error *error)
{
    const struct status_entry *before = entry_on(participant, from - 1);
    const struct status_entry *now = entry_on(participant, from);
    const struct status_entry *next = now ? entry_after(participant, now->from) : NULL;
    if (before && now && before->status != now->status &&
        !(changes[before->status] & BIT(now->status)))
        return refuse_status(participant, now->status, "until", before->status, from, error);
    if (now && next && now->status != next->status && !(changes[now->status] & BIT(next->status)))
        return refuse_status(participant, next->status, "until", now->status, next->from, error);
    return STATUS_OK;
}

/* Judges the history with the change as its last entry. */
static enum status
check_change(const struct participant *participant, const struct participant_change *in,
             bool corrects, struct error *error)
{
    const struct status_entry *before = entry_on(participant, in->from - 1);
    if (before && before->status == in->status && !corrects)
        return refuse_status(participant, 0, "already, from", before->status, before->from, error);
    enum status status = check_turn(participant, in->from, error);
    if (status == STATUS_OK && in->supersedes != DATE_NONE)
        status = check_turn(participant, in->supersedes, error);
    return status;
}

enum status
registry_participant_change(struct participant *participant, const struct participant_change *in,
                            enum participant_status *before, bool *changed, struct error *error)
{
    char list[LIST_TEXT_MAX];
    *changed = false;
    struct dated statuses = statuses_of(participant);
    const struct status_entry *now = entry_on(participant, in->from);
    *before = now ? (enum participant_status)now->status : participant_status_absent;
    if (now && now->from == in->from && now->status == in->status &&
        text_equal(now->decision, in->decision) &&
        (in->supersedes == DATE_NONE || in->supersedes == now->supersedes))
        return STATUS_OK;
    if (!(statuses_of_kind[participant->kind] & BIT(in->status)))
        return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                         "status: %.*s is %s %s and cannot be %s; it may be %s", TEXT_ARG(in->code),
                         participant->kind == PARTICIPANT_STATE ? "a" : "an",
                         participant_kind_words[participant->kind - 1], WORD_OF(in->status),
                         list_statuses(statuses_of_kind[participant->kind], list));
    enum status checked = registry_superseded(&statuses, TEXT_NONE, in->supersedes, error);
    if (checked != STATUS_OK)
        return checked;
    if (participant->history.count == COUNT(participant->history.items))
        return registry_refuse_full("status", participant->history.count, error);
    bool corrects = in->supersedes != DATE_NONE || (now && now->from == in->from);
    append_status(participant, in->status, in->from, in->decision, in->supersedes);
    checked = check_change(participant, in, corrects, error);
    if (checked != STATUS_OK) {
        participant->history.count--;
        return checked;
    }
    *changed = true;
    return STATUS_OK;
}
