// LINK: common/log/chain.c common/log/record.c common/log/topic.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c services/notify/notify_domain_retain.c -lsodium -lmsgpackc
/* The chain over the log, its signed checkpoints, and how much of the log may go. It must not know
 * sockets or Redis. */
#include "tests/unit/check.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/log/chain.h"
#include "common/log/record.h"
#include "services/notify/notify_domain_retain.h"

static const char nothing[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void
add(struct chain_hash *chain, int64_t seq, const char *stored)
{
    struct chain_hash leaf;
    chain_leaf(seq, text_of(stored), &leaf);
    chain_add(chain, &leaf);
}

/* The hashes of docs/proof.md, as Python's hashlib computes them. */
static void
test_known_hashes(void **state)
{
    (void)state;
    struct chain_hash chain = {{0}}, leaf;
    char hex[CHAIN_HEX_MAX];
    chain_leaf(1, TEXT_LITERAL("one"), &leaf);
    chain_print(&leaf, hex);
    assert_string_equal(hex, "3698a96a5679890569c656f7a3cc50ac74521004c446e70417c28e624c6db639");
    chain_add(&chain, &leaf);
    add(&chain, 2, "two");
    chain_print(&chain, hex);
    assert_string_equal(hex, "ee7e84d4f150e3484aeab5855b823e4c72068a917705e6b7a0e7e3e814d95036");
}

/* Any change of any record, of its place, or of how many there are, is another hash. */
static void
test_every_change_shows(void **state)
{
    (void)state;
    static const char *const logs[][3] = {{"a", "b", "c"},  {"a", "b", "d"}, {"a", "c", "b"},
                                          {"a", "b", NULL}, {"b", "b", "c"}, {"ab", "", "c"}};
    struct chain_hash chains[6] = {0};
    for (unsigned i = 0; i < 6; i++)
        for (unsigned k = 0; k < 3 && logs[i][k]; k++)
            add(&chains[i], k + 1, logs[i][k]);
    for (unsigned i = 1; i < 6; i++)
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(&chains[i], &chains[k], sizeof chains[i]);
    struct chain_hash later = {{0}};
    for (unsigned k = 0; k < 3; k++)
        add(&later, k + 2, logs[0][k]);
    assert_memory_not_equal(&later, &chains[0], sizeof later);
}

static void
test_hex(void **state)
{
    (void)state;
    struct chain_hash hash;
    char hex[CHAIN_HEX_MAX];
    assert_true(chain_parse(text_of(nothing), &hash));
    chain_print(&hash, hex);
    assert_string_equal(hex, nothing);
    static const char *const bad[] = {
        "", "00", "0g", "zz00000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(chain_parse(text_of(bad[i]), &hash));
    assert_false(chain_parse(TEXT_NONE, &hash));
}

static void
test_signed_checkpoints(void **state)
{
    (void)state;
    struct chain_key key, other;
    char statement[CHAIN_STATEMENT_MAX], signature[CHAIN_SIGNATURE_MAX];
    const uint8_t seed[32] = {1}, other_seed[32] = {2};
    chain_key_of_seed(seed, &key);
    chain_key_of_seed(other_seed, &other);
    struct checkpoint point = {.seq = 7,
                               .hash = text_of(nothing),
                               .previous_hash = text_of(nothing),
                               .time = INT64_C(1626163200125),
                               .key = text_of(key.public)};
    size_t len = chain_statement(&point, statement);
    char wanted[CHAIN_STATEMENT_MAX];
    snprintf(
        wanted, sizeof wanted,
        "CBM checkpoint 1\nseq 7\nhash %s\nprevious 0 %s\ntime 2021-07-13T08:00:00.125Z\nkey %s\n",
        nothing, nothing, key.public);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(statement, wanted, len);
    chain_sign(&key, (struct text){statement, (uint32_t)len}, signature);
    point.signature = text_of(signature);
    assert_true(chain_checkpoint_signed(&point));
    struct checkpoint forged = point;
    forged.seq = 8;
    assert_false(chain_checkpoint_signed(&forged));
    forged = point;
    forged.time++;
    assert_false(chain_checkpoint_signed(&forged));
    forged = point;
    forged.key = text_of(other.public);
    assert_false(chain_checkpoint_signed(&forged));
    forged = point;
    forged.signature = TEXT_LITERAL("00");
    assert_false(chain_checkpoint_signed(&forged));
    for (size_t i = 0; i < sizeof signature - 1; i++) {
        char kept = signature[i];
        signature[i] = kept == '0' ? '1' : '0';
        assert_false(chain_checkpoint_signed(&point));
        signature[i] = kept;
    }
}

/* Which number of `prev` is that of a prefix. */
static void
test_before(void **state)
{
    (void)state;
    struct log_record open = {.topic = TEXT_LITERAL("events.human.-.x."),
                              .prev = TEXT_LITERAL("12 10 9 4 0")};
    static const char *const prefixes[] = {"", "events.", "events.human.", "events.human.-.",
                                           "events.human.-.x."};
    static const int64_t before[] = {12, 10, 9, 4, 0};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(log_record_before(&open, text_of(prefixes[i])), before[i]);
    struct log_record private = {.topic = TEXT_LITERAL("private.kz.note."),
                                 .prev = TEXT_LITERAL("9 4 1")};
    assert_int_equal(log_record_before(&private, TEXT_LITERAL("private.")), 9);
    assert_int_equal(log_record_before(&private, TEXT_LITERAL("private.kz.")), 4);
    assert_int_equal(log_record_before(&private, TEXT_LITERAL("private.kz.note.")), 1);
}

static void
test_what_may_go(void **state)
{
    (void)state;
    const int64_t now = INT64_C(1700000000000), hour = 3600000, day = 24 * hour;
    static const struct {
        struct notify_retain_policy policy;
        int64_t seq, hours, floor;
        bool may;
    } cases[] = {
        {{0, 0, 0}, 1, 100000, 1000, false}, /* for ever */
        {{2, 0, 0}, 1, 48, 1000, true},      /* by age */
        {{2, 0, 0}, 1, 47, 1000, false},
        {{1, 0, 0}, 1, 24, 1000, false}, /* never what a key may refer to */
        {{1, 0, 0}, 1, 25, 1000, true},
        {{0, 100, 0}, 900, 30, 1000, true}, /* by number, of 1,000 */
        {{0, 100, 0}, 901, 30, 1000, false},
        {{0, 100, 0}, 900, 24, 1000, false},
        {{30, 100, 0}, 900, 30, 1000, true}, /* either is enough */
        {{2, 0, 0}, 500, 48, 500, true},     /* what the slowest has passed */
        {{2, 0, 0}, 501, 48, 500, false},
        {{2, 0, 1}, 501, 48, 500, true},  /* unless cursors do not count */
        {{2, 0, 1}, 501, -5, 500, false}, /* from the future */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(notify_domain_may_go(&cases[i].policy, cases[i].seq,
                                              now - cases[i].hours * hour, 1000, cases[i].floor,
                                              now),
                         cases[i].may);
    const struct notify_retain_policy policy = {2, 0, 0};
    assert_false(notify_domain_may_go(&policy, 1, INT64_MAX, 1000, 1000, now));
    assert_true(notify_domain_may_go(&policy, 1, now - 2 * day, 1000, 1000, now));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_hashes), cmocka_unit_test(test_every_change_shows),
        cmocka_unit_test(test_hex),          cmocka_unit_test(test_signed_checkpoints),
        cmocka_unit_test(test_before),       cmocka_unit_test(test_what_may_go),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
