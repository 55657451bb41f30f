// LINK: services/registry/registry_domain.c services/registry/registry_domain_participant.c common/base/text.c common/base/date.c common/base/dated.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c
/* Participants: what may be recorded, and what was in effect on a day against a naive replay.
 * It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/registry/registry_domain.h"

#define DAYS 120
#define ROUNDS 300

static const date_day begin = 18000;

/* A small generator with a fixed seed: a failure can be repeated. */
static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static struct participant_put
put_of(const char *code, const char *name)
{
    struct participant_put in;
    schema_init(&participant_put_schema, &in);
    in.code = text_of(code);
    in.name = text_of(name);
    return in;
}

static struct participant_change
change_of(const char *code, enum participant_status status, date_day from)
{
    struct participant_change in;
    schema_init(&participant_change_schema, &in);
    in.code = text_of(code);
    in.status = status;
    in.from = from;
    return in;
}

static struct participant *
make(const char *code, enum participant_kind kind, enum participant_status status, date_day since)
{
    struct participant *participant = malloc(sizeof *participant);
    assert_non_null(participant);
    struct participant_put in = put_of(code, "Name");
    in.kind = kind;
    in.status = status;
    in.since = since;
    struct error error = {0};
    assert_int_equal(registry_participant_create(&in, begin, participant, &error), STATUS_OK);
    return participant;
}

static enum status
change(struct participant *participant, enum participant_status status, date_day from,
       struct error *error)
{
    struct participant_change in = change_of("KZ", status, from);
    enum participant_status before;
    bool changed;
    return registry_participant_change(participant, &in, &before, &changed, error);
}

