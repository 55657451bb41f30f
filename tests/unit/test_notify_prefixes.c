// LINK: services/notify/notify_prefixes.c services/notify/notify_holders.c common/base/buf.c common/base/text.c common/log/topic.c
/* Which prefixes get a watermark, when, with which seq and in which form, and who wants a record.
 * It must not know sockets or the store. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log/topic.h"
#include "services/notify/notify_prefixes.h"

static const uint64_t key[2] = {7, 11};
static const struct notify_peer peer = {5, 1};

static int
setup(void **state)
{
    return (*state = notify_prefixes_new(1000, key)) ? 0 : -1;
}

static int
teardown(void **state)
{
    struct notify_prefixes *prefixes = *state;
    notify_prefixes_destroy(&prefixes);
    assert_null(prefixes);
    notify_prefixes_destroy(&prefixes);
    return 0;
}

static void
expect_ask(struct notify_prefixes *prefixes, int64_t now, const char *want)
{
    struct text prefix = TEXT_NONE;
    assert_int_equal(notify_prefixes_next_ask(prefixes, now, &prefix), want != NULL);
    if (want)
        assert_true(text_is(prefix, want));
}

static void
expect_due(struct notify_prefixes *prefixes, int64_t now, const char *want, int64_t want_seq)
{
    struct notify_due due = {.seq = -1};
    assert_int_equal(notify_prefixes_next_due(prefixes, now, &due), want != NULL);
    if (want) {
        assert_true(text_is(due.prefix, want));
        assert_int_equal(due.seq, want_seq);
    }
}

static bool
subscribe(struct notify_prefixes *prefixes, struct text prefix, int64_t now)
{
    return notify_prefixes_subscribe(prefixes, prefix, NOTIFY_FRAMES, peer, now);
}

static void
unsubscribe(struct notify_prefixes *prefixes, struct text prefix)
{
    notify_prefixes_unsubscribe(prefixes, prefix, NOTIFY_FRAMES, peer);
}

static struct notify_wanted
publish(struct notify_prefixes *prefixes, struct text topic, int64_t seq, int64_t now)
{
    struct notify_wanted wanted;
    notify_prefixes_published(prefixes, topic, seq, now, &wanted);
    return wanted;
}

static void
test_known_after_answer(void **state)
{
    struct notify_prefixes *prefixes = *state;
    assert_true(subscribe(prefixes, text_of("events."), 0));
    expect_due(prefixes, 0, NULL, 0);
    expect_ask(prefixes, 0, "events.");
    expect_ask(prefixes, 0, NULL);
    notify_prefixes_answered(prefixes, text_of("events."), 5, 9, 10);
    expect_due(prefixes, 10, "events.", 5);
    expect_due(prefixes, 10, NULL, 0);
    assert_int_equal(notify_prefixes_next_ms(prefixes), 10 + NOTIFY_WATERMARK_MS);
    expect_due(prefixes, 10 + NOTIFY_WATERMARK_MS, "events.", 5);
    notify_prefixes_answered(prefixes, text_of("events."), 3, 9, 20); /* late and older: ignored */
    expect_due(prefixes, 10 + 2 * NOTIFY_WATERMARK_MS, "events.", 5);
}

/* A watermark promises nothing that was not put on the socket before it. */
static void
test_held_until_passed(void **state)
{
    struct notify_prefixes *prefixes = *state;
    subscribe(prefixes, text_of(""), 0);
    expect_ask(prefixes, 0, "");
    notify_prefixes_answered(prefixes, text_of(""), 12, 10, 1);
    expect_due(prefixes, 5000, NULL, 0);
    expect_ask(prefixes, 5000, NULL);
    notify_prefixes_passed(prefixes, 11, 2);
    expect_due(prefixes, 5000, NULL, 0);
    notify_prefixes_passed(prefixes, 12, 3);
    expect_due(prefixes, 3, "", 12);
}

