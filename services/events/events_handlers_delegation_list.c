/* delegation.terms and delegation.list, and who is registered elsewhere too
 * (events_handlers_parts.h). It must not know sockets or Redis. */
#include "services/events/events_delegation.h"
#include "services/events/events_handlers_parts.h"

enum status
delegation_terms_handle(struct op *op, const void *params)
{
    const struct event_of *in = params;
    struct registration_book *book = op_alloc(op, sizeof *book);
    struct registration *terms = op_alloc(op, sizeof *terms);
    struct event *event = op_alloc(op, sizeof *event);
    if (!book || !terms || !event)
        return events_no_memory(op);
    enum status found = events_handlers_peek_event(op, in->event, event);
    enum status status =
        op_peek(op, "registration", in->event, &registration_book_schema, book, NULL);
    if (status == STATUS_NOT_FOUND) {
        events_delegation_book(book, in->event);
        status = STATUS_OK;
    }
    status = events_handlers_both(found, status);
    if (status != STATUS_OK)
        return status;
    events_delegation_terms(book, terms);
    op_answer(op, &registration_schema, terms);
    return STATUS_OK;
}

/* ---- delegation.list ---- */

struct filter {
    const struct delegation_list *in;
    struct events_actor actor;
    struct text event_id, member; /* what the prefix says; absent where the entry does */
    struct event *event;          /* the one looked at; these are owned by the run */
    struct delegation *delegation;
    struct delegation_key *key;
};

static enum status
list_item(struct op *op, void *arg, struct text entry, size_t *bytes)
{
    struct filter *filter = arg;
    unsigned level = 0;
    struct text member = filter->member, event_id = filter->event_id, raw;
    if (!event_id.ptr)
        event_id = events_handlers_level(entry, level++);
    if (!member.ptr)
        member = events_handlers_level(entry, level);
    if (filter->in->member.ptr && !text_equal(member, filter->in->member))
        return STATUS_NOT_FOUND;
    struct delegation *delegation = filter->delegation;
    struct text id = events_handlers_delegation_id(op, event_id, member);
    enum status status = events_handlers_peek_event(op, event_id, filter->event);
    status = events_handlers_both(status, op_peek(op, "delegation", id, &delegation_schema,
                                                  delegation, &raw));
    status = events_handlers_both(status, op_peek(op, "delegation-key", id, &delegation_key_schema,
                                                  filter->key, NULL));
    if (status != STATUS_OK)
        return status;
    if (!events_delegation_sees(&filter->actor, filter->event->host, member) ||
        (filter->in->status && filter->in->status != delegation->status))
        return STATUS_NOT_FOUND;
    events_handlers_open_people(op, delegation, filter->key);
    delegation->sealed = TEXT_NONE;
    op_list_item(op, &delegation_schema, delegation);
    *bytes = raw.len;
    return STATUS_OK;
}

enum status
delegation_list_handle(struct op *op, const void *params)
{
    const struct delegation_list *in = params;
    struct filter filter = {.in = in, .actor = events_handlers_actor(op)};
    struct events_page page = {
        .limit = in->limit, .cursor = in->cursor, .item = list_item, .arg = &filter};
    filter.event = op_alloc(op, sizeof *filter.event);
    filter.delegation = op_alloc(op, sizeof *filter.delegation);
    filter.key = op_alloc(op, sizeof *filter.key);
    if (!filter.event || !filter.delegation || !filter.key)
        return events_no_memory(op);
    filter.event_id = in->event;
    filter.member = TEXT_NONE;
    page.prefix = TEXT_LITERAL("d|");
    page.upto = TEXT_NONE;
    if (in->event.ptr) {
        enum status status = events_handlers_peek_event(op, in->event, filter.event);
        if (status != STATUS_OK)
            return status;
        page.prefix = op_format(op, "d|%.*s|", TEXT_ARG(in->event));
    } else {
        filter.member = in->member;
        if (!in->member.ptr && !(filter.actor.roles & PERMIT_SECRETARIAT))
            filter.member = text_of(filter.actor.member);
        if (filter.member.ptr)
            page.prefix = op_format(op, "dm|%.*s|", TEXT_ARG(filter.member));
    }
    return events_handlers_page(op, &page);
}

/* ---- who is registered elsewhere too ---- */