static void
test_create(void **state)
{
    (void)state;
    struct participant participant;
    struct error error = {0};
    struct participant_put in = put_of("KZ", "Kazakhstan");
    assert_int_equal(registry_participant_create(&in, begin, &participant, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "kind");

    in.kind = PARTICIPANT_STATE;
    assert_int_equal(registry_participant_create(&in, begin, &participant, &error), STATUS_OK);
    assert_int_equal(participant.status, PARTICIPANT_APPLICANT);
    assert_int_equal(participant.since, begin);
    assert_int_equal(participant.history.count, 1);
    assert_int_equal(participant.name_history.count, 1);

    in.status = PARTICIPANT_MEMBER;
    assert_int_equal(registry_participant_create(&in, begin, &participant, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "since");

    in.since = begin + 10; /* still to come: the answer shows it all the same */
    assert_int_equal(registry_participant_create(&in, begin, &participant, &error), STATUS_OK);
    assert_int_equal(participant.status, PARTICIPANT_MEMBER);
    assert_int_equal(participant.since, begin + 10);
    assert_true(text_is(participant.name, "Kazakhstan"));
    assert_false(registry_participant_view(&participant, begin, false));
}

static void
test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum participant_kind kind;
        enum participant_status status;
        const char *field; /* NULL: allowed */
    } rows[] = {
        {"KZ", PARTICIPANT_STATE, PARTICIPANT_MEMBER, NULL},
        {"KZ", PARTICIPANT_STATE, PARTICIPANT_OBSERVER, NULL},
        {"KZ", PARTICIPANT_STATE, PARTICIPANT_APPLICANT, NULL},
        {"KZ", PARTICIPANT_STATE, PARTICIPANT_FORMER, NULL},
        {"KZ", PARTICIPANT_STATE, PARTICIPANT_PARTNER, "status"},
        {"ECO", PARTICIPANT_ORGANISATION, PARTICIPANT_PARTNER, NULL},
        {"UN", PARTICIPANT_ORGANISATION, PARTICIPANT_OBSERVER, NULL},
        {"ECO", PARTICIPANT_ORGANISATION, PARTICIPANT_MEMBER, "status"},
        {"KAZ", PARTICIPANT_STATE, PARTICIPANT_MEMBER, "code"},
        {"K1", PARTICIPANT_STATE, PARTICIPANT_MEMBER, "code"},
        {"K-", PARTICIPANT_STATE, PARTICIPANT_MEMBER, "code"},
        {"SECRETARIAT", PARTICIPANT_ORGANISATION, PARTICIPANT_PARTNER, "code"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct participant participant;
        struct error error = {0};
        struct participant_put in = put_of(rows[i].code, "Name");
        in.kind = rows[i].kind;
        in.status = rows[i].status;
        in.since = begin;
        enum status status = registry_participant_create(&in, begin, &participant, &error);
        assert_int_equal(status, rows[i].field ? STATUS_INVALID_ARGUMENT : STATUS_OK);
        assert_string_equal(error.field, rows[i].field ? rows[i].field : "");
    }
}

/* Turkey, then Türkiye; both puts repeated change nothing. */
static void
test_names(void **state)
{
    (void)state;
    struct participant participant;
    struct error error = {0};
    bool changed;
    struct participant_put first = put_of("TR", "Turkey");
    first.kind = PARTICIPANT_STATE;
    first.status = PARTICIPANT_MEMBER;
    first.since = begin - 1000;
    assert_int_equal(registry_participant_create(&first, begin, &participant, &error), STATUS_OK);
    struct participant_put second = put_of("TR", "Türkiye");
    second.from = begin - 100;
    second.names.count = 2;
    second.names.items[0] = (struct text_pair){text_of("ru"), text_of("Турция")};
    second.names.items[1] = (struct text_pair){text_of("tr"), text_of("Türkiye")};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            registry_participant_rename(&participant, &second, begin, &changed, &error), STATUS_OK);
        assert_int_equal(changed, i == 0);
        assert_int_equal(registry_participant_rename(&participant, &first, begin, &changed, &error),
                         STATUS_OK);
        assert_false(changed);
    }
    struct text_pair swap = second.names.items[0];
    second.names.items[0] = second.names.items[1];
    second.names.items[1] = swap;
    assert_int_equal(registry_participant_rename(&participant, &second, begin, &changed, &error),
                     STATUS_OK);
    assert_false(changed);
    assert_int_equal(participant.name_history.count, 2);

    assert_true(registry_participant_view(&participant, begin - 101, false));
    assert_true(text_is(participant.name, "Turkey"));
    assert_int_equal(participant.names.count, 0);
    assert_true(registry_participant_view(&participant, begin - 100, false));
    assert_true(text_is(participant.name, "Türkiye"));
    assert_int_equal(participant.names.count, 2);

    struct participant_put third = put_of("TR", "Türkiye"); /* today, without names */
    assert_int_equal(registry_participant_rename(&participant, &third, begin, &changed, &error),
                     STATUS_OK);
    assert_false(changed);
    assert_true(registry_participant_view(&participant, begin - 500, true));
    assert_int_equal(participant.name_history.count, 1);
}

