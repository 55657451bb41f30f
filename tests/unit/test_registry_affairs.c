// LINK: services/registry/registry_domain.c services/registry/registry_domain_contact.c services/registry/registry_domain_instrument.c services/registry/registry_domain_money.c services/registry/registry_domain_fund.c common/base/text.c common/base/date.c common/base/dated.c common/base/status.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c
/* Contacts and who may see them, instruments, contributions, the Fund. It must not know stores. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "services/registry/registry_affairs.h"

#define DAYS 50

static const date_day begin = 18000;

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static uint32_t
seed_of(void)
{
    const char *given = getenv("CBM_TEST_SEED");
    uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : 2022;
    print_message("seed %u\n", (unsigned)seed);
    return seed;
}

/* ---- contacts ---- */

static struct contact contact, seen;

static const struct registry_viewer nobody = {0}, secretariat = {.roles = PERMIT_SECRETARIAT},
                                    chair = {.roles = PERMIT_CHAIR},
                                    observer = {.roles = PERMIT_OBSERVER};

static void
put_entry(const char *name, enum visibility visibility, int from)
{
    struct contact_put in;
    struct error error = {0};
    bool changed;
    schema_init(&contact_put_schema, &in);
    in.participant = TEXT_LITERAL("KZ");
    in.role = TEXT_LITERAL("focal-point");
    in.name = text_of(name);
    in.visibility = (int)visibility;
    in.from = begin + from;
    assert_int_equal(registry_contact_put(&contact, &in, TEXT_LITERAL("kz-focal-point"), begin,
                                          &changed, &error),
                     STATUS_OK);
    assert_true(changed);
}

static const char *
seen_by(struct registry_viewer viewer, int day)
{
    static char name[32];
    seen = contact;
    if (!registry_contact_view(&seen, &viewer, begin + day, true))
        return "-";
    for (uint32_t i = 0; i < seen.history.count; i++)
        if (!registry_contact_keeper(contact.participant, &viewer))
            assert_int_not_equal(seen.history.items[i].visibility, VISIBILITY_SECRETARIAT);
    memcpy(name, seen.name.ptr, seen.name.len);
    name[seen.name.len] = '\0';
    return name;
}

static void
test_who_sees_a_contact(void **state)
{
    (void)state;
    const struct registry_viewer own = {PERMIT_MEMBER, TEXT_LITERAL("KZ")};
    const struct registry_viewer other = {PERMIT_MEMBER, TEXT_LITERAL("TJ")};
    schema_init(&contact_schema, &contact);
    put_entry("Secret", VISIBILITY_SECRETARIAT, 0);
    put_entry("Members", VISIBILITY_MEMBERS, 10);
    put_entry("Open", VISIBILITY_OPEN, 20);
    const struct registry_viewer viewers[] = {nobody, observer, chair, other, own, secretariat};
    const char *const wanted[][3] = {{"-", "-", "Open"},
                                     {"-", "-", "Open"},
                                     {"-", "Members", "Open"},
                                     {"-", "Members", "Open"},
                                     {"Secret", "Members", "Open"},
                                     {"Secret", "Members", "Open"}};
    for (unsigned i = 0; i < 6; i++)
        for (int k = 0; k < 3; k++)
            assert_string_equal(seen_by(viewers[i], 10 * k + 5), wanted[i][k]);
    seen_by(nobody, 30);
    assert_int_equal(seen.history.count, 1);
    seen_by(own, 30);
    assert_int_equal(seen.history.count, 3);
    put_entry("Again secret", VISIBILITY_SECRETARIAT, 20); /* in the place of what was open */
    assert_string_equal(seen_by(nobody, 30), "-");
    put_entry("Open later", VISIBILITY_OPEN, 40);
    assert_string_equal(seen_by(nobody, 45), "Open later");
    assert_int_equal(seen.history.count, 1); /* what was replaced is not shown as if it counted */
    assert_false(registry_contact_keeper(TEXT_LITERAL("KZ"), &other));
    assert_false(registry_contact_keeper(TEXT_NONE, &other));
    assert_false(registry_contact_keeper(TEXT_NONE, &nobody));
}

/* ---- instruments ---- */

static struct instrument instrument;

/* How a member stands on a day by a replay: a slot for every first day. */
static int
replayed(struct text member, date_day day)
{
    int slots[DAYS] = {0}, now = 0;
    for (uint32_t i = 0; i < instrument.history.count; i++) {
        const struct instrument_entry *entry = &instrument.history.items[i];
        if (!text_equal(entry->member, member))
            continue;
        if (entry->supersedes != DATE_NONE)
            slots[entry->supersedes - begin] = 0;
        slots[entry->from - begin] = entry->status;
    }
    for (int at = 0; at <= day - begin; at++)
        now = slots[at] ? slots[at] : now;
    return now;
}

static bool
has(const struct text *codes, uint32_t count, struct text code)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_equal(codes[i], code))
            return true;
    return false;
}

