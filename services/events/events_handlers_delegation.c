/* delegation.*: terms, registration, withdrawal, erasure (events_handlers_parts.h). Persons leave
 * this file sealed, but in the answer to who sent them. It must not know sockets or Redis. */
#include "common/msg/schema_mp.h"
#include "services/events/events_handlers_delegation.h"

/* ---- documents ---- */

struct text
events_handlers_delegation_id(struct op *op, struct text event, struct text member)
{
    return op_join(op, 3, (const struct text[]){event, TEXT_LITERAL("/"), member});
}

static enum status
load_book(struct op *op, struct text event, struct registration_book **out)
{
    struct registration_book *book = *out = op_alloc(op, sizeof *book);
    if (!book)
        return events_no_memory(op);
    enum status status = op_load(op, "registration", event, &registration_book_schema, book);
    if (status != STATUS_NOT_FOUND)
        return status;
    events_delegation_book(book, event);
    return STATUS_OK;
}

static enum status
load_sent(struct op *op, struct text event, struct text member, struct events_sent *out)
{
    struct events_actor actor = events_handlers_actor(op);
    *out = (struct events_sent){.id = events_handlers_delegation_id(op, event, member)};
    out->delegation = op_alloc(op, sizeof *out->delegation);
    out->before = op_alloc(op, sizeof *out->before);
    out->key = op_alloc(op, sizeof *out->key);
    if (!out->delegation || !out->before || !out->key)
        return events_no_memory(op);
    enum status status = op_clock(op, &out->now_ms); /* before the documents: see op_clock */
    status = events_handlers_both(status, events_handlers_event(op, event, &out->event));
    status = events_handlers_both(status, load_book(op, event, &out->book));
    status = events_handlers_both(status,
                                  events_handlers_load_or_new(op, "delegation", out->id,
                                                              &delegation_schema, out->delegation));
    status =
        events_handlers_both(status, events_handlers_load_or_new(op, "delegation-key", out->id,
                                                                 &delegation_key_schema, out->key));
    if (status != STATUS_OK)
        return status;
    if (out->delegation->rev == INT_NONE)
        out->delegation->rev = 0;
    *out->before = *out->delegation;
    return events_delegation_may(&actor, member, op_error(op));
}

/* The same of one that must be there. */
static enum status
load_present(struct op *op, const struct delegation_ref *in, struct events_sent *out)
{
    enum status status = load_sent(op, in->event, in->member, out);
    if (status != STATUS_OK)
        return status;
    if (!out->before->rev)
        return error_set(op_error(op), STATUS_NOT_FOUND, "member",
                         "member: %.*s has no delegation to %.*s", TEXT_ARG(in->member),
                         TEXT_ARG(in->event));
    return op_expect_rev(op, in->rev, out->before->rev);
}

/* ---- records ---- */

static struct text
topic_for(struct op *op, struct text audience, const struct delegation *delegation)
{
    bool secretariat = text_is(audience, EVENTS_SECRETARIAT);
    return op_format(op, "private.%.*s.delegations.%.*s.%.*s.",
                     TEXT_ARG(secretariat ? TEXT_LITERAL("secretariat") : audience),
                     TEXT_ARG(delegation->event), TEXT_ARG(delegation->member));
}

/* Saves the delegation, which holds no person in the clear, and tells its participant and the host.
 * Returns it as it is stored. */
static struct text
commit(struct op *op, const char *type, const struct event *event, struct delegation *delegation,
       const char *from)
{
    struct text id = events_handlers_delegation_id(op, delegation->event, delegation->member);
    struct text saved = op_save(op, "delegation", id, &delegation_schema, delegation);
    op_record_raw(op, type, topic_for(op, delegation->member, delegation), saved, from, NULL,
                  TEXT_NONE);
    if (!text_equal(event->host, delegation->member))
        op_record_raw(op, type, topic_for(op, event->host, delegation), saved, from, NULL,
                      TEXT_NONE);
    return saved;
}

