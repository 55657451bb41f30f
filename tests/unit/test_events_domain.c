// LINK: services/events/events_domain.c services/events/events_domain_check.c services/events/events_domain_list.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/date.c common/base/dated.c common/base/zone.c common/base/text.c common/base/status.c
/* The rules of events: every step from every status, who may, what may be said.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/events_case.h"

static struct events_known *known;

static void
know_participant(const char *code, int count, const struct status_entry *history)
{
    static struct participant participant;
    schema_init(&participant_schema, &participant);
    participant.code = text_of(code);
    participant.status = PARTICIPANT_MEMBER;
    participant.history.count = (uint32_t)count;
    for (int i = 0; i < count; i++)
        participant.history.items[i] = history[i];
    assert_true(events_known_put_participant(known, &participant));
}

static void
know_catalogue(int64_t revision, const char *dimension, const char *area)
{
    static struct catalogue catalogue;
    schema_init(&catalogue_schema, &catalogue);
    catalogue.revision = revision;
    catalogue.dimensions.count = 2;
    catalogue.dimensions.items[0].code = text_of(dimension);
    catalogue.dimensions.items[0].areas.count = 1;
    catalogue.dimensions.items[0].areas.items[0].code = text_of(area);
    catalogue.dimensions.items[1].code = TEXT_LITERAL("human");
    catalogue.dimensions.items[1].areas.count = 0;
    assert_true(events_known_put_catalogue(known, &catalogue));
}

static int
setup(void **state)
{
    (void)state;
    static struct area area;
    struct status_entry left[] = {
        {true, PARTICIPANT_MEMBER, DAY("2000-01-01"), TEXT_NONE},
        {true, PARTICIPANT_FORMER, DAY("2022-01-01"), TEXT_NONE},
    };
    known = events_known_new();
    know_participant("CN", 0, NULL);
    know_participant("KZ", 0, NULL);
    know_participant("IR", 0, NULL);
    know_participant("XX", 2, left);
    know_catalogue(2, "economic", "agriculture");
    schema_init(&area_schema, &area);
    area.area = TEXT_LITERAL("agriculture");
    area.history.count = 2;
    area.history.items[0].from = DAY("2020-01-01");
    area.history.items[0].coordinators.count = 1;
    area.history.items[0].coordinators.items[0] = TEXT_LITERAL("KZ");
    area.history.items[1].from = DAY("2022-01-01");
    area.history.items[1].co_coordinators.count = 1;
    area.history.items[1].co_coordinators.items[0] = TEXT_LITERAL("IR");
    assert_true(events_known_put_area(known, &area));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    events_known_destroy(&known);
    return 0;
}

/* ---- the life cycle -------------------------------------------------------------------------- */

