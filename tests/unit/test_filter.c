// LINK: common/log/filter.c common/log/facts.c common/log/record.c common/log/topic.c common/msg/permission.c common/msg/messages.c common/msg/interfaces.c common/msg/schema.c common/msg/schema_mp.c common/msg/mp.c common/base/text.c common/base/date.c common/base/buf.c common/base/status.c -lmsgpackc
/* Filters of subscriptions: what a pattern may be, which records it is for, and what is read of the
 * log for it. It must not know subscriptions. */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "common/msg/mp.h"
#include "common/log/facts.h"

#define TOPICS(filter, ...) set((filter)->topics.items, &(filter)->topics.count, __VA_ARGS__, NULL)

static void
set(struct text *items, uint32_t *count, const char *first, ...)
{
    va_list args;
    va_start(args, first);
    *count = 0;
    for (const char *at = first; at; at = va_arg(args, const char *))
        items[(*count)++] = text_of(at);
    va_end(args);
}

static struct subscription_filter *
new_filter(const char *pattern)
{
    struct subscription_filter *filter = malloc(sizeof *filter);
    assert_non_null(filter);
    schema_init(&subscription_filter_schema, filter);
    filter->present = true;
    TOPICS(filter, pattern);
    return filter;
}

static bool
matches(const char *pattern, const char *topic)
{
    struct facts facts = {.topic = text_of(topic)};
    facts.level_count = filter_levels(facts.topic, facts.levels);
    return filter_topic_matches(text_of(pattern), &facts);
}

static void
test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *topic;
        bool matches;
    } cases[] = {
        {"events.>", "events.human.tourism.a.", true},
        {"events.>.", "events.human.tourism.a.", true},
        {"events.>", "events.", false}, /* at least one more */
        {"events.>", "event.a.", false},
        {"events.>", "plan.2021.", false},
        {"events.*.tourism.>", "events.human.tourism.a.", true},
        {"events.*.tourism.>", "events.human.tourism.", false},
        {"events.*.tourism", "events.human.tourism.", true},
        {"events.*.tourism.", "events.human.tourism.", true},
        {"events.*", "events.human.tourism.", false},
        {"plan.2021", "plan.2021.", true},
        {"plan.2021", "plan.20211.", false},
        {"*", "plan.", true},
        {"*.2021", "plan.2021.", true},
        {">", "plan.2021.", true},
        {">", "private.KZ.events.a.", false}, /* another tree, which is named or not meant */
        {"*.KZ.>", "private.KZ.events.a.", false},
        {"private.>", "private.KZ.events.a.", true},
        {"private.*.events.>", "private.KZ.events.a.", true},
        {"private.CN.>", "private.KZ.events.a.", false},
        {"a.b.c.d.e.f.g.h", "a.b.c.d.e.f.g.h.", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches(cases[i].pattern, cases[i].topic) != cases[i].matches)
            fail_msg("%s and %s", cases[i].pattern, cases[i].topic);
}

static void
check_refused(const struct subscription_filter *filter, const char *field)
{
    struct error error = {0};
    assert_int_equal(filter_check(filter, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, field);
    assert_non_null(strstr(error.message, field));
}

static void
test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",     ".",  "..",  "a..b", ".a",  "a.>.b", ">.a",
        "a.b*", "**", "a b", "a.>x", "a/b", "é",     "a.b.c.d.e.f.g.h.i",
        "a.\n"};
    struct subscription_filter *filter = new_filter("events.>");
    assert_int_equal(filter_check(filter, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        TOPICS(filter, "events.>", bad[i]);
        check_refused(filter, "filter.topics[1]");
    }
    char longest[TOPIC_MAX + 1];
    memset(longest, 'a', TOPIC_MAX);
    longest[TOPIC_MAX] = '\0';
    TOPICS(filter, longest);
    check_refused(filter, "filter.topics[0]");
    filter->topics.count = 0;
    check_refused(filter, "filter.topics");
    TOPICS(filter, "a.*.b-c_D.>");
    set(filter->types.items, &filter->types.count, "event.*", "event.scheduled", "*", NULL);
    set(filter->hosts.items, &filter->hosts.count, "KZ", "SECRETARIAT", NULL);
    set(filter->statuses.items, &filter->statuses.count, "silence_broken", NULL);
    assert_int_equal(filter_check(filter, NULL), STATUS_OK);
    set(filter->types.items, &filter->types.count, "event.*.x", NULL);
    check_refused(filter, "filter.types[0]");
    set(filter->types.items, &filter->types.count, "", NULL);
    check_refused(filter, "filter.types[0]");
    filter->types.count = 0;
    set(filter->hosts.items, &filter->hosts.count, "KZ", "kz", NULL);
    check_refused(filter, "filter.hosts[1]");
    filter->hosts.count = 0;
    set(filter->statuses.items, &filter->statuses.count, "Held", NULL);
    check_refused(filter, "filter.statuses[0]");
    free(filter);
}

static void
check_prefixes(struct subscription_filter *filter, const char *first, const char *second)
{
    struct text prefixes[FILTER_TREES_MAX];
    unsigned count = filter_prefixes(filter, prefixes);
    assert_int_equal(count, second ? 2 : 1);
    assert_true(text_is(prefixes[0], first));
    if (second)
        assert_true(text_is(prefixes[1], second));
}

