// LINK: common/decision/decision.c common/base/text.c common/base/date.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c -lsodium
/* The outcome as a function of objections, deadline and clock, and the same from the records alone:
 * random histories are replayed rightly, and any record changed, dropped or doubled is found.
 * It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <string.h>

#include "common/decision/decision.h"

#define T INT64_C(1700000000000)
#define FACTS_MAX 40

static const char *const members[] = {"KZ", "TJ", "AZ", "UZ"};
static struct decision states[FACTS_MAX];
static struct decision_fact facts[FACTS_MAX];
static unsigned fact_count;
static char digest[DECISION_DIGEST_MAX];

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static void
reset(struct decision *decision, enum decision_mode mode)
{
    schema_init(&decision_schema, decision);
    decision->present = true;
    decision->id = TEXT_LITERAL("chair-2024");
    decision->title = TEXT_LITERAL("The chairmanship");
    decision->body = TEXT_LITERAL("MC");
    decision->text = TEXT_LITERAL("The text.");
    decision_digest(decision->text, decision->title, digest);
    decision->digest = text_of(digest);
    decision->mode = mode;
    decision->status = DECISION_OPEN;
    decision->deadline = mode == DECISION_SILENCE ? T : TIME_NONE;
    decision->opened_at = T - 100000;
    decision->electorate.count = 4;
    for (int i = 0; i < 4; i++)
        decision->electorate.items[i] = text_of(members[i]);
    fact_count = 0;
}

static void
record(const char *type, const struct decision *decision, int64_t time_ms)
{
    states[fact_count] = *decision;
    facts[fact_count] =
        (struct decision_fact){text_of(type), 10 + 3 * fact_count,
                               fact_count ? 7 + 3 * fact_count : 0, time_ms, &states[fact_count]};
    fact_count++;
}

static void
say(struct decision *decision, int member, bool objects, int64_t time_ms)
{
    struct objection *said = NULL;
    for (uint32_t i = 0; i < decision->objections.count; i++)
        if (text_is(decision->objections.items[i].member, members[member]))
            said = &decision->objections.items[i];
    if (!said)
        said = &decision->objections.items[decision->objections.count++];
    if (objects)
        schema_init(&objection_schema, said);
    said->present = true;
    said->member = text_of(members[member]);
    said->reason = TEXT_LITERAL("no");
    said->actor = TEXT_LITERAL("local");
    if (objects)
        said->at = time_ms;
    else
        said->lifted_at = time_ms;
    record(objects ? "decision.objected" : "decision.lifted", decision, time_ms);
}

static enum status
replay(struct decision_replay *out, unsigned skip, unsigned twice)
{
    struct error error;
    *out = (struct decision_replay){0};
    for (unsigned i = 0; i < fact_count; i++)
        for (unsigned times = i == skip ? 0 : i == twice ? 2 : 1; times; times--)
            if (decision_replay(out, &facts[i], &error) != STATUS_OK)
                return STATUS_FAILED_PRECONDITION;
    return STATUS_OK;
}

static void
test_deadline(void **state)
{
    (void)state;
    static struct decision decision;
    for (int objects = 0; objects < 2; objects++) {
        for (int64_t now = T - 1; now <= T + 1; now++) {
            reset(&decision, DECISION_SILENCE);
            if (objects)
                say(&decision, 1, true, T - 1);
            assert_int_equal(decision_due(&decision, now), now >= T);
            decision_settle(&decision, now);
            enum decision_status want = now < T   ? DECISION_OPEN
                                        : objects ? DECISION_SILENCE_BROKEN
                                                  : DECISION_ADOPTED;
            assert_int_equal(decision.status, want);
            assert_int_equal(decision.outcome_at, now < T ? TIME_NONE : T);
        }
    }
    reset(&decision, DECISION_CONSENSUS);
    decision_settle(&decision, INT64_MAX);
    assert_int_equal(decision.status, DECISION_OPEN);
}

static void
test_digest(void **state)
{
    (void)state;
    char of_text[DECISION_DIGEST_MAX], of_title[DECISION_DIGEST_MAX];
    decision_digest(TEXT_LITERAL("abc"), TEXT_LITERAL("x"), of_text);
    decision_digest(TEXT_NONE, TEXT_LITERAL("abc"), of_title);
    assert_string_equal(of_text,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(of_text, of_title);
}

/* A random history up to its end; returns whether an objection stands there. */
static bool
make_history(struct decision *decision, enum decision_mode mode, uint32_t *seed)
{
    bool standing[4] = {false}, stands = false;
    int64_t now = T - 90000;
    reset(decision, mode);
    record("decision.opened", decision, now);
    decision->text = TEXT_NONE;
    for (uint32_t steps = next_random(seed) % 12; steps; steps--) {
        int member = (int)(next_random(seed) % 4);
        now += 1 + next_random(seed) % 1000;
        if (mode == DECISION_SILENCE && next_random(seed) % 5 == 0) {
            decision->deadline += 1 + next_random(seed) % 1000;
            record("decision.extended", decision, now);
            continue;
        }
        standing[member] = !standing[member];
        say(decision, member, standing[member], now);
    }
    for (int i = 0; i < 4; i++)
        stands |= standing[i];
    return stands;
}

