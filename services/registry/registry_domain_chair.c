/* The chairmanship: one member at a time, without a gap (registry_domain.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_domain.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void
add_span(struct registry_spans *spans, date_day from, date_day to, struct text code)
{
    struct registry_span *last = spans->count ? &spans->items[spans->count - 1] : NULL;
    if (last && last->to == from && text_equal(last->code, code))
        last->to = to;
    else if (spans->count < REGISTRY_SPANS_MAX)
        spans->items[spans->count++] = (struct registry_span){from, to, code};
}

void
registry_chair_absences(const struct participant *participant, struct text code, date_day from,
                        date_day to, struct registry_spans *spans)
{
    date_day end;
    for (date_day day = from; day < to; day = end) {
        end = to;
        for (uint32_t i = 0; participant && i < participant->history.count; i++) {
            date_day turn = participant->history.items[i].from;
            if (turn > day && turn < end)
                end = turn;
        }
        if (!participant || registry_participant_on(participant, day) != PARTICIPANT_MEMBER)
            add_span(spans, day, end, code);
    }
}

static bool
term_equal(const struct chair_term *a, const struct chair_term *b)
{
    return a->from == b->from && a->to == b->to && text_equal(a->code, b->code) &&
           text_equal(a->decision, b->decision) && (a->vacant == 1) == (b->vacant == 1);
}

static enum status
check_term(const struct chair_term *term, struct error *error)
{
    if (term->vacant == 1 && term->code.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "code",
                         "code: nobody chairs in a vacancy; leave out code or vacant");
    if (term->vacant != 1 && !term->code.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "code",
                         "code: is missing; want the member that chairs, or vacant true for a "
                         "vacancy");
    if (term->from >= term->to)
        return error_set(error, STATUS_INVALID_ARGUMENT, "to",
                         "to: want a day after from; it is the day after the last of the term");
    return STATUS_OK;
}

/* No day may belong to two terms, and none between two terms to nobody. */
static enum status
check_place(const struct chair_book *book, const struct chair_term *term,
            struct registry_spans *spans, struct error *error)
{
    for (uint32_t i = 0; i < book->terms.count; i++) {
        const struct chair_term *other = &book->terms.items[i];
        date_day from = other->from > term->from ? other->from : term->from;
        date_day to = other->to < term->to ? other->to : term->to;
        if (from < to)
            add_span(spans, from, to, other->code);
    }
    char first[DATE_TEXT_MAX], last[DATE_TEXT_MAX];
    if (!book->terms.count)
        return STATUS_OK;
    date_day begin = book->terms.items[0].from, end = book->terms.items[book->terms.count - 1].to;
    date_print(begin, first);
    date_print(end, last);
    if (spans->count)
        return error_set(error, STATUS_FAILED_PRECONDITION, "from",
                         "from: days of this term belong to another; terms are recorded from %s to "
                         "%s, so want a term that begins on %s or ends on %s",
                         first, last, last, first);
    if (term->from > end)
        add_span(spans, end, term->from, TEXT_NONE);
    else if (term->to < begin)
        add_span(spans, term->to, begin, TEXT_NONE);
    if (spans->count)
        return error_set(error, STATUS_FAILED_PRECONDITION, term->from > end ? "from" : "to",
                         "%s: leaves a gap; terms are recorded from %s to %s, so want a term that "
                         "begins on %s or ends on %s, or record the vacancy first",
                         term->from > end ? "from" : "to", first, last, last, first);
    return STATUS_OK;
}

/* A term as it is kept: the book has the revision. */
static struct chair_term
kept_of(const struct chair_term *term)
{
    struct chair_term kept = *term;
    kept.present = true;
    kept.rev = INT_NONE;
    if (term->vacant != 1)
        kept.vacant = BOOL_NONE;
    return kept;
}

static void
insert_term(struct chair_book *book, const struct chair_term *term)
{
    uint32_t at = book->terms.count++;
    for (; at > 0 && book->terms.items[at - 1].from > term->from; at--)
        book->terms.items[at] = book->terms.items[at - 1];
    book->terms.items[at] = kept_of(term);
    book->history.items[book->history.count++] = kept_of(term);
}

static enum status
check_room(const struct chair_book *book, uint32_t entries, struct error *error)
{
    if (book->terms.count < COUNT(book->terms.items) &&
        book->history.count + entries <= COUNT(book->history.items))
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                     "%u terms are recorded already, which is the most that is kept",
                     (unsigned)book->history.count);
}

/* Gives a term beside the corrected one its new edge, as a correction of its own. */
static void
move_edge(struct chair_book *book, uint32_t at, date_day from, date_day to)
{
    struct chair_term *term = &book->terms.items[at];
    if (term->from == from && term->to == to)
        return;
    term->supersedes = term->from;
    term->from = from;
    term->to = to;
    book->history.items[book->history.count++] = *term;
}

/* The terms beside a corrected one must keep a day at least. */
static enum status
check_neighbours(const struct chair_term *before, const struct chair_term *after,
                 const struct chair_term *term, struct registry_spans *spans, struct error *error)
{
    if (before && before->from >= term->from)
        add_span(spans, before->from, before->to, before->code);
    if (after && after->to <= term->to)
        add_span(spans, after->from, after->to, after->code);
    if (!spans->count)
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION,
                     before && before->from >= term->from ? "from" : "to",
                     "the corrected term would leave no day to the term beside it; correct that "
                     "one first");
}

