// LINK: services/events/events_domain_plan.c services/events/events_domain_year.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/buf.c common/base/date.c common/base/dated.c common/base/text.c common/base/status.c
/* The rules of the annual plan: every step from every status, what it was, and the numbers of a
 * year. It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "services/events/events_plan.h"

static struct plan plan;
static struct error error;

static void
fresh(int status, int64_t version)
{
    schema_init(&plan_schema, &plan);
    plan.present = true;
    plan.year = 2026;
    plan.version = version;
    plan.status = status;
}

/* Takes a step that must be possible. */
static struct plan_step *
take(enum events_plan_action action, int64_t at_ms)
{
    struct events_plan_step step;
    assert_int_equal(events_plan_step(&plan, action, &step, &error), STATUS_OK);
    return events_plan_take(&plan, action, &step, at_ms, TEXT_LITERAL("me"));
}

/* ---- its life -------------------------------------------------------------------------------- */

/* What the domain says, written another way: rows statuses, columns actions. */
static const char *const wanted[4][EVENTS_PLAN_ACTION_COUNT] = {
    /* submit adopt return close */
    {"submitted", "adopted", NULL, NULL},
    {NULL, "adopted", "open", NULL},
    {NULL, NULL, NULL, "closed"},
    {NULL, NULL, NULL, NULL},
};
static const char *const actions[] = {"submit", "adopt", "return", "close"};

static void
test_every_step(void **state)
{
    (void)state;
    for (int status = PLAN_OPEN; status < plan_status_end; status++)
        for (int action = 0; action < EVENTS_PLAN_ACTION_COUNT; action++) {
            struct events_plan_step step;
            const char *next = wanted[status - 1][action];
            fresh(status, 3);
            enum status got =
                events_plan_step(&plan, (enum events_plan_action)action, &step, &error);
            assert_int_equal(got, next ? STATUS_OK : STATUS_FAILED_PRECONDITION);
            if (next) {
                assert_string_equal(plan_status_words[step.next - 1], next);
                assert_string_equal(step.from, plan_status_words[status - 1]);
                continue;
            }
            for (int other = 0; other < EVENTS_PLAN_ACTION_COUNT; other++)
                if (other != action && other != EVENTS_PLAN_RETURN && wanted[status - 1][other])
                    assert_non_null(strstr(error.message, actions[other]));
        }
}

static void
test_versions(void **state)
{
    (void)state;
    char id[EVENTS_PLAN_DECISION_MAX];
    fresh(PLAN_OPEN, 1);
    take(EVENTS_PLAN_SUBMIT, 1234)->pages = 2;
    events_plan_decision(&plan, id);
    assert_string_equal(id, "plan-2026-v1");
    assert_int_equal(plan.history.items[0].at, 1000);
    take(EVENTS_PLAN_RETURN, 2000);
    assert_int_equal(plan.version, 2);
    assert_int_equal(plan.adopted_version, INT_NONE);
    take(EVENTS_PLAN_SUBMIT, 3000)->pages = 1;
    take(EVENTS_PLAN_ADOPT, 4000);
    assert_int_equal(plan.adopted_version, 2);
    take(EVENTS_PLAN_CLOSE, 5000)->pages = 1;
    assert_int_equal(plan.version, 3);
    assert_int_equal(plan.adopted_version, 2);
    assert_int_equal(events_plan_newest(&plan), 3);
    assert_int_equal(events_plan_kept(&plan, 1)->pages, 2);
    assert_null(events_plan_kept(&plan, 4));
}

static void
test_as_it_was(void **state)
{
    (void)state;
    struct plan whole;
    test_versions(state);
    plan.decision = plan.history.items[3].decision = TEXT_LITERAL("plan-2026-v2");
    plan.history.items[2].decision = plan.decision;
    plan.history.items[0].decision = TEXT_LITERAL("plan-2026-v1");
    plan.digest = TEXT_LITERAL("d");
    whole = plan;
    assert_false(events_plan_as_of(&plan, 999));
    assert_true(events_plan_as_of(&plan, 1000));
    assert_int_equal(plan.status, PLAN_SUBMITTED);
    assert_int_equal(plan.version, 1);
    assert_null(plan.digest.ptr); /* that of another submission */
    assert_true(text_is(plan.decision, "plan-2026-v1"));
    plan = whole;
    assert_true(events_plan_as_of(&plan, 2999));
    assert_int_equal(plan.status, PLAN_OPEN);
    assert_null(plan.decision.ptr);
    plan = whole;
    assert_true(events_plan_at_version(&plan, 2));
    assert_int_equal(plan.status, PLAN_ADOPTED);
    assert_int_equal(plan.adopted_version, 2);
    assert_true(text_is(plan.digest, "d"));
    plan = whole;
    assert_false(events_plan_at_version(&plan, 9));
    assert_true(events_plan_as_of(&plan, INT64_MAX));
    assert_memory_equal(&plan, &whole, sizeof plan);
}

