// LINK: services/notify/notify_retry.c services/notify/notify_shares.c common/base/date.c common/base/text.c
/* When a delivery is tried again, when an endpoint gets a rest, and how replicas share shards. It
 * must not know sockets. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#include "services/notify/notify_retry.h"
#include "services/notify/notify_shares.h"

#define ALL UINT64_MAX

static struct notify_retry
schedule(const char *text)
{
    struct notify_retry retry;
    assert_true(notify_retry_read(text_of(text), &retry));
    return retry;
}

static void
test_the_schedule_of_the_design(void **state)
{
    (void)state;
    static const int64_t seconds[] = {0, 1, 5, 60, 300, 1800, 7200, 18000, 36000, 86400};
    struct notify_retry retry = schedule(NOTIFY_RETRY_DEFAULT);
    assert_int_equal(retry.count, 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(retry.pauses_ms[i], seconds[i] * 1000);
        for (uint32_t random = 0; random < 5000; random += 97) {
            int64_t pause = notify_retry_pause(&retry, i, -1, random);
            assert_in_range(pause, seconds[i] * 1000, seconds[i] * 1200);
        }
    }
    assert_int_equal(notify_retry_pause(&retry, 10, -1, 0), -1);
    assert_int_equal(notify_retry_pause(&retry, 10, 5, 0), -1); /* whatever it asks for */
    assert_int_not_equal(notify_retry_pause(&retry, 5, -1, 0),
                         notify_retry_pause(&retry, 5, -1, 512));
}

static void
test_what_the_receiver_asks_for(void **state)
{
    (void)state;
    struct notify_retry retry = schedule("0,2");
    assert_int_equal(notify_retry_pause(&retry, 1, 9000, 0), 9000);
    assert_int_equal(notify_retry_pause(&retry, 1, 1000, 0), 2000);
    assert_int_equal(notify_retry_pause(&retry, 1, INT64_MAX, 0), NOTIFY_RETRY_AFTER_MAX_MS);
}

static void
test_lists_of_pauses(void **state)
{
    (void)state;
    struct notify_retry retry = schedule("0.25,10,P1D");
    assert_int_equal(retry.pauses_ms[0], 250);
    assert_int_equal(retry.pauses_ms[1], 10000);
    assert_int_equal(retry.pauses_ms[2], 86400000);
    static const char *const bad[] = {"",
                                      ",",
                                      "1,",
                                      "-1",
                                      "1.",
                                      ".5",
                                      "1.2345",
                                      "1..2",
                                      "P31D",
                                      "PT1X",
                                      "1 ,2",
                                      "1e3",
                                      "a",
                                      "9999999",
                                      "1,,2",
                                      "P",
                                      "0x10",
                                      "1.2.3",
                                      "9999999999999999"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        if (notify_retry_read(text_of(bad[i]), &retry))
            fail_msg("\"%s\" is no list", bad[i]);
    char many[3 * NOTIFY_RETRY_MAX + 3] = "1";
    for (unsigned i = 1; i < NOTIFY_RETRY_MAX; i++)
        strcat(many, ",1");
    assert_true(notify_retry_read(text_of(many), &retry));
    strcat(many, ",1");
    assert_false(notify_retry_read(text_of(many), &retry));
}

static void
test_the_circuit(void **state)
{
    (void)state;
    struct notify_retry retry = schedule("0,1,5,600");
    struct notify_circuit circuit = {0};
    for (unsigned i = 0; i < NOTIFY_CIRCUIT_FAILURES; i++) {
        assert_true(notify_circuit_may(&circuit, 100));
        notify_circuit_begin(&circuit);
        notify_circuit_end(&circuit, false, &retry, 100 + i);
    }
    assert_true(notify_circuit_open(&circuit));
    assert_int_equal(circuit.failing_since, 100);
    int64_t now = 104;
    static const int64_t pauses[] = {1000, 5000, NOTIFY_CIRCUIT_PAUSE_MS, NOTIFY_CIRCUIT_PAUSE_MS};
    for (unsigned i = 0; i < 4; i++) {
        assert_false(notify_circuit_may(&circuit, now + pauses[i] - 1));
        now += pauses[i];
        assert_true(notify_circuit_may(&circuit, now));
        notify_circuit_begin(&circuit);
        assert_false(notify_circuit_may(&circuit, now)); /* one at a time */
        notify_circuit_end(&circuit, false, &retry, now);
    }
    notify_circuit_end(&circuit, true, &retry, now);
    assert_false(notify_circuit_open(&circuit));
    assert_int_equal(circuit.failing_since, 0);
    assert_true(notify_circuit_may(&circuit, now));
}

/* ---- shares ---- */

static struct notify_turn
turn(struct notify_shares *shares, const char *id, int64_t now, uint64_t idle)
{
    struct notify_turn out;
    assert_true(notify_shares_turn(shares, text_of(id), now, now + 2000, idle, &out));
    return out;
}

/* No shard is held twice; returns how many are held by nobody. */
static unsigned
check(const struct notify_shares *shares)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < shares->count; i++) {
        assert_int_equal(all & shares->replicas[i].shards, 0);
        all |= shares->replicas[i].shards;
    }
    return NOTIFY_SHARDS - notify_shares_count(all);
}