static void
test_prefixes(void **state)
{
    (void)state;
    struct subscription_filter *filter = new_filter("events.human.*.x");
    check_prefixes(filter, "events.human.", NULL);
    TOPICS(filter, "events.human.a", "events.human.b.>");
    check_prefixes(filter, "events.human.", NULL);
    TOPICS(filter, "events.human.>", "events.hum.>");
    check_prefixes(filter, "events.", NULL);
    TOPICS(filter, "events.>", "plan.>");
    check_prefixes(filter, "", NULL);
    TOPICS(filter, ">");
    check_prefixes(filter, "", NULL);
    TOPICS(filter, "private");
    check_prefixes(filter, "private.", NULL);
    TOPICS(filter, "private.KZ.>");
    check_prefixes(filter, "private.KZ.", NULL);
    TOPICS(filter, "private.KZ.>", "plan.>", "private.CN.events.>");
    check_prefixes(filter, "plan.", "private.");
    free(filter);
}

/* ---- records ---- */

struct sample {
    struct buf data, attributes;
    struct log_record record;
};

static void
make_record(struct sample *sample, const char *type, const char *topic)
{
    log_attributes_write(&sample->attributes, type, "/cica/events", "local", TEXT_NONE);
    sample->record =
        (struct log_record){.seq = 7,
                            .topic = text_of(topic),
                            .attributes = {(const char *)sample->attributes.data,
                                           (uint32_t)sample->attributes.len},
                            .data = {(const char *)sample->data.data, (uint32_t)sample->data.len}};
}

static void
write_pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

static void
write_event(struct buf *buf)
{
    mp_map(buf, 6);
    write_pair(buf, "title", "Seminar");
    write_pair(buf, "host", "KZ");
    mp_string(buf, "co_hosts");
    mp_array(buf, 2);
    mp_string(buf, "CN");
    mp_int(buf, 3); /* what is no text is passed over */
    write_pair(buf, "status", "scheduled");
    mp_string(buf, "titles");
    mp_map(buf, 1);
    write_pair(buf, "ru", "Семинар");
    write_pair(buf, "dimension", "human");
}

static bool
is_for(struct subscription_filter *filter, const struct log_record *record)
{
    struct facts facts;
    facts_read(record, &facts);
    return filter_matches(filter, &facts);
}

#define CONDITION(filter, list, value)                                                             \
    (set((filter)->list.items, &(filter)->list.count, (value), NULL))

static void
test_facts(void **state)
{
    (void)state;
    struct sample sample = {0};
    struct subscription_filter *filter = new_filter("events.>");
    write_event(&sample.data);
    make_record(&sample, "event.scheduled", "events.human.tourism.seminar.");
    assert_true(is_for(filter, &sample.record));
#define CHECK(list, good, bad)                                                                     \
    CONDITION(filter, list, good);                                                                 \
    assert_true(is_for(filter, &sample.record));                                                   \
    CONDITION(filter, list, bad);                                                                  \
    assert_false(is_for(filter, &sample.record));                                                  \
    (filter)->list.count = 0
    CHECK(types, "event.scheduled", "event.schedule");
    CHECK(types, "event.*", "plan.*");
    CHECK(types, "*", "event.scheduled.*");
    CHECK(hosts, "KZ", "AZ");
    CHECK(hosts, "CN", "SECRETARIAT");
    CHECK(statuses, "scheduled", "held");
    CHECK(dimensions, "human", "economic");
    CHECK(areas, "tourism", "human"); /* from the topic */
    CHECK(languages, "en", "kk");     /* a title without a language */
    CHECK(languages, "ru", "zh");
#undef CHECK
    set(filter->hosts.items, &filter->hosts.count, "AZ", "CN", NULL);
    set(filter->types.items, &filter->types.count, "plan.*", "event.*", NULL);
    assert_true(is_for(filter, &sample.record)); /* of each list one */
    CONDITION(filter, languages, "kk");
    assert_false(is_for(filter, &sample.record)); /* all lists */
    buf_fini(&sample.data);
    buf_fini(&sample.attributes);
    free(filter);
}

static void
test_facts_of_topics(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *dimension, *area;
    } cases[] = {{"reminders.human.tourism.x.", "human", "tourism"},
                 {"private.KZ.events.-.-.x.", "-", "-"},
                 {"events.human.tourism.x.delegations.KZ.", "human", "tourism"},
                 {"plan.2021.x.y.", NULL, NULL},
                 {"events.human.", NULL, NULL},
                 {"private.KZ.", NULL, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample sample = {0};
        struct facts facts;
        mp_map(&sample.data, 0);
        make_record(&sample, "a.b", cases[i].topic);
        facts_read(&sample.record, &facts);
        assert_true(text_equal(facts.dimension, text_of(cases[i].dimension)));
        assert_true(text_equal(facts.area, text_of(cases[i].area)));
        sample.record.data.len = 0; /* damaged: the topic is all there is */
        facts_read(&sample.record, &facts);
        assert_true(text_equal(facts.dimension, text_of(cases[i].dimension)));
        buf_fini(&sample.data);
        buf_fini(&sample.attributes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_prefixes),        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_of_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