static void
test_put_keeps_history(void **state)
{
    (void)state;
    struct participant *participant =
        make("KZ", PARTICIPANT_STATE, PARTICIPANT_OBSERVER, begin - 50);
    struct error error = {0};
    bool changed;
    assert_int_equal(change(participant, PARTICIPANT_MEMBER, begin - 10, &error), STATUS_OK);
    static const struct {
        enum participant_kind kind;
        enum participant_status status;
        int since;
        const char *field;
    } rows[] = {
        {PARTICIPANT_STATE, PARTICIPANT_OBSERVER, -50, NULL},
        {PARTICIPANT_STATE, PARTICIPANT_MEMBER, -10, NULL},
        {0, 0, 0, NULL},
        {PARTICIPANT_ORGANISATION, 0, 0, "kind"},
        {PARTICIPANT_STATE, PARTICIPANT_MEMBER, -50, "status"},
        {PARTICIPANT_STATE, PARTICIPANT_FORMER, -10, "status"},
        {0, 0, -11, "since"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct participant_put in = put_of("KZ", "Name");
        in.kind = rows[i].kind;
        in.status = rows[i].status;
        in.since = rows[i].since ? begin + rows[i].since : DATE_NONE;
        memset(&error, 0, sizeof error);
        enum status status = registry_participant_rename(participant, &in, begin, &changed, &error);
        assert_int_equal(status, rows[i].field ? STATUS_FAILED_PRECONDITION : STATUS_OK);
        assert_string_equal(error.field, rows[i].field ? rows[i].field : "");
        assert_false(changed);
    }
    assert_int_equal(participant->history.count, 2);
    free(participant);
}

static void
test_full(void **state)
{
    (void)state;
    struct participant *participant = make("KZ", PARTICIPANT_STATE, PARTICIPANT_OBSERVER, begin);
    struct error error = {0};
    bool changed;
    for (int i = 1; i < 64; i++)
        assert_int_equal(change(participant, i % 2 ? PARTICIPANT_MEMBER : PARTICIPANT_OBSERVER,
                                begin + i, &error),
                         STATUS_OK);
    assert_int_equal(change(participant, PARTICIPANT_OBSERVER, begin + 64, &error),
                     STATUS_FAILED_PRECONDITION);
    static char names[40][16];
    for (int i = 1; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        struct participant_put in = put_of("KZ", names[i]);
        in.from = begin + i;
        assert_int_equal(registry_participant_rename(participant, &in, begin, &changed, &error),
                         i < 32 ? STATUS_OK : STATUS_FAILED_PRECONDITION);
    }
    free(participant);
}

/* Every pair of statuses, for a state and for an organisation. */
static void
test_steps(void **state)
{
    (void)state;
    static const char *const allowed[] = {
        "applicant>observer", "applicant>member", "applicant>partner", "applicant>former",
        "observer>member",    "observer>former",  "partner>former",    "member>observer",
        "member>former",      "former>member",    "former>observer",   "former>partner",
        "former>applicant"};
    for (int from = 1; from < participant_status_end; from++)
        for (int to = 1; to < participant_status_end; to++) {
            bool organisation = from == PARTICIPANT_PARTNER || to == PARTICIPANT_PARTNER;
            bool state_only = from == PARTICIPANT_MEMBER || to == PARTICIPANT_MEMBER;
            if (organisation && state_only)
                continue;
            char step[64];
            snprintf(step, sizeof step, "%s>%s", participant_status_words[from - 1],
                     participant_status_words[to - 1]);
            bool legal = false;
            for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
                legal |= strcmp(step, allowed[i]) == 0;
            struct participant *participant =
                make(organisation ? "ECO" : "KZ",
                     organisation ? PARTICIPANT_ORGANISATION : PARTICIPANT_STATE,
                     (enum participant_status)from, begin);
            struct error error = {0};
            enum status status =
                change(participant, (enum participant_status)to, begin + 5, &error);
            assert_int_equal(status, legal ? STATUS_OK : STATUS_FAILED_PRECONDITION);
            assert_string_equal(error.field, legal ? "" : "status");
            if (!legal)
                assert_non_null(strstr(error.message, "may become"));
            free(participant);
        }
}

static void
test_repeat_and_correction(void **state)
{
    (void)state;
    struct participant *participant = make("KZ", PARTICIPANT_STATE, PARTICIPANT_OBSERVER, begin);
    struct error error = {0};
    struct participant_change in = change_of("KZ", PARTICIPANT_MEMBER, begin + 10);
    enum participant_status before;
    bool changed;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(registry_participant_change(participant, &in, &before, &changed, &error),
                         STATUS_OK);
        assert_int_equal(changed, i == 0);
    }
    in.decision = text_of("d-1"); /* the same, now with its decision: one more entry */
    assert_int_equal(registry_participant_change(participant, &in, &before, &changed, &error),
                     STATUS_OK);
    assert_true(changed);
    assert_int_equal(participant->history.count, 3);
    /* it was two days earlier */
    assert_int_equal(change(participant, PARTICIPANT_MEMBER, begin + 8, &error), STATUS_OK);
    assert_true(registry_participant_view(participant, begin + 20, false));
    assert_int_equal(participant->since, begin + 8);
    /* it is member already, so there is nothing to become on day 12 */
    assert_int_equal(change(participant, PARTICIPANT_MEMBER, begin + 12, &error),
                     STATUS_FAILED_PRECONDITION);
    /* it never was: observer on the same days supersedes */
    assert_int_equal(change(participant, PARTICIPANT_OBSERVER, begin + 8, &error), STATUS_OK);
    assert_int_equal(registry_participant_on(participant, begin + 9), PARTICIPANT_OBSERVER);
    assert_int_equal(registry_participant_on(participant, begin + 10), PARTICIPANT_MEMBER);
    /* what comes before must fit what is recorded after */
    assert_int_equal(change(participant, PARTICIPANT_APPLICANT, begin - 5, &error), STATUS_OK);
    assert_int_equal(change(participant, PARTICIPANT_PARTNER, begin - 3, &error),
                     STATUS_FAILED_PRECONDITION);
    free(participant);
}

