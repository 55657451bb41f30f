// LINK: services/notify/notify_domain_mailbox.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/base/text.c common/base/date.c common/base/status.c
/* A mailbox against a plain list of what was given and acknowledged. It must not know the log. */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "services/notify/notify_domain_mailbox.h"

#define RECORDS 400
#define STEPS 20000
#define SPAN_MS 50

static uint32_t seed = 1;

static unsigned
random_below(unsigned bound)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

struct expected {
    bool given, acked, told;
    int64_t until, attempt, first, last, acked_at;
};

/* Up to the first that was given and not acknowledged all is settled. */
static int64_t
cursor_of(const struct expected *all, int64_t given)
{
    for (int64_t seq = 1; seq <= given; seq++)
        if (!all[seq].acked)
            return seq - 1;
    return given;
}

/* What is settled goes, and its times are told once. */
static void
settle(struct mailbox_state *state, struct expected *all)
{
    static struct mailbox_run runs[NOTIFY_RUNS_MAX + NOTIFY_LEASES_MAX];
    unsigned count = notify_mailbox_settle(state, runs);
    for (unsigned i = 0; i < count; i++)
        for (int64_t seq = runs[i].from; seq <= runs[i].to; seq++) {
            struct expected *one = &all[seq];
            assert_true(one->acked && !one->told);
            one->told = true;
            assert_int_equal(runs[i].attempt, one->attempt);
            assert_int_equal(runs[i].first, one->first);
            assert_int_equal(runs[i].last, one->last);
            assert_int_equal(runs[i].acked, one->acked_at);
        }
}

static void
acknowledge(struct expected *one, int64_t now)
{
    if (!one->acked)
        one->acked_at = now;
    one->acked = true;
}

static void
take_due(struct mailbox_state *state, struct expected *all, int64_t now)
{
    struct mailbox_lease *lease;
    unsigned at = 0;
    int64_t before = 0;
    while ((lease = notify_mailbox_due(state, &at, now))) {
        assert_true(lease->seq > before);
        before = lease->seq;
        assert_true(all[lease->seq].given && !all[lease->seq].acked);
        assert_true(all[lease->seq].until <= now);
        const struct mailbox_offer offer = {now, now + SPAN_MS, TEXT_NONE};
        notify_mailbox_give_again(lease, &offer, TEXT_NONE);
        assert_int_equal(lease->attempt, ++all[lease->seq].attempt);
        all[lease->seq].until = now + SPAN_MS;
        all[lease->seq].last = now;
    }
}

static void
test_against_a_list(void **state)
{
    (void)state;
    struct mailbox_state *mailbox = calloc(1, sizeof *mailbox);
    struct expected *all = calloc(RECORDS + 1, sizeof *all);
    int64_t given = 0;
    assert_true(mailbox && all);
    notify_mailbox_begin(mailbox, 0);
    for (int64_t now = 1; now <= STEPS; now++) {
        int64_t seq = 1 + random_below(RECORDS);
        unsigned waiting = 0, due = 0;
        if (random_below(4) == 0 && given < RECORDS) {
            const struct mailbox_offer offer = {now, now + SPAN_MS, TEXT_NONE};
            assert_true(notify_mailbox_give(mailbox, ++given, &offer));
            mailbox->scanned = given;
            all[given] = (struct expected){
                .given = true, .until = now + SPAN_MS, .attempt = 1, .first = now, .last = now};
        } else if (random_below(3)) {
            bool known = seq <= given;
            assert_int_equal(notify_mailbox_ack_one(mailbox, seq, now), known);
            if (known)
                acknowledge(&all[seq], now);
        } else if (random_below(50) == 0 && given) {
            seq = 1 + random_below((unsigned)given);
            notify_mailbox_ack(mailbox, seq, now);
            for (int64_t i = 1; i <= seq; i++)
                acknowledge(&all[i], now);
        } else {
            take_due(mailbox, all, now);
        }
        settle(mailbox, all);
        for (int64_t i = 1; i <= given; i++) {
            waiting += !all[i].acked;
            due += !all[i].acked && all[i].until <= now;
        }
        assert_int_equal(notify_mailbox_waiting(mailbox), waiting);
        assert_int_equal(notify_mailbox_cursor(mailbox), cursor_of(all, given));
        unsigned at = 0;
        while (notify_mailbox_due(mailbox, &at, now))
            due--;
        assert_int_equal(due, 0);
    }
    assert_int_equal(given, RECORDS);
    for (int64_t i = 1; i <= notify_mailbox_cursor(mailbox); i++)
        assert_true(all[i].told);
    free(all);
    free(mailbox);
}

