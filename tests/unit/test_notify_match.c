// LINK: services/notify/notify_match.c services/notify/notify_match_find.c services/notify/notify_hash.c common/log/filter.c common/log/topic.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/base/text.c common/base/date.c common/base/status.c -lsodium
/* The index of filters against a look at all of them, and what it compares of many. It must not
 * know subscriptions. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "services/notify/notify_match.h"

#define FILTERS 300
#define STEPS 6000

static uint32_t seed = 20210713;

static unsigned
random_below(unsigned bound)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

static const char *const levels[] = {"a", "b", "private", "KZ", "events"};
static const char *const types[] = {"event.held", "event.scheduled", "plan.opened", "e"};
static const char *const type_patterns[] = {"event.held", "event.*", "*", "plan.opened", "e*"};
static const char *const values[] = {"x", "y", "z", "en"};
static const char *const codes[] = {"KZ", "CN", "AZ", "ID"};
#define PICK(list) text_of((list)[random_below(sizeof(list) / sizeof *(list))])

struct one {
    struct subscription_filter filter;
    struct notify_match_item *item; /* NULL: it is not in */
    bool found, expected;
    char topics[4][64];
};

static void
random_topic(char out[64], bool pattern)
{
    unsigned count = 1 + random_below(4);
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        const char *level = PICK(levels).ptr;
        if (pattern && random_below(3) == 0)
            level = "*";
        if (pattern && i + 1 == count && random_below(2) == 0)
            level = ">";
        len += (size_t)snprintf(out + len, 64 - len, "%s.", level);
    }
    if (random_below(2) && pattern)
        out[len - 1] = '\0';
}

static void
random_list(struct text *items, uint32_t *count, const char *const *from, unsigned from_count)
{
    *count = random_below(2) ? 0 : 1 + random_below(3);
    for (unsigned i = 0; i < *count; i++)
        items[i] = text_of(from[random_below(from_count)]);
}

static void
random_filter(struct one *one)
{
    struct subscription_filter *filter = &one->filter;
    schema_init(&subscription_filter_schema, filter);
    filter->topics.count = 1 + random_below(4);
    for (unsigned i = 0; i < filter->topics.count; i++) {
        random_topic(one->topics[i], true);
        filter->topics.items[i] = text_of(one->topics[i]);
    }
    random_list(filter->types.items, &filter->types.count, type_patterns, 5);
    random_list(filter->hosts.items, &filter->hosts.count, codes, 4);
    random_list(filter->areas.items, &filter->areas.count, values, 4);
    random_list(filter->dimensions.items, &filter->dimensions.count, values, 4);
    random_list(filter->statuses.items, &filter->statuses.count, values, 4);
    random_list(filter->languages.items, &filter->languages.count, values, 4);
    assert_int_equal(filter_check(filter, NULL), STATUS_OK);
}

static void
random_facts(struct facts *facts, char topic[64])
{
    random_topic(topic, false);
    *facts = (struct facts){.topic = text_of(topic), .type = PICK(types)};
    facts->level_count = filter_levels(facts->topic, facts->levels);
    if (random_below(4))
        facts->area = PICK(values);
    if (random_below(4))
        facts->dimension = PICK(values);
    if (random_below(4))
        facts->status = PICK(values);
    facts->host_count = random_below(4);
    for (unsigned i = 0; i < facts->host_count; i++)
        facts->hosts[i] = PICK(codes);
    facts->language_count = random_below(3);
    for (unsigned i = 0; i < facts->language_count; i++)
        facts->languages[i] = PICK(values);
}

static void
on_found(void *context, void *arg)
{
    struct one *one = arg;
    assert_ptr_equal(context, &seed);
    assert_false(one->found); /* each once */
    one->found = true;
}

/* What the index finds is what a look at every filter finds, through adds and removes. */
static void
test_the_same_as_a_scan(void **state)
{
    (void)state;
    struct one *all = calloc(FILTERS, sizeof *all);
    struct notify_match *match = notify_match_new();
    unsigned found = 0;
    assert_true(all && match);
    for (unsigned step = 0; step < STEPS; step++) {
        struct one *one = &all[random_below(FILTERS)];
        char topic[64];
        struct facts facts;
        if (one->item) {
            notify_match_remove(match, &one->item);
        } else {
            random_filter(one);
            one->item = notify_match_add(match, &one->filter, one);
            assert_non_null(one->item);
        }
        random_facts(&facts, topic);
        for (unsigned i = 0; i < FILTERS; i++)
            all[i].found = false;
        notify_match_find(match, &facts, on_found, &seed);
        for (unsigned i = 0; i < FILTERS; i++) {
            bool expected = all[i].item && filter_matches(&all[i].filter, &facts);
            assert_int_equal(all[i].found, expected);
            found += expected;
        }
    }
    assert_true(found > STEPS / 10); /* the filters were no empty ones */
    for (unsigned i = 0; i < FILTERS; i++)
        notify_match_remove(match, &all[i].item);
    notify_match_destroy(&match);
    free(all);
}