static void
test_room_for_the_end(void **state)
{
    (void)state;
    struct events_plan_step step;
    fresh(PLAN_OPEN, 1);
    int64_t at = 0;
    while (events_plan_step(&plan, EVENTS_PLAN_SUBMIT, &step, &error) == STATUS_OK) {
        take(EVENTS_PLAN_SUBMIT, ++at * 1000);
        take(EVENTS_PLAN_RETURN, ++at * 1000);
        assert_true(at < 100);
    }
    assert_non_null(strstr(error.message, "too often"));
    take(EVENTS_PLAN_ADOPT, ++at * 1000);
    take(EVENTS_PLAN_CLOSE, ++at * 1000);
    assert_int_equal(plan.history.count, at); /* nothing was pushed out */
}

static void
test_ids_of_decisions(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int64_t year;
    } cases[] = {{"plan-2026-v1", 2026},
                 {"plan-2026-v12", 2026},
                 {"plan-2026-v", 0},
                 {"plan-2026", 0},
                 {"plan-20x6-v1", 0},
                 {"soc-2026-v1-plan", 0},
                 {"", 0},
                 {"plans-2026-v1", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(events_plan_decision_year(text_of(cases[i].id)), cases[i].year);
    assert_int_equal(events_plan_decision_year(TEXT_NONE), 0);
}

static void
test_which_decision_adopts(void **state)
{
    (void)state;
    struct text id = TEXT_LITERAL("d");
    struct events_decision decision = {.id = "d", .body = "SOC", .status = DECISION_ADOPTED};
    assert_int_equal(events_plan_adopts(id, &decision, &error), STATUS_OK);
    assert_int_equal(events_plan_adopts(id, NULL, &error), STATUS_FAILED_PRECONDITION);
    decision.status = DECISION_OPEN;
    assert_int_equal(events_plan_adopts(id, &decision, &error), STATUS_FAILED_PRECONDITION);
    decision = (struct events_decision){.id = "d", .body = "SWG", .status = DECISION_ADOPTED};
    assert_int_equal(events_plan_adopts(id, &decision, &error), STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "SWG"));
}

/* ---- the numbers of a year ------------------------------------------------------------------- */

#define DAY_MS DATE_DAY_MS

static struct events_year_event
event_of(const char *id, const char *series, int64_t count, int qualifier)
{
    return (struct events_year_event){.id = text_of(id),
                                      .title = text_of(id),
                                      .host = TEXT_LITERAL("KZ"),
                                      .series = text_of(series),
                                      .status = EVENT_REPORTED,
                                      .planned = true,
                                      .start_ms = 0,
                                      .end_ms = DAY_MS,
                                      .participants_count = count,
                                      .participants_qualifier = qualifier,
                                      .quarter = "1970-Q1"};
}

static struct plan_report *
count(const struct events_year_event *events, unsigned number, int64_t as_of_ms)
{
    static struct plan_report out;
    struct events_known *known = events_known_new();
    struct events_year_input in = {known, 1970, as_of_ms, 100 * DAY_MS, INT_NONE, {{0}}};
    schema_init(&plan_report_schema, &out);
    events_year_count(&in, events, number, &out);
    events_known_destroy(&known);
    return &out;
}

static void
test_a_part_is_not_added_to_its_series(void **state)
{
    (void)state;
    struct events_year_event events[] = {
        event_of("course", NULL, 950, COUNT_MORE_THAN),
        event_of("course-1", "course", INT_NONE, 0),
        event_of("course-2", "course", 510, COUNT_EXACT),
        event_of("course-2-a", "course-2", 5, COUNT_EXACT),
        event_of("other", "nothing", 7, COUNT_ABOUT),
    };
    const struct year_total *total = &count(events, 5, INT64_MAX)->total;
    assert_int_equal(total->participants_count, 957);
    assert_int_equal(total->participants_qualifier, COUNT_MORE_THAN);
    assert_int_equal(total->counted, 2);
    events[0].participants_count = INT_NONE; /* then the parts are all there is */
    total = &count(events, 5, INT64_MAX)->total;
    assert_int_equal(total->participants_count, 517);
    assert_int_equal(total->participants_qualifier, COUNT_ABOUT);
    events[0].participants_count = 950;
    events[0].status = EVENT_CANCELLED; /* and so if it did not take place */
    assert_int_equal(count(events, 5, INT64_MAX)->total.participants_count, 517);
}