/* The naive truth: entries by first day, in recorded order within a day, painted over the days. */
static void
paint(const struct participant *participant, int days[DAYS])
{
    memset(days, 0, DAYS * sizeof *days);
    for (date_day day = 0; day < DAYS; day++)
        for (uint32_t i = 0; i < participant->history.count; i++)
            if (participant->history.items[i].from == begin + day)
                for (date_day k = day; k < DAYS; k++)
                    days[k] = participant->history.items[i].status;
}

static bool
step_is_legal(int from, int to)
{
    switch (from) {
    case PARTICIPANT_APPLICANT: return to != PARTICIPANT_APPLICANT;
    case PARTICIPANT_OBSERVER: return to == PARTICIPANT_MEMBER || to == PARTICIPANT_FORMER;
    case PARTICIPANT_MEMBER: return to == PARTICIPANT_OBSERVER || to == PARTICIPANT_FORMER;
    case PARTICIPANT_PARTNER: return to == PARTICIPANT_FORMER;
    default: return true;
    }
}

static void
check_against_replay(struct participant *participant)
{
    int days[DAYS];
    paint(participant, days);
    for (date_day day = 0; day < DAYS; day++) {
        assert_int_equal(registry_participant_on(participant, begin + day), days[day]);
        if (day && days[day - 1] && days[day - 1] != days[day])
            assert_true(step_is_legal(days[day - 1], days[day]));
        bool seen = registry_participant_view(participant, begin + day, false);
        assert_int_equal(seen, days[day] != 0);
        if (!seen)
            continue;
        date_day run = day;
        while (run > 0 && days[run - 1] == days[day])
            run--;
        assert_int_equal(participant->status, days[day]);
        assert_int_equal(participant->since, begin + run);
    }
}

static void
test_random_histories(void **state)
{
    (void)state;
    uint32_t seed = 20211012;
    static struct participant before;
    for (int round = 0; round < ROUNDS; round++) {
        bool is_state = round % 3 != 0;
        struct participant *participant =
            make(is_state ? "KZ" : "ECO", is_state ? PARTICIPANT_STATE : PARTICIPANT_ORGANISATION,
                 PARTICIPANT_APPLICANT, begin + (date_day)(next_random(&seed) % DAYS));
        for (int i = 0; i < 60; i++) {
            before = *participant;
            struct error error = {0};
            enum status status =
                change(participant, (enum participant_status)(1 + next_random(&seed) % 5),
                       begin + (date_day)(next_random(&seed) % DAYS), &error);
            assert_true(status == STATUS_OK || status == STATUS_FAILED_PRECONDITION);
            assert_true(participant->history.count >= before.history.count);
            if (status != STATUS_OK)
                assert_int_equal(participant->history.count, before.history.count);
            for (uint32_t k = 0; k < before.history.count; k++) { /* nothing is overwritten */
                assert_int_equal(before.history.items[k].from, participant->history.items[k].from);
                assert_int_equal(before.history.items[k].status,
                                 participant->history.items[k].status);
            }
        }
        check_against_replay(participant);
        /* as it stood: what begins later does not show, and the day is the same without it */
        date_day day = begin + (date_day)(next_random(&seed) % DAYS);
        enum participant_status status = registry_participant_on(participant, day);
        if (registry_participant_view(participant, day, true)) {
            assert_int_equal(registry_participant_on(participant, day), status);
            for (uint32_t k = 0; k < participant->history.count; k++)
                assert_true(participant->history.items[k].from <= day);
        }
        free(participant);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_put_keeps_history),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_repeat_and_correction),
        cmocka_unit_test(test_random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
