// LINK: services/registry/registry_domain_decision.c services/registry/registry_domain_procedure.c common/decision/decision.c common/base/text.c common/base/date.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c -lsodium
/* Who may do what to a decision, and when. It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <string.h>

#include "services/registry/registry_decision.h"

#define NOW INT64_C(1700000000000)

static const struct registry_actor secretariat = {PERMIT_SECRETARIAT, "local", ""},
                                   chair = {PERMIT_CHAIR, "astana", "KZ"},
                                   member = {PERMIT_MEMBER, "dushanbe", "TJ"},
                                   observer = {PERMIT_OBSERVER, "minsk", "BY"};
static struct decision decision;
static struct procedure procedure;
static struct decision_open opening;
static struct error error;

static void
reset(enum decision_mode mode)
{
    schema_init(&procedure_schema, &procedure);
    procedure.code = TEXT_LITERAL("SILENCE");
    procedure.mode = mode;
    schema_init(&decision_open_schema, &opening);
    opening.title = TEXT_LITERAL("The chairmanship");
    opening.body = TEXT_LITERAL("MC");
    opening.procedure = procedure.code;
}

static enum status
open_as(const struct registry_actor *actor)
{
    enum status status =
        registry_decision_open(&opening, &procedure, actor, NOW, &decision, &error);
    decision.id = TEXT_LITERAL("chair-2024");
    decision.electorate.count = 2;
    decision.electorate.items[0] = TEXT_LITERAL("KZ");
    decision.electorate.items[1] = TEXT_LITERAL("TJ");
    return status;
}

static enum status
object_as(const struct registry_actor *actor, const char *code, const char *reason, int64_t now,
          bool *changed)
{
    struct decision_object in;
    schema_init(&decision_object_schema, &in);
    in.member = text_of(code);
    in.reason = text_of(reason);
    return registry_decision_object(&decision, &in, actor, now, changed, &error);
}

static enum status
lift_as(const struct registry_actor *actor, const char *code, int64_t now, bool *changed)
{
    struct decision_lift in;
    schema_init(&decision_lift_schema, &in);
    in.member = text_of(code);
    return registry_decision_lift(&decision, &in, actor, now, changed, &error);
}

static enum status
check_minimum(const char *minimum, int8_t may_shorten)
{
    procedure.minimum = text_of(minimum);
    procedure.may_shorten = may_shorten;
    return registry_procedure_check(&procedure, &error);
}

static void
test_templates(void **state)
{
    (void)state;
    reset(DECISION_SILENCE);
    assert_int_equal(check_minimum(NULL, BOOL_NONE), STATUS_OK);
    assert_int_equal(check_minimum("PT72H", BOOL_NONE), STATUS_OK);
    assert_int_equal(check_minimum("PT71H", BOOL_NONE), STATUS_INVALID_ARGUMENT);
    assert_int_equal(check_minimum("PT71H", 1), STATUS_OK);
    assert_int_equal(check_minimum("two weeks", 1), STATUS_INVALID_ARGUMENT);
    assert_int_equal(check_minimum("P4000D", 1), STATUS_INVALID_ARGUMENT);
    procedure.code = TEXT_LITERAL("Silence!");
    assert_int_equal(check_minimum("P14D", 1), STATUS_INVALID_ARGUMENT);
    reset(DECISION_CONSENSUS);
    assert_int_equal(check_minimum(NULL, BOOL_NONE), STATUS_OK);
    assert_int_equal(check_minimum("P14D", BOOL_NONE), STATUS_INVALID_ARGUMENT);
    procedure.minimum = TEXT_NONE;
    procedure.openers.count = 1;
    procedure.openers.items[0] = TEXT_LITERAL("observer");
    assert_int_equal(registry_procedure_check(&procedure, &error), STATUS_INVALID_ARGUMENT);
}

static void
test_who_opens(void **state)
{
    (void)state;
    reset(DECISION_CONSENSUS);
    assert_int_equal(open_as(&member), STATUS_OK);
    assert_int_equal(decision.mode, DECISION_CONSENSUS);
    assert_int_equal(decision.deadline, TIME_NONE);
    assert_true(text_is(decision.opener, "dushanbe"));
    assert_int_equal(open_as(&observer), STATUS_PERMISSION_DENIED);
    procedure.openers.count = 1;
    procedure.openers.items[0] = TEXT_LITERAL("chair");
    assert_int_equal(open_as(&member), STATUS_PERMISSION_DENIED);
    assert_int_equal(open_as(&secretariat), STATUS_PERMISSION_DENIED);
    assert_int_equal(open_as(&chair), STATUS_OK);
    procedure.bodies.count = 1;
    procedure.bodies.items[0] = TEXT_LITERAL("SOC");
    assert_int_equal(open_as(&chair), STATUS_FAILED_PRECONDITION);
    procedure.bodies.items[0] = TEXT_LITERAL("MC");
    opening.deadline = NOW + 100;
    assert_int_equal(open_as(&chair), STATUS_INVALID_ARGUMENT);
}

/* The first deadline that an actor may set. */
static void
expect_shortest(const struct registry_actor *actor, int64_t least)
{
    opening.deadline = NOW + least - 1;
    assert_int_equal(open_as(actor), STATUS_FAILED_PRECONDITION);
    opening.deadline = NOW + least;
    assert_int_equal(open_as(actor), STATUS_OK);
    assert_int_equal(decision.deadline, NOW + least);
}

