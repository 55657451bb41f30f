/* See events_delegation.h. It must not know clocks, stores, codecs or how persons are sealed. */
#include "services/events/events_delegation.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- who may ---- */

static bool
speaks_for(const struct events_actor *actor, struct text code)
{
    return actor->roles & (PERMIT_MEMBER | PERMIT_OBSERVER) && *actor->member &&
           text_is(code, actor->member);
}

enum status
events_delegation_may_open(const struct events_actor *actor, const struct event *event,
                           struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT ||
        (actor->roles & PERMIT_MEMBER && speaks_for(actor, event->host)))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "event",
                     "event: the host of %.*s and the Secretariat set the terms of registration",
                     TEXT_ARG(event->id));
}

enum status
events_delegation_may(const struct events_actor *actor, struct text member, struct error *error)
{
    if (actor->roles & PERMIT_SECRETARIAT || speaks_for(actor, member))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, "member",
                     "member: a participant speaks for its own delegation, the Secretariat for "
                     "anyone's");
}

bool
events_delegation_sees(const struct events_actor *actor, struct text host, struct text member)
{
    return actor->roles & PERMIT_SECRETARIAT || speaks_for(actor, member) ||
           speaks_for(actor, host);
}

/* ---- what may be said ---- */

static bool
is_plain(struct text text)
{
    for (uint32_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static const struct delegate *
person(const struct delegation_register *in, uint32_t i)
{
    return i ? &in->delegates.items[i - 1] : &in->head;
}

enum status
events_delegation_check(const struct delegation_register *in, struct error *error)
{
    char path[ERROR_FIELD_MAX] = "head";
    for (uint32_t i = 0; i <= in->delegates.count; i++) {
        if (i)
            snprintf(path, sizeof path, "delegates[%u]", i - 1);
        if (!is_plain(person(in, i)->name) || !is_plain(person(in, i)->role))
            return error_set(error, STATUS_INVALID_ARGUMENT, path,
                             "%s: want text without control characters", path);
        for (uint32_t k = 0; k < i; k++)
            if (text_equal(person(in, i)->name, person(in, k)->name))
                return error_set(error, STATUS_INVALID_ARGUMENT, path,
                                 "%s: the same person is named before", path);
    }
    return STATUS_OK;
}

/* ---- the book ---- */

void
events_delegation_book(struct registration_book *book, struct text event)
{
    schema_init(&registration_book_schema, book);
    book->present = true;
    book->event = event;
    book->last = 0;
    book->rev = 0;
}

int64_t
events_delegation_before_ms(const struct registration_book *book)
{
    return book->deadline.ms == TIME_NONE ? 0 : when_end_ms(book->deadline);
}

enum status
events_delegation_open(const struct registration_book *book, const struct event *event,
                       int64_t now_ms, struct error *error)
{
    char deadline[TIME_TEXT_MAX];
    if (event->status != EVENT_PROPOSED && event->status != EVENT_ACCEPTED &&
        event->status != EVENT_SCHEDULED && event->status != EVENT_POSTPONED)
        return error_set(error, STATUS_FAILED_PRECONDITION, "event",
                         "event: %.*s is %s: nobody registers for it any more", TEXT_ARG(event->id),
                         event_status_words[event->status - 1]);
    if (book->deadline.ms == TIME_NONE || now_ms < when_end_ms(book->deadline))
        return STATUS_OK;
    when_print(book->deadline, deadline);
    return error_set(
        error, STATUS_FAILED_PRECONDITION, "event",
        "event: registration for %.*s ended, its deadline was %s; the host may move it "
        "by delegation.open; possible now: withdraw, erase",
        TEXT_ARG(event->id), deadline);
}

enum status
events_delegation_admits(const struct registration_book *book, struct text member,
                         const struct events_known *known, date_day today, struct error *error)
{
    if (!events_known_takes_part(known, member, today))
        return error_set(error, STATUS_INVALID_ARGUMENT, "member", "member: %.*s is no participant",
                         TEXT_ARG(member));
    if (book->observers == 1 || events_known_member(known, member, today))
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, "member",
                     "member: %.*s is no member, and observers and partners are not admitted to "
                     "%.*s; the host may admit them by delegation.open",
                     TEXT_ARG(member), TEXT_ARG(book->event));
}

struct registration_entry *
events_delegation_entry(struct registration_book *book, struct text member)
{
    for (uint32_t i = 0; i < book->entries.count; i++)
        if (text_equal(book->entries.items[i].member, member))
            return &book->entries.items[i];
    return NULL;
}

/* Places that a delegation takes, or would take. */
static int64_t
places_of(int64_t people, int mode)
{
    return mode == DELEGATION_IN_PERSON ? people : 0;
}

static int64_t
taken(const struct registration_book *book)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < book->entries.count; i++)
        if (book->entries.items[i].status == DELEGATION_REGISTERED)
            sum += places_of(book->entries.items[i].people, book->entries.items[i].mode);
    return sum;
}

