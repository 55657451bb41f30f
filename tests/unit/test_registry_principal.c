// LINK: services/registry/registry_domain_principal.c common/auth/key.c common/msg/permission.c common/msg/messages.c common/msg/schema.c common/msg/interfaces.c common/base/text.c common/base/status.c common/base/date.c
/* The rules of principals: roles together, whose a key is, what is final.
 * It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <string.h>

#include "services/registry/registry_principal.h"

#define ONE TEXT_LITERAL("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID")
#define TWO TEXT_LITERAL("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")

static struct principal_enroll
asked(struct text key, const char *roles, struct text member)
{
    struct principal_enroll in = {.id = TEXT_LITERAL("press"), .key = key, .member = member};
    while (*roles) {
        size_t len = strcspn(roles, ",");
        in.roles.items[in.roles.count++] = (struct text){roles, (uint32_t)len};
        roles += len + (roles[len] != '\0');
    }
    return in;
}

static void
test_check(void **state)
{
    (void)state;
    static const struct {
        const char *roles, *member, *field;
    } rows[] = {
        {"secretariat", "", NULL},
        {"secretariat,chair", "", NULL},
        {"chair", "", NULL},
        {"member", "KZ", NULL},
        {"member,chair,secretariat", "KZ", NULL},
        {"observer,subscriber", "TM", NULL},
        {"service", "", NULL},
        {"", "", "roles"},
        {"king", "", "roles"},
        {"chair,chair", "", "roles"},
        {"service,subscriber", "", "roles"},
        {"member,observer", "KZ", "roles"},
        {"member", "", "member"},
        {"observer", "", "member"},
        {"chair", "KZ", "member"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        struct text member = *rows[i].member ? text_of(rows[i].member) : TEXT_NONE;
        struct principal_enroll in = asked(ONE, rows[i].roles, member);
        enum status status = registry_principal_check(&in, &error);
        assert_int_equal(status, rows[i].field ? STATUS_INVALID_ARGUMENT : STATUS_OK);
        assert_string_equal(error.field, rows[i].field ? rows[i].field : "");
    }
    struct error error;
    struct principal_enroll in = asked(TEXT_LITERAL("short"), "chair", TEXT_NONE);
    assert_int_equal(registry_principal_check(&in, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "key");
}

static void
test_speaks(void **state)
{
    (void)state;
    struct error error;
    struct principal_enroll member = asked(ONE, "member", TEXT_LITERAL("KZ"));
    struct principal_enroll observer = asked(ONE, "observer", TEXT_LITERAL("TM"));
    for (int at = participant_status_absent; at < participant_status_end; at++) {
        enum participant_status status = (enum participant_status)at;
        assert_int_equal(registry_principal_speaks(&member, status, &error),
                         at == PARTICIPANT_MEMBER ? STATUS_OK : STATUS_FAILED_PRECONDITION);
        assert_int_equal(registry_principal_speaks(&observer, status, &error),
                         at == PARTICIPANT_OBSERVER || at == PARTICIPANT_PARTNER
                             ? STATUS_OK
                             : STATUS_FAILED_PRECONDITION);
    }
}

static enum status
enroll(const struct principal_enroll *in, struct principal_entry *entry, const char *owner,
       bool *changed, struct error *error)
{
    struct principal_entry known = *entry;
    return registry_principal_enroll(in, known.id.ptr ? &known : NULL, text_of(owner), entry,
                                     changed, error);
}

static void
test_a_life(void **state)
{
    (void)state;
    struct error error;
    struct principal_entry entry = {0};
    struct principal_enroll first = asked(ONE, "subscriber", TEXT_NONE);
    struct principal_enroll more = asked(ONE, "subscriber,chair", TEXT_NONE);
    struct principal_enroll turned = asked(ONE, "chair,subscriber", TEXT_NONE);
    struct principal_enroll other = asked(TWO, "subscriber", TEXT_NONE);
    struct principal_revoke revoke = {.id = first.id, .reason = TEXT_LITERAL("left")};
    bool changed;
    assert_int_equal(enroll(&first, &entry, NULL, &changed, &error), STATUS_OK);
    assert_true(changed && entry.status == PRINCIPAL_ACTIVE && entry.rev == 0);
    entry.rev = 1;
    assert_int_equal(enroll(&first, &entry, "press", &changed, &error), STATUS_OK);
    assert_false(changed);
    assert_int_equal(enroll(&more, &entry, "press", &changed, &error), STATUS_OK);
    assert_true(changed && entry.roles.count == 2 && entry.rev == 1);
    assert_int_equal(enroll(&turned, &entry, "press", &changed, &error), STATUS_OK);
    assert_false(changed); /* the same roles in another order */
    assert_int_equal(enroll(&other, &entry, NULL, &changed, &error), STATUS_ALREADY_EXISTS);
    assert_string_equal(error.field, "id");
    assert_int_equal(enroll(&other, &entry, "someone", &changed, &error), STATUS_ALREADY_EXISTS);
    assert_string_equal(error.field, "key");
    assert_true(registry_principal_revoke(&revoke, &entry));
    assert_true(entry.status == PRINCIPAL_REVOKED && text_is(entry.reason, "left"));
    assert_false(registry_principal_revoke(&revoke, &entry));
    assert_int_equal(enroll(&first, &entry, "press", &changed, &error),
                     STATUS_FAILED_PRECONDITION); /* revoked stays revoked */
    assert_int_equal(enroll(&other, &entry, NULL, &changed, &error), STATUS_OK);
    assert_true(changed && entry.status == PRINCIPAL_ACTIVE && !entry.reason.ptr);
    assert_int_equal(enroll(&first, &entry, "press", &changed, &error),
                     STATUS_FAILED_PRECONDITION); /* nor under its old name later */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_speaks),
        cmocka_unit_test(test_a_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
