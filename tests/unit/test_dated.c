// LINK: common/base/dated.c common/base/date.c common/base/text.c
/* Histories: what is in effect on any day, against a replay that keeps one entry for each first
 * day. It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/dated.h"

#define DAYS 60
#define ENTRIES 40
#define ROUNDS 2000
#define KEYS 3

struct entry {
    date_day from, supersedes;
    struct text key;
    int number;
};

struct entries {
    uint32_t count;
    struct entry items[ENTRIES];
};

static const struct text names[KEYS] = {{"a", 1}, {"b", 1}, {"c", 1}};

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

/* CBM_TEST_SEED, or one that is the same in every run: it is told where a round fails. */
static uint32_t
seed_of(void)
{
    const char *seed = getenv("CBM_TEST_SEED");
    uint32_t value = seed ? (uint32_t)strtoul(seed, NULL, 10) : 20211012;
    print_message("seed %u\n", (unsigned)value);
    return value;
}

static struct dated
list_of(const struct entries *entries)
{
    return (struct dated){entries->items,
                          entries->count,
                          sizeof(struct entry),
                          offsetof(struct entry, from),
                          offsetof(struct entry, supersedes),
                          offsetof(struct entry, key)};
}

/* The naive replay: a slot for every first day. What is recorded goes into its slot; a correction
 * first empties the slot that it names. */
static void
replay(const struct entries *entries, unsigned key, date_day told, int slots[DAYS])
{
    for (int day = 0; day < DAYS; day++)
        slots[day] = -1;
    for (uint32_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];
        if (!text_equal(entry->key, names[key]) || entry->from > told)
            continue;
        if (entry->supersedes != DATE_NONE)
            slots[entry->supersedes] = -1;
        slots[entry->from] = entry->number;
    }
}

static int
last_slot(const int slots[DAYS], int day)
{
    while (day >= 0 && slots[day] < 0)
        day--;
    return day < 0 ? -1 : slots[day];
}

static int
next_slot(const int slots[DAYS], int day)
{
    for (day++; day < DAYS; day++)
        if (slots[day] >= 0)
            return slots[day];
    return -1;
}

static int
number_at(const struct entries *entries, int at)
{
    return at < 0 ? -1 : entries->items[at].number;
}

/* A random history; a correction names a first day that counts, as the domain asks. */
static void
fill(struct entries *entries, uint32_t *random)
{
    int slots[DAYS];
    entries->count = 0;
    for (unsigned wanted = next_random(random) % ENTRIES; entries->count < wanted;) {
        struct entry *entry = &entries->items[entries->count];
        unsigned key = next_random(random) % KEYS;
        *entry = (struct entry){(date_day)(next_random(random) % DAYS), DATE_NONE, names[key],
                                (int)entries->count};
        replay(entries, key, DAYS, slots);
        date_day wrong = (date_day)(next_random(random) % DAYS);
        if (next_random(random) % 3 == 0 && slots[wrong] >= 0)
            entry->supersedes = wrong;
        entries->count++;
    }
}

static void
test_any_day_equals_a_replay(void **state)
{
    (void)state;
    static struct entries entries, trimmed;
    int slots[DAYS];
    uint32_t random = seed_of();
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill(&entries, &random);
        struct dated list = list_of(&entries);
        for (unsigned key = 0; key < KEYS; key++) {
            replay(&entries, key, DAYS, slots);
            for (int day = 0; day < DAYS; day++) {
                int on = number_at(&entries, dated_on(&list, names[key], day));
                int after = number_at(&entries, dated_after(&list, names[key], day));
                int at = number_at(&entries, dated_at(&list, names[key], day));
                if (on != last_slot(slots, day) || after != next_slot(slots, day) ||
                    at != slots[day])
                    fail_msg("round %u, key %u, day %d: on %d, after %d, at %d", round, key, day,
                             on, after, at);
            }
        }
        /* what is told on a day says of that day what the whole history says */
        date_day told = (date_day)(next_random(&random) % DAYS);
        trimmed = entries;
        struct dated whole = list_of(&trimmed);
        trimmed.count = dated_trim(&whole, trimmed.items, told);
        struct dated short_list = list_of(&trimmed);
        for (unsigned key = 0; key < KEYS; key++)
            assert_int_equal(number_at(&trimmed, dated_on(&short_list, names[key], told)),
                             number_at(&entries, dated_on(&list, names[key], told)));
    }
}

static void
test_a_correction(void **state)
{
    (void)state;
    struct entries entries = {
        3, {{10, DATE_NONE, TEXT_NONE, 0}, {20, DATE_NONE, TEXT_NONE, 1}, {25, 20, TEXT_NONE, 2}}};
    struct dated list = list_of(&entries);
    assert_true(dated_live(&list, 0));
    assert_false(dated_live(&list, 1));
    assert_int_equal(dated_on(&list, TEXT_NONE, 9), -1);
    assert_int_equal(dated_on(&list, TEXT_NONE, 22), 0);
    assert_int_equal(dated_on(&list, TEXT_NONE, 25), 2);
    assert_int_equal(dated_at(&list, TEXT_NONE, 20), -1);
    assert_false(dated_told(&list, 1, 22)); /* it was wrong, though its successor has not begun */
    assert_int_equal(dated_trim(&list, entries.items, 22), 1);
    assert_int_equal(entries.items[0].number, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_correction),
        cmocka_unit_test(test_any_day_equals_a_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