static int64_t
free_places(const struct registration_book *book)
{
    return book->places == INT_NONE ? INT64_MAX : book->places - taken(book);
}

/* Who waits and came first; NULL if nobody waits. */
static struct registration_entry *
first_waiting(struct registration_book *book)
{
    struct registration_entry *first = NULL;
    for (uint32_t i = 0; i < book->entries.count; i++) {
        struct registration_entry *entry = &book->entries.items[i];
        if (entry->status == DELEGATION_WAITING && (!first || entry->number < first->number))
            first = entry;
    }
    return first;
}

/* A change of one that has its place. */
static enum status
change_registered(struct registration_book *book, struct registration_entry *entry,
                  const struct events_wish *wish, struct error *error)
{
    int64_t now = places_of(entry->people, entry->mode);
    int64_t wanted = places_of(wish->people, (int)wish->mode), room = free_places(book);
    if (wanted > now && wanted - now > room)
        return error_set(error, STATUS_FAILED_PRECONDITION, "delegates",
                         "delegates: %" PRId64 " more places are needed and %" PRId64
                         " are free; what is registered stays (withdraw to wait for more)",
                         wanted - now, room > 0 ? room : 0);
    entry->people = wish->people;
    entry->mode = (int)wish->mode;
    return STATUS_OK;
}

/* A new delegation, or one that had withdrawn and comes last now. */
static enum status
enter(struct registration_book *book, const struct events_wish *wish,
      struct registration_entry **out, struct error *error)
{
    int64_t needed = places_of(wish->people, (int)wish->mode);
    bool waits = needed && (first_waiting(book) || needed > free_places(book));
    if (!*out && book->entries.count == EVENTS_DELEGATIONS_MAX)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, "event",
                         "event: %d delegations are registered for %.*s, which is the most",
                         EVENTS_DELEGATIONS_MAX, TEXT_ARG(book->event));
    if (!*out)
        *out = &book->entries.items[book->entries.count++];
    **out =
        (struct registration_entry){.present = true,
                                    .member = wish->member,
                                    .number = ++book->last,
                                    .people = wish->people,
                                    .mode = (int)wish->mode,
                                    .status = waits ? DELEGATION_WAITING : DELEGATION_REGISTERED};
    return STATUS_OK;
}

enum status
events_delegation_place(struct registration_book *book, const struct events_wish *wish,
                        struct registration_entry **entry, struct error *error)
{
    *entry = events_delegation_entry(book, wish->member);
    if (wish->mode == DELEGATION_IN_PERSON && book->quota != INT_NONE && wish->people > book->quota)
        return error_set(error, STATUS_FAILED_PRECONDITION, "delegates",
                         "delegates: %" PRId64 " persons, and at most %" PRId64
                         " of one delegation come in person",
                         wish->people, book->quota);
    if (*entry && (*entry)->status == DELEGATION_REGISTERED)
        return change_registered(book, *entry, wish, error);
    if (*entry && (*entry)->status == DELEGATION_WAITING && wish->mode == DELEGATION_IN_PERSON) {
        (*entry)->people = wish->people; /* keeps its place in the line */
        return STATUS_OK;
    }
    return enter(book, wish, entry, error);
}

unsigned
events_delegation_move_up(struct registration_book *book, struct text moved[EVENTS_DELEGATIONS_MAX])
{
    unsigned count = 0;
    struct registration_entry *next = first_waiting(book);
    while (next && next->people <= free_places(book)) {
        next->status = DELEGATION_REGISTERED;
        moved[count++] = next->member;
        next = first_waiting(book);
    }
    return count;
}

void
events_delegation_terms(const struct registration_book *book, struct registration *out)
{
    schema_init(&registration_schema, out);
    out->present = true;
    schema_copy(&registration_schema, out, &registration_book_schema, book);
    out->taken = taken(book);
    out->delegations = out->waiting = 0;
    for (uint32_t i = 0; i < book->entries.count; i++) {
        out->delegations += book->entries.items[i].status == DELEGATION_REGISTERED;
        out->waiting += book->entries.items[i].status == DELEGATION_WAITING;
    }
    out->rev = book->rev;
}