/* Whatever was asked: what was published last under a prefix is its last. */
static void
test_publication_makes_known(void **state)
{
    struct notify_prefixes *prefixes = *state;
    subscribe(prefixes, text_of("events."), 0);
    subscribe(prefixes, text_of("events.human."), 0);
    subscribe(prefixes, text_of("plan."), 0);
    expect_ask(prefixes, 0, "events.");
    publish(prefixes, text_of("events.human.-.x."), 7, 1);
    expect_due(prefixes, 1, "events.", 7);
    expect_due(prefixes, 1, "events.human.", 7);
    expect_due(prefixes, 1, NULL, 0);
    notify_prefixes_answered(prefixes, text_of("events."), 9, 6, 2); /* ahead: the tail brings it */
    publish(prefixes, text_of("events.human.-.x."), 8, 3);
    subscribe(prefixes, text_of("events."), 100);
    expect_due(prefixes, 100, "events.", 8);
    publish(prefixes, text_of("events.economic.-.y."), 9, 101);
    expect_due(prefixes, 1 + NOTIFY_WATERMARK_MS, "events.human.", 8);
    expect_due(prefixes, 100 + NOTIFY_WATERMARK_MS, "events.", 9);
    publish(prefixes, text_of("private.plan.x."), 10, 101);
    expect_ask(prefixes, 102, "plan.");
    notify_prefixes_answered(prefixes, text_of("plan."), 0, 10, 102);
    expect_due(prefixes, 102, "plan.", 0);
}

static void
test_repeated_subscription_shares(void **state)
{
    struct notify_prefixes *prefixes = *state;
    subscribe(prefixes, text_of("plan."), 0);
    publish(prefixes, text_of("plan.2021."), 1, 0);
    expect_due(prefixes, 0, "plan.", 1);
    for (int i = 0; i < 10; i++)
        assert_true(subscribe(prefixes, text_of("plan."), 1));
    expect_due(prefixes, 1, NULL, 0);
    assert_int_equal(notify_prefixes_next_ms(prefixes), NOTIFY_WATERMARK_MIN_MS);
    expect_due(prefixes, NOTIFY_WATERMARK_MIN_MS, "plan.", 1);
    expect_due(prefixes, NOTIFY_WATERMARK_MIN_MS, NULL, 0);
    assert_int_equal(notify_prefixes_count(prefixes), 1);
}

static void
test_asked_again(void **state)
{
    struct notify_prefixes *prefixes = *state;
    subscribe(prefixes, text_of("plan."), 0);
    expect_ask(prefixes, 0, "plan.");
    notify_prefixes_unasked(prefixes, text_of("plan."));
    expect_ask(prefixes, 100, "plan.");
    assert_int_equal(notify_prefixes_next_ms(prefixes), 100 + NOTIFY_ASK_MS);
    expect_ask(prefixes, 99 + NOTIFY_ASK_MS, NULL);
    expect_ask(prefixes, 100 + NOTIFY_ASK_MS, "plan.");
    unsubscribe(prefixes, text_of("plan."));
    notify_prefixes_answered(prefixes, text_of("plan."), 4, 9, 2); /* for one that is gone */
    notify_prefixes_unasked(prefixes, text_of("plan."));
    assert_int_equal(notify_prefixes_next_ms(prefixes), INT64_MAX);
    assert_int_equal(notify_prefixes_count(prefixes), 0);
}

static void
test_bounds(void **state)
{
    struct notify_prefixes *prefixes = *state;
    char name[32];
    struct text prefix;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "events.a.%d.", i);
        assert_true(subscribe(prefixes, text_of(name), 0));
    }
    assert_false(subscribe(prefixes, text_of("one.more."), 0));
    assert_true(subscribe(prefixes, text_of("events.a.7."), 0));
    unsigned asked = 0;
    while (notify_prefixes_next_ask(prefixes, 0, &prefix))
        asked++;
    assert_int_equal(asked, NOTIFY_ASKED_MAX);
    for (int i = 0; i < 1000; i += 2) {
        snprintf(name, sizeof name, "events.a.%d.", i);
        unsubscribe(prefixes, text_of(name));
        unsubscribe(prefixes, text_of(name));
    }
    assert_int_equal(notify_prefixes_count(prefixes), 500);
    assert_true(subscribe(prefixes, text_of("one.more."), 0));
    publish(prefixes, text_of("one.more."), 5, 0);
    expect_due(prefixes, 0, "one.more.", 5);
}

