/* Instruments: who signed, ratified, withdrew, and who is pending (registry_affairs.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_affairs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WORD_OF(status) instrument_status_words[(status)-1]
#define BIT(status) (1u << (status))

/* What may follow what of one member; the first row is what it may begin with. */
static const unsigned steps[] = {
    [instrument_status_absent] = BIT(INSTRUMENT_SIGNED) | BIT(INSTRUMENT_RATIFIED),
    [INSTRUMENT_SIGNED] = BIT(INSTRUMENT_RATIFIED) | BIT(INSTRUMENT_WITHDRAWN),
    [INSTRUMENT_RATIFIED] = BIT(INSTRUMENT_WITHDRAWN),
    [INSTRUMENT_WITHDRAWN] = BIT(INSTRUMENT_SIGNED) | BIT(INSTRUMENT_RATIFIED),
};

static struct dated
entries_of(const struct instrument *instrument)
{
    return DATED(instrument->history, instrument_entry,
                 offsetof(struct instrument_entry, supersedes),
                 offsetof(struct instrument_entry, member));
}

/* Whether the member's steps, in order of time, may follow one another. */
static enum status
check_line(const struct instrument *instrument, struct text member, struct error *error)
{
    struct dated list = entries_of(instrument);
    int status = instrument_status_absent;
    for (int at = dated_after(&list, member, DATE_NONE); at >= 0;) {
        const struct instrument_entry *entry = &instrument->history.items[at];
        char day[DATE_TEXT_MAX];
        date_print(entry->from, day);
        if (!(steps[status] & BIT(entry->status)))
            return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                             "status: %.*s has %s until %s and cannot have %s then",
                             TEXT_ARG(member), status ? WORD_OF(status) : "not signed", day,
                             WORD_OF(entry->status));
        status = entry->status;
        at = dated_after(&list, member, entry->from);
    }
    return STATUS_OK;
}

enum status
registry_instrument_add(struct instrument *instrument, const struct instrument_ratify *in,
                        bool *changed, struct error *error)
{
    struct dated list = entries_of(instrument);
    *changed = false;
    if (instrument->adopted != DATE_NONE && in->from < instrument->adopted)
        return error_set(error, STATUS_FAILED_PRECONDITION, "from",
                         "from: is before the day on which it was adopted");
    if (instrument->history.count == COUNT(instrument->history.items))
        return registry_refuse_full("id", instrument->history.count, error);
    struct instrument_entry *entry = &instrument->history.items[instrument->history.count];
    schema_init(&instrument_entry_schema, entry);
    schema_copy(&instrument_entry_schema, entry, &instrument_ratify_schema, in);
    entry->present = true;
    entry->status = in->status ? in->status : INSTRUMENT_RATIFIED;
    int now = dated_at(&list, in->member, in->from);
    if (now >= 0) {
        struct instrument_entry known = instrument->history.items[now];
        if (in->supersedes == DATE_NONE)
            known.supersedes = DATE_NONE;
        if (schema_same(&instrument_entry_schema, &known, entry))
            return STATUS_OK;
    }
    enum status status = registry_superseded(&list, in->member, in->supersedes, error);
    if (status != STATUS_OK)
        return status;
    instrument->history.count++;
    status = check_line(instrument, in->member, error);
    if (status != STATUS_OK)
        instrument->history.count--;
    *changed = status == STATUS_OK;
    return status;
}

static int
status_on(const struct instrument *instrument, struct text member, date_day day)
{
    struct dated list = entries_of(instrument);
    int at = dated_on(&list, member, day);
    return at < 0 ? instrument_status_absent : instrument->history.items[at].status;
}

static void
insert(struct text *codes, uint32_t *count, struct text code)
{
    uint32_t at = *count;
    while (at > 0 && text_compare(codes[at - 1], code) >= 0)
        at--;
    if (*count == REGISTRY_MEMBERS_MAX || (at < *count && text_equal(codes[at], code)))
        return;
    for (uint32_t i = (*count)++; i > at; i--)
        codes[i] = codes[i - 1];
    codes[at] = code;
}

bool
registry_instrument_view(struct instrument *instrument, const struct registry_members *members,
                         date_day day, bool trim)
{
    if (instrument->adopted != DATE_NONE && instrument->adopted > day)
        return false;
    instrument->signatories.count = 0;
    instrument->ratified.count = instrument->pending.count = 0;
    for (uint32_t i = 0; i < instrument->history.count; i++) {
        struct text member = instrument->history.items[i].member;
        int status = status_on(instrument, member, day);
        if (status == INSTRUMENT_SIGNED)
            insert(instrument->signatories.items, &instrument->signatories.count, member);
        if (status == INSTRUMENT_RATIFIED)
            insert(instrument->ratified.items, &instrument->ratified.count, member);
    }
    for (uint32_t i = 0; i < members->count; i++)
        if (status_on(instrument, members->codes[i], day) != INSTRUMENT_RATIFIED)
            insert(instrument->pending.items, &instrument->pending.count, members->codes[i]);
    struct dated list = entries_of(instrument);
    if (trim)
        instrument->history.count = dated_trim(&list, instrument->history.items, day);
    return true;
}
