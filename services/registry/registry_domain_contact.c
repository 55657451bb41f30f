/* Focal points: who they are from a day on, and who may see them (registry_affairs.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_affairs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct dated
entries_of(const struct contact *contact)
{
    return DATED(contact->history, contact_entry, offsetof(struct contact_entry, supersedes),
                 DATED_NONE);
}

bool
registry_contact_keeper(struct text participant, const struct registry_viewer *viewer)
{
    return (viewer->roles & PERMIT_SECRETARIAT) ||
           (viewer->member.ptr && text_equal(participant, viewer->member));
}

static bool
is_seen(const struct contact *contact, const struct contact_entry *entry,
        const struct registry_viewer *viewer)
{
    return entry->visibility == VISIBILITY_OPEN ||
           registry_contact_keeper(contact->participant, viewer) ||
           (entry->visibility == VISIBILITY_MEMBERS &&
            (viewer->roles & (PERMIT_CHAIR | PERMIT_MEMBER)));
}

static void
show(struct contact *contact, const struct contact_entry *entry)
{
    contact->mail = contact->phone = contact->note = TEXT_NONE;
    contact->to = DATE_NONE;
    schema_copy(&contact_schema, contact, &contact_entry_schema, entry);
}

/* What may not be seen is left out of the history too, but only after it was found what counts: it
 * may stand in the place of something that may be seen. */
static void
leave_seen(struct contact *contact, const struct registry_viewer *viewer)
{
    struct dated list = entries_of(contact);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < contact->history.count; i++) {
        struct contact_entry *entry = &contact->history.items[i];
        bool seen = is_seen(contact, entry, viewer);
        /* an entry that was replaced by a hidden one would seem to count */
        seen =
            seen && (registry_contact_keeper(contact->participant, viewer) || dated_live(&list, i));
        if (seen)
            contact->history.items[kept++] = *entry;
    }
    contact->history.count = kept;
}

bool
registry_contact_view(struct contact *contact, const struct registry_viewer *viewer, date_day day,
                      bool trim)
{
    struct dated list = entries_of(contact);
    int now = dated_on(&list, TEXT_NONE, day);
    if (now < 0)
        return false;
    struct contact_entry entry = contact->history.items[now];
    if (!is_seen(contact, &entry, viewer) || (entry.to != DATE_NONE && entry.to <= day))
        return false;
    show(contact, &entry);
    if (trim)
        contact->history.count = dated_trim(&list, contact->history.items, day);
    leave_seen(contact, viewer);
    return true;
}

/* The entry that is told of when the contact changes; NULL if the viewer may not see it. */
static const struct contact_entry *
told_entry(const struct contact *contact, const struct registry_viewer *viewer, date_day day)
{
    struct dated list = entries_of(contact);
    int at = dated_on(&list, TEXT_NONE, day);
    if (at < 0)
        at = dated_after(&list, TEXT_NONE, day);
    const struct contact_entry *entry = at < 0 ? NULL : &contact->history.items[at];
    return entry && is_seen(contact, entry, viewer) ? entry : NULL;
}

bool
registry_contact_shown(const struct contact *contact, const struct registry_viewer *viewer,
                       date_day day)
{
    return told_entry(contact, viewer, day) != NULL;
}

bool
registry_contact_view_changed(struct contact *contact, const struct registry_viewer *viewer,
                              date_day day)
{
    const struct contact_entry *told = told_entry(contact, viewer, day);
    if (!told)
        return false;
    struct contact_entry entry = *told;
    show(contact, &entry);
    leave_seen(contact, viewer);
    return true;
}

static enum status
check_text(const struct contact_put *in, struct error *error)
{
    bool at = false, bad = false;
    for (uint32_t i = 0; i < in->mail.len; i++) {
        at |= in->mail.ptr[i] == '@' && i > 0 && i + 1 < in->mail.len;
        bad |= (uint8_t)in->mail.ptr[i] <= ' ' || in->mail.ptr[i] == 0x7f;
    }
    if (in->mail.ptr && (!at || bad))
        return error_set(error, STATUS_INVALID_ARGUMENT, "mail",
                         "mail: want an address such as office@example.org");
    for (uint32_t i = 0; i < in->phone.len; i++)
        if (!strchr("+0123456789 ()-./x", in->phone.ptr[i]) || !in->phone.ptr[i])
            return error_set(error, STATUS_INVALID_ARGUMENT, "phone",
                             "phone: want digits, such as +7 7172 576510");
    return STATUS_OK;
}

/* What a contact is of is fixed. */
static enum status
check_place(struct contact *contact, const struct contact_put *in, struct text id,
            struct error *error)
{
    if (!in->participant.ptr && !in->body.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "participant",
                         "participant: is missing; want the participant or the body it is of");
    if (!contact->history.count) {
        contact->id = id;
        contact->participant = in->participant;
        contact->body = in->body;
        contact->role = in->role;
        return STATUS_OK;
    }
    if (text_equal(contact->participant, in->participant) && text_equal(contact->body, in->body) &&
        text_equal(contact->role, in->role))
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, "id",
                     "id: %.*s is recorded with another participant, body or role, which never "
                     "change; give another id",
                     TEXT_ARG(id));
}

enum status
registry_contact_put(struct contact *contact, const struct contact_put *in, struct text id,
                     date_day today, bool *changed, struct error *error)
{
    struct dated list = entries_of(contact);
    *changed = false;
    enum status status = check_text(in, error);
    if (status == STATUS_OK)
        status = check_place(contact, in, id, error);
    if (status != STATUS_OK)
        return status;
    if (contact->history.count == COUNT(contact->history.items))
        return registry_refuse_full("id", contact->history.count, error);
    struct contact_entry *entry = &contact->history.items[contact->history.count];
    schema_init(&contact_entry_schema, entry);
    schema_copy(&contact_entry_schema, entry, &contact_put_schema, in);
    entry->present = true;
    entry->visibility = in->visibility ? in->visibility : VISIBILITY_SECRETARIAT;
    entry->from = in->from != DATE_NONE ? in->from : today;
    if (entry->to != DATE_NONE && entry->to <= entry->from)
        return error_set(error, STATUS_INVALID_ARGUMENT, "to",
                         "to: want a day after from; it is the day after the last");
    int now = in->from != DATE_NONE ? dated_at(&list, TEXT_NONE, entry->from)
                                    : dated_on(&list, TEXT_NONE, today);
    if (now >= 0) {
        struct contact_entry known = contact->history.items[now];
        known.from = entry->from;
        known.supersedes = entry->supersedes;
        if (schema_same(&contact_entry_schema, &known, entry))
            return STATUS_OK;
    }
    status = registry_superseded(&list, TEXT_NONE, in->supersedes, error);
    if (status != STATUS_OK)
        return status;
    contact->history.count++;
    *changed = true;
    return STATUS_OK;
}
