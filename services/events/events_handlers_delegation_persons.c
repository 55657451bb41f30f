/* The persons of delegations, sealed and marked (events_handlers_delegation.h): the one place where
 * they are opened. It must not know sockets or Redis. */
#include "common/msg/schema_mp.h"
#include "services/events/events_handlers_delegation.h"
#include "services/events/events_name.h"
#include "services/events/events_seal.h"

bool
events_handlers_open_people(struct op *op, struct delegation *delegation,
                            const struct delegation_key *key)
{
    struct delegation_people *people = op_alloc(op, sizeof *people);
    char *plain = op_alloc(op, delegation->sealed.len + 1);
    if (!delegation->sealed.ptr || !key->key.ptr || !people || !plain)
        return false;
    struct text bound = events_handlers_delegation_id(op, delegation->event, delegation->member);
    long len = events_seal_open(key->key, bound, delegation->sealed, plain);
    if (len < 0 || schema_decode_bytes(&delegation_people_schema, plain, (size_t)len, people,
                                       SCHEMA_STORED, NULL) != STATUS_OK)
        return false;
    schema_copy(&delegation_schema, delegation, &delegation_people_schema, people);
    return true;
}

enum status
events_handlers_seal(struct op *op, const struct delegation_people *people,
                     struct events_sent *sent)
{
    struct buf plain = {0};
    schema_encode(&delegation_people_schema, people, &plain);
    char *sealed = op_alloc(op, events_seal_room(plain.len));
    char *key = op_alloc(op, EVENTS_SEAL_KEY_MAX);
    bool done = !plain.failed && sealed && key;
    if (done) {
        events_seal_key(key);
        sent->key->key = text_of(key);
        done =
            events_seal_close(sent->key->key, sent->id,
                              (struct text){(const char *)plain.data, (uint32_t)plain.len}, sealed);
    }
    buf_fini(&plain);
    sent->delegation->sealed = text_of(done ? sealed : NULL);
    return done ? STATUS_OK : events_no_memory(op);
}

enum status
events_handlers_names_key(struct op *op, struct text *out)
{
    const struct text id = TEXT_LITERAL("names");
    struct delegation_key *secret = op_alloc(op, sizeof *secret);
    char *key = op_alloc(op, EVENTS_SEAL_KEY_MAX);
    if (!secret || !key)
        return events_no_memory(op);
    enum status status =
        events_handlers_load_or_new(op, "secret", id, &delegation_key_schema, secret);
    if (status != STATUS_OK)
        return status;
    if (!secret->key.ptr) {
        events_seal_key(key);
        secret->key = text_of(key);
        op_save(op, "secret", id, &delegation_key_schema, secret);
    }
    *out = secret->key;
    return STATUS_OK;
}

static struct text
mark_entry(struct op *op, struct text mark, const struct delegation *delegation)
{
    return op_format(op, "dn|%.*s|%.*s|%.*s|%s", TEXT_ARG(mark), TEXT_ARG(delegation->event),
                     TEXT_ARG(delegation->member),
                     delegation->mode == DELEGATION_IN_PERSON ? "p" : "o");
}

static bool
has_mark(const struct delegation_key *key, struct text mark)
{
    for (uint32_t i = 0; i < key->marks.count; i++)
        if (text_equal(key->marks.items[i], mark))
            return true;
    return false;
}

void
events_handlers_unmark(struct op *op, const struct events_sent *sent,
                       const struct delegation_key *kept)
{
    bool moved = sent->before->mode != sent->delegation->mode;
    for (uint32_t i = 0; i < sent->key->marks.count; i++)
        if (moved || !kept || !has_mark(kept, sent->key->marks.items[i]))
            op_index_remove(op, mark_entry(op, sent->key->marks.items[i], sent->before));
}

enum status
events_handlers_mark(struct op *op, struct text names, const struct delegation_people *people,
                     struct events_sent *sent)
{
    struct delegation_key *marked = op_alloc(op, sizeof *marked);
    if (!marked)
        return events_no_memory(op);
    *marked = *sent->key;
    marked->marks.count = 0;
    for (uint32_t i = 0; i <= people->delegates.count; i++) {
        char plain[EVENTS_NAME_MAX], *made = op_alloc(op, EVENTS_SEAL_MARK_MAX);
        const struct delegate *person = i ? &people->delegates.items[i - 1] : &people->head;
        uint32_t len = events_name_plain(person->name, plain);
        if (!made || !events_seal_mark(names, (struct text){plain, len}, made))
            return events_no_memory(op);
        if (has_mark(marked, text_of(made)))
            continue;
        marked->marks.items[marked->marks.count++] = text_of(made);
        op_index_add(op, mark_entry(op, text_of(made), sent->delegation));
    }
    events_handlers_unmark(op, sent, marked);
    *sent->key = *marked;
    return STATUS_OK;
}
