/* milestone.* and document.* of an event (events_handlers_parts.h).
 * It must not know sockets or Redis. */
#include <stdio.h>

#include "services/events/events_handlers_parts.h"
#include "services/events/events_parts.h"

static struct text
part_id(struct op *op, struct text event, struct text name)
{
    return op_join(op, 3, (const struct text[]){event, TEXT_LITERAL("/"), name});
}

/* Loads the event and a part of it, an empty one with revision 0 if there is none, and checks who
 * asks. */
static enum status
load_part(struct op *op, struct text event_id, struct event **event)
{
    struct events_actor actor = events_handlers_actor(op);
    enum status status = events_handlers_event(op, event_id, event);
    if (status != STATUS_OK)
        return status;
    return events_handlers_sure(op, events_parts_may(&actor, *event, events_handlers_known(op),
                                                     op_today(op), op_error(op)));
}

/* ---- milestones ---- */

static enum status
load_milestone(struct op *op, struct text event, struct text kind, int64_t rev,
               struct milestone *out)
{
    struct text id = part_id(op, event, kind);
    enum status status = op_load(op, "milestone", id, &milestone_schema, out);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&milestone_schema, out);
        out->present = true;
        out->rev = 0;
        status = STATUS_OK;
    }
    return status == STATUS_OK ? op_expect_rev(op, rev, out->rev) : status;
}

static bool
is_there(const struct milestone *milestone)
{
    return milestone->rev && milestone->removed != 1;
}

/* Adds or removes the index entries of a milestone. */
static void
index_milestone(struct op *op, const struct milestone *milestone,
                void (*change)(struct op *op, struct text entry))
{
    char key[EVENTS_KEY_LEN + 1];
    events_milestone_key(milestone, key);
    change(op, op_format(op, "m|%s|%.*s|%.*s", key, TEXT_ARG(milestone->event),
                         TEXT_ARG(milestone->kind)));
    change(op, op_format(op, "me|%.*s|%s|%.*s", TEXT_ARG(milestone->event), key,
                         TEXT_ARG(milestone->kind)));
    if (milestone->done != 1)
        change(op, op_format(op, "mo|%s|%.*s|%.*s", key, TEXT_ARG(milestone->event),
                             TEXT_ARG(milestone->kind)));
}

/* The index of what changed. Nothing is removed and added in one commit. */
static void
reindex_milestone(struct op *op, const struct milestone *before, const struct milestone *now)
{
    bool moved = before->due.ms != now->due.ms, was_there = is_there(before);
    if (was_there && moved)
        index_milestone(op, before, op_index_remove);
    if (!was_there || moved) {
        index_milestone(op, now, op_index_add);
    } else if (before->done != now->done) {
        char key[EVENTS_KEY_LEN + 1];
        events_milestone_key(now, key);
        struct text entry =
            op_format(op, "mo|%s|%.*s|%.*s", key, TEXT_ARG(now->event), TEXT_ARG(now->kind));
        (now->done == 1 ? op_index_remove : op_index_add)(op, entry);
    }
}

