// LINK: services/events/events_domain_delegation.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/dated.c common/base/date.c common/base/text.c common/base/status.c
/* Delegations: who may, until when, who gets a place and who waits.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/events/events_delegation.h"

static struct registration_book book;
static struct error error;

static int
fresh(void **state)
{
    (void)state;
    events_delegation_book(&book, TEXT_LITERAL("e"));
    return 0;
}

static enum status
put(const char *member, int64_t people, enum delegation_mode mode)
{
    struct registration_entry *entry;
    struct events_wish wish = {text_of(member), people, mode};
    return events_delegation_place(&book, &wish, &entry, &error);
}

static int
stands(const char *member)
{
    const struct registration_entry *entry = events_delegation_entry(&book, text_of(member));
    return entry ? entry->status : 0;
}

static void
withdraw(const char *member)
{
    events_delegation_entry(&book, text_of(member))->status = DELEGATION_WITHDRAWN;
}

/* The codes moved up, by space. */
static const char *
moved_up(void)
{
    static char all[200];
    struct text moved[EVENTS_DELEGATIONS_MAX];
    unsigned count = events_delegation_move_up(&book, moved);
    size_t len = 0;
    *all = '\0';
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%.*s", i ? " " : "",
                                TEXT_ARG(moved[i]));
    return all;
}

static void
test_waiting_in_order(void **state)
{
    (void)state;
    book.places = 5;
    assert_int_equal(put("KZ", 3, DELEGATION_IN_PERSON), STATUS_OK);
    assert_int_equal(put("CN", 3, DELEGATION_IN_PERSON), STATUS_OK);
    assert_int_equal(stands("CN"), DELEGATION_WAITING);
    /* one place would fit, but China came first */
    assert_int_equal(put("AZ", 1, DELEGATION_IN_PERSON), STATUS_OK);
    assert_int_equal(stands("AZ"), DELEGATION_WAITING);
    assert_int_equal(put("TJ", 50, DELEGATION_ONLINE), STATUS_OK);
    assert_int_equal(stands("TJ"), DELEGATION_REGISTERED);
    assert_string_equal(moved_up(), "");
    withdraw("KZ");
    assert_string_equal(moved_up(), "CN AZ");
    /* who withdrew comes last */
    assert_int_equal(put("KZ", 3, DELEGATION_IN_PERSON), STATUS_OK);
    assert_int_equal(stands("KZ"), DELEGATION_WAITING);
    assert_int_equal(events_delegation_entry(&book, TEXT_LITERAL("KZ"))->number, 5);
}

static void
test_the_first_who_waits_holds_the_line(void **state)
{
    (void)state;
    book.places = 4;
    put("KZ", 2, DELEGATION_IN_PERSON);
    put("CN", 2, DELEGATION_IN_PERSON);
    put("AZ", 4, DELEGATION_IN_PERSON);
    put("TJ", 1, DELEGATION_IN_PERSON);
    withdraw("KZ");
    assert_string_equal(moved_up(), ""); /* AZ needs four */
    assert_int_equal(put("AZ", 2, DELEGATION_IN_PERSON), STATUS_OK);
    assert_int_equal(events_delegation_entry(&book, TEXT_LITERAL("AZ"))->number, 3);
    assert_string_equal(moved_up(), "AZ");
    withdraw("AZ");
    assert_string_equal(moved_up(), "TJ");
}

static void
test_changes_of_who_has_a_place(void **state)
{
    (void)state;
    book.places = 4;
    put("KZ", 2, DELEGATION_IN_PERSON);
    put("CN", 1, DELEGATION_IN_PERSON);
    put("AZ", 9, DELEGATION_ONLINE);
    assert_int_equal(put("KZ", 4, DELEGATION_IN_PERSON), STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "2 more places are needed and 1 are free"));
    assert_int_equal(put("KZ", 3, DELEGATION_IN_PERSON), STATUS_OK);
    assert_int_equal(put("AZ", 9, DELEGATION_IN_PERSON), STATUS_FAILED_PRECONDITION);
    assert_int_equal(stands("AZ"), DELEGATION_REGISTERED);
    assert_int_equal(put("KZ", 3, DELEGATION_ONLINE), STATUS_OK);
    put("TJ", 4, DELEGATION_IN_PERSON);
    assert_int_equal(stands("TJ"), DELEGATION_WAITING);
    assert_int_equal(put("TJ", 4, DELEGATION_ONLINE), STATUS_OK); /* need not wait for that */
    assert_int_equal(stands("TJ"), DELEGATION_REGISTERED);
}