/* What the table of the domain says, written another way: rows statuses, columns actions. */
static const char *const wanted[8][EVENTS_ACTION_COUNT] = {
    /* amend accept schedule postpone cancel withdraw hold report */
    {"proposed", "accepted", NULL, "postponed", "cancelled", "withdrawn", NULL, NULL},
    {"accepted", NULL, "scheduled", "postponed", "cancelled", NULL, NULL, NULL},
    {"scheduled", NULL, "scheduled", "postponed", "cancelled", NULL, "held", NULL},
    {"postponed", NULL, "scheduled", NULL, "cancelled", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, "reported"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

static const char *const actions[EVENTS_ACTION_COUNT] = {"amend",    "accept", "schedule",
                                                         "postpone", "cancel", "withdraw",
                                                         "hold",     "report"};

static void
test_every_step(void **state)
{
    (void)state;
    for (int status = EVENT_PROPOSED; status < event_status_end; status++)
        for (int action = 0; action < EVENTS_ACTION_COUNT; action++) {
            struct events_step step;
            const char *next = wanted[status - 1][action];
            fresh();
            event.status = status;
            event.schedules = status == EVENT_SCHEDULED ? 1 : INT_NONE;
            enum status got = events_domain_step(&event, (enum events_action)action, &step, &error);
            assert_int_equal(got, next ? STATUS_OK : STATUS_FAILED_PRECONDITION);
            if (next) {
                assert_string_equal(event_status_words[step.next - 1], next);
                assert_int_equal(step.from == NULL, action == EVENTS_AMEND);
                assert_memory_equal(step.record, "event.", 6);
            }
            for (int other = 0; !next && other < EVENTS_ACTION_COUNT; other++)
                if (wanted[status - 1][other]) /* the message names every step that is possible */
                    assert_non_null(strstr(error.message, actions[other]));
        }
}

/* When the clock has proposed to hold it, a report confirms that. */
static void
test_report_confirms(void **state)
{
    (void)state;
    struct events_step step;
    fresh();
    event.status = EVENT_SCHEDULED;
    add_session("2024-02-29", "2024-03-01");
    int64_t end = when("2024-03-02").ms;
    assert_int_equal(events_domain_hold_at(&event, NULL), end);
    event.hold_due = end;
    assert_int_equal(events_domain_hold_at(&event, NULL), TIME_NONE);
    assert_int_equal(events_domain_step(&event, EVENTS_REPORT, &step, &error), STATUS_OK);
    assert_int_equal(step.next, EVENT_REPORTED);
    assert_string_equal(step.record, "event.reported");
    assert_string_equal(step.held, "event.held");
    assert_string_equal(step.from, "held");
    assert_int_equal(events_domain_step(&event, EVENTS_ACCEPT, &step, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "hold, report"));
    assert_int_equal(events_domain_step(&event, EVENTS_SCHEDULE, &step, &error), STATUS_OK);
    events_domain_take(&event, &step, NULL); /* the same days: still over */
    assert_int_equal(event.hold_due, end);
    event.sessions.items[0].end = when("2024-04-01");
    events_domain_take(&event, &step, NULL);
    assert_int_equal(event.hold_due, TIME_NONE);
    event.hold_due = when("2024-04-02").ms;
    assert_int_equal(events_domain_step(&event, EVENTS_HOLD, &step, &error), STATUS_OK);
    assert_null(step.held);
    events_domain_take(&event, &step, NULL);
    assert_int_equal(event.hold_due, TIME_NONE);
    assert_int_equal(events_domain_hold_at(&event, NULL), TIME_NONE);
}

static void
test_days_of_a_zone(void **state)
{
    (void)state;
    struct zone *tokyo = zone_open(TEXT_LITERAL("Asia/Tokyo"));
    assert_non_null(tokyo);
    fresh();
    event.status = EVENT_SCHEDULED;
    add_session("2024-02-29", "2024-03-01");
    assert_int_equal(events_domain_hold_at(&event, tokyo), when("2024-03-01T15:00:00Z").ms);
    int64_t begin = when("2024-02-28T15:00:00Z").ms;
    assert_int_equal(events_domain_begun(&event, tokyo, begin - 1, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(events_domain_begun(&event, tokyo, begin, &error), STATUS_OK);
    fresh();
    event.status = EVENT_SCHEDULED;
    add_session("2024-03-01T01:00:00Z", "2024-03-01T02:00:00Z"); /* instants are what they are */
    assert_int_equal(events_domain_hold_at(&event, tokyo), when("2024-03-01T02:00:00Z").ms);
    zone_destroy(&tokyo);
}

static void
test_record_of_schedule(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t schedules;
        const char *record;
    } cases[] = {
        {EVENT_ACCEPTED, INT_NONE, "event.scheduled"},
        {EVENT_ACCEPTED, 1, "event.rescheduled"},
        {EVENT_SCHEDULED, 1, "event.rescheduled"},
        {EVENT_POSTPONED, INT_NONE, "event.scheduled"},
        {EVENT_POSTPONED, 2, "event.rescheduled"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct events_step step;
        fresh();
        event.status = cases[i].status;
        event.schedules = cases[i].schedules;
        assert_int_equal(events_domain_step(&event, EVENTS_SCHEDULE, &step, &error), STATUS_OK);
        assert_string_equal(step.record, cases[i].record);
        assert_string_equal(step.from, event_status_words[cases[i].status - 1]);
    }
}

static void
test_hold_not_before_it_begins(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(events_domain_begun(&event, NULL, 0, &error), STATUS_FAILED_PRECONDITION);
    add_session("2024-02-29", "2024-03-01");
    int64_t midnight = when("2024-02-29T00:00:00Z").ms;
    assert_int_equal(events_domain_begun(&event, NULL, midnight - 1, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "2024-02-29"));
    assert_int_equal(events_domain_begun(&event, NULL, midnight, &error), STATUS_OK);
    fresh();
    add_session("2024-03-01T09:00:00+06:00", "2024-03-01T12:00:00+06:00");
    assert_int_equal(events_domain_begun(&event, NULL, when("2024-03-01T02:59:59Z").ms, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(events_domain_begun(&event, NULL, when("2024-03-01T03:00:00Z").ms, &error),
                     STATUS_OK);
}

static void
test_amending_sessions(void **state)
{
    (void)state;
    static struct event_amendment amendment;
    schema_init(&event_amendment_schema, &amendment);
    amendment.sessions.count = 1;
    amendment.sessions.items[0] = (struct span_when){true, when("2021-05-01"), when("2021-05-02")};
    for (int status = EVENT_PROPOSED; status <= EVENT_POSTPONED; status++) {
        fresh();
        event.status = status;
        bool open = status == EVENT_PROPOSED || status == EVENT_ACCEPTED;
        add_session("2021-05-01", "2021-05-03");
        assert_int_equal(events_domain_amendable(&event, &amendment, &error),
                         open ? STATUS_OK : STATUS_FAILED_PRECONDITION);
        if (!open)
            assert_non_null(strstr(error.message, "event.schedule"));
        event.sessions.items[0].end = when("2021-05-02"); /* the same again is no change */
        assert_int_equal(events_domain_amendable(&event, &amendment, &error), STATUS_OK);
    }
}

/* ---- who may --------------------------------------------------------------------------------- */

static void
test_who_may(void **state)
{
    (void)state;
    date_day day = DAY("2021-06-01"), later = DAY("2023-01-01");
    struct events_actor secretariat = {PERMIT_SECRETARIAT, ""}, chair = {PERMIT_CHAIR, "CN"};
    struct events_actor host = {PERMIT_MEMBER, "CN"}, author = {PERMIT_MEMBER, "TR"};
    struct events_actor coordinator = {PERMIT_MEMBER, "KZ"}, co = {PERMIT_MEMBER, "IR"};
    struct events_actor observer = {PERMIT_OBSERVER, "CN"}, nobody = {PERMIT_MEMBER, ""};
    fresh();
    event.author = TEXT_LITERAL("TR");
    event.area = TEXT_LITERAL("agriculture");
    /* amend accept schedule postpone cancel withdraw hold report */
    static const char may_host[] = "y-yyy-yy", may_author[] = "y----y--", may_area[] = "yy------";
    for (int i = 0; i < EVENTS_ACTION_COUNT; i++) {
        enum events_action action = (enum events_action)i;
#define MAY(actor, on) (events_domain_may(&(actor), action, &event, known, on, &error) == STATUS_OK)
        assert_true(MAY(secretariat, day));
        assert_int_equal(MAY(host, day), may_host[i] == 'y');
        assert_int_equal(MAY(author, day), may_author[i] == 'y');
        assert_int_equal(MAY(coordinator, day), may_area[i] == 'y');
        assert_false(MAY(coordinator, later));
        assert_false(MAY(co, day));
        assert_int_equal(MAY(co, later), may_area[i] == 'y');
        assert_int_equal(MAY(chair, day), action == EVENTS_SCHEDULE); /* with an override */
        assert_false(MAY(observer, day) || MAY(nobody, day));
        assert_int_equal(error.code, STATUS_PERMISSION_DENIED);
#undef MAY
    }
    event.area = TEXT_NONE;
    assert_int_equal(events_domain_may(&coordinator, EVENTS_ACCEPT, &event, known, day, &error),
                     STATUS_PERMISSION_DENIED);
    struct text cn = TEXT_LITERAL("CN"), ir = TEXT_LITERAL("IR"), why = TEXT_LITERAL("it must be");
#define MAY(actor, reason) (events_domain_may_override(&(actor), cn, reason, &error) == STATUS_OK)
    assert_true(MAY(secretariat, why) && MAY(secretariat, TEXT_NONE));
    assert_true(MAY(chair, why) && !MAY(chair, TEXT_NONE));
    assert_true(!MAY(host, why) && MAY(host, TEXT_NONE));
    assert_string_equal(error.field, "override");
#undef MAY
    assert_int_equal(events_domain_may_propose(&host, cn, &error), STATUS_OK);
    assert_int_equal(events_domain_may_propose(&host, ir, &error), STATUS_PERMISSION_DENIED);
    assert_int_equal(events_domain_may_propose(&host, TEXT_LITERAL("SECRETARIAT"), &error),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(events_domain_may_propose(&secretariat, ir, &error), STATUS_OK);
    assert_int_equal(events_domain_may_propose(&observer, cn, &error), STATUS_PERMISSION_DENIED);
    assert_int_equal(events_domain_may_hand_over(&host, cn, cn, &error), STATUS_OK);
    assert_int_equal(events_domain_may_hand_over(&host, cn, ir, &error), STATUS_PERMISSION_DENIED);
    assert_int_equal(events_domain_may_hand_over(&secretariat, cn, ir, &error), STATUS_OK);
}

/* ---- what may be said ------------------------------------------------------------------------ */

static enum status
sessions(const char *a, const char *b, const char *c, const char *d)
{
    fresh();
    add_session(a, b);
    if (c)
        add_session(c, d);
    return events_domain_check_sessions(&event, &error);
}

static void
test_sessions(void **state)
{
    (void)state;
    assert_int_equal(sessions("2024-02-29", "2024-02-29", NULL, NULL), STATUS_OK);
    assert_int_equal(sessions("2021-12-31", "2022-01-01", "2022-01-02", "2022-01-02"), STATUS_OK);
    assert_int_equal(sessions("2021-05-02", "2021-05-01", NULL, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "sessions[0].end");
    assert_int_equal(sessions("2021-05-02", "2021-05-02T10:00:00Z", NULL, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(sessions("2021-05-02T10:00:00Z", "2021-05-02T10:00:00Z", NULL, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(sessions("2021-05-02T10:00:00+06:00", "2021-05-02T04:00:01Z", NULL, NULL),
                     STATUS_OK);
    /* the end of a date is inclusive, of a time exclusive */
    assert_int_equal(sessions("2021-05-01", "2021-05-02", "2021-05-02", "2021-05-03"),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "sessions[1].start");
    assert_int_equal(sessions("2021-05-01T09:00:00Z", "2021-05-01T10:00:00Z",
                              "2021-05-01T10:00:00Z", "2021-05-01T11:00:00Z"),
                     STATUS_OK);
    assert_int_equal(sessions("2021-05-01T09:00:00Z", "2021-05-01T10:00:01Z",
                              "2021-05-01T10:00:00Z", "2021-05-01T11:00:00Z"),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(sessions("2021-06-01", "2021-06-01", "2021-05-01", "2021-05-01"),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(sessions("1991-12-31", "1992-01-01", NULL, NULL), STATUS_INVALID_ARGUMENT);
    assert_int_equal(sessions("9999-01-01", "9999-01-01", NULL, NULL), STATUS_INVALID_ARGUMENT);
    assert_int_equal(sessions("2024-01-01", "2024-12-31", NULL, NULL), STATUS_OK);
    assert_int_equal(sessions("2024-01-01", "2025-01-01", NULL, NULL), STATUS_INVALID_ARGUMENT);
}

static void
test_hosts(void **state)
{
    (void)state;
    date_day day = DAY("2021-06-01"), later = DAY("2023-01-01");
    fresh();
    assert_int_equal(events_domain_check_hosts(&event, known, day, &error), STATUS_OK);
    event.host = TEXT_LITERAL("SECRETARIAT");
    assert_int_equal(events_domain_check_hosts(&event, known, day, &error), STATUS_OK);
    event.host = TEXT_LITERAL("ZZ");
    assert_int_equal(events_domain_check_hosts(&event, known, day, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "host");
    event.host = TEXT_LITERAL("XX"); /* a former member from 2022 */
    assert_int_equal(events_domain_check_hosts(&event, known, day, &error), STATUS_OK);
    assert_int_equal(events_domain_check_hosts(&event, known, later, &error),
                     STATUS_INVALID_ARGUMENT);
    static const char *const co_hosts[] = {"CN", "ZZ", "KZ"};
    for (unsigned i = 0; i < 3; i++) { /* the host, unknown, twice */
        fresh();
        event.co_hosts.count = 2;
        event.co_hosts.items[0] = TEXT_LITERAL("KZ");
        event.co_hosts.items[1] = text_of(co_hosts[i]);
        assert_int_equal(events_domain_check_hosts(&event, known, day, &error),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(error.field, "co_hosts[1]");
    }
    event.co_hosts.items[1] = TEXT_LITERAL("IR");
    assert_int_equal(events_domain_check_hosts(&event, known, day, &error), STATUS_OK);
}

static void
test_place_in_catalogue(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(events_domain_check_place(&event, known, &error), STATUS_OK);
    event.area = TEXT_LITERAL("agriculture");
    assert_int_equal(events_domain_check_place(&event, known, &error), STATUS_OK);
    assert_true(text_is(event.dimension, "economic")); /* filled in */
    event.dimension = TEXT_LITERAL("human");
    assert_int_equal(events_domain_check_place(&event, known, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "area");
    event.area = TEXT_NONE;
    assert_int_equal(events_domain_check_place(&event, known, &error), STATUS_OK);
    event.dimension = TEXT_LITERAL("agriculture"); /* an area is no dimension */
    assert_int_equal(events_domain_check_place(&event, known, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "dimension");
    know_catalogue(1, "old", "old-area"); /* an older revision changes nothing */
    assert_int_equal(events_known_revision(known), 2);
    know_catalogue(3, "economic", "energy");
    fresh();
    event.area = TEXT_LITERAL("agriculture");
    assert_int_equal(events_domain_check_place(&event, known, &error), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "revision 3"));
    know_catalogue(4, "economic", "agriculture");
}

static void
test_report(void **state)
{
    (void)state;
    struct event_report report;
    schema_init(&event_report_schema, &report);
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_OK);
    assert_int_equal(report.participants_qualifier, 0);
    report.participants_qualifier = COUNT_ABOUT;
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_INVALID_ARGUMENT);
    report.participants_count = 510;
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_OK);
    report.participants_qualifier = 0;
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_OK);
    assert_int_equal(report.participants_qualifier, COUNT_EXACT);
    report.member_states.count = 2;
    report.member_states.items[0] = TEXT_LITERAL("CN");
    report.member_states.items[1] = TEXT_LITERAL("KZ");
    report.member_states_count = 10;
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_OK);
    assert_int_equal(events_domain_check_states(&report, known, &error), STATUS_OK);
    report.member_states_count = 1;
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_INVALID_ARGUMENT);
    report.member_states_count = 2;
    report.member_states.items[1] = TEXT_LITERAL("ZZ");
    assert_int_equal(events_domain_check_states(&report, known, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "member_states[1]");
    report.member_states.items[1] = TEXT_LITERAL("CN");
    assert_int_equal(events_domain_check_report(&report, &error), STATUS_INVALID_ARGUMENT);
}

static void
test_additional(void **state)
{
    (void)state;
    struct plan plan;
    schema_init(&plan_schema, &plan);
    assert_false(events_domain_additional(NULL));
    for (int status = PLAN_OPEN; status < plan_status_end; status++) {
        plan.status = status;
        assert_int_equal(events_domain_additional(&plan), status >= PLAN_ADOPTED);
    }
}

static void
test_amend_and_schedule(void **state)
{
    (void)state;
    static struct event_amendment amendment;
    static struct event_schedule schedule;
    fresh();
    event.dimension = TEXT_LITERAL("human");
    event.rev = 7;
    schema_init(&event_amendment_schema, &amendment);
    amendment.id = event.id;
    amendment.rev = 7;
    amendment.reason = TEXT_LITERAL("typing error");
    assert_false(events_domain_amend(&event, &amendment)); /* a reason alone changes nothing */
    assert_null(event.reason.ptr);
    amendment.title = TEXT_LITERAL("Smart Agriculture");
    assert_false(events_domain_amend(&event, &amendment));
    amendment.title = TEXT_LITERAL("Smarter");
    amendment.area = TEXT_LITERAL("agriculture");
    amendment.titles.count = 1;
    amendment.titles.items[0] = (struct text_pair){TEXT_LITERAL("ru"), TEXT_LITERAL("ru title")};
    assert_true(events_domain_amend(&event, &amendment));
    assert_true(text_is(event.title, "Smarter"));
    assert_int_equal(event.titles.count, 1);
    assert_null(event.dimension.ptr); /* to be filled in from the area */
    assert_true(text_is(event.host, "CN"));
    assert_int_equal(event.rev, 7);

    schema_init(&event_schedule_schema, &schedule);
    schedule.id = event.id;
    schedule.format = FORMAT_HYBRID;
    schedule.place = TEXT_LITERAL("Wuhan");
    schedule.sessions.count = 1;
    schedule.sessions.items[0] = (struct span_when){true, when("2021-05-01"), when("2021-05-02")};
    assert_true(events_domain_set_schedule(&event, &schedule));
    assert_false(events_domain_set_schedule(&event, &schedule)); /* a repeat */
    schedule.place = TEXT_NONE;                                  /* what is absent stays */
    assert_false(events_domain_set_schedule(&event, &schedule));
    assert_true(text_is(event.place, "Wuhan"));
    schedule.sessions.items[0].end = when("2021-05-03");
    assert_true(events_domain_set_schedule(&event, &schedule));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_report_confirms),
        cmocka_unit_test(test_days_of_a_zone),
        cmocka_unit_test(test_record_of_schedule),
        cmocka_unit_test(test_hold_not_before_it_begins),
        cmocka_unit_test(test_amending_sessions),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_place_in_catalogue),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_additional),
        cmocka_unit_test(test_amend_and_schedule),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