static void
test_random_ratifications(void **state)
{
    (void)state;
    static struct registry_members members;
    static struct instrument told;
    uint32_t seed = seed_of();
    unsigned accepted = 0;
    members.count = 3;
    members.codes[0] = TEXT_LITERAL("AZ");
    members.codes[1] = TEXT_LITERAL("KZ");
    members.codes[2] = TEXT_LITERAL("TJ");
    for (int round = 0; round < 300; round++) {
        schema_init(&instrument_schema, &instrument);
        for (int i = 0; i < 40; i++) {
            struct instrument_ratify in;
            struct error error = {0};
            bool changed;
            schema_init(&instrument_ratify_schema, &in);
            in.member = members.codes[next_random(&seed) % 3];
            in.status = 1 + (int)(next_random(&seed) % 3);
            in.from = begin + (date_day)(next_random(&seed) % DAYS);
            if (next_random(&seed) % 3 == 0)
                in.supersedes = begin + (date_day)(next_random(&seed) % DAYS);
            uint32_t count = instrument.history.count;
            enum status status = registry_instrument_add(&instrument, &in, &changed, &error);
            assert_int_equal(instrument.history.count, count + (status == STATUS_OK && changed));
            accepted += status == STATUS_OK && changed;
        }
        for (date_day day = begin; day < begin + DAYS; day++) {
            told = instrument;
            assert_true(registry_instrument_view(&told, &members, day, true));
            for (uint32_t m = 0; m < members.count; m++) {
                struct text code = members.codes[m];
                int status = replayed(code, day);
                assert_int_equal(has(told.signatories.items, told.signatories.count, code),
                                 status == INSTRUMENT_SIGNED);
                assert_int_equal(has(told.ratified.items, told.ratified.count, code),
                                 status == INSTRUMENT_RATIFIED);
                assert_int_equal(has(told.pending.items, told.pending.count, code),
                                 status != INSTRUMENT_RATIFIED);
            }
        }
    }
    assert_true(accepted > 1000);
}

/* ---- money ---- */

static void
test_currencies(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int exponent;
    } known[] = {{"USD", 2},  {"KZT", 2},  {"JPY", 0},  {"KRW", 0},  {"VND", 0}, {"KWD", 3},
                 {"BHD", 3},  {"XDR", 2},  {"AED", 2},  {"usd", -1}, {"US", -1}, {"USDT", -1},
                 {"XXX", -1}, {"   ", -1}, {"D A", -1}, {"", -1}};
    struct error error = {0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(registry_money_exponent(text_of(known[i].code)), known[i].exponent);
    assert_int_equal(registry_money_currency("currency", text_of("ABC"), &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "currency");
}

static void
test_totals(void **state)
{
    (void)state;
    static const char *const codes[] = {"USD", "EUR", "JPY", NULL};
    static struct registry_totals totals;
    int64_t sums[2][4] = {{0}}, counts[2][4] = {{0}};
    uint32_t seed = seed_of();
    struct contribution one;
    totals.count = 0;
    for (int i = 0; i < 1000; i++) {
        unsigned year = next_random(&seed) % 2, code = next_random(&seed) % 4;
        schema_init(&contribution_schema, &one);
        one.on = date_of_civil(2021 + (int)year, 1 + (int)(next_random(&seed) % 12), 28);
        one.currency = text_of(codes[code]);
        one.amount = codes[code] ? (int64_t)next_random(&seed) * 1000 : INT_NONE;
        assert_true(registry_totals_add(&totals, &one));
        sums[year][code] += codes[code] ? one.amount : 0;
        counts[year][code]++;
    }
    assert_int_equal(totals.count, 8);
    for (uint32_t i = 0; i < totals.count; i++) {
        const struct contribution_total *total = &totals.items[i];
        unsigned code = 0;
        while (code < 3 && !text_is(total->currency, codes[code]))
            code++;
        assert_int_equal(total->count, counts[total->year - 2021][code]);
        assert_int_equal(total->amount, codes[code] ? sums[total->year - 2021][code] : INT_NONE);
        if (i)
            assert_true(total[-1].year < total->year ||
                        text_compare(total[-1].currency, total->currency) < 0);
    }
    one.on = date_of_civil(2021, 1, 1);
    one.currency = text_of("USD");
    one.amount = INT64_MAX;
    assert_false(registry_totals_add(&totals, &one)); /* it would not fit */
}

/* ---- the Fund ---- */

static void
test_steps_of_a_project(void **state)
{
    (void)state;
    /* rows: from; columns: to; a step of the same status corrects, but for submitted */
    static const bool allowed[5][5] = {
        {0, 1, 0, 0, 0}, {0, 1, 1, 1, 0}, {0, 0, 1, 0, 1}, {0, 0, 0, 1, 0}, {0, 0, 0, 0, 1}};
    static struct fund_project project;
    for (int from = 1; from <= 5; from++)
        for (int to = 1; to <= 5; to++) {
            struct fund_decide in;
            struct error error = {0};
            enum fund_status before;
            bool changed;
            schema_init(&fund_project_schema, &project);
            project.id = TEXT_LITERAL("road");
            project.currency = TEXT_LITERAL("USD");
            project.status = from;
            project.history.count = 1;
            schema_init(&fund_step_schema, &project.history.items[0]);
            project.history.items[0].status = from;
            project.history.items[0].on = begin;
            schema_init(&fund_decide_schema, &in);
            in.status = to;
            in.note = TEXT_LITERAL("why");
            if (to == FUND_APPROVED || to == FUND_REPORTED)
                in.amount = 100;
            enum status status =
                registry_fund_decide(&project, &in, begin + 1, &before, &changed, &error);
            assert_int_equal(status == STATUS_OK, allowed[from - 1][to - 1]);
            assert_int_equal(project.status, status == STATUS_OK ? to : from);
            assert_int_equal(before, from);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_sees_a_contact), cmocka_unit_test(test_random_ratifications),
        cmocka_unit_test(test_currencies),         cmocka_unit_test(test_totals),
        cmocka_unit_test(test_steps_of_a_project),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