static void
test_notice(void **state)
{
    (void)state;
    reset(DECISION_SILENCE);
    expect_shortest(&chair, 14 * DATE_DAY_MS);
    opening.deadline = TIME_NONE;
    assert_int_equal(open_as(&member), STATUS_OK);
    assert_int_equal(decision.deadline, NOW + 14 * DATE_DAY_MS);
    procedure.minimum = TEXT_LITERAL("P5D");
    expect_shortest(&secretariat, 5 * DATE_DAY_MS);
    procedure.may_shorten = 1;
    expect_shortest(&member, 5 * DATE_DAY_MS);
    expect_shortest(&secretariat, 1);
    expect_shortest(&chair, 1);
    opening.deadline = TIME_NONE;
    assert_int_equal(open_as(&chair), STATUS_OK);
    assert_int_equal(decision.deadline, NOW + 5 * DATE_DAY_MS);
    procedure.minimum = TEXT_LITERAL("PT1H"); /* for officers; others keep the 72 hours */
    expect_shortest(&member, 3 * DATE_DAY_MS);
    opening.deadline = NOW + REGISTRY_NOTICE_MOST_MS + 1;
    assert_int_equal(open_as(&member), STATUS_INVALID_ARGUMENT);
}

static void
test_objections(void **state)
{
    (void)state;
    bool changed;
    reset(DECISION_SILENCE);
    assert_int_equal(open_as(&member), STATUS_OK);
    const int64_t deadline = decision.deadline;
    assert_int_equal(object_as(&member, "KZ", "no", NOW, &changed), STATUS_PERMISSION_DENIED);
    assert_int_equal(object_as(&observer, "BY", "no", NOW, &changed), STATUS_PERMISSION_DENIED);
    assert_int_equal(object_as(&secretariat, "BY", "no", NOW, &changed),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(object_as(&member, "TJ", "no", deadline - 1, &changed), STATUS_OK);
    assert_true(changed);
    assert_int_equal(decision.objections.items[0].at, deadline - 1);
    assert_true(text_is(decision.objections.items[0].actor, "dushanbe"));
    assert_int_equal(object_as(&member, "TJ", "no", deadline - 1, &changed), STATUS_OK);
    assert_false(changed);
    assert_int_equal(object_as(&member, "TJ", "never", deadline - 1, &changed),
                     STATUS_ALREADY_EXISTS);
    assert_int_equal(object_as(&secretariat, "KZ", "no", deadline - 1, &changed), STATUS_OK);
    assert_int_equal(decision.objections.count, 2);
    assert_int_equal(lift_as(&secretariat, "TJ", deadline - 1, &changed), STATUS_OK);
    assert_true(changed);
    assert_int_equal(lift_as(&member, "TJ", deadline - 1, &changed), STATUS_OK);
    assert_false(changed);
    assert_int_equal(decision_standing(&decision), 1);
    assert_int_equal(object_as(&member, "TJ", "never", deadline - 1, &changed), STATUS_OK);
    assert_int_equal(decision.objections.count, 2); /* its place, again */
    assert_int_equal(decision_standing(&decision), 2);
    struct decision before = decision;
    assert_int_equal(object_as(&chair, "KZ", "no", deadline, &changed), STATUS_FAILED_PRECONDITION);
    decision = before;
    assert_int_equal(lift_as(&chair, "KZ", deadline, &changed), STATUS_FAILED_PRECONDITION);
}

static void
test_ends(void **state)
{
    (void)state;
    bool changed;
    reset(DECISION_SILENCE);
    assert_int_equal(open_as(&member), STATUS_OK);
    const int64_t deadline = decision.deadline;
    assert_int_equal(registry_decision_close(&decision, NOW, &error), STATUS_FAILED_PRECONDITION);
    assert_int_equal(registry_decision_extend(&decision, deadline + 1, &chair, NOW, &changed,
                                              &error),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(registry_decision_extend(&decision, deadline - 1, &member, NOW, &changed,
                                              &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(registry_decision_extend(&decision, deadline + 1, &member, deadline - 1,
                                              &changed, &error),
                     STATUS_OK);
    assert_int_equal(decision.deadline, deadline + 1);
    assert_int_equal(registry_decision_extend(&decision, deadline + 9, &secretariat, deadline + 1,
                                              &changed, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(open_as(&member), STATUS_OK);
    assert_int_equal(registry_decision_withdraw(&decision, TEXT_NONE, &chair, deadline - 1, &error),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(registry_decision_withdraw(&decision, TEXT_NONE, &member, deadline, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(open_as(&member), STATUS_OK);
    assert_int_equal(
        registry_decision_withdraw(&decision, TEXT_NONE, &member, deadline - 1, &error), STATUS_OK);
    assert_int_equal(decision.status, DECISION_WITHDRAWN);
    assert_int_equal(decision.outcome_at, deadline - 1);
    reset(DECISION_CONSENSUS);
    for (int objects = 0; objects < 2; objects++) {
        assert_int_equal(open_as(&member), STATUS_OK);
        if (objects)
            assert_int_equal(object_as(&member, "TJ", "no", NOW + 1, &changed), STATUS_OK);
        assert_int_equal(registry_decision_close(&decision, NOW + 2, &error), STATUS_OK);
        assert_int_equal(decision.status, objects ? DECISION_BLOCKED : DECISION_ADOPTED);
        assert_int_equal(decision.outcome_at, NOW + 2);
        assert_int_equal(registry_decision_close(&decision, NOW + 2, &error),
                         STATUS_FAILED_PRECONDITION);
    }
}

static enum status
link_to(enum registry_link link, int64_t level, int64_t target_level, const char *body,
        enum decision_status outcome)
{
    struct decision target = decision;
    target.body = text_of(body);
    target.status = outcome;
    return registry_decision_links(&decision, level, link, &target, target_level, &error);
}

static void
test_links(void **state)
{
    (void)state;
    const enum status no = STATUS_FAILED_PRECONDITION;
    reset(DECISION_CONSENSUS);
    assert_int_equal(open_as(&member), STATUS_OK);
    assert_int_equal(link_to(LINK_RECOMMENDS, 2, 3, "MC", DECISION_OPEN), STATUS_OK);
    assert_int_equal(link_to(LINK_RECOMMENDS, 3, 3, "MC", DECISION_OPEN), no);
    assert_int_equal(link_to(LINK_RECOMMENDS, 3, 2, "SOC", DECISION_OPEN), no);
    assert_int_equal(link_to(LINK_RECOMMENDS, INT_NONE, 3, "MC", DECISION_OPEN), no);
    assert_int_equal(link_to(LINK_RECOMMENDS, 2, 3, "MC", DECISION_ADOPTED), no);
    assert_int_equal(link_to(LINK_RECOMMENDED_BY, 3, 2, "SOC", DECISION_ADOPTED), STATUS_OK);
    assert_int_equal(link_to(LINK_RECOMMENDED_BY, 3, 2, "SOC", DECISION_OPEN), no);
    assert_int_equal(link_to(LINK_RECOMMENDED_BY, 2, 3, "X", DECISION_ADOPTED), no);
    assert_int_equal(link_to(LINK_SUPERSEDES, 3, 2, "SOC", DECISION_ADOPTED), STATUS_OK);
    assert_int_equal(link_to(LINK_SUPERSEDES, 2, 3, "SUMMIT", DECISION_ADOPTED), no);
    assert_int_equal(link_to(LINK_SUPERSEDES, INT_NONE, INT_NONE, "MC", DECISION_ADOPTED),
                     STATUS_OK);
    assert_int_equal(link_to(LINK_SUPERSEDES, 3, 3, "MC", DECISION_BLOCKED), no);
    assert_int_equal(link_to(LINK_REOPENS, 3, 3, "MC", DECISION_SILENCE_BROKEN), STATUS_OK);
    assert_int_equal(link_to(LINK_REOPENS, 3, 3, "SOC", DECISION_SILENCE_BROKEN), no);
    assert_int_equal(link_to(LINK_REOPENS, 3, 3, "MC", DECISION_ADOPTED), no);
    decision.decided = 100; /* taken elsewhere: only the levels count */
    assert_int_equal(link_to(LINK_RECOMMENDS, 2, 3, "MC", DECISION_ADOPTED), STATUS_OK);
    assert_int_equal(link_to(LINK_RECOMMENDS, 3, 2, "SOC", DECISION_ADOPTED), no);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates), cmocka_unit_test(test_who_opens),
        cmocka_unit_test(test_notice),    cmocka_unit_test(test_objections),
        cmocka_unit_test(test_ends),      cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