#define ELSEWHERE_MAX 256 /* that are told */
#define PERSONS_MAX 1024  /* of one event that are looked for */

struct search {
    struct text event;
    unsigned persons, count;
    struct elsewhere *found;
};

static bool
is_new(const struct search *search, const struct elsewhere *other)
{
    for (unsigned i = 0; i < search->count; i++)
        if (text_equal(search->found[i].event, other->event) &&
            text_equal(search->found[i].member, other->member) &&
            text_equal(search->found[i].own, other->own) && search->found[i].mode == other->mode &&
            search->found[i].own_mode == other->own_mode)
            return false;
    return true;
}

/* Looks for one person: entries "dn|<mark>|<event>|<member>|<mode>". */
static enum status
search_mark(struct op *op, struct search *search, struct text mark, struct elsewhere own)
{
    struct text prefix = op_format(op, "dn|%.*s|", TEXT_ARG(mark));
    struct text upto = op_format(op, "dn|%.*s}", TEXT_ARG(mark));
    struct op_range range;
    enum status status = op_scan(op, prefix, upto, ELSEWHERE_MAX, &range);
    for (unsigned i = 0; status == STATUS_OK && i < range.count; i++) {
        struct elsewhere other = own;
        other.event = events_handlers_level(range.items[i], 2);
        other.member = events_handlers_level(range.items[i], 3);
        bool in_person = text_is(events_handlers_level(range.items[i], 4), "p");
        other.mode = in_person ? DELEGATION_IN_PERSON : DELEGATION_ONLINE;
        if (!text_equal(other.event, search->event) && search->count < ELSEWHERE_MAX &&
            is_new(search, &other))
            search->found[search->count++] = other;
    }
    return status;
}

static enum status
search_delegation(struct op *op, struct search *search, struct text member)
{
    struct delegation *delegation = op_alloc(op, sizeof *delegation);
    struct delegation_key *key = op_alloc(op, sizeof *key);
    if (!delegation || !key)
        return events_no_memory(op);
    struct text id = events_handlers_delegation_id(op, search->event, member);
    enum status status = op_peek(op, "delegation", id, &delegation_schema, delegation, NULL);
    status = events_handlers_both(status, op_peek(op, "delegation-key", id, &delegation_key_schema,
                                                  key, NULL));
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    struct elsewhere own = {.own = member, .own_mode = delegation->mode};
    for (uint32_t i = 0; i < key->marks.count && search->persons < PERSONS_MAX; i++) {
        search->persons++;
        status = events_handlers_both(status, search_mark(op, search, key->marks.items[i], own));
    }
    return status;
}

enum status
events_handlers_elsewhere(struct op *op, struct text event, unsigned *count, struct elsewhere **out)
{
    struct search search = {.event = event};
    struct op_range range;
    search.found = op_alloc(op, ELSEWHERE_MAX * sizeof *search.found);
    if (!search.found)
        return events_no_memory(op);
    enum status status =
        op_scan(op, op_format(op, "d|%.*s|", TEXT_ARG(event)),
                op_format(op, "d|%.*s}", TEXT_ARG(event)), EVENTS_DELEGATIONS_MAX, &range);
    if (status != STATUS_OK)
        return status;
    for (unsigned i = 0; i < range.count; i++)
        status = events_handlers_both(
            status, search_delegation(op, &search, events_handlers_level(range.items[i], 2)));
    *count = search.count;
    *out = search.found;
    return status;
}

enum status
delegation_elsewhere_handle(struct op *op, const void *params)
{
    const struct event_of *in = params;
    struct event *event = op_alloc(op, sizeof *event);
    struct elsewhere *found;
    unsigned count = 0;
    int64_t seq = 0;
    if (!event)
        return events_no_memory(op);
    enum status status = op_seq(op, &seq);
    status = events_handlers_both(status, events_handlers_peek_event(op, in->event, event));
    status = events_handlers_both(status, events_handlers_elsewhere(op, in->event, &count, &found));
    if (status != STATUS_OK)
        return status;
    op_list_begin(op);
    for (unsigned i = 0; i < count; i++)
        op_list_item(op, &elsewhere_schema, &found[i]);
    op_list_end(op, TEXT_NONE, seq);
    return STATUS_OK;
}