/* ---- the work ---- */

#define MANY 20000
#define MATCHES 5

static void
count_found(void *context, void *arg)
{
    (void)arg;
    ++*(unsigned *)context;
}

/* Adds so many that differ in one condition, MATCHES of each value; searches for one of them. */
static void
check_work(void choose(struct subscription_filter *filter, struct text value))
{
    struct subscription_filter *filters = calloc(MANY, sizeof *filters);
    struct notify_match_item **items = calloc(MANY, sizeof *items);
    char(*names)[16] = calloc(MANY, sizeof *names);
    struct notify_match *match = notify_match_new();
    unsigned found = 0;
    assert_true(filters && items && names && match);
    for (unsigned i = 0; i < MANY; i++) {
        schema_init(&subscription_filter_schema, &filters[i]);
        snprintf(names[i], sizeof names[i], "V%u", i / MATCHES);
        filters[i].topics.count = 1;
        filters[i].topics.items[0] = TEXT_LITERAL("events.>");
        choose(&filters[i], text_of(names[i]));
        items[i] = notify_match_add(match, &filters[i], &filters[i]);
        assert_non_null(items[i]);
    }
    struct text value = text_of(names[MANY / 2]);
    struct facts facts = {.topic = TEXT_LITERAL("events.d.a.x."),
                          .type = value,
                          .area = value,
                          .dimension = value,
                          .status = value,
                          .host_count = 2,
                          .hosts = {value, TEXT_LITERAL("QQ")},
                          .language_count = 1,
                          .languages = {value}};
    char topic[64];
    snprintf(topic, sizeof topic, "events.%.40s.a.x.", names[MANY / 2]);
    facts.topic = text_of(topic);
    facts.level_count = filter_levels(facts.topic, facts.levels);
    notify_match_find(match, &facts, count_found, &found);
    assert_int_equal(found, MATCHES);
    assert_true(notify_match_compared(match) <= 2 * MATCHES);
    for (unsigned i = 0; i < MANY; i++)
        notify_match_remove(match, &items[i]);
    notify_match_find(match, &facts, count_found, &found);
    assert_int_equal(found, MATCHES);
    notify_match_destroy(&match);
    free(filters);
    free(items);
    free(names);
}

#define CHOOSER(list)                                                                              \
    static void choose_##list(struct subscription_filter *filter, struct text value)               \
    {                                                                                              \
        filter->list.items[filter->list.count++] = value;                                          \
    }
CHOOSER(types)
CHOOSER(hosts)
CHOOSER(areas)
CHOOSER(dimensions)
CHOOSER(statuses)
CHOOSER(languages)

static void
choose_host_of_common_type(struct subscription_filter *filter, struct text value)
{
    choose_hosts(filter, value);
    choose_types(filter, TEXT_LITERAL("*"));
}

static void
test_work_is_that_of_the_matches(void **state)
{
    (void)state;
    check_work(choose_types);
    check_work(choose_hosts);
    check_work(choose_areas);
    check_work(choose_dimensions);
    check_work(choose_statuses);
    check_work(choose_languages);
    check_work(choose_host_of_common_type);
}

/* A filter with every list full has a bounded number of keys, and is found by each of its values.
 */
static void
test_long_lists(void **state)
{
    (void)state;
    struct subscription_filter *filter = calloc(1, sizeof *filter);
    struct notify_match *match = notify_match_new();
    static char names[64][8];
    unsigned found = 0;
    assert_true(filter && match);
    for (unsigned i = 0; i < 64; i++)
        snprintf(names[i], sizeof names[i], "v%u", i);
    filter->topics.count = 32;
    filter->types.count = 32;
    filter->areas.count = 32;
    for (unsigned i = 0; i < 32; i++) {
        filter->topics.items[i] = filter->types.items[i] = text_of(names[i]);
        filter->areas.items[i] = text_of(names[i]);
    }
    filter->hosts.count = 64;
    for (unsigned i = 0; i < 64; i++)
        filter->hosts.items[i] = text_of(names[i]);
    struct notify_match_item *item = notify_match_add(match, filter, filter);
    assert_non_null(item);
    for (unsigned i = 0; i < 64; i++) {
        struct facts facts = {.topic = text_of(names[i % 32]),
                              .type = text_of(names[(i + 7) % 32]),
                              .area = text_of(names[(i + 9) % 32]),
                              .host_count = 1,
                              .hosts = {text_of(names[i])}};
        facts.level_count = filter_levels(facts.topic, facts.levels);
        notify_match_find(match, &facts, count_found, &found);
    }
    assert_int_equal(found, 64);
    notify_match_remove(match, &item);
    notify_match_destroy(&match);
    free(filter);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_as_a_scan),
        cmocka_unit_test(test_work_is_that_of_the_matches),
        cmocka_unit_test(test_long_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