/* Saves and tells who was moved up; not `own`, which is told of by itself. */
static enum status
admit(struct op *op, const struct event *event, const struct text *moved, unsigned count,
      struct text own)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < count; i++) {
        if (text_equal(moved[i], own))
            continue;
        struct delegation *delegation = op_alloc(op, sizeof *delegation);
        if (!delegation)
            return events_no_memory(op);
        struct text id = events_handlers_delegation_id(op, event->id, moved[i]);
        enum status loaded = op_load(op, "delegation", id, &delegation_schema, delegation);
        status = events_handlers_both(status, loaded);
        if (loaded != STATUS_OK)
            continue;
        delegation->status = DELEGATION_REGISTERED;
        commit(op, "delegation.admitted", event, delegation,
               delegation_status_words[DELEGATION_WAITING - 1]);
    }
    return status;
}

/* The delegation with its persons, for who sent them. */
static struct delegation *
shown(struct op *op, const struct delegation *delegation, const struct delegation_people *people)
{
    struct delegation *out = op_alloc(op, sizeof *out);
    if (!out)
        return NULL;
    *out = *delegation;
    out->sealed = TEXT_NONE;
    if (people)
        schema_copy(&delegation_schema, out, &delegation_people_schema, people);
    return out;
}

/* Answers a repeat that changed nothing, with the seq of the last record there is of it: the host's
 * comes after the participant's. */
static enum status
unchanged(struct op *op, const struct events_sent *sent, const struct delegation_people *people)
{
    const struct delegation *answer = shown(op, sent->before, people);
    if (!answer)
        return events_no_memory(op);
    return op_answer_unchanged(op, &delegation_schema, answer,
                               topic_for(op, sent->event->host, answer));
}

/* ---- delegation.register ---- */

/* Whether it says what is registered already. */
static bool
is_same(struct op *op, const struct delegation_people *people, const struct events_sent *sent)
{
    struct delegation *opened = op_alloc(op, sizeof *opened);
    struct delegation_people *known = op_alloc(op, sizeof *known);
    const struct delegation *now = sent->delegation, *before = sent->before;
    if (!opened || !known || !before->rev || before->status == DELEGATION_WITHDRAWN ||
        now->mode != before->mode || now->languages.count != before->languages.count)
        return false;
    for (uint32_t i = 0; i < now->languages.count; i++)
        if (!text_equal(now->languages.items[i], before->languages.items[i]))
            return false;
    *opened = *before;
    if (!events_handlers_open_people(op, opened, sent->key))
        return false;
    schema_init(&delegation_people_schema, known);
    known->present = true;
    schema_copy(&delegation_people_schema, known, &delegation_schema, opened);
    return schema_same(&delegation_people_schema, people, known);
}

/* Puts what was asked for into the delegation, and the delegation into the book. */
static enum status
place(struct op *op, const struct delegation_register *in, struct events_sent *sent)
{
    struct delegation *delegation = sent->delegation;
    struct registration_entry *entry;
    struct events_wish wish = {in->member, 1 + (int64_t)in->delegates.count,
                               (enum delegation_mode)in->mode};
    delegation->event = in->event;
    delegation->member = in->member;
    delegation->mode = in->mode;
    delegation->people = wish.people;
    delegation->erased = TIME_NONE;
    delegation->languages.count = in->languages.count;
    memcpy(delegation->languages.items, in->languages.items, sizeof in->languages.items);
    enum status status = events_delegation_place(sent->book, &wish, &entry, op_error(op));
    if (status != STATUS_OK)
        return status;
    sent->moved_count = events_delegation_move_up(sent->book, sent->moved);
    entry = events_delegation_entry(sent->book, in->member);
    delegation->status = entry->status;
    delegation->number = entry->number;
    return STATUS_OK;
}

static const char *
type_of(const struct events_sent *sent)
{
    const struct delegation *now = sent->delegation, *before = sent->before;
    if (before->rev && before->status == now->status)
        return "delegation.changed";
    if (before->rev && before->status == DELEGATION_WAITING)
        return "delegation.admitted";
    return now->status == DELEGATION_WAITING ? "delegation.queued" : "delegation.registered";
}

