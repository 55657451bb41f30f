// LINK: services/events/events_domain.c services/events/events_domain_check.c services/events/events_domain_list.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/date.c common/base/dated.c common/base/zone.c common/base/text.c common/base/status.c
/* The rules of events: every step from every status, who may, what may be said, what a list shows.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "services/events/events_domain.h"

static struct events_known *known;
static struct event event;
static struct error error;

#define DAY(text) ((date_day)(when(text).ms / DATE_DAY_MS))

static struct when
when(const char *printed)
{
    struct when value;
    assert_true(when_parse(text_of(printed), &value));
    return value;
}

static void
add_session(const char *start, const char *end)
{
    event.sessions.items[event.sessions.count++] = (struct span_when){true, when(start), when(end)};
}

static void
fresh(void)
{
    schema_init(&event_schema, &event);
    event.present = true;
    event.id = TEXT_LITERAL("e");
    event.title = TEXT_LITERAL("Smart Agriculture");
    event.kind = TEXT_LITERAL("seminar");
    event.host = TEXT_LITERAL("CN");
    event.author = TEXT_LITERAL("CN");
    event.year = 2021;
    event.status = EVENT_PROPOSED;
    event.additional = 0;
    memset(&error, 0, sizeof error);
}

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

/* ---- ids, topics, keys ----------------------------------------------------------------------- */

static void
test_ids_and_topics(void **state)
{
    (void)state;
    static struct event_draft draft;
    char id[TEXT_ID_MAX + 1], long_title[201], topic[EVENTS_TOPIC_MAX];
    schema_init(&event_draft_schema, &draft);
    draft.kind = TEXT_LITERAL("seminar");
    draft.year = 2021;
    draft.title = TEXT_LITERAL("  First Workshop: smart agriculture!");
    events_domain_id(&draft, 0, id);
    assert_string_equal(id, "first-workshop-smart-agriculture");
    events_domain_id(&draft, 1, id);
    assert_string_equal(id, "first-workshop-smart-agriculture-2");
    events_domain_id(&draft, EVENTS_ID_TRIES - 1, id);
    assert_string_equal(id, "first-workshop-smart-agriculture-50");
    draft.title = TEXT_LITERAL("\xd0\xa1\xd0\xb5\xd0\xbc"); /* no letter of ASCII */
    events_domain_id(&draft, 2, id);
    assert_string_equal(id, "seminar-2021-3");
    for (size_t i = 0; i < sizeof long_title; i++)
        long_title[i] = i % 2 ? ' ' : 'a';
    draft.title = (struct text){long_title, 200};
    for (unsigned n = 0; n < EVENTS_ID_TRIES; n++) {
        events_domain_id(&draft, n, id);
        assert_true(text_is_id(text_of(id)));
    }
    fresh();
    events_domain_topic(&event, topic);
    assert_string_equal(topic, "events.-.-.e.");
    event.dimension = TEXT_LITERAL("human");
    events_domain_topic(&event, topic);
    assert_string_equal(topic, "events.human.-.e.");
    event.area = TEXT_LITERAL("youth");
    events_domain_topic(&event, topic);
    assert_string_equal(topic, "events.human.youth.e.");
}

static struct events_key keys[EVENTS_KEYS_MAX + 1];