static void
test_a_circle_of_series_ends(void **state)
{
    (void)state;
    struct events_year_event events[] = {
        event_of("a", "b", 1, COUNT_EXACT),
        event_of("b", "a", INT_NONE, 0),
        event_of("c", "c", 2, COUNT_EXACT),
    };
    assert_int_equal(count(events, 3, INT64_MAX)->total.participants_count, 3);
}

static void
test_rows_add_up(void **state)
{
    (void)state;
    struct events_year_event events[event_status_end];
    for (int status = EVENT_PROPOSED; status < event_status_end; status++) {
        events[status - 1] = event_of("e", NULL, 1, COUNT_EXACT);
        events[status - 1].status = status;
        events[status - 1].planned = status % 2;
    }
    for (int64_t as_of = DAY_MS - 1; as_of <= DAY_MS; as_of++) {
        const struct plan_report *report = count(events, event_status_end - 1, as_of);
        const struct year_total *all = &report->total;
        assert_int_equal(all->events, 7); /* all but the one that was withdrawn */
        assert_int_equal(all->proposed + all->accepted + all->scheduled + all->held +
                             all->postponed + all->cancelled,
                         all->events);
        assert_int_equal(all->planned + all->additional, all->events);
        assert_int_equal(all->held, as_of == DAY_MS ? 2 : 0);
        assert_int_equal(report->by_quarter.count, 4);
        assert_int_equal(report->by_quarter.items[0].events, 7);
        assert_int_equal(report->by_format.count, 4); /* and "-" */
    }
}

static void
test_more_names_than_rows(void **state)
{
    (void)state;
    static struct events_year_event events[400];
    static char names[400][16];
    for (int i = 0; i < 400; i++) {
        snprintf(names[i], sizeof names[i], "H%03d", i);
        events[i] = event_of(names[i], NULL, 1, COUNT_EXACT);
        events[i].host = text_of(names[i]);
    }
    const struct plan_report *report = count(events, 400, INT64_MAX);
    int64_t sum = 0;
    for (uint32_t i = 0; i < report->by_host.count; i++)
        sum += report->by_host.items[i].events;
    assert_int_equal(report->by_host.count, 256);
    assert_int_equal(sum, 400);
    assert_true(text_is(report->by_host.items[255].name, "others"));
}

static void
test_overdue(void **state)
{
    (void)state;
    struct events_year_event events[300];
    for (int i = 0; i < 300; i++) { /* the later ones are due first */
        events[i] = event_of("e", NULL, INT_NONE, 0);
        events[i].status = i % 2 ? EVENT_HELD : EVENT_SCHEDULED;
        events[i].end_ms = (int64_t)(300 - i) * DAY_MS / 10;
    }
    const struct plan_report *report = count(events, 300, INT64_MAX);
    assert_int_equal(report->overdue_count, 300);
    assert_int_equal(report->hold_due, 150);
    assert_int_equal(report->overdue.count, 256);
    for (uint32_t i = 1; i < report->overdue.count; i++)
        assert_true(report->overdue.items[i - 1].due <= report->overdue.items[i].due);
    report = count(events, 1, 61 * DAY_MS); /* it ended in 30 days, and is due in 59 */
    assert_int_equal(report->overdue.items[0].ended, 29);
    assert_int_equal(report->overdue.items[0].due, 59);
    assert_int_equal(count(events, 1, 60 * DAY_MS)->overdue_count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_as_it_was),
        cmocka_unit_test(test_room_for_the_end),
        cmocka_unit_test(test_ids_of_decisions),
        cmocka_unit_test(test_which_decision_adopts),
        cmocka_unit_test(test_a_part_is_not_added_to_its_series),
        cmocka_unit_test(test_a_circle_of_series_ends),
        cmocka_unit_test(test_rows_add_up),
        cmocka_unit_test(test_more_names_than_rows),
        cmocka_unit_test(test_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
