// LINK: services/registry/registry_domain.c services/registry/registry_domain_body.c common/base/text.c common/base/date.c common/base/dated.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c
/* Bodies: what they are and who holds their seats on any day, against a naive replay.
 * It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "services/registry/registry_domain.h"

#define DAYS 40
#define SEATS 3

static const date_day begin = 18000;
static struct body body;

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static void
reset(void)
{
    schema_init(&body_schema, &body);
    body.code = TEXT_LITERAL("TTF");
}

static struct body_put
put_of(const char *name, date_day from)
{
    struct body_put in;
    schema_init(&body_put_schema, &in);
    in.code = body.code;
    in.name = text_of(name);
    in.kind = TEXT_LITERAL("advisory");
    in.from = from;
    return in;
}

static void
test_entries(void **state)
{
    (void)state;
    struct error error = {0};
    bool changed;
    reset();
    struct body_put in = put_of("Forum", begin + 10);
    in.chair = TEXT_LITERAL("CN");
    in.chair_institution = TEXT_LITERAL("SIIS");
    in.chair_to = begin + 20;
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error), STATUS_OK);
    assert_true(changed);
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error), STATUS_OK);
    assert_false(changed);
    in.from = DATE_NONE; /* of today, on which it is that already */
    assert_int_equal(registry_body_put(&body, &in, begin + 15, &changed, &error), STATUS_OK);
    assert_false(changed);
    assert_false(registry_body_view(&body, begin + 9, false));
    assert_true(registry_body_view(&body, begin + 19, false));
    assert_true(text_is(body.chair, "CN") && text_is(body.chair_institution, "SIIS"));
    assert_true(registry_body_view(&body, begin + 20, false)); /* the term is over */
    assert_null(body.chair.ptr);
    assert_int_equal(body.chair_to, DATE_NONE);
    in.from = begin + 12;
    in.chair_to = begin + 12;
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "chair_to");
    in.chair_to = DATE_NONE;
    in.supersedes = begin + 11;
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(error.field, "supersedes");
    in.supersedes = begin + 10;
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error), STATUS_OK);
    assert_false(registry_body_view(&body, begin + 11, false));
    assert_true(registry_body_view(&body, begin + 30, true));
    assert_true(text_is(body.chair, "CN"));
    assert_int_equal(body.from, begin + 12);
    assert_int_equal(body.history.count, 2);
    reset();
    registry_body_view_changed(&body, begin);
    in = put_of("Later", begin + 5);
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error), STATUS_OK);
    registry_body_view_changed(&body, begin); /* an answer must show something */
    assert_true(text_is(body.name, "Later"));
}

static void
test_full(void **state)
{
    (void)state;
    struct error error = {0};
    bool changed;
    reset();
    for (int i = 0; i < 32; i++) {
        struct body_put in = put_of(i % 2 ? "A" : "B", begin + i);
        assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error), STATUS_OK);
    }
    struct body_put in = put_of("C", begin);
    assert_int_equal(registry_body_put(&body, &in, begin, &changed, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(body.history.count, 32);
}

/* Who holds a seat by a replay: a slot for every first day of the seat. */
static const struct body_seat *
replayed(struct text seat, date_day day)
{
    const struct body_seat *slots[DAYS] = {NULL}, *now = NULL;
    for (uint32_t i = 0; i < body.seat_history.count; i++) {
        const struct body_seat *entry = &body.seat_history.items[i];
        if (!text_equal(entry->seat, seat))
            continue;
        if (entry->supersedes != DATE_NONE)
            slots[entry->supersedes - begin] = NULL;
        slots[entry->from - begin] = entry;
    }
    for (date_day at = begin; at <= day; at++)
        now = slots[at - begin] ? slots[at - begin] : now;
    return now && now->participant.ptr && (now->to == DATE_NONE || day < now->to) ? now : NULL;
}

static void
test_random_seats(void **state)
{
    (void)state;
    static const char *const seats[SEATS] = {"az", "kz", "tj"};
    static const char *const holders[] = {"AZ", "KZ", "TJ", NULL};
    const char *given = getenv("CBM_TEST_SEED");
    uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : 2021;
    print_message("seed %u\n", (unsigned)seed);
    for (int round = 0; round < 200; round++) {
        reset();
        struct body_put put = put_of("Forum", begin);
        struct error error = {0};
        bool changed;
        assert_int_equal(registry_body_put(&body, &put, begin, &changed, &error), STATUS_OK);
        for (int i = 0; i < 40; i++) {
            struct body_seating in;
            schema_init(&body_seating_schema, &in);
            in.participant = text_of(holders[next_random(&seed) % 4]);
            in.from = begin + (date_day)(next_random(&seed) % DAYS);
            if (next_random(&seed) % 4 == 0)
                in.to = in.from + 1 + (date_day)(next_random(&seed) % 9);
            if (next_random(&seed) % 3 == 0)
                in.supersedes = begin + (date_day)(next_random(&seed) % DAYS);
            uint32_t count = body.seat_history.count;
            enum status status =
                registry_body_seat(&body, &in, text_of(seats[next_random(&seed) % SEATS]), &changed,
                                   &error);
            assert_int_equal(body.seat_history.count, count + (status == STATUS_OK && changed));
        }
        for (date_day day = begin; day < begin + DAYS; day++) {
            uint32_t told = 0;
            assert_true(registry_body_view(&body, day, false));
            for (unsigned s = 0; s < SEATS; s++) {
                const struct body_seat *naive = replayed(text_of(seats[s]), day);
                if (!naive)
                    continue;
                assert_true(told < body.holders.count);
                assert_true(schema_same(&body_seat_schema, naive, &body.holders.items[told++]));
            }
            assert_int_equal(told, body.holders.count);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_random_seats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