enum status
registry_chair_correct(struct chair_book *book, const struct chair_term *term,
                       struct registry_spans *spans, uint32_t *first, uint32_t *count,
                       struct error *error)
{
    char day[DATE_TEXT_MAX];
    uint32_t at = 0;
    *first = *count = 0;
    spans->count = 0;
    enum status status = check_term(term, error);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < book->terms.count; i++)
        if (term_equal(&book->terms.items[i], term))
            return STATUS_OK;
    while (at < book->terms.count && book->terms.items[at].from != term->supersedes)
        at++;
    date_print(term->supersedes, day);
    if (at == book->terms.count)
        return error_set(error, STATUS_FAILED_PRECONDITION, "supersedes",
                         "supersedes: no term that counts begins on %s; chair.list has them", day);
    status = check_room(book, 3, error);
    if (status != STATUS_OK)
        return status;
    bool has_before = at > 0, has_after = at + 1 < book->terms.count;
    const struct chair_term *before = has_before ? &book->terms.items[at - 1] : NULL;
    const struct chair_term *after = has_after ? &book->terms.items[at + 1] : NULL;
    status = check_neighbours(before, after, term, spans, error);
    if (status != STATUS_OK)
        return status;
    /* a first day names an entry: of two that get one another's, who leaves it goes first */
    bool later = after && after->from < term->to;
    if (later)
        move_edge(book, at + 1, term->to, after->to);
    book->terms.items[at] = kept_of(term);
    book->history.items[book->history.count++] = kept_of(term);
    if (after && !later)
        move_edge(book, at + 1, term->to, after->to);
    if (before)
        move_edge(book, at - 1, before->from, term->from);
    *first = has_before ? at - 1 : at;
    *count = 1u + has_before + has_after;
    return STATUS_OK;
}

enum status
registry_chair_member(const struct chair_term *term, const struct participant *chair,
                      struct registry_spans *spans, struct error *error)
{
    if (term->vacant == 1)
        return STATUS_OK;
    registry_chair_absences(chair, term->code, term->from, term->to, spans);
    if (!spans->count)
        return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, "code",
                     chair ? "code: %.*s is no member on every day of the term; the chair must "
                             "be one"
                           : "code: there is no participant %.*s; the chair must be a member on "
                             "every day of the term",
                     TEXT_ARG(term->code));
}

enum status
registry_chair_add(struct chair_book *book, const struct chair_term *term,
                   const struct participant *chair, struct registry_spans *spans, bool *changed,
                   struct error *error)
{
    *changed = false;
    spans->count = 0;
    enum status status = check_term(term, error);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < book->terms.count; i++)
        if (term_equal(&book->terms.items[i], term))
            return STATUS_OK;
    for (uint32_t i = 0; i < book->history.count; i++)
        if (term_equal(&book->history.items[i], term))
            return STATUS_OK; /* it was recorded, and corrected since */
    status = check_place(book, term, spans, error);
    if (status != STATUS_OK)
        return status;
    status = registry_chair_member(term, chair, spans, error);
    if (status == STATUS_OK)
        status = check_room(book, 1, error);
    if (status != STATUS_OK)
        return status;
    insert_term(book, term);
    *changed = true;
    return STATUS_OK;
}

enum status
registry_chair_keeps(const struct chair_book *book, const struct participant *participant,
                     struct registry_spans *spans, struct error *error)
{
    spans->count = 0;
    for (uint32_t i = 0; i < book->terms.count; i++) {
        const struct chair_term *term = &book->terms.items[i];
        if (text_equal(term->code, participant->code))
            registry_chair_absences(participant, term->code, term->from, term->to, spans);
    }
    if (!spans->count)
        return STATUS_OK;
    char from[DATE_TEXT_MAX], to[DATE_TEXT_MAX];
    date_print(spans->items[0].from, from);
    date_print(spans->items[0].to, to);
    return error_set(error, STATUS_FAILED_PRECONDITION, "from",
                     "from: %.*s chairs from %s until %s and must be a member on every day of its "
                     "term; want a day not before the end of the term",
                     TEXT_ARG(participant->code), from, to);
}

const struct chair_term *
registry_chair_on(const struct chair_book *book, date_day day, struct error *error)
{
    for (uint32_t i = 0; i < book->terms.count; i++)
        if (book->terms.items[i].from <= day && day < book->terms.items[i].to)
            return &book->terms.items[i];
    char asked[DATE_TEXT_MAX], first[DATE_TEXT_MAX], last[DATE_TEXT_MAX];
    date_print(day, asked);
    if (!book->terms.count) {
        error_set(error, STATUS_NOT_FOUND, "on", "no term is recorded for %s, nor any other",
                  asked);
        return NULL;
    }
    date_print(book->terms.items[0].from, first);
    date_print(book->terms.items[book->terms.count - 1].to, last);
    error_set(error, STATUS_NOT_FOUND, "on",
              "no term is recorded for %s; terms are recorded from %s until %s", asked, first,
              last);
    return NULL;
}