enum status
milestone_put_handle(struct op *op, const void *params)
{
    const struct milestone_put *in = params;
    struct milestone milestone, before;
    struct event *event;
    const char *type;
    enum status status = load_part(op, in->event, &event);
    status =
        events_handlers_both(status, load_milestone(op, in->event, in->kind, in->rev, &milestone));
    if (status != STATUS_OK)
        return status;
    before = milestone;
    status = events_milestone_put(&milestone, in, op_now_ms(op), &type, op_error(op));
    if (status != STATUS_OK)
        return status;
    struct text topic = events_handlers_part_topic(op, event, "milestone", in->kind);
    if (!type)
        return op_answer_unchanged(op, &milestone_schema, &milestone, topic);
    char due[TIME_TEXT_MAX];
    when_print(before.rev ? before.due : milestone.due, due);
    bool moved = strcmp(type, "milestone.moved") == 0;
    struct text saved =
        op_save(op, "milestone", part_id(op, in->event, in->kind), &milestone_schema, &milestone);
    op_record_raw(op, type, topic, saved, NULL, moved ? "due_before" : NULL, text_of(due));
    reindex_milestone(op, &before, &milestone);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

enum status
milestone_remove_handle(struct op *op, const void *params)
{
    const struct milestone_remove *in = params;
    struct milestone milestone;
    struct event *event;
    enum status status = load_part(op, in->event, &event);
    status =
        events_handlers_both(status, load_milestone(op, in->event, in->kind, in->rev, &milestone));
    if (status != STATUS_OK)
        return status;
    if (!milestone.rev)
        return error_set(op_error(op), STATUS_NOT_FOUND, "kind", "kind: %.*s has no milestone %.*s",
                         TEXT_ARG(in->event), TEXT_ARG(in->kind));
    struct text topic = events_handlers_part_topic(op, event, "milestone", in->kind);
    if (!is_there(&milestone))
        return op_answer_unchanged(op, &milestone_schema, &milestone, topic);
    index_milestone(op, &milestone, op_index_remove);
    milestone.removed = 1;
    struct text saved =
        op_save(op, "milestone", part_id(op, in->event, in->kind), &milestone_schema, &milestone);
    op_record_raw(op, "milestone.removed", topic, saved, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

struct milestone_filter {
    const struct milestone_list *in;
    bool by_event;       /* entries are <key>|<kind>, else <key>|<event>|<kind> */
    struct event *event; /* the one looked at */
};

static enum status
milestone_item(struct op *op, void *arg, struct text entry, size_t *bytes)
{
    const struct milestone_filter *filter = arg;
    struct text event_id = filter->by_event ? filter->in->event : events_handlers_level(entry, 1);
    struct text kind = events_handlers_level(entry, filter->by_event ? 1 : 2), raw = TEXT_NONE;
    struct milestone milestone;
    if (!event_id.ptr || !kind.ptr)
        return STATUS_NOT_FOUND;
    enum status status = events_handlers_peek_event(op, event_id, filter->event);
    status = events_handlers_both(status, op_peek(op, "milestone", part_id(op, event_id, kind),
                                                  &milestone_schema, &milestone, &raw));
    if (status != STATUS_OK)
        return status;
    if (!events_milestone_listed(filter->in, &milestone, filter->event))
        return STATUS_NOT_FOUND;
    op_list_item_raw(op, raw);
    *bytes = raw.len;
    return STATUS_OK;
}

/* Of all events: what is due up to a day is a range of the entries. */
static struct text
milestones_upto(struct op *op, const struct milestone_list *in, struct text prefix)
{
    char key[EVENTS_KEY_LEN + 1];
    date_day upto = in->overdue;
    if (in->to != DATE_NONE && (upto == DATE_NONE || in->to < upto))
        upto = in->to + 1;
    if (upto == DATE_NONE)
        return TEXT_NONE;
    events_milestone_day_key(upto, key);
    return op_format(op, "%.*s%s", TEXT_ARG(prefix), key);
}

enum status
milestone_list_handle(struct op *op, const void *params)
{
    const struct milestone_list *in = params;
    struct milestone_filter filter = {in, in->event.ptr != NULL,
                                      op_alloc(op, sizeof(struct event))};
    struct events_page page = {
        .limit = in->limit, .cursor = in->cursor, .item = milestone_item, .arg = &filter};
    if (!filter.event)
        return events_no_memory(op);
    if (filter.by_event) {
        enum status status = events_handlers_peek_event(op, in->event, filter.event);
        if (status != STATUS_OK)
            return status;
        page.prefix = op_format(op, "me|%.*s|", TEXT_ARG(in->event));
        return events_handlers_page(op, &page);
    }
    bool open = in->overdue != DATE_NONE || in->done == 0;
    page.prefix = open ? TEXT_LITERAL("mo|") : TEXT_LITERAL("m|");
    page.upto = milestones_upto(op, in, page.prefix);
    char key[EVENTS_KEY_LEN + 1];
    if (in->from != DATE_NONE && !page.cursor.len) {
        events_milestone_day_key(in->from, key);
        key[EVENTS_KEY_LEN - 1] = '\0'; /* before every entry of that instant */
        page.cursor = op_format(op, "%s", key);
    }
    return events_handlers_page(op, &page);
}

/* ---- documents ---- */

static enum status
load_document(struct op *op, struct text event, struct text id, struct document *out)
{
    enum status status = op_load(op, "document", part_id(op, event, id), &document_schema, out);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&document_schema, out);
        out->present = true;
        out->event = event;
        out->id = id;
        out->rev = 0;
        status = STATUS_OK;
    }
    return status;
}

/* The document that is meant: by its id, or by its title; of another language it is another one. */
static enum status
choose_document(struct op *op, const struct document_attach *in, struct document *out)
{
    enum status status;
    if (in->id.ptr)
        return load_document(op, in->event, in->id, out);
    for (unsigned second = 0; second < 2; second++) {
        char made[TEXT_ID_MAX + 1];
        status = events_document_id(in, second, made, op_error(op));
        if (status == STATUS_OK)
            status = load_document(op, in->event, op_format(op, "%s", made), out);
        if (status != STATUS_OK || !out->rev || !in->language.ptr ||
            text_equal(out->language, in->language))
            return status;
    }
    return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                     "id: another document has this title; give this one an id");
}

