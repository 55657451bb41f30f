// LINK: common/auth/acl.c common/msg/permission.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/date.c common/base/text.c common/base/status.c
/* Who may call what, explained; and that the rules speak of methods that exist, for roles that may
 * call them. It must not know sockets. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/auth/acl.h"

static enum acl_outcome
outcome(unsigned roles, const char *method)
{
    struct principal principal = {.id = "p", .roles = roles};
    struct acl_answer answer;
    assert_true(acl_explain(&principal, text_of(method), &answer));
    assert_string_equal(answer.method->name, method);
    assert_int_equal(answer.rule_count > 0, answer.outcome == ACL_DEPENDS || answer.rule_count);
    return answer.outcome;
}

static void
test_outcomes(void **state)
{
    (void)state;
    assert_int_equal(outcome(PERMIT_SECRETARIAT, "event.propose"), ACL_ALLOWED);
    assert_int_equal(outcome(PERMIT_MEMBER, "event.propose"), ACL_DEPENDS);
    assert_int_equal(outcome(PERMIT_SECRETARIAT | PERMIT_MEMBER, "event.propose"), ACL_ALLOWED);
    assert_int_equal(outcome(PERMIT_OBSERVER, "event.propose"), ACL_DENIED);
    assert_int_equal(outcome(PERMIT_SUBSCRIBER, "plan.get"), ACL_ALLOWED);
    assert_int_equal(outcome(PERMIT_SUBSCRIBER, "event.get"), ACL_DEPENDS);
    assert_int_equal(outcome(0, "participant.get"), ACL_DENIED);
}

static void
test_no_such_method(void **state)
{
    struct principal principal = {.id = "p", .roles = PERMIT_ANY};
    struct acl_answer answer;
    (void)state;
    assert_false(acl_explain(&principal, text_of("event.fly"), &answer));
    assert_false(acl_explain(&principal, text_of(""), &answer));
}

static void
test_rules_are_of_methods(void **state)
{
    (void)state;
    for (unsigned s = 0; interfaces[s]; s++)
        for (unsigned i = 0; i < interfaces[s]->rule_count; i++) {
            const struct rule *rule = &interfaces[s]->rules[i];
            const struct method *method = interface_method(interfaces[s], text_of(rule->method));
            assert_non_null(method);
            assert_int_equal(rule->roles & ~method->permission, 0);
            assert_true(strlen(rule->doc) > 0);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_no_such_method),
        cmocka_unit_test(test_rules_are_of_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