static void
test_keys(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(events_domain_keys(&event, keys), 1);
    assert_string_equal(keys[0].text, "2021-00-00T00:00:00Z");
    assert_string_equal(keys[0].end, "");
    add_session("2021-12-31T23:00:00-05:00", "2022-01-01T01:00:01-05:00");
    add_session("2024-02-28", "2024-03-07"); /* 9 days in a leap year: two pieces */
    assert_int_equal(events_domain_keys(&event, keys), 3);
    assert_string_equal(keys[0].text, "2022-01-01T04:00:00Z");
    assert_string_equal(keys[0].end, "20220101060001");
    assert_string_equal(keys[1].text, "2024-02-28T00:00:00Z");
    assert_string_equal(keys[1].end, "20240307000000");
    assert_string_equal(keys[2].text, "2024-03-07T00:00:00Z");
    assert_string_equal(keys[2].end, "20240308000000");
    event.sessions.items[1].end = when("2024-03-06"); /* 8 days: one */
    assert_int_equal(events_domain_keys(&event, keys), 2);
    fresh(); /* two that begin in one second */
    add_session("2021-07-13T08:00:00.1Z", "2021-07-13T08:00:00.2Z");
    add_session("2021-07-13T08:00:00.3Z", "2021-07-13T18:00:00.001Z");
    assert_int_equal(events_domain_keys(&event, keys), 1);
    assert_string_equal(keys[0].end, "20210713180001");
    fresh();
    for (int i = 0; i < 32; i++) { /* as many pieces as there can be */
        event.sessions.items[i].start = (struct when){true, i * 366 * DATE_DAY_MS};
        event.sessions.items[i].end = (struct when){true, (i * 366 + 365) * DATE_DAY_MS};
    }
    event.sessions.count = 32;
    assert_int_equal(events_domain_keys(&event, keys), EVENTS_KEYS_MAX);
    assert_int_equal(events_domain_keys_max(&event), EVENTS_KEYS_MAX + 1);
    for (unsigned i = 1; i < EVENTS_KEYS_MAX; i++)
        assert_true(strcmp(keys[i - 1].text, keys[i].text) < 0);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static struct event_list list;
static struct events_query query;

static void
ask(const char *from, const char *to)
{
    schema_init(&event_list_schema, &list);
    if (from)
        list.from = when(from);
    if (to)
        list.to = when(to);
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
}

/* At how many of its entries in the scanned range the event is listed: 0 or 1. */
static int
listed(void)
{
    char entry[EVENTS_ENTRY_MAX];
    int count = 0;
    unsigned key_count = events_domain_keys(&event, keys);
    for (unsigned i = 0; i < key_count; i++) {
        struct text key, id, cursor;
        events_domain_entry(&event, &keys[i], entry);
        if (strcmp(entry, query.start) < 0 || strcmp(entry, query.upto) >= 0 ||
            !events_domain_asked(&query, text_of(entry), &key, &id, &cursor))
            continue;
        assert_true(cursor.len == EVENTS_KEY_LEN + 1 + id.len);
        assert_true(text_equal(id, event.id));
        bool on_list = events_domain_listed(&query, &event, key);
        struct event_sessions sessions = {.sessions.count = event.sessions.count};
        memcpy(sessions.sessions.items, event.sessions.items, sizeof event.sessions.items);
        if (query.plain)
            assert_int_equal(events_domain_listed_by(&query, &sessions, key), on_list);
        count += on_list;
    }
    return count;
}

static void
test_overlap_of_dates(void **state)
{
    (void)state;
    static const struct {
        const char *start, *end, *from, *to;
        int wanted;
    } cases[] = {
        {"2021-07-13", "2021-07-14", NULL, NULL, 1},
        {"2021-07-13", "2021-07-14", "2021-07-14", NULL, 1},
        {"2021-07-13", "2021-07-14", "2021-07-15", NULL, 0},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-13", 1},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-12", 0},
        {"2021-07-13", "2021-07-14", "2021-07-13", "2021-07-13", 1},
        {"2021-07-13", "2021-07-14", "2021-07-14T23:59:59.999Z", NULL, 1},
        {"2021-07-13", "2021-07-14", "2021-07-15T00:00:00Z", NULL, 0},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-13T00:00:00.001Z", 1},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-13T00:00:00Z", 0},
        {"2024-02-29", "2024-02-29", "2024-02-29", "2024-02-29", 1},
        {"2024-02-29", "2024-02-29", "2024-03-01", "2024-03-01", 0},
        {"2021-12-31", "2022-01-01", "2022-01-01", "2022-12-31", 1},
        {"2021-12-31", "2022-01-01", "2021-01-01", "2021-12-31", 1},
        {"2021-12-31", "2022-01-01", "2022-01-02", NULL, 0},
        {"2021-07-13T22:00:00-03:00", "2021-07-13T23:00:00-03:00", "2021-07-14", "2021-07-14", 1},
        {"2021-07-13T22:00:00-03:00", "2021-07-13T23:00:00-03:00", "2021-07-13", "2021-07-13", 0},
        {"2021-07-14T01:00:00+06:00", "2021-07-14T02:00:00+06:00", "2021-07-13", "2021-07-13", 1},
        {"2021-07-14T01:00:00Z", "2021-07-14T02:00:00Z", "2021-07-14T02:00:00Z", NULL, 0},
        {"2021-07-14T01:00:00Z", "2021-07-14T02:00:00.5Z", "2021-07-14T02:00:00.4Z", NULL, 1},
        {"2021-07-14T01:00:00.5Z", "2021-07-14T02:00:00Z", NULL, "2021-07-14T01:00:00.6Z", 1},
        {"2021-07-14T01:00:00.5Z", "2021-07-14T02:00:00Z", NULL, "2021-07-14T01:00:00.5Z", 0},
        /* longer than a piece: looking back 8 days still finds it, once */
        {"2021-01-01", "2021-12-31", "2021-07-01", "2021-07-02", 1},
        {"2021-01-01", "2021-12-31", "2021-12-31", "2022-03-01", 1},
        {"2021-01-01", "2021-12-31", "2020-01-01", "2023-01-01", 1},
        {"2021-01-01", "2021-12-31", "2022-01-01", NULL, 0},
        {"2021-01-01", "2021-12-31", "0001-01-01", "9999-12-31", 1},
        {"2021-01-01", "2021-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fresh();
        add_session(cases[i].start, cases[i].end);
        ask(cases[i].from, cases[i].to);
        if (listed() != cases[i].wanted)
            fail_msg("case %zu: %s to %s in %s to %s", i, cases[i].start, cases[i].end,
                     cases[i].from ? cases[i].from : "", cases[i].to ? cases[i].to : "");
    }
}