static enum status
finish_register(struct op *op, const struct delegation_people *people, struct events_sent *sent)
{
    struct delegation *delegation = sent->delegation;
    struct text names, saved;
    enum status status = events_handlers_names_key(op, &names);
    if (status == STATUS_OK)
        status = events_handlers_mark(op, names, people, sent);
    if (status == STATUS_OK)
        status = events_handlers_seal(op, people, sent);
    if (status != STATUS_OK)
        return status;
    const char *type = type_of(sent);
    bool admitted = sent->before->rev && sent->before->status == DELEGATION_WAITING &&
                    delegation->status == DELEGATION_REGISTERED;
    op_save(op, "registration", sent->event->id, &registration_book_schema, sent->book);
    op_save(op, "delegation-key", sent->id, &delegation_key_schema, sent->key);
    saved = commit(op, type, sent->event, delegation,
                   admitted ? delegation_status_words[DELEGATION_WAITING - 1] : NULL);
    op_index_add(op, op_format(op, "d|%.*s|%.*s", TEXT_ARG(delegation->event),
                               TEXT_ARG(delegation->member)));
    op_index_add(op, op_format(op, "dm|%.*s|%.*s", TEXT_ARG(delegation->member),
                               TEXT_ARG(delegation->event)));
    if (events_delegation_before_ms(sent->book))
        op_before(op, events_delegation_before_ms(sent->book));
    const struct delegation *answer = shown(op, delegation, people);
    if (!answer)
        return events_no_memory(op);
    op_answer_apart(op, &delegation_schema, answer, saved);
    return admit(op, sent->event, sent->moved, sent->moved_count, delegation->member);
}

/* The same request again: what was answered then, unless it was erased or replaced since. */
static enum status
repeat(struct op *op, struct text kept)
{
    struct delegation *delegation = op_alloc(op, sizeof *delegation);
    struct delegation_key *key = op_alloc(op, sizeof *key);
    if (!delegation || !key)
        return events_no_memory(op);
    enum status status = schema_decode_bytes(&delegation_schema, kept.ptr, kept.len, delegation,
                                             SCHEMA_STORED, op_error(op));
    if (status != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored answer is damaged");
    status = op_peek(op, "delegation-key",
                     events_handlers_delegation_id(op, delegation->event, delegation->member),
                     &delegation_key_schema, key, NULL);
    if (status == STATUS_OK)
        events_handlers_open_people(op, delegation, key);
    else if (status != STATUS_NOT_FOUND)
        return status;
    delegation->sealed = TEXT_NONE;
    op_answer(op, &delegation_schema, delegation);
    return STATUS_OK;
}

enum status
delegation_register_handle(struct op *op, const void *params)
{
    const struct delegation_register *in = params;
    const struct events_known *known = events_handlers_known(op);
    struct delegation_people *people = op_alloc(op, sizeof *people);
    struct events_sent sent;
    struct text kept;
    if (op_repeats(op, &kept))
        return repeat(op, kept);
    if (!people)
        return events_no_memory(op);
    enum status status = load_sent(op, in->event, in->member, &sent);
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, sent.before->rev);
    if (status == STATUS_OK)
        status = events_delegation_check(in, op_error(op));
    if (status == STATUS_OK)
        status = events_delegation_open(sent.book, sent.event, sent.now_ms, op_error(op));
    if (status == STATUS_OK)
        status = events_handlers_sure(op, events_delegation_admits(sent.book, in->member, known,
                                                                   op_today(op), op_error(op)));
    if (status == STATUS_OK)
        status = place(op, in, &sent);
    if (status != STATUS_OK)
        return status;
    schema_init(&delegation_people_schema, people);
    people->present = true;
    schema_copy(&delegation_people_schema, people, &delegation_register_schema, in);
    if (!is_same(op, people, &sent))
        return finish_register(op, people, &sent);
    return unchanged(op, &sent, people);
}

/* ---- delegation.withdraw, erase, open ---- */