static void
test_quota_and_terms(void **state)
{
    struct registration terms;
    (void)state;
    book.quota = 2;
    assert_int_equal(put("KZ", 3, DELEGATION_IN_PERSON), STATUS_FAILED_PRECONDITION);
    assert_int_equal(put("KZ", 3, DELEGATION_ONLINE), STATUS_OK);
    assert_int_equal(put("CN", 2, DELEGATION_IN_PERSON), STATUS_OK);
    book.places = 0;
    assert_int_equal(put("AZ", 1, DELEGATION_IN_PERSON), STATUS_OK);
    events_delegation_terms(&book, &terms);
    assert_int_equal(terms.taken, 2);
    assert_int_equal(terms.delegations, 2);
    assert_int_equal(terms.waiting, 1);
    book.places = 3; /* more places were found */
    assert_string_equal(moved_up(), "AZ");
    book.places = INT_NONE;
    assert_string_equal(moved_up(), "");
}

static void
test_full_book(void **state)
{
    char codes[EVENTS_DELEGATIONS_MAX + 1][16];
    (void)state;
    for (int i = 0; i <= EVENTS_DELEGATIONS_MAX; i++) {
        snprintf(codes[i], sizeof codes[i], "C%d", i);
        assert_int_equal(put(codes[i], 1, DELEGATION_ONLINE),
                         i < EVENTS_DELEGATIONS_MAX ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED);
    }
}

