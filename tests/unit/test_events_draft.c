// LINK: services/events/events_domain.c services/events/events_domain_check.c services/events/events_domain_list.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/date.c common/base/dated.c common/base/zone.c common/base/text.c common/base/status.c
/* Drafts: who sees a member's proposal, on which topic, and until when.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include <string.h>

#include "services/events/events_domain.h"

static struct events_known *known;
static struct event event;
static date_day today;

static void
draft(void)
{
    schema_init(&event_schema, &event);
    event.present = true;
    event.id = TEXT_LITERAL("e");
    event.dimension = TEXT_LITERAL("economic");
    event.area = TEXT_LITERAL("agriculture");
    event.host = event.author = TEXT_LITERAL("CN");
    event.status = EVENT_PROPOSED;
    event.draft = 1;
}

static int
setup(void **state)
{
    static struct area area;
    (void)state;
    known = events_known_new();
    if (!known || !date_parse(TEXT_LITERAL("2021-07-13"), &today))
        return -1;
    schema_init(&area_schema, &area);
    area.area = TEXT_LITERAL("agriculture");
    area.history.count = 1;
    area.history.items[0] = (struct coordination){.present = true, .from = today - 30};
    area.history.items[0].coordinators.count = 1;
    area.history.items[0].coordinators.items[0] = TEXT_LITERAL("KZ");
    return events_known_put_area(known, &area) ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    events_known_destroy(&known);
    return 0;
}

static bool
sees(unsigned roles, const char *member)
{
    struct events_actor actor = {roles, member};
    return events_domain_visible(&actor, &event, known, today);
}

static void
test_who_sees_a_draft(void **state)
{
    (void)state;
    draft();
    assert_true(sees(PERMIT_SECRETARIAT, ""));
    assert_true(sees(PERMIT_MEMBER, "CN"));
    assert_true(sees(PERMIT_MEMBER, "KZ")); /* coordinates the area: it may accept */
    assert_false(sees(PERMIT_MEMBER, "AZ"));
    assert_false(sees(PERMIT_MEMBER, ""));
    assert_false(sees(PERMIT_CHAIR, ""));
    assert_false(sees(PERMIT_OBSERVER, "CN"));
    assert_false(sees(PERMIT_SUBSCRIBER, ""));
    assert_false(sees(0, "CN"));
    event.area = TEXT_NONE;
    assert_false(sees(PERMIT_MEMBER, "KZ"));
    event.draft = BOOL_NONE;
    assert_true(sees(PERMIT_SUBSCRIBER, ""));
    assert_true(sees(0, ""));
}

static bool
topic_is(const char *want)
{
    char topic[EVENTS_TOPIC_MAX];
    events_domain_topic(&event, topic);
    return strcmp(topic, want) == 0;
}

static void
test_which_steps_end_it(void **state)
{
    static const struct {
        enum events_action action;
        bool still;
    } rows[] = {{EVENTS_AMEND, true},
                {EVENTS_ACCEPT, false},
                {EVENTS_POSTPONE, true},
                {EVENTS_CANCEL, true},
                {EVENTS_WITHDRAW, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct events_step step;
        struct error error;
        draft();
        assert_true(topic_is("private.CN.events.economic.agriculture.e."));
        assert_int_equal(events_domain_step(&event, rows[i].action, &step, &error), STATUS_OK);
        events_domain_take(&event, &step, NULL);
        assert_int_equal(event.status, step.next);
        assert_int_equal(event.draft == 1, rows[i].still);
        assert_true(topic_is(rows[i].still ? "private.CN.events.economic.agriculture.e."
                                           : "events.economic.agriculture.e."));
    }
}

static void
test_a_schedule_ends_it_too(void **state)
{
    struct events_step step;
    struct error error;
    (void)state;
    draft();
    assert_int_equal(events_domain_step(&event, EVENTS_POSTPONE, &step, &error), STATUS_OK);
    events_domain_take(&event, &step, NULL);
    assert_int_equal(events_domain_step(&event, EVENTS_SCHEDULE, &step, &error), STATUS_OK);
    events_domain_take(&event, &step, NULL);
    assert_int_not_equal(event.draft, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_sees_a_draft),
        cmocka_unit_test(test_which_steps_end_it),
        cmocka_unit_test(test_a_schedule_ends_it_too),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
