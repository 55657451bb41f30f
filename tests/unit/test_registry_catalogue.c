// LINK: services/registry/registry_domain.c services/registry/registry_domain_catalogue.c common/base/text.c common/base/date.c common/base/dated.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c
/* The catalogue's revisions, coordinators, and bodies.
 * It must not know stores or sockets. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "services/registry/registry_domain.h"

#define DAYS 60

static const date_day begin = 18000;

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static void
add_dimension(struct catalogue *catalogue, const char *code)
{
    struct catalogue_dimension *dimension =
        &catalogue->dimensions.items[catalogue->dimensions.count++];
    schema_init(&catalogue_dimension_schema, dimension);
    dimension->present = true;
    dimension->code = text_of(code);
    dimension->name = text_of("Dimension");
}

static void
add_area(struct catalogue *catalogue, const char *code)
{
    struct catalogue_dimension *dimension =
        &catalogue->dimensions.items[catalogue->dimensions.count - 1];
    struct catalogue_area *area = &dimension->areas.items[dimension->areas.count++];
    schema_init(&catalogue_area_schema, area);
    area->present = true;
    area->code = text_of(code);
    area->name = text_of("Area");
}

static struct catalogue *
make(void)
{
    struct catalogue *catalogue = malloc(sizeof *catalogue);
    assert_non_null(catalogue);
    schema_init(&catalogue_schema, catalogue);
    catalogue->adopted = begin;
    add_dimension(catalogue, "economic");
    add_area(catalogue, "energy");
    add_area(catalogue, "tourism");
    add_dimension(catalogue, "human");
    add_area(catalogue, "human"); /* a dimension and an area may share a code */
    return catalogue;
}

static void
test_codes(void **state)
{
    (void)state;
    struct error error = {0};
    struct catalogue *catalogue = make();
    assert_int_equal(registry_catalogue_check(catalogue, &error), STATUS_OK);
    assert_true(registry_catalogue_has(catalogue, text_of("tourism")));
    assert_false(registry_catalogue_has(catalogue, text_of("economic")));
    add_area(catalogue, "energy");
    assert_int_equal(registry_catalogue_check(catalogue, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "dimensions[1].areas[1].code");
    catalogue->dimensions.items[1].areas.count--;
    add_dimension(catalogue, "economic");
    assert_int_equal(registry_catalogue_check(catalogue, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "dimensions[2].code");
    catalogue->dimensions.count = 1;
    catalogue->dimensions.items[0].areas.count = 0;
    assert_int_equal(registry_catalogue_check(catalogue, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "dimensions");
    catalogue->dimensions.count = 0;
    assert_int_equal(registry_catalogue_check(catalogue, &error), STATUS_INVALID_ARGUMENT);
    free(catalogue);
}

static void
test_equal(void **state)
{
    (void)state;
    struct catalogue *a = make(), *b = make();
    b->revision = 3;
    b->rev = 9;
    assert_true(registry_catalogue_equal(a, b));
    b->dimensions.items[1].areas.items[0].name = text_of("Other");
    assert_false(registry_catalogue_equal(a, b));
    b->dimensions.items[1].areas.items[0].name = text_of("Area");
    b->dimensions.items[1].names.count = 1;
    b->dimensions.items[1].names.items[0] = (struct text_pair){text_of("ru"), text_of("x")};
    assert_false(registry_catalogue_equal(a, b));
    b->dimensions.items[1].names.count = 0;
    add_area(b, "more");
    assert_false(registry_catalogue_equal(a, b));
    b->dimensions.count = 1;
    assert_false(registry_catalogue_equal(a, b));
    free(a);
    free(b);
}

static void
add_edition(struct catalogue_index *index, date_day adopted)
{
    struct catalogue_edition *edition = &index->editions.items[index->editions.count++];
    schema_init(&catalogue_edition_schema, edition);
    edition->revision = index->editions.count;
    edition->adopted = adopted;
}

static void
test_place(void **state)
{
    (void)state;
    static struct catalogue_index index;
    struct error error = {0};
    int64_t number;
    struct catalogue *in = make();
    schema_init(&catalogue_index_schema, &index);
    assert_int_equal(registry_catalogue_on(&index, begin, &error), 0);
    assert_int_equal(error.code, STATUS_NOT_FOUND);
    in->revision = 2;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(error.field, "revision");
    in->revision = INT_NONE;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error), STATUS_OK);
    assert_int_equal(number, 1);
    add_edition(&index, begin);
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error), STATUS_OK);
    assert_int_equal(number, 1); /* the same day: it can only be the same revision */
    in->adopted = begin - 1;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(error.field, "adopted");
    in->revision = 2;
    in->adopted = begin;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error),
                     STATUS_FAILED_PRECONDITION);
    in->adopted = begin + 1;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error), STATUS_OK);
    assert_int_equal(number, 2);
    add_edition(&index, begin + 1);
    in->revision = 1;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error), STATUS_OK);
    assert_int_equal(number, 1); /* the handler compares it with the one kept */
    assert_int_equal(registry_catalogue_on(&index, begin - 1, &error), 0);
    assert_int_equal(registry_catalogue_on(&index, begin, &error), 1);
    assert_int_equal(registry_catalogue_on(&index, begin + 1, &error), 2);
    assert_int_equal(registry_catalogue_on(&index, begin + 5000, &error), 2);
    while (index.editions.count < 256)
        add_edition(&index, begin + (date_day)index.editions.count);
    in->revision = INT_NONE;
    in->adopted = begin + 5000;
    assert_int_equal(registry_catalogue_place(&index, in, &number, &error),
                     STATUS_FAILED_PRECONDITION);
    free(in);
}

