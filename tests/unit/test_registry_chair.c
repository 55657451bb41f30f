// LINK: services/registry/registry_domain.c services/registry/registry_domain_participant.c services/registry/registry_domain_chair.c common/base/text.c common/base/date.c common/base/dated.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c
/* The chairmanship: no overlap, no gap, a member on every day; against a naive reading day by day.
 * It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "services/registry/registry_domain.h"

#define DAYS 200

static const date_day begin = 18000;
static struct chair_book book, copy;
static struct participant member;

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static void
add_status(enum participant_status status, date_day from)
{
    struct status_entry *entry = &member.history.items[member.history.count++];
    schema_init(&status_entry_schema, entry);
    entry->status = status;
    entry->from = from;
}

static void
reset(void)
{
    schema_init(&chair_book_schema, &book);
    schema_init(&participant_schema, &member);
    member.code = TEXT_LITERAL("KZ");
    member.kind = PARTICIPANT_STATE;
}

static struct chair_term
term_of(const char *code, date_day from, date_day to)
{
    struct chair_term term;
    schema_init(&chair_term_schema, &term);
    term.code = text_of(code);
    term.from = from;
    term.to = to;
    if (!code)
        term.vacant = 1;
    return term;
}

static enum status
add(const char *code, int from, int to, struct registry_spans *spans, struct error *error)
{
    bool changed;
    struct chair_term term = term_of(code, begin + from, begin + to);
    return registry_chair_add(&book, &term, code ? &member : NULL, spans, &changed, error);
}

static void
assert_span(const struct registry_spans *spans, unsigned i, int from, int to, const char *code)
{
    assert_true(i < spans->count);
    assert_int_equal(spans->items[i].from, begin + from);
    assert_int_equal(spans->items[i].to, begin + to);
    assert_true(text_equal(spans->items[i].code, text_of(code)));
}

static void
test_terms(void **state)
{
    (void)state;
    struct registry_spans spans;
    struct error error = {0};
    reset();
    add_status(PARTICIPANT_MEMBER, begin);
    assert_int_equal(add("KZ", 10, 20, &spans, &error), STATUS_OK);
    assert_int_equal(add("KZ", 20, 30, &spans, &error), STATUS_OK);
    assert_int_equal(add("KZ", 15, 35, &spans, &error), STATUS_FAILED_PRECONDITION);
    assert_int_equal(spans.count, 1); /* both terms are KZ's and touch */
    assert_span(&spans, 0, 15, 30, "KZ");
    assert_int_equal(add("KZ", 33, 40, &spans, &error), STATUS_FAILED_PRECONDITION);
    assert_int_equal(spans.count, 1);
    assert_span(&spans, 0, 30, 33, NULL);
    assert_string_equal(error.field, "from");
    assert_int_equal(add("KZ", 2, 8, &spans, &error), STATUS_FAILED_PRECONDITION);
    assert_span(&spans, 0, 8, 10, NULL);
    assert_string_equal(error.field, "to");
    assert_int_equal(add("KZ", -5, 10, &spans, &error), STATUS_FAILED_PRECONDITION);
    assert_span(&spans, 0, -5, 0, "KZ"); /* no member yet */
    assert_string_equal(error.field, "code");
    assert_int_equal(add(NULL, 30, 33, &spans, &error), STATUS_OK); /* the vacancy closes the gap */
    assert_int_equal(add("KZ", 33, 40, &spans, &error), STATUS_OK);
    assert_int_equal(add("KZ", 2, 10, &spans, &error), STATUS_OK); /* before the first */
    assert_int_equal(book.terms.count, 5);
    assert_int_equal(book.terms.items[0].from, begin + 2);
    assert_int_equal(registry_chair_on(&book, begin + 31, &error)->vacant, 1);
    assert_true(text_is(registry_chair_on(&book, begin + 30 - 1, &error)->code, "KZ"));
    assert_null(registry_chair_on(&book, begin + 40, &error));
    assert_int_equal(error.code, STATUS_NOT_FOUND);
    assert_null(registry_chair_on(&book, begin + 1, &error));
}