/* Every day of a year against an event of several sessions: once where it overlaps, never else. */
static void
test_each_event_once(void **state)
{
    (void)state;
    fresh();
    add_session("2021-05-17", "2021-05-18");
    add_session("2021-08-01", "2021-10-15"); /* ten pieces */
    for (date_day day = DAY("2021-01-01"); day <= DAY("2021-12-31"); day++)
        for (int span = 0; span < 120; span += 17) {
            char from[DATE_TEXT_MAX], to[DATE_TEXT_MAX];
            date_print(day, from);
            date_print(day + span, to);
            ask(from, to);
            bool first = day <= DAY("2021-05-18") && day + span >= DAY("2021-05-17");
            bool second = day <= DAY("2021-10-15") && day + span >= DAY("2021-08-01");
            assert_int_equal(listed(), first || second);
        }
    ask(NULL, NULL);
    assert_int_equal(listed(), 1);
}

static void
test_filters(void **state)
{
    (void)state;
    fresh();
    ask(NULL, NULL);
    assert_int_equal(listed(), 1); /* without sessions it is on the list … */
    ask("2021-01-01", "2021-12-31");
    assert_int_equal(listed(), 0); /* … but in no span */
    event.titles.count = 1;
    event.titles.items[0] = (struct text_pair){TEXT_LITERAL("en"), TEXT_LITERAL("Other WORDS")};
    struct text key = TEXT_LITERAL("2021-00-00T00:00:00Z");
#define LISTED(field, value)                                                                       \
    (schema_init(&event_list_schema, &list), list.field = (value),                                 \
     events_domain_query(&list, &query, &error) == STATUS_OK &&                                    \
         events_domain_listed(&query, &event, key))
    assert_true(LISTED(text, TEXT_LITERAL("smart AGRI")));
    assert_true(LISTED(text, TEXT_LITERAL("words")));
    assert_false(LISTED(text, TEXT_LITERAL("wordz")));
    assert_true(LISTED(host, TEXT_LITERAL("CN")));
    assert_false(LISTED(host, TEXT_LITERAL("KZ")));
    assert_true(LISTED(kind, TEXT_LITERAL("seminar")));
    assert_false(LISTED(kind, TEXT_LITERAL("semina")));
    assert_true(LISTED(year, 2021));
    assert_false(LISTED(year, 2022));
    assert_true(LISTED(status, EVENT_PROPOSED));
    assert_false(LISTED(status, EVENT_ACCEPTED));
    assert_false(LISTED(dimension, TEXT_LITERAL("human")));
    assert_false(LISTED(area, TEXT_LITERAL("youth")));
    event.dimension = TEXT_LITERAL("human");
    event.area = TEXT_LITERAL("youth");
    assert_true(LISTED(dimension, TEXT_LITERAL("human")));
    assert_true(LISTED(area, TEXT_LITERAL("youth")));
#undef LISTED
}