static void
test_coordinator_lists(void **state)
{
    (void)state;
    struct error error = {0};
    struct area_coordinators in;
    bool records;
    schema_init(&area_coordinators_schema, &in);
    in.area = text_of("energy");
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_OK);
    assert_false(records);
    in.rev = 1;
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_INVALID_ARGUMENT);
    in.rev = INT_NONE;
    in.coordinators.count = 2;
    in.coordinators.items[0] = text_of("RU");
    in.coordinators.items[1] = text_of("CN");
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "from");
    in.from = begin;
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_OK);
    assert_true(records);
    in.as_of = begin;
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "as_of");
    in.as_of = DATE_NONE;
    in.co_coordinators.count = 2;
    in.co_coordinators.items[0] = text_of("KZ");
    in.co_coordinators.items[1] = text_of("CN");
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "co_coordinators[1]");
    in.co_coordinators.items[1] = text_of("KZ");
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "co_coordinators[1]");
    in.co_coordinators.count = 1;
    in.coordinators.items[1] = text_of("RU");
    assert_int_equal(registry_area_check(&in, &records, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "coordinators[1]");
}

/* Each entry has one coordinator: what is in effect must be what painting the days gives. */
static void
test_random_coordinators(void **state)
{
    (void)state;
    static const char *const codes[] = {"KZ", "CN", "TR", "AZ"};
    static struct area area;
    uint32_t seed = 3;
    for (int round = 0; round < 200; round++) {
        int days[DAYS], last[DAYS];
        memset(days, 0, sizeof days);
        memset(last, 0, sizeof last);
        schema_init(&area_schema, &area);
        area.area = text_of("energy");
        date_day first[64];
        int who[64];
        for (uint32_t i = 0; area.history.count < 40 && i < 80; i++) {
            struct error error = {0};
            struct area_coordinators in;
            bool changed;
            uint32_t before = area.history.count;
            schema_init(&area_coordinators_schema, &in);
            int at = (int)(next_random(&seed) % DAYS), choice = (int)(next_random(&seed) % 5);
            in.from = begin + at;
            in.coordinators.count = choice > 0; /* 0: nobody from then on */
            if (choice)
                in.coordinators.items[0] = text_of(codes[choice - 1]);
            assert_int_equal(registry_area_add(&area, &in, &changed, &error), STATUS_OK);
            assert_int_equal(changed, last[at] != choice + 1);
            assert_int_equal(area.history.count, before + changed);
            last[at] = choice + 1;
            if (changed) {
                first[before] = at;
                who[before] = choice;
            }
        }
        for (int day = 0; day < DAYS; day++) /* in order of the days; of a day in recorded order */
            for (uint32_t i = 0; i < area.history.count; i++)
                if (first[i] == day)
                    for (int k = day; k < DAYS; k++)
                        days[k] = who[i];
        for (int day = DAYS - 1; day >= 0; day--) {
            registry_area_view(&area, begin + day,
                               true); /* backwards: trimming keeps what is before */
            assert_int_equal(area.coordinators.count, days[day] > 0);
            if (days[day])
                assert_true(text_is(area.coordinators.items[0], codes[days[day] - 1]));
        }
    }
}

static void
test_coordinators_full(void **state)
{
    (void)state;
    static struct area area;
    struct error error = {0};
    struct area_coordinators in;
    bool changed;
    schema_init(&area_schema, &area);
    area.area = text_of("energy");
    schema_init(&area_coordinators_schema, &in);
    in.coordinators.count = 2;
    in.coordinators.items[0] = text_of("RU");
    in.coordinators.items[1] = text_of("CN");
    for (int i = 0; i < 64; i++) {
        in.from = begin + i;
        assert_int_equal(registry_area_add(&area, &in, &changed, &error), STATUS_OK);
        assert_true(changed);
    }
    in.coordinators.items[0] = text_of("CN"); /* the same two in another order */
    in.coordinators.items[1] = text_of("RU");
    assert_int_equal(registry_area_add(&area, &in, &changed, &error), STATUS_OK);
    assert_false(changed);
    in.from = begin + 64;
    assert_int_equal(registry_area_add(&area, &in, &changed, &error), STATUS_FAILED_PRECONDITION);
    registry_area_view(&area, begin - 1, true);
    assert_int_equal(area.history.count, 0);
    assert_int_equal(area.coordinators.count, 0);
    assert_int_equal(area.from, DATE_NONE);
}

static void
test_days(void **state)
{
    (void)state;
    struct error error = {0};
    date_day day;
    assert_int_equal(registry_day(DATE_NONE, DATE_NONE, begin, &day, &error), STATUS_OK);
    assert_int_equal(day, begin);
    assert_int_equal(registry_day(1, DATE_NONE, begin, &day, &error), STATUS_OK);
    assert_int_equal(day, 1);
    assert_int_equal(registry_day(1, 1, begin, &day, &error), STATUS_OK);
    assert_int_equal(registry_day(1, 2, begin, &day, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "as_of");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_coordinator_lists),
        cmocka_unit_test(test_random_coordinators),
        cmocka_unit_test(test_coordinators_full),
        cmocka_unit_test(test_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
