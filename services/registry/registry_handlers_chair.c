/* chair.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

#include "common/msg/schema_mp.h"

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

static struct text
topic_of(struct op *op, const struct chair_term *term)
{
    return term->code.ptr ? op_format(op, "registry.chair.%.*s.", TEXT_ARG(term->code))
                          : TEXT_LITERAL("registry.chair.VACANT.");
}

static void
tell(struct op *op, const char *type, const struct chair_term *terms, uint32_t count, int64_t rev)
{
    for (uint32_t i = 0; i < count; i++) {
        struct chair_term term = terms[i];
        term.rev = rev;
        op_record(op, type, topic_of(op, &term), &chair_term_schema, &term, NULL, NULL, TEXT_NONE);
    }
}

enum status
registry_handlers_chair_tell(struct op *op, const void *message)
{
    const struct chair_book *book = message;
    tell(op, "chair.appointed", book->terms.items, book->terms.count, book->rev);
    return STATUS_OK;
}

/* Saves the book, and records `count` of its terms from the `first` on; `asked` is answered. */
static void
commit(struct op *op, struct chair_book *book, const char *type, const struct chair_term *first,
       uint32_t count, struct chair_term *asked)
{
    op_save(op, "chair", BOOK_ID, &chair_book_schema, book);
    op_index_add(op, TEXT_LITERAL("chair:book"));
    tell(op, type, first, count, book->rev);
    asked->rev = book->rev;
    op_answer(op, &chair_term_schema, asked);
}

static enum status
unchanged(struct op *op, const struct chair_book *book, struct chair_term *term)
{
    term->rev = book->rev;
    return op_answer_unchanged(op, &chair_term_schema, term, topic_of(op, term));
}

/* A correction, and the terms beside it that it moves: the chair of each is a member on every day.
 */
static enum status
correct(struct op *op, struct chair_book *book, struct chair_term *term)
{
    struct registry_spans spans;
    struct participant *chair;
    uint32_t first = 0, count;
    bool again = false;
    enum status status = registry_chair_correct(book, term, &spans, &first, &count, op_error(op));
    for (uint32_t i = first; status == STATUS_OK && i < first + count; i++) {
        status = load_chair(op, &book->terms.items[i], &chair);
        if (status == STATUS_AGAIN) {
            again = true;
            status = STATUS_OK;
        } else if (status == STATUS_OK) {
            status = registry_chair_member(&book->terms.items[i], chair, &spans, op_error(op));
        }
    }
    if (status != STATUS_OK)
        registry_handlers_details(op, &spans);
    if (status != STATUS_OK || again)
        return status != STATUS_OK ? status : STATUS_AGAIN;
    if (!count)
        return unchanged(op, book, term);
    commit(op, book, "chair.corrected", &book->terms.items[first], count, term);
    return STATUS_OK;
}

enum status
chair_appoint_handle(struct op *op, const void *params)
{
    struct chair_term term = *(const struct chair_term *)params;
    struct chair_book *book;
    struct participant *chair;
    enum status cited = registry_handlers_cites(op, term.decision);
    enum status known = load_chair(op, &term, &chair);
    enum status status = registry_handlers_chair_book(op, &book);
    if (cited != STATUS_OK || known != STATUS_OK || status != STATUS_OK)
        return cited != STATUS_OK ? cited : known != STATUS_OK ? known : status;
    status = op_expect_rev(op, term.rev, book->rev);
    if (status != STATUS_OK)
        return status;
    if (term.supersedes != DATE_NONE)
        return correct(op, book, &term);
    struct registry_spans spans;
    bool changed;
    status = registry_chair_add(book, &term, chair, &spans, &changed, op_error(op));
    if (status != STATUS_OK) {
        registry_handlers_details(op, &spans);
        return status;
    }
    if (!changed)
        return unchanged(op, book, &term);
    commit(op, book, "chair.appointed", &term, 1, &term);
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

enum status
chair_history_handle(struct op *op, const void *params)
{
    const struct day_ref *in = params;
    struct chair_book *book;
    int64_t seq;
    enum status counted = op_seq(op, &seq);
    enum status status = registry_handlers_chair_book(op, &book);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    struct dated list =
        DATED(book->history, chair_term, offsetof(struct chair_term, supersedes), DATED_NONE);
    if (in->as_of != DATE_NONE)
        book->history.count = dated_trim(&list, book->history.items, in->as_of);
    struct buf *buf = op_result(op);
    mp_map(buf, 2);
    mp_string(buf, "history");
    mp_array(buf, book->history.count);
    for (uint32_t i = 0; i < book->history.count; i++)
        schema_encode(&chair_term_schema, &book->history.items[i], buf);
    mp_string(buf, "seq");
    mp_int(buf, seq);
    return STATUS_OK;
}