static void
test_bounds(void **state)
{
    (void)state;
    struct mailbox_state *mailbox = calloc(1, sizeof *mailbox);
    assert_non_null(mailbox);
    notify_mailbox_begin(mailbox, 7);
    assert_int_equal(notify_mailbox_cursor(mailbox), 7);
    const struct mailbox_offer offer = {0, 0, TEXT_NONE};
    struct mailbox_run *runs = calloc(NOTIFY_RUNS_MAX + NOTIFY_LEASES_MAX, sizeof *runs);
    assert_non_null(runs);
    assert_true(notify_mailbox_ack_one(mailbox, 5, 1)); /* settled before */
    assert_false(notify_mailbox_ack_one(mailbox, 8, 1));
    for (unsigned i = 0; i < NOTIFY_LEASES_MAX; i++)
        assert_true(notify_mailbox_give(mailbox, 10 + i, &offer));
    assert_false(notify_mailbox_give(mailbox, 10 + NOTIFY_LEASES_MAX, &offer));
    assert_false(notify_mailbox_return(mailbox, 3, 1));
    notify_mailbox_ack(mailbox, 5000, 2);                      /* also what was never given */
    assert_int_equal(notify_mailbox_settle(mailbox, runs), 1); /* all of them alike */
    assert_true(runs[0].from == 10 && runs[0].to == 9 + NOTIFY_LEASES_MAX && runs[0].acked == 2);
    assert_int_equal(notify_mailbox_cursor(mailbox), 5000);
    assert_int_equal(notify_mailbox_waiting(mailbox), 0);
    free(runs);
    free(mailbox);
}

/* What came back out of the dead-letter box does not hold the cursor, nor is it passed unseen. */
static void
test_what_comes_back(void **state)
{
    (void)state;
    static struct mailbox_run runs[NOTIFY_RUNS_MAX + NOTIFY_LEASES_MAX];
    struct mailbox_state *mailbox = calloc(1, sizeof *mailbox);
    const struct mailbox_offer offer = {100, 200, TEXT_LITERAL("desk")};
    unsigned at = 0;
    assert_non_null(mailbox);
    notify_mailbox_begin(mailbox, 20);
    assert_true(notify_mailbox_give(mailbox, 21, &offer));
    mailbox->scanned = 21;
    assert_true(notify_mailbox_return(mailbox, 7, 100));
    assert_true(notify_mailbox_return(mailbox, 7, 100)); /* again is no harm */
    assert_int_equal(mailbox->leases.count, 2);
    assert_int_equal(notify_mailbox_cursor(mailbox), 20);
    notify_mailbox_ack(mailbox, 21, 150); /* it was not given yet, so it is not meant */
    assert_false(notify_mailbox_ack_one(mailbox, 7, 150));
    assert_int_equal(notify_mailbox_settle(mailbox, runs), 1);
    assert_int_equal(notify_mailbox_cursor(mailbox), 21);
    struct mailbox_lease *lease = notify_mailbox_due(mailbox, &at, 100);
    assert_true(lease && lease->seq == 7 && lease->attempt == 0);
    notify_mailbox_give_again(lease, &offer, TEXT_NONE);
    assert_true(lease->attempt == 1 && notify_mailbox_first(lease) == 100);
    notify_mailbox_ack(mailbox, 21, 160);
    assert_int_equal(notify_mailbox_settle(mailbox, runs), 0); /* its delivery tells of it */
    assert_int_equal(mailbox->leases.count, 0);
    free(mailbox);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_list),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_what_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