static void
test_one_replica_has_all(void **state)
{
    (void)state;
    struct notify_shares shares = {0};
    struct notify_turn out = turn(&shares, "a", 1000, 0);
    assert_true(out.held == ALL && !out.leaving && !out.wanting);
    assert_true(out.next_ms == INT64_MAX);
}

static void
test_a_newcomer_gets_its_share(void **state)
{
    (void)state;
    struct notify_shares shares = {0};
    turn(&shares, "b", 1000, 0);
    struct notify_turn out = turn(&shares, "a", 1100, 0);
    assert_true(out.wanting && !out.held);
    assert_int_equal(out.next_ms, 3000);
    out = turn(&shares, "b", 1200, 0);
    assert_int_equal(notify_shares_count(out.leaving), 32);
    assert_true(out.held == ALL); /* until they are at rest */
    assert_true(turn(&shares, "a", 1250, 0).wanting);
    uint64_t idle = out.leaving & 0xffffffff0fffffff & (ALL << 40);
    out = turn(&shares, "b", 1300, idle);
    assert_int_equal(notify_shares_count(out.held), 64 - notify_shares_count(idle));
    assert_true(out.leaving && !(out.leaving & idle));
    out = turn(&shares, "b", 1400, ALL);
    assert_int_equal(notify_shares_count(out.held), 32);
    assert_false(out.leaving);
    out = turn(&shares, "a", 1500, 0);
    assert_int_equal(notify_shares_count(out.held), 32);
    assert_false(out.wanting);
    assert_int_equal(check(&shares), 0);
}

static void
test_the_dead_are_missed_and_the_living_share_evenly(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct notify_shares shares = {0};
    int64_t now = 1000;
    for (unsigned round = 0; round < 6; round++, now += 100)
        for (unsigned i = 0; i < 5; i++)
            turn(&shares, names[i], now, ALL);
    assert_int_equal(check(&shares), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_in_range(notify_shares_count(shares.replicas[i].shards), 12, 13);
    for (unsigned round = 0; round < 30; round++, now += 100) /* c and d are gone */
        for (unsigned i = 0; i < 5; i++)
            if (i != 2 && i != 3)
                turn(&shares, names[i], now, ALL);
    assert_int_equal(shares.count, 3);
    assert_int_equal(check(&shares), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(notify_shares_count(shares.replicas[i].shards), 21, 22);
    notify_shares_leave(&shares, TEXT_LITERAL("a"));
    assert_int_equal(shares.count, 2);
    turn(&shares, "b", now, 0);
    turn(&shares, "e", now, 0);
    assert_int_equal(check(&shares), 0);
}

static void
test_who_was_away_begins_anew(void **state)
{
    (void)state;
    struct notify_shares shares = {0};
    turn(&shares, "a", 1000, 0);
    turn(&shares, "b", 3500, 0); /* a is overdue */
    assert_int_equal(shares.count, 1);
    struct notify_turn out = turn(&shares, "a", 3600, 0);
    assert_true(!out.held && out.wanting);
}

static void
test_no_more_than_fit(void **state)
{
    (void)state;
    struct notify_shares shares = {0};
    struct notify_turn out;
    char id[16];
    for (int i = 0; i < NOTIFY_REPLICAS_MAX; i++) {
        snprintf(id, sizeof id, "%03d", i);
        turn(&shares, id, 1000, ALL);
    }
    assert_false(notify_shares_turn(&shares, TEXT_LITERAL("more"), 1000, 3000, 0, &out));
    assert_int_equal(shares.count, NOTIFY_REPLICAS_MAX);
    assert_true(notify_shares_turn(&shares, TEXT_LITERAL("more"), 3000, 5000, 0, &out));
}

static void
test_shards_are_even(void **state)
{
    (void)state;
    unsigned counts[NOTIFY_SHARDS] = {0};
    char id[20];
    for (int i = 0; i < 6400; i++) {
        int len = snprintf(id, sizeof id, "webhook-%d", i);
        counts[notify_shares_shard((struct text){id, (uint32_t)len})]++;
    }
    for (unsigned i = 0; i < NOTIFY_SHARDS; i++)
        assert_in_range(counts[i], 50, 160);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_schedule_of_the_design),
        cmocka_unit_test(test_what_the_receiver_asks_for),
        cmocka_unit_test(test_lists_of_pauses),
        cmocka_unit_test(test_the_circuit),
        cmocka_unit_test(test_one_replica_has_all),
        cmocka_unit_test(test_a_newcomer_gets_its_share),
        cmocka_unit_test(test_the_dead_are_missed_and_the_living_share_evenly),
        cmocka_unit_test(test_who_was_away_begins_anew),
        cmocka_unit_test(test_no_more_than_fit),
        cmocka_unit_test(test_shards_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
