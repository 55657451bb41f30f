/* chair.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

#define BOOK_ID TEXT_LITERAL("book")

enum status
registry_handlers_chair_book(struct op *op, struct chair_book **book)
{
    struct chair_book *all = op_alloc(op, sizeof *all);
    if (!all)
        return registry_no_memory(op);
    enum status status = op_load(op, "chair", BOOK_ID, &chair_book_schema, all);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&chair_book_schema, all);
        all->present = true;
        all->rev = 0;
        status = STATUS_OK;
    }
    *book = all;
    return status;
}

/* The participant that is to chair; NULL if there is none, or for a vacancy. */
static enum status
load_chair(struct op *op, const struct chair_term *term, struct participant **chair)
{
    *chair = NULL;
    if (!term->code.ptr)
        return STATUS_OK;
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status status = op_load(op, "participant", term->code, &participant_schema, participant);
    if (status == STATUS_OK)
        *chair = participant;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status
chair_appoint_handle(struct op *op, const void *params)
{
    const struct chair_term *in = params;
    struct chair_book *book;
    struct participant *chair;
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status known = load_chair(op, in, &chair);
    enum status status = registry_handlers_chair_book(op, &book);
    if (cited != STATUS_OK || known != STATUS_OK || status != STATUS_OK)
        return cited != STATUS_OK ? cited : known != STATUS_OK ? known : status;
    status = op_expect_rev(op, in->rev, book->rev);
    if (status != STATUS_OK)
        return status;
    struct registry_spans spans;
    bool changed;
    status = registry_chair_add(book, in, chair, &spans, &changed, op_error(op));
    if (status != STATUS_OK) {
        registry_handlers_details(op, &spans);
        return status;
    }
    struct text topic = in->code.ptr ? op_format(op, "registry.chair.%.*s.", TEXT_ARG(in->code))
                                     : TEXT_LITERAL("registry.chair.VACANT.");
    if (changed)
        op_save(op, "chair", BOOK_ID, &chair_book_schema, book);
    struct chair_term term = *in;
    term.rev = book->rev;
    if (!changed)
        return registry_handlers_unchanged(op, &chair_term_schema, &term, topic);
    op_record(op, "chair.appointed", topic, &chair_term_schema, &term, NULL, NULL, TEXT_NONE);
    op_answer(op, &chair_term_schema, &term);
    return STATUS_OK;
}

enum status
chair_current_handle(struct op *op, const void *params)
{
    const struct on_date *in = params;
    struct chair_book *book;
    date_day day;
    enum status status = registry_day(in->on, in->as_of, op_today(op), &day, op_error(op));
    if (status == STATUS_OK)
        status = registry_handlers_chair_book(op, &book);
    if (status != STATUS_OK)
        return status;
    const struct chair_term *found = registry_chair_on(book, day, op_error(op));
    if (!found)
        return STATUS_NOT_FOUND;
    struct chair_term term = *found;
    term.rev = book->rev;
    op_answer(op, &chair_term_schema, &term);
    return STATUS_OK;
}

enum status
chair_list_handle(struct op *op, const void *params)
{
    const struct page *in = params;
    struct chair_book *book;
    date_day after = DATE_NONE;
    int64_t seq, limit = in->limit == INT_NONE ? REGISTRY_LIMIT_DEFAULT : in->limit, given = 0;
    if (in->cursor.len && !date_parse(in->cursor, &after))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before, which is a date");
    enum status counted = op_seq(op, &seq);
    enum status status = registry_handlers_chair_book(op, &book);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    struct text next = TEXT_NONE;
    char day[DATE_TEXT_MAX];
    op_list_begin(op);
    for (uint32_t i = 0; i < book->terms.count; i++) {
        struct chair_term term = book->terms.items[i];
        if (term.from <= after || (in->as_of != DATE_NONE && term.from > in->as_of))
            continue;
        if (given++ == limit) {
            date_print(after, day);
            next = text_of(day);
            break;
        }
        term.rev = book->rev;
        op_list_item(op, &chair_term_schema, &term);
        after = term.from;
    }
    op_list_end(op, next, seq);
    return STATUS_OK;
}