static void
test_deadline(void **state)
{
    static struct event event;
    (void)state;
    schema_init(&event_schema, &event);
    event.id = TEXT_LITERAL("e");
    event.status = EVENT_SCHEDULED;
    assert_int_equal(events_delegation_open(&book, &event, INT64_MAX, &error), STATUS_OK);
    assert_int_equal(events_delegation_before_ms(&book), 0);
    assert_true(when_parse(TEXT_LITERAL("2021-07-13"), &book.deadline));
    int64_t end = events_delegation_before_ms(&book);
    assert_int_equal(end, book.deadline.ms + DATE_DAY_MS); /* the day counts */
    assert_int_equal(events_delegation_open(&book, &event, end - 1, &error), STATUS_OK);
    assert_int_equal(events_delegation_open(&book, &event, end, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_true(when_parse(TEXT_LITERAL("2021-07-13T08:00:00Z"), &book.deadline));
    assert_int_equal(events_delegation_before_ms(&book), book.deadline.ms);
    static const enum event_status over[] = {EVENT_HELD, EVENT_REPORTED, EVENT_CANCELLED,
                                             EVENT_WITHDRAWN};
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        event.status = (int)over[i];
        assert_int_equal(events_delegation_open(&book, &event, 0, &error),
                         STATUS_FAILED_PRECONDITION);
    }
}

static void
test_who_may_and_who_sees(void **state)
{
    static struct event event;
    const struct events_actor secretariat = {PERMIT_SECRETARIAT, ""}, host = {PERMIT_MEMBER, "KZ"},
                              member = {PERMIT_MEMBER, "CN"}, observer = {PERMIT_OBSERVER, "ID"},
                              chair = {PERMIT_CHAIR, ""}, odd = {PERMIT_SUBSCRIBER, "CN"};
    struct text kz = TEXT_LITERAL("KZ"), cn = TEXT_LITERAL("CN"), id = TEXT_LITERAL("ID");
    (void)state;
    schema_init(&event_schema, &event);
    event.host = kz;
    assert_int_equal(events_delegation_may_open(&secretariat, &event, &error), STATUS_OK);
    assert_int_equal(events_delegation_may_open(&host, &event, &error), STATUS_OK);
    assert_int_equal(events_delegation_may_open(&member, &event, &error), STATUS_PERMISSION_DENIED);
    assert_int_equal(events_delegation_may(&member, cn, &error), STATUS_OK);
    assert_int_equal(events_delegation_may(&observer, id, &error), STATUS_OK);
    assert_int_equal(events_delegation_may(&host, cn, &error), STATUS_PERMISSION_DENIED);
    assert_int_equal(events_delegation_may(&odd, cn, &error), STATUS_PERMISSION_DENIED);
    assert_true(events_delegation_sees(&secretariat, kz, cn));
    assert_true(events_delegation_sees(&host, kz, cn));
    assert_true(events_delegation_sees(&member, kz, cn));
    assert_false(events_delegation_sees(&member, kz, id));
    assert_false(events_delegation_sees(&observer, kz, cn));
    assert_false(events_delegation_sees(&chair, kz, cn));
    assert_false(events_delegation_sees(&odd, kz, cn));
}

static void
test_observers_where_admitted(void **state)
{
    static struct participant participant;
    struct events_known *known = events_known_new();
    (void)state;
    assert_non_null(known);
    schema_init(&participant_schema, &participant);
    participant.code = TEXT_LITERAL("ID");
    participant.status = PARTICIPANT_OBSERVER;
    assert_true(events_known_put_participant(known, &participant));
    assert_int_equal(events_delegation_admits(&book, participant.code, known, 0, &error),
                     STATUS_FAILED_PRECONDITION);
    book.observers = 1;
    assert_int_equal(events_delegation_admits(&book, participant.code, known, 0, &error),
                     STATUS_OK);
    assert_int_equal(events_delegation_admits(&book, TEXT_LITERAL("XX"), known, 0, &error),
                     STATUS_INVALID_ARGUMENT);
    participant.status = PARTICIPANT_FORMER;
    assert_true(events_known_put_participant(known, &participant));
    assert_int_equal(events_delegation_admits(&book, participant.code, known, 0, &error),
                     STATUS_INVALID_ARGUMENT);
    participant.status = PARTICIPANT_MEMBER;
    book.observers = BOOL_NONE;
    assert_true(events_known_put_participant(known, &participant));
    assert_int_equal(events_delegation_admits(&book, participant.code, known, 0, &error),
                     STATUS_OK);
    events_known_destroy(&known);
}

static void
test_persons(void **state)
{
    static struct delegation_register in;
    (void)state;
    schema_init(&delegation_register_schema, &in);
    in.head.name = TEXT_LITERAL("Secret Person");
    in.delegates.count = 1;
    in.delegates.items[0] = (struct delegate){true, TEXT_LITERAL("Other"), TEXT_NONE};
    assert_int_equal(events_delegation_check(&in, &error), STATUS_OK);
    in.delegates.items[0].name = in.head.name;
    assert_int_equal(events_delegation_check(&in, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "delegates[0]");
    assert_null(strstr(error.message, "Secret")); /* messages are logged */
    in.delegates.items[0].name = TEXT_LITERAL("a\nb");
    assert_int_equal(events_delegation_check(&in, &error), STATUS_INVALID_ARGUMENT);
}

/* Random wishes and withdrawals against a model as plain as can be: never more taken than there are
 * places, and nobody is passed over by who came later. */
static void
test_random(void **state)
{
    static const char *const codes[] = {"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"};
    (void)state;
    srand(7);
    for (int round = 0; round < 2000; round++) {
        if (round % 100 == 0) {
            fresh(NULL);
            book.places = rand() % 12;
        }
        const char *code = codes[rand() % 8];
        if (stands(code) && rand() % 3 == 0)
            withdraw(code);
        else
            put(code, 1 + rand() % 5, rand() % 4 ? DELEGATION_IN_PERSON : DELEGATION_ONLINE);
        moved_up();
        int64_t taken = 0, first = INT64_MAX, first_people = 0;
        for (uint32_t i = 0; i < book.entries.count; i++) {
            const struct registration_entry *entry = &book.entries.items[i];
            if (entry->status == DELEGATION_REGISTERED && entry->mode == DELEGATION_IN_PERSON)
                taken += entry->people;
            if (entry->status == DELEGATION_WAITING && entry->number < first) {
                first = entry->number;
                first_people = entry->people;
            }
        }
        assert_true(taken <= book.places);
        assert_true(first == INT64_MAX || first_people > book.places - taken);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_waiting_in_order, fresh),
        cmocka_unit_test_setup(test_the_first_who_waits_holds_the_line, fresh),
        cmocka_unit_test_setup(test_changes_of_who_has_a_place, fresh),
        cmocka_unit_test_setup(test_quota_and_terms, fresh),
        cmocka_unit_test_setup(test_full_book, fresh),
        cmocka_unit_test_setup(test_deadline, fresh),
        cmocka_unit_test_setup(test_who_may_and_who_sees, fresh),
        cmocka_unit_test_setup(test_observers_where_admitted, fresh),
        cmocka_unit_test_setup(test_persons, fresh),
        cmocka_unit_test_setup(test_random, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