static struct text
document_entry(struct op *op, const struct document *document)
{
    return op_format(op, "do|%.*s|%.*s!%05lld", TEXT_ARG(document->event), TEXT_ARG(document->id),
                     (long long)document->version);
}

/* A superseded version stays under its number. */
static enum status
keep_version(struct op *op, const struct document *before)
{
    struct document old = *before;
    struct text id = op_format(op, "%.*s/%.*s/%lld", TEXT_ARG(before->event), TEXT_ARG(before->id),
                               (long long)before->version);
    enum status status = op_load_new(op, "document", id);
    if (status != STATUS_NOT_FOUND)
        return status == STATUS_OK
                   ? error_set(op_error(op), STATUS_INTERNAL, NULL, "that version is kept already")
                   : status;
    old.superseded = 1;
    op_save(op, "document", id, &document_schema, &old);
    return STATUS_OK;
}

enum status
document_attach_handle(struct op *op, const void *params)
{
    const struct document_attach *in = params;
    struct document document, before;
    struct event *event;
    const char *type, *from;
    bool supersedes = false;
    enum status status = load_part(op, in->event, &event);
    status = events_handlers_both(status, choose_document(op, in, &document));
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, document.rev);
    if (status != STATUS_OK)
        return status;
    before = document;
    status = events_document_attach(&document, in, &type, &from, &supersedes, op_error(op));
    if (status == STATUS_OK && supersedes)
        status = keep_version(op, &before);
    if (status != STATUS_OK)
        return status;
    struct text topic = events_handlers_part_topic(op, event, "document", document.id);
    if (!type)
        return op_answer_unchanged(op, &document_schema, &document, topic);
    struct text saved =
        op_save(op, "document", part_id(op, in->event, document.id), &document_schema, &document);
    op_record_raw(op, type, topic, saved, from, NULL, TEXT_NONE);
    if (!before.rev || supersedes)
        op_index_add(op, document_entry(op, &document));
    op_answer_raw(op, saved);
    return STATUS_OK;
}

/* An entry is <id>!<version>; the newest version stands under the id alone. */
static enum status
document_item(struct op *op, void *arg, struct text entry, size_t *bytes)
{
    const struct document_list *in = arg;
    struct text id = events_handlers_level(entry, 0), version = events_handlers_level(entry, 1);
    struct document document;
    struct text raw = TEXT_NONE;
    long long number = 0;
    if (in->id.ptr && !text_equal(id, in->id))
        return STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < version.len; i++)
        number = number * 10 + (version.ptr[i] - '0');
    struct text kept = op_format(op, "%.*s/%.*s/%lld", TEXT_ARG(in->event), TEXT_ARG(id), number);
    enum status status =
        op_peek(op, "document", part_id(op, in->event, id), &document_schema, &document, &raw);
    if (status == STATUS_OK && document.version != number)
        status = in->superseded == 1
                     ? op_peek(op, "document", kept, &document_schema, &document, &raw)
                     : STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        return status;
    if (!events_document_listed(in, &document))
        return STATUS_NOT_FOUND;
    op_list_item_raw(op, raw);
    *bytes = raw.len;
    return STATUS_OK;
}

enum status
document_list_handle(struct op *op, const void *params)
{
    const struct document_list *in = params;
    struct event *event = op_alloc(op, sizeof *event);
    if (!event)
        return events_no_memory(op);
    enum status status = events_handlers_peek_event(op, in->event, event);
    if (status != STATUS_OK)
        return status;
    struct document_list filter = *in;
    struct events_page page = {.prefix = op_format(op, "do|%.*s|", TEXT_ARG(in->event)),
                               .upto = TEXT_NONE,
                               .limit = in->limit,
                               .cursor = in->cursor,
                               .item = document_item,
                               .arg = &filter};
    return events_handlers_page(op, &page);
}