static void
end_history(struct decision *decision)
{
    bool stands = decision_standing(decision) > 0, silent = decision->mode == DECISION_SILENCE;
    decision->status = !stands  ? DECISION_ADOPTED
                       : silent ? DECISION_SILENCE_BROKEN
                                : DECISION_BLOCKED;
    decision->outcome_at = silent ? decision->deadline : T - 10;
    record(!stands  ? "decision.adopted"
           : silent ? "decision.silence_broken"
                    : "decision.blocked",
           decision, silent ? decision->deadline + 2 : T - 9);
}

static void
test_replay(void **state)
{
    (void)state;
    static struct decision decision;
    static struct decision_replay out;
    uint32_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        enum decision_mode mode = round % 2 ? DECISION_SILENCE : DECISION_CONSENSUS;
        bool stands = make_history(&decision, mode, &seed);
        int64_t at;
        assert_int_equal(replay(&out, FACTS_MAX, FACTS_MAX), STATUS_OK);
        assert_int_equal(out.standing_count > 0, stands);
        if (mode == DECISION_SILENCE) { /* nobody has written the outcome yet: it is the same */
            assert_int_equal(decision_replay_outcome(&out, out.deadline - 1, &at), DECISION_OPEN);
            assert_int_equal(at, TIME_NONE);
            assert_int_equal(decision_replay_outcome(&out, out.deadline, &at),
                             stands ? DECISION_SILENCE_BROKEN : DECISION_ADOPTED);
            assert_int_equal(at, decision.deadline);
        }
        end_history(&decision);
        assert_int_equal(replay(&out, FACTS_MAX, FACTS_MAX), STATUS_OK);
        assert_int_equal(decision_replay_outcome(&out, 0, &at), decision.status);
        assert_int_equal(at, decision.outcome_at);
        for (unsigned i = 0; i + 1 < fact_count; i++)
            assert_int_equal(replay(&out, i, FACTS_MAX), STATUS_FAILED_PRECONDITION);
        for (unsigned i = 0; i < fact_count; i++)
            assert_int_equal(replay(&out, FACTS_MAX, i), STATUS_FAILED_PRECONDITION);
    }
}

/* One thing wrong in a history that is right without it. */
static void
expect_refused(void)
{
    static struct decision_replay out;
    assert_int_equal(replay(&out, FACTS_MAX, FACTS_MAX), STATUS_FAILED_PRECONDITION);
}

static void
begin_right(struct decision *decision)
{
    reset(decision, DECISION_SILENCE);
    record("decision.opened", decision, T - 1000);
    decision->text = TEXT_NONE;
}

static void
test_forged(void **state)
{
    (void)state;
    static struct decision decision;
    begin_right(&decision); /* an objection at the deadline */
    say(&decision, 0, true, T);
    expect_refused();
    begin_right(&decision); /* … by somebody who was not notified */
    decision.electorate.count = 3;
    states[0].electorate.count = 3;
    say(&decision, 3, true, T - 1);
    expect_refused();
    begin_right(&decision); /* the other outcome */
    say(&decision, 0, true, T - 1);
    decision.objections.count = 0;
    end_history(&decision);
    expect_refused();
    begin_right(&decision); /* an outcome before its time */
    end_history(&decision);
    facts[1].time_ms = T - 1;
    expect_refused();
    begin_right(&decision); /* … dated otherwise */
    end_history(&decision);
    states[1].outcome_at = T + 1;
    expect_refused();
    begin_right(&decision); /* another text */
    states[0].text = TEXT_LITERAL("Another text.");
    expect_refused();
    begin_right(&decision); /* other electors */
    say(&decision, 0, true, T - 1);
    states[1].electorate.items[2] = TEXT_LITERAL("XX");
    expect_refused();
    begin_right(&decision); /* a deadline put off without a record of it */
    decision.deadline = T + 500;
    say(&decision, 0, true, T + 1);
    expect_refused();
    begin_right(&decision); /* types that are none */
    record("decision", &decision, T - 1);
    expect_refused();
    begin_right(&decision);
    record("", &decision, T - 1);
    expect_refused();
    begin_right(&decision);
    record("decision.open", &decision, T - 1);
    expect_refused();
}

static void
test_recorded(void **state)
{
    (void)state;
    static struct decision decision;
    static struct decision_replay out;
    int64_t at;
    reset(&decision, decision_mode_absent);
    decision.status = DECISION_BLOCKED;
    decision.outcome_at = T;
    record("decision.recorded", &decision, T + 5);
    assert_int_equal(replay(&out, FACTS_MAX, FACTS_MAX), STATUS_OK);
    assert_int_equal(decision_replay_outcome(&out, 0, &at), DECISION_BLOCKED);
    states[0].status = DECISION_OPEN;
    expect_refused();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline), cmocka_unit_test(test_digest),
        cmocka_unit_test(test_replay),   cmocka_unit_test(test_forged),
        cmocka_unit_test(test_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