static void
test_bounds_and_cursors(void **state)
{
    (void)state;
    ask("2021-03-05", "2021-03-06");
    assert_string_equal(query.start, "t|2021-02-25T00:00:00Z");
    assert_string_equal(query.upto, "t|2021-03-06T23:59:59Z}");
    assert_int_equal(query.limit, 100);
    schema_init(&event_list_schema, &list);
    list.host = TEXT_LITERAL("KZ");
    list.limit = 7;
    list.cursor = TEXT_LITERAL("2021-07-13T00:00:00Z|smart");
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
    assert_string_equal(query.start, "t|2021-07-13T00:00:00Z|smart\"");
    assert_string_equal(query.upto, "t|}");
    assert_int_equal(query.limit, 7);
    list.to = when("2021-12-31");
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
    assert_string_equal(query.start, "t|2021-07-13T00:00:00Z|smart\"");
    assert_string_equal(query.upto, "t|2021-12-31T23:59:59Z}");
    static const char *const bad[] = {"x",
                                      "2021-07-13T00:00:00Z|",
                                      "2021-07-13T00:00:00Z|A B",
                                      "2021-07-13 00:00:00Z|smart",
                                      "202107-13T00:00:00Z|smart1",
                                      "2021-07-13T00:00:00Zsmart-id"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        list.cursor = text_of(bad[i]);
        assert_int_equal(events_domain_query(&list, &query, &error), STATUS_INVALID_ARGUMENT);
        assert_string_equal(error.field, "cursor");
    }
    schema_init(&event_list_schema, &list);
    list.from = when("2021-03-06");
    list.to = when("2021-03-05");
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "to");

    int64_t value;
    assert_int_equal(events_domain_cursor(TEXT_NONE, 5, &value, &error), STATUS_OK);
    assert_int_equal(value, 5);
    assert_int_equal(events_domain_cursor(TEXT_LITERAL("2021"), 0, &value, &error), STATUS_OK);
    assert_int_equal(value, 2021);
    assert_int_equal(events_domain_cursor(TEXT_LITERAL("-1"), 0, &value, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(events_domain_cursor(TEXT_LITERAL("9999999999999999999"), 0, &value, &error),
                     STATUS_INVALID_ARGUMENT);
}

static void
test_entries_tell_host_and_area(void **state)
{
    (void)state;
    char entry[EVENTS_ENTRY_MAX];
    struct text key, id, cursor;
    struct events_key at = {"2021-07-13T00:00:00Z", "20210714060000"};
    fresh();
    event.id = TEXT_LITERAL("smart");
    event.host = TEXT_LITERAL("KZ");
    event.area = TEXT_NONE;
    events_domain_entry(&event, &at, entry);
    assert_string_equal(entry, "t|2021-07-13T00:00:00Z|smart!KZ!!20210714060000");
    ask(NULL, NULL);
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    assert_true(text_is(cursor, "2021-07-13T00:00:00Z|smart"));
    list.host = TEXT_LITERAL("KZ");
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    list.area = TEXT_LITERAL("youth");
    assert_false(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    event.area = TEXT_LITERAL("youth");
    events_domain_entry(&event, &at, entry);
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    list.host = TEXT_LITERAL("K");
    assert_false(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    list.host = list.area = TEXT_NONE; /* it ends before the span begins */
    ask("2021-07-15", "2021-07-16");
    assert_false(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    ask("2021-07-14", "2021-07-16");
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    static const char *const bad[] = {"", "p|2021", "t|", "t|2021!KZ!",
                                      "t|2021-07-13T00:00:00Z|!KZ!"};
    list.host = list.area = TEXT_NONE;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(events_domain_asked(&query, text_of(bad[i]), &key, &id, &cursor));
}

static void
test_the_longest_entry_fits(void **state)
{
    (void)state;
    char longest[TEXT_ID_MAX + 1], cursor[200];
    memset(longest, 'a', TEXT_ID_MAX);
    longest[TEXT_ID_MAX] = '\0';
    snprintf(cursor, sizeof cursor, "2021-07-13T00:00:00Z|%s", longest);
    schema_init(&event_list_schema, &list);
    list.area = text_of(longest);
    list.cursor = text_of(cursor);
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
    assert_int_equal(strlen(query.start), 2 + 20 + 1 + 64 + 1);
    event.id = event.area = text_of(longest);
    event.host = TEXT_LITERAL("ABCDEFGHIJKLMNOP");
    char entry[EVENTS_ENTRY_MAX];
    struct events_key at = {"2021-07-13T00:00:00Z", "20210721000000"};
    uint32_t len = events_domain_entry(&event, &at, entry);
    assert_int_equal(len, 2 + 20 + 1 + 64 + 1 + 16 + 1 + 64 + 1 + 14);
    assert_int_equal(strlen(entry), len);
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
        cmocka_unit_test(test_ids_and_topics),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_overlap_of_dates),
        cmocka_unit_test(test_each_event_once),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_bounds_and_cursors),
        cmocka_unit_test(test_entries_tell_host_and_area),
        cmocka_unit_test(test_the_longest_entry_fits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