/* Answers a change of a delegation whose persons are not in the request. */
static enum status
answer_changed(struct op *op, const struct events_sent *sent)
{
    const struct delegation *answer = shown(op, sent->delegation, NULL);
    if (!answer)
        return events_no_memory(op);
    op_answer(op, &delegation_schema, answer);
    return STATUS_OK;
}

enum status
delegation_withdraw_handle(struct op *op, const void *params)
{
    const struct delegation_ref *in = params;
    struct events_sent sent;
    enum status status = load_present(op, in, &sent);
    if (status != STATUS_OK)
        return status;
    if (sent.before->status == DELEGATION_WITHDRAWN)
        return unchanged(op, &sent, NULL);
    struct registration_entry *entry = events_delegation_entry(sent.book, in->member);
    if (!entry)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the delegation is not in the book");
    entry->status = sent.delegation->status = DELEGATION_WITHDRAWN;
    sent.moved_count = events_delegation_move_up(sent.book, sent.moved);
    events_handlers_unmark(op, &sent, NULL);
    sent.key->marks.count = 0;
    op_save(op, "registration", in->event, &registration_book_schema, sent.book);
    op_save(op, "delegation-key", sent.id, &delegation_key_schema, sent.key);
    commit(op, "delegation.withdrawn", sent.event, sent.delegation,
           delegation_status_words[sent.before->status - 1]);
    status = admit(op, sent.event, sent.moved, sent.moved_count, in->member);
    return status == STATUS_OK ? answer_changed(op, &sent) : status;
}

enum status
delegation_erase_handle(struct op *op, const void *params)
{
    const struct delegation_ref *in = params;
    struct events_sent sent;
    enum status status = load_present(op, in, &sent);
    if (status != STATUS_OK)
        return status;
    if (sent.before->erased != TIME_NONE)
        return unchanged(op, &sent, NULL);
    events_handlers_unmark(op, &sent, NULL);
    sent.key->marks.count = 0;
    sent.key->key = TEXT_NONE;
    sent.delegation->sealed = TEXT_NONE;
    sent.delegation->erased = sent.now_ms;
    op_save(op, "delegation-key", sent.id, &delegation_key_schema, sent.key);
    commit(op, "delegation.erased", sent.event, sent.delegation, NULL);
    return answer_changed(op, &sent);
}

enum status
delegation_open_handle(struct op *op, const void *params)
{
    const struct registration_open *in = params;
    struct events_actor actor = events_handlers_actor(op);
    struct registration_book *book, *before = op_alloc(op, sizeof *before);
    struct registration *terms = op_alloc(op, sizeof *terms);
    struct event *event;
    if (!before || !terms)
        return events_no_memory(op);
    enum status status = events_handlers_event(op, in->event, &event);
    status = events_handlers_both(status, load_book(op, in->event, &book));
    if (status == STATUS_OK)
        status = events_delegation_may_open(&actor, event, op_error(op));
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, book->rev);
    if (status != STATUS_OK)
        return status;
    *before = *book;
    book->quota = book->places = INT_NONE;
    book->deadline = (struct when){.ms = TIME_NONE};
    book->observers = BOOL_NONE;
    struct registration_open said = *in;
    said.rev = INT_NONE;
    schema_copy(&registration_book_schema, book, &registration_open_schema, &said);
    struct text topic = events_handlers_part_topic(op, event, "registration", TEXT_NONE);
    if (before->rev && schema_same(&registration_book_schema, before, book)) {
        events_delegation_terms(book, terms);
        return op_answer_unchanged(op, &registration_schema, terms, topic);
    }
    struct text moved[EVENTS_DELEGATIONS_MAX];
    unsigned count = events_delegation_move_up(book, moved);
    op_save(op, "registration", in->event, &registration_book_schema, book);
    events_delegation_terms(book, terms);
    op_record(op, "registration.opened", topic, &registration_schema, terms, NULL, NULL, TEXT_NONE);
    op_answer(op, &registration_schema, terms);
    return admit(op, event, moved, count, TEXT_NONE);
}
