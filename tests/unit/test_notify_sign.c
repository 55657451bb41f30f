// LINK: services/notify/notify_sign.c common/base/library.c common/base/text.c -lsodium
/* Signatures of webhooks: the example of Standard Webhooks, RFC 8032's keys, and secrets that are
 * none. It must not know sockets. */
#include "tests/unit/check.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "services/notify/notify_sign.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SIGNED "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define ID TEXT_LITERAL("msg_p5jXN8AQM9LWM0D4loKWxJek")
#define BODY TEXT_LITERAL("{\"test\": 2432232314}")
/* RFC 8032, 7.1, TEST 1 */
#define SEED "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2"
#define PUBLIC_HALF "DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
#define PUBLIC "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static struct notify_sign *sign;
static char out[4 * NOTIFY_SIGNATURE_MAX];

static void
test_example(void **state)
{
    (void)state;
    const struct text secrets[] = {TEXT_LITERAL(SECRET), TEXT_LITERAL(SECRET)};
    assert_int_equal(notify_sign(sign, ID, 1614265330, BODY, 1, secrets, out), sizeof SIGNED - 1);
    assert_string_equal(out, SIGNED);
    notify_sign(sign, ID, 1614265330, BODY, 2, secrets, out);
    assert_string_equal(out, SIGNED " " SIGNED);
    notify_sign(sign, ID, 1614265331, BODY, 1, secrets, out);
    assert_string_not_equal(out, SIGNED);
}

/* What was signed with before has no part in it. */
static void
test_other_secret(void **state)
{
    (void)state;
    const struct text mine = TEXT_LITERAL(SECRET);
    const struct text other = TEXT_LITERAL("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_true(notify_sign(sign, ID, 1614265330, BODY, 1, &other, out));
    assert_string_not_equal(out, SIGNED);
    notify_sign(sign, ID, 1614265330, BODY, 1, &mine, out);
    assert_string_equal(out, SIGNED);
}

/* Whether the signature behind "v1a," is of the message by the key of the whpk_. */
static bool
verified(const char *signature, const char *public_key, const char *message)
{
    unsigned char bytes[crypto_sign_BYTES], key[crypto_sign_PUBLICKEYBYTES];
    assert_int_equal(strncmp(signature, "v1a,", 4), 0);
    assert_int_equal(strncmp(public_key, "whpk_", 5), 0);
    assert_int_equal(sodium_base642bin(bytes, sizeof bytes, signature + 4, strlen(signature + 4),
                                       NULL, NULL, NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(sodium_base642bin(key, sizeof key, public_key + 5, strlen(public_key + 5),
                                       NULL, NULL, NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    return crypto_sign_verify_detached(bytes, (const unsigned char *)message, strlen(message),
                                       key) == 0;
}

static void
test_pair(void **state)
{
    (void)state;
    const struct text both[] = {TEXT_LITERAL(SECRET), TEXT_LITERAL(SEED PUBLIC_HALF)};
    struct text seed = TEXT_LITERAL(SEED "A=");
    assert_true(notify_sign(sign, ID, 1614265330, BODY, 1, &seed, out));
    const char *message = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
    assert_true(verified(out, PUBLIC, message));
    assert_false(verified(out, PUBLIC, "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265331.{}"));
    assert_true(notify_sign(sign, ID, 1614265330, TEXT_NONE, 2, both, out));
    assert_int_equal(strncmp(out, "v1,", 3), 0);
    assert_true(verified(strchr(out, ' ') + 1, PUBLIC, "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."));
}

/* Whether it is a secret to sign with. */
static bool
valid(const char *secret)
{
    struct text text = text_of(secret);
    return notify_sign(sign, ID, 1, BODY, 1, &text, out) > 0;
}

/* whsec_ of so many bytes */
static bool
valid_of(size_t len)
{
    unsigned char bytes[100] = {0};
    char text[200] = "whsec_";
    sodium_bin2base64(text + 6, sizeof text - 6, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return valid(text);
}

static void
test_secrets(void **state)
{
    (void)state;
    static const char *const none[] = {
        "", "whsec_", "whsec", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SECRET "=", SECRET " ",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        /* a seed with another key's public half */
        "whsk_nWGxne/"
        "9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(valid(none[i]));
    assert_false(valid_of(23));
    assert_true(valid_of(24));
    assert_true(valid_of(64));
    assert_false(valid_of(65));
    assert_int_equal(notify_sign(sign, ID, 1, BODY, 0, NULL, out), 0);
}

static int
make_sign(void **state)
{
    (void)state;
    sign = notify_sign_new();
    return sign ? 0 : -1;
}

static int
end_sign(void **state)
{
    (void)state;
    notify_sign_destroy(&sign);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_other_secret),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_secrets),
    };
    return sodium_init() < 0 || cmocka_run_group_tests(tests, make_sign, end_sign);
}