static void
test_refusals(void **state)
{
    (void)state;
    struct registry_spans spans;
    struct error error = {0};
    bool changed;
    reset();
    assert_null(registry_chair_on(&book, begin, &error));
    assert_int_equal(add("KZ", 5, 5, &spans, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "to");
    struct chair_term term = term_of("KZ", begin, begin + 1);
    term.vacant = 1;
    assert_int_equal(registry_chair_add(&book, &term, &member, &spans, &changed, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "code");
    term = term_of("KZ", begin, begin + 7); /* nobody of that code */
    assert_int_equal(registry_chair_add(&book, &term, NULL, &spans, &changed, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_span(&spans, 0, 0, 7, "KZ");
    term.code = TEXT_NONE;
    assert_int_equal(registry_chair_add(&book, &term, NULL, &spans, &changed, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(book.terms.count, 0);
}

static void
test_repeat_and_bounds(void **state)
{
    (void)state;
    struct registry_spans spans;
    struct error error = {0};
    bool changed;
    reset();
    add_status(PARTICIPANT_MEMBER, begin);
    for (int i = 0; i < 128; i++)
        assert_int_equal(add("KZ", i, i + 1, &spans, &error), STATUS_OK);
    struct chair_term term = term_of("KZ", begin + 3, begin + 4);
    assert_int_equal(registry_chair_add(&book, &term, &member, &spans, &changed, &error),
                     STATUS_OK);
    assert_false(changed);
    term.vacant = 0; /* said, but the same */
    assert_int_equal(registry_chair_add(&book, &term, &member, &spans, &changed, &error),
                     STATUS_OK);
    assert_false(changed);
    assert_int_equal(add("KZ", 128, 129, &spans, &error), STATUS_FAILED_PRECONDITION);
    assert_int_equal(book.terms.count, 128);
    /* more spans than fit */
    for (int i = 0; i < 30; i++)
        add_status(i % 2 ? PARTICIPANT_MEMBER : PARTICIPANT_OBSERVER, begin + 2 * i);
    assert_int_equal(registry_chair_keeps(&book, &member, &spans, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(spans.count, REGISTRY_SPANS_MAX);
}

static bool
is_member_throughout(date_day from, date_day to)
{
    for (date_day day = from; day < to; day++)
        if (registry_participant_on(&member, day) != PARTICIPANT_MEMBER)
            return false;
    return true;
}

static void
check_book(void)
{
    for (uint32_t i = 0; i < book.terms.count; i++) {
        const struct chair_term *term = &book.terms.items[i];
        assert_true(term->from < term->to);
        if (i)
            assert_int_equal(term->from, book.terms.items[i - 1].to);
        if (term->vacant != 1)
            assert_true(is_member_throughout(term->from, term->to));
    }
}

/* Accepted exactly if a naive reading of the rule accepts it; refused leaves everything as it was.
 */
static void
test_random_terms(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 200; round++) {
        reset();
        date_day at = begin;
        while (member.history.count < 4) {
            add_status(member.history.count % 2 ? PARTICIPANT_OBSERVER : PARTICIPANT_MEMBER, at);
            at += 1 + (date_day)(next_random(&seed) % 80);
        }
        for (int i = 0; i < 60; i++) {
            struct registry_spans spans;
            struct error error = {0};
            bool vacant = next_random(&seed) % 4 == 0;
            int from = (int)(next_random(&seed) % DAYS), to = from + (int)(next_random(&seed) % 20);
            uint32_t count = book.terms.count;
            if (count && i % 2) { /* half of them at an end, so that the book grows */
                from = book.terms.items[count - 1].to - begin;
                to = from + 1 + (int)(next_random(&seed) % 20);
            }
            bool fits = !count || book.terms.items[count - 1].to == begin + from ||
                        book.terms.items[0].from == begin + to;
            bool good =
                from < to && fits && (vacant || is_member_throughout(begin + from, begin + to));
            for (uint32_t k = 0; k < count; k++)
                good |= book.terms.items[k].from == begin + from &&
                        book.terms.items[k].to == begin + to &&
                        (book.terms.items[k].vacant == 1) == vacant;
            copy = book;
            enum status status = add(vacant ? NULL : "KZ", from, to, &spans, &error);
            assert_int_equal(status == STATUS_OK, good);
            if (status == STATUS_FAILED_PRECONDITION)
                assert_true(spans.count > 0);
            if (status != STATUS_OK)
                assert_memory_equal(&copy, &book, sizeof book);
            check_book();
            assert_int_equal(registry_chair_keeps(&book, &member, &spans, &error), STATUS_OK);
        }
        if (!book.terms.count)
            continue;
        /* withdrawal on a day of a term is refused, after the last it is not */
        struct registry_spans spans;
        struct error error = {0};
        date_day end = begin;
        for (uint32_t k = 0; k < book.terms.count; k++)
            end = book.terms.items[k].vacant == 1 ? end : book.terms.items[k].to;
        member.history.items[member.history.count] = member.history.items[member.history.count - 1];
        struct status_entry *last = &member.history.items[member.history.count++];
        last->status = PARTICIPANT_FORMER;
        last->from = end;
        assert_int_equal(registry_chair_keeps(&book, &member, &spans, &error), STATUS_OK);
        last->from = end - 1;
        assert_int_equal(registry_chair_keeps(&book, &member, &spans, &error),
                         end > begin ? STATUS_FAILED_PRECONDITION : STATUS_OK);
    }
}

static enum status
correct(const char *code, int wrong, int from, int to, struct registry_spans *spans,
        uint32_t *count, struct error *error)
{
    uint32_t first = 0;
    struct chair_term term = term_of(code, begin + from, begin + to);
    term.supersedes = begin + wrong;
    enum status status = registry_chair_correct(&book, &term, spans, &first, count, error);
    for (uint32_t i = first; status == STATUS_OK && i < first + *count; i++)
        status = registry_chair_member(&book.terms.items[i], &member, spans, error);
    return status;
}

static void
test_a_handover_moves(void **state)
{
    (void)state;
    struct registry_spans spans;
    struct error error = {0};
    uint32_t count;
    reset();
    add_status(PARTICIPANT_MEMBER, begin);
    assert_int_equal(add("KZ", 10, 20, &spans, &error), STATUS_OK);
    assert_int_equal(add(NULL, 20, 30, &spans, &error), STATUS_OK);
    assert_int_equal(add("KZ", 30, 40, &spans, &error), STATUS_OK);
    assert_int_equal(correct("KZ", 30, 33, 43, &spans, &count, &error), STATUS_OK);
    assert_int_equal(count, 2); /* the vacancy before it lasts until then */
    assert_int_equal(book.terms.items[1].to, begin + 33);
    assert_int_equal(book.terms.items[1].supersedes, begin + 20);
    assert_int_equal(book.history.count, 5);
    assert_int_equal(book.history.items[2].from, begin + 30); /* the old one stays */
    assert_int_equal(correct("KZ", 30, 33, 43, &spans, &count, &error), STATUS_OK);
    assert_int_equal(count, 0); /* a repetition */
    assert_int_equal(correct("KZ", 30, 34, 43, &spans, &count, &error), STATUS_FAILED_PRECONDITION);
    assert_string_equal(error.field, "supersedes");
    assert_int_equal(add("KZ", 30, 40, &spans, &error), STATUS_OK); /* known, and corrected since */
    assert_int_equal(book.terms.items[2].from, begin + 33);
    assert_int_equal(correct("KZ", 33, 20, 43, &spans, &count, &error), STATUS_FAILED_PRECONDITION);
    assert_span(&spans, 0, 20, 33, NULL); /* no day would be left to the vacancy */
    assert_int_equal(correct("KZ", 10, -3, 20, &spans, &count, &error), STATUS_FAILED_PRECONDITION);
    assert_span(&spans, 0, -3, 0, "KZ");
}

/* The naive replay of the recorded terms: a slot for every first day. */
static const struct chair_term *
replayed(date_day day)
{
    static int slots[3 * DAYS];
    for (int i = 0; i < 3 * DAYS; i++)
        slots[i] = -1;
    for (uint32_t i = 0; i < book.history.count; i++) {
        const struct chair_term *term = &book.history.items[i];
        if (term->supersedes != DATE_NONE)
            slots[term->supersedes - begin + DAYS] = -1;
        slots[term->from - begin + DAYS] = (int)i;
    }
    for (int at = day - begin + DAYS; at >= 0; at--)
        if (slots[at] >= 0)
            return day < book.history.items[slots[at]].to ? &book.history.items[slots[at]] : NULL;
    return NULL;
}

/* Whatever is appointed and corrected: no gap, no overlap, a member on every day, and on any day
 * the chair is that of a replay of what was recorded. */
static void
test_random_corrections(void **state)
{
    (void)state;
    const char *given = getenv("CBM_TEST_SEED");
    uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : 2024;
    unsigned corrected = 0;
    print_message("seed %u\n", (unsigned)seed);
    for (int round = 0; round < 100; round++) {
        struct registry_spans spans;
        struct error error = {0};
        reset();
        add_status(PARTICIPANT_MEMBER, begin);
        add("KZ", 0, 5, &spans, &error);
        for (int i = 0; i < 40; i++) {
            uint32_t last = book.terms.count - 1, count;
            int end = book.terms.items[last].to - begin;
            if (end < DAYS - 20 && i % 2 == 0)
                add(next_random(&seed) % 4 ? "KZ" : NULL, end,
                    end + 1 + (int)(next_random(&seed) % 15), &spans, &error);
            const struct chair_term *term =
                &book.terms.items[next_random(&seed) % book.terms.count];
            int wrong = term->from - begin, from = wrong + (int)(next_random(&seed) % 9) - 4;
            copy = book;
            enum status status =
                correct(next_random(&seed) % 4 ? "KZ" : NULL, wrong, from,
                        from + (int)(next_random(&seed) % 20), &spans, &count, &error);
            corrected += status == STATUS_OK && count;
            if (status != STATUS_OK)
                book = copy; /* as the handler does, which saves nothing */
            check_book();
            for (date_day day = begin - 10; day < begin + DAYS; day++) {
                const struct chair_term *on = registry_chair_on(&book, day, NULL);
                const struct chair_term *naive = replayed(day);
                assert_int_equal(on != NULL, naive != NULL);
                if (on)
                    assert_true(on->from == naive->from && on->to == naive->to &&
                                text_equal(on->code, naive->code));
            }
        }
    }
    assert_true(corrected > 500); /* and it is not all refused */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_repeat_and_bounds),
        cmocka_unit_test(test_random_terms),
        cmocka_unit_test(test_a_handover_moves),
        cmocka_unit_test(test_random_corrections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