/* A prefix may be wanted in both forms; each ends with its own last unsubscription. */
static void
test_two_forms(void **state)
{
    struct notify_prefixes *prefixes = *state;
    struct text events = text_of("events."), topic = text_of("events.human.-.x.");
    struct notify_wanted wanted = publish(prefixes, topic, 1, 0);
    assert_false(wanted.frames);
    assert_int_equal(wanted.count, 0);
    assert_true(subscribe(prefixes, text_of("events.other."), 0)); /* as long as a level of it */
    assert_true(notify_prefixes_subscribe(prefixes, events, NOTIFY_COMPACT, peer, 0));
    wanted = publish(prefixes, topic, 2, 0);
    assert_false(wanted.frames);
    assert_int_equal(wanted.count, 1);
    assert_true(text_is(wanted.batches[0]->prefix, "events."));
    struct notify_batch *batch = wanted.batches[0];

    struct notify_due due;
    assert_true(notify_prefixes_next_due(prefixes, 0, &due));
    assert_true(text_is(due.prefix, "events.") && due.seq == 2);
    assert_false(due.frames);
    assert_ptr_equal(due.batch, batch);

    assert_true(subscribe(prefixes, events, 100));
    assert_int_equal(notify_prefixes_count(prefixes), 2);
    assert_true(notify_prefixes_next_due(prefixes, 100, &due));
    assert_true(due.frames && due.batch == batch);
    notify_prefixes_subscribe(prefixes, text_of(""), NOTIFY_COMPACT, peer, 100);
    wanted = publish(prefixes, topic, 3, 100);
    assert_true(wanted.frames);
    assert_int_equal(wanted.count, 2);

    notify_prefixes_unsubscribe(prefixes, events, NOTIFY_COMPACT, peer);
    notify_prefixes_unsubscribe(prefixes, events, NOTIFY_COMPACT, peer);
    wanted = publish(prefixes, topic, 4, 100);
    assert_true(wanted.frames);
    assert_int_equal(wanted.count, 1);
    unsubscribe(prefixes, events);
    assert_int_equal(notify_prefixes_count(prefixes), 2);
    assert_false(publish(prefixes, topic, 5, 100).frames);
}

/* A model of a few hundred random steps: at any time a prefix's watermark is the last published
 * under it, and each is sent at least once a second. */
static void
test_model(void **state)
{
    struct notify_prefixes *prefixes = *state;
    static const char *const names[] = {"", "a.", "a.b.", "a.b.c.", "a.d.", "e."};
    static const char *const topics[] = {"a.b.c.", "a.b.x.", "a.d.y.", "e.z."};
    enum { NAMES = 6 };
    bool there[NAMES] = {0};
    int64_t last[NAMES] = {0}, sent[NAMES] = {0}, seq_all = 0;
    struct text prefix;
    struct notify_due due;
    srand(1);
    for (int64_t now = 0; now < 60000; now += rand() % 20) {
        int which = rand() % NAMES, act = rand() % 10;
        if (act == 0 && there[which]) {
            unsubscribe(prefixes, text_of(names[which]));
            there[which] = false;
        } else if (act <= 3) {
            subscribe(prefixes, text_of(names[which]), now);
            sent[which] = there[which] ? sent[which] : now;
            there[which] = true;
        } else if (act <= 5) {
            struct text topic = text_of(topics[rand() % 4]);
            publish(prefixes, topic, ++seq_all, now);
            for (int i = 0; i < NAMES; i++)
                if (topic_starts_with(topic, text_of(names[i])))
                    last[i] = seq_all;
        }
        while (notify_prefixes_next_ask(prefixes, now, &prefix))
            for (int i = 0; i < NAMES; i++)
                if (text_is(prefix, names[i])) {
                    notify_prefixes_answered(prefixes, text_of(names[i]), last[i], seq_all, now);
                    break;
                }
        while (notify_prefixes_next_due(prefixes, now, &due))
            for (int i = 0; i < NAMES; i++)
                if (text_is(due.prefix, names[i])) {
                    assert_true(there[i]);
                    assert_int_equal(due.seq, last[i]);
                    sent[i] = now;
                }
        for (int i = 0; i < NAMES; i++)
            assert_true(!there[i] || now - sent[i] <= 1000);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_known_after_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_until_passed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_publication_makes_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_subscription_shares, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
