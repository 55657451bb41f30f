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
    bool given, acked;
    int64_t until, attempt;
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
        assert_int_equal(++lease->attempt, ++all[lease->seq].attempt);
        lease->until = all[lease->seq].until = now + SPAN_MS;
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
            assert_true(notify_mailbox_give(mailbox, ++given, now + SPAN_MS, TEXT_NONE));
            mailbox->scanned = given;
            all[given] = (struct expected){true, false, now + SPAN_MS, 1};
        } else if (random_below(3)) {
            bool known = seq <= given;
            assert_int_equal(notify_mailbox_ack_one(mailbox, seq), known);
            all[seq].acked = all[seq].acked || known;
        } else if (random_below(50) == 0 && given) {
            seq = 1 + random_below((unsigned)given);
            notify_mailbox_ack(mailbox, seq);
            for (int64_t i = 1; i <= seq; i++)
                all[i].acked = true;
        } else {
            take_due(mailbox, all, now);
        }
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
    assert_true(notify_mailbox_ack_one(mailbox, 5)); /* settled before */
    assert_false(notify_mailbox_ack_one(mailbox, 8));
    for (unsigned i = 0; i < NOTIFY_LEASES_MAX; i++)
        assert_true(notify_mailbox_give(mailbox, 10 + i, 0, TEXT_NONE));
    assert_false(notify_mailbox_give(mailbox, 10 + NOTIFY_LEASES_MAX, 0, TEXT_NONE));
    notify_mailbox_ack(mailbox, 5000); /* also what was never given */
    assert_int_equal(notify_mailbox_cursor(mailbox), 5000);
    assert_int_equal(notify_mailbox_waiting(mailbox), 0);
    free(mailbox);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_list),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
