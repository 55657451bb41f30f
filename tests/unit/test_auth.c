// LINK: common/auth/key.c common/auth/principals.c common/bus/rpc.c common/msg/permission.c common/msg/mp.c common/base/text.c common/base/buf.c common/base/status.c -lmsgpackc
/* Keys, and who may connect with them: the file, the registry, revocation.
 * It must not know sockets or the log. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/auth/principals.h"
#include "common/msg/schema.h"

#define ONE TEXT_LITERAL("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID")
#define TWO TEXT_LITERAL("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")

static const struct principal officer = {.id = "officer", .roles = PERMIT_SECRETARIAT};
static const struct principal focal = {.id = "kz", .roles = PERMIT_MEMBER, .member = "KZ"};
static const struct principal press = {.id = "kz", .roles = PERMIT_SUBSCRIBER};

static void
test_keys(void **state)
{
    (void)state;
    assert_true(key_valid(ONE));
    assert_true(key_valid(TEXT_LITERAL("0000000000000000000000000000000000000000")));
    assert_false(key_valid(TEXT_NONE));
    assert_false(key_valid(TEXT_LITERAL("")));
    assert_false(key_valid(TEXT_LITERAL("000000000000000000000000000000000000000")));
    assert_false(key_valid(TEXT_LITERAL("00000000000000000000000000000000000000000")));
    assert_false(key_valid(TEXT_LITERAL("0000000000000000000000000000000000000 00")));
    assert_false(key_valid(TEXT_LITERAL("000000000000000000000000000000000000000~")));
    assert_false(key_valid(TEXT_LITERAL("###################################00000")));
    assert_true(key_valid(TEXT_LITERAL("%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0"))); /* 2^32-1 */
    assert_false(key_valid(TEXT_LITERAL("%nSc1%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0")));
    /* ZeroMQ RFC 32: 86 4F D2 6F B5 59 F7 5B is HelloWorld */
    uint8_t bytes[KEY_BYTES] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    char text[KEY_LEN + 1];
    key_print(bytes, text);
    assert_string_equal(text, "HelloWorld000000000000000000000000000000");
}

static const struct identity *
known(struct principals *principals, struct text key)
{
    const struct identity *identity = principals_find(principals, key);
    return identity && identity->allowed ? identity : NULL;
}

static void
test_registry(void **state)
{
    (void)state;
    struct principals principals = {.max = 2};
    assert_null(principals_find(&principals, ONE));
    assert_null(principals_find(&principals, TEXT_LITERAL("short")));
    assert_null(principals_enroll(&principals, TEXT_LITERAL("short"), &focal));
    const struct identity *identity = principals_enroll(&principals, ONE, &focal);
    assert_ptr_equal(known(&principals, ONE), identity);
    assert_string_equal(identity->principal.member, "KZ");
    struct principal back;
    assert_int_equal(rpc_principal_parse(identity->wire.data, identity->wire.len, &back, NULL),
                     STATUS_OK);
    assert_string_equal(back.id, "kz");
    assert_int_equal(back.roles, PERMIT_MEMBER);
    assert_int_equal(principals.changes, 0); /* a new one has nothing to lose */
    principals_enroll(&principals, ONE, &focal);
    assert_int_equal(principals.changes, 0);
    principals_enroll(&principals, ONE, &press);
    assert_int_equal(principals.changes, 1); /* other roles: what it got by the old ones must end */
    assert_int_equal(identity->principal.roles, PERMIT_SUBSCRIBER);
    principals_revoke(&principals, ONE);
    assert_null(known(&principals, ONE));
    assert_ptr_equal(principals_find(&principals, ONE), identity);
    assert_int_equal(identity->changed_at, 2);
    principals_revoke(&principals, ONE);
    assert_int_equal(principals.changes, 2);
    principals_enroll(&principals, ONE, &focal); /* never again, whatever the log says */
    assert_null(known(&principals, ONE));
    assert_non_null(principals_revoke(&principals, TWO)); /* before it was ever enrolled */
    assert_null(known(&principals, TWO));
    assert_int_equal(principals.allowed, 0);
    assert_null(principals_enroll(
        &principals, TEXT_LITERAL("0000000000000000000000000000000000000000"), &focal)); /* full */
    principals_fini(&principals);
    assert_null(principals_find(&principals, ONE));
}

static void
test_files(void **state)
{
    (void)state;
    struct principals principals = {.max = 10};
    principals_files_begin(&principals);
    assert_true(principals_trust(&principals, ONE, &officer));
    assert_false(principals_trust(&principals, TEXT_LITERAL("no key"), &officer));
    principals_files_end(&principals);
    assert_string_equal(known(&principals, ONE)->principal.id, "officer");
    principals_files_begin(&principals);
    assert_true(principals_trust(&principals, ONE, &officer));
    principals_files_end(&principals);
    assert_int_equal(principals.changes, 0);
    principals_files_begin(&principals); /* the file is gone */
    assert_true(principals_trust(&principals, TWO, &officer));
    principals_files_end(&principals);
    assert_null(known(&principals, ONE));
    assert_non_null(known(&principals, TWO));
    assert_int_equal(principals.changes, 1);
    principals_fini(&principals);
}

static void
test_both(void **state)
{
    (void)state;
    struct principals principals = {.max = 10};
    principals_trust(&principals, ONE, &officer);
    principals_enroll(&principals, ONE, &focal); /* the registry goes before the file */
    principals_trust(&principals, ONE, &officer);
    assert_string_equal(known(&principals, ONE)->principal.id, "kz");
    principals_files_begin(&principals);
    principals_files_end(&principals);
    assert_non_null(known(&principals, ONE)); /* enrolled still */
    principals_trust(&principals, ONE, &officer);
    principals_revoke(&principals, ONE); /* the file does not help */
    assert_null(known(&principals, ONE));
    principals_files_begin(&principals);
    principals_trust(&principals, ONE, &officer);
    principals_files_end(&principals);
    assert_null(known(&principals, ONE));
    principals_fini(&principals);
}

static void
test_tokens(void **state)
{
    (void)state;
    struct principals principals = {.max = 3};
    struct identity *one = principals_enroll(&principals, ONE, &focal);
    struct identity *two = principals_enroll(&principals, TWO, &press);
    uint64_t version = principals.version;
    assert_null(principals_find_token(&principals, TWO));
    principals_set_token(&principals, one, TWO);
    assert_true(principals.version > version);
    assert_ptr_equal(principals_find_token(&principals, TWO), one);
    principals_set_token(&principals, two, ONE);
    principals_set_token(&principals, one,
                         TEXT_LITERAL("%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0"));
    assert_null(principals_find_token(&principals, TWO)); /* the one before */
    assert_ptr_equal(principals_find_token(&principals, ONE), two);
    principals_set_token(&principals, two, TEXT_NONE);
    assert_null(principals_find_token(&principals, ONE));
    assert_null(principals_find_token(&principals, TEXT_LITERAL("short")));
    assert_string_equal(two->token, "");
    principals_fini(&principals);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys), cmocka_unit_test(test_registry), cmocka_unit_test(test_files),
        cmocka_unit_test(test_both), cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
