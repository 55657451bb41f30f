// LINK: services/events/events_domain.c services/events/events_domain_check.c services/events/events_domain_list.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/date.c common/base/dated.c common/base/zone.c common/base/text.c common/base/status.c
/* What an event is listed under: ids, topics, keys of the index, and what a list shows.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/events_case.h"

#include <stdio.h>

/* ---- ids, topics, keys ----------------------------------------------------------------------- */

static void
test_ids_and_topics(void **state)
{
    (void)state;
    static struct event_draft draft;
    char id[TEXT_ID_MAX + 1], long_title[201], topic[EVENTS_TOPIC_MAX];
    schema_init(&event_draft_schema, &draft);
    draft.kind = TEXT_LITERAL("seminar");
    draft.year = 2021;
    draft.title = TEXT_LITERAL("  First Workshop: smart agriculture!");
    events_domain_id(&draft, 0, id);
    assert_string_equal(id, "first-workshop-smart-agriculture");
    events_domain_id(&draft, 1, id);
    assert_string_equal(id, "first-workshop-smart-agriculture-2");
    events_domain_id(&draft, EVENTS_ID_TRIES - 1, id);
    assert_string_equal(id, "first-workshop-smart-agriculture-50");
    draft.title = TEXT_LITERAL("\xd0\xa1\xd0\xb5\xd0\xbc"); /* no letter of ASCII */
    events_domain_id(&draft, 2, id);
    assert_string_equal(id, "seminar-2021-3");
    for (size_t i = 0; i < sizeof long_title; i++)
        long_title[i] = i % 2 ? ' ' : 'a';
    draft.title = (struct text){long_title, 200};
    for (unsigned n = 0; n < EVENTS_ID_TRIES; n++) {
        events_domain_id(&draft, n, id);
        assert_true(text_is_id(text_of(id)));
    }
    fresh();
    events_domain_topic(&event, topic);
    assert_string_equal(topic, "events.-.-.e.");
    event.dimension = TEXT_LITERAL("human");
    events_domain_topic(&event, topic);
    assert_string_equal(topic, "events.human.-.e.");
    event.area = TEXT_LITERAL("youth");
    events_domain_topic(&event, topic);
    assert_string_equal(topic, "events.human.youth.e.");
}

static struct events_key keys[EVENTS_KEYS_MAX + 1];

static void
test_keys(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(events_domain_keys(&event, keys), 1);
    assert_string_equal(keys[0].text, "2021-00-00T00:00:00Z");
    assert_string_equal(keys[0].end, "");
    add_session("2021-12-31T23:00:00-05:00", "2022-01-01T01:00:01-05:00");
    add_session("2024-02-28", "2024-03-07"); /* 9 days in a leap year: two pieces */
    assert_int_equal(events_domain_keys(&event, keys), 3);
    assert_string_equal(keys[0].text, "2022-01-01T04:00:00Z");
    assert_string_equal(keys[0].end, "20220101060001");
    assert_string_equal(keys[1].text, "2024-02-28T00:00:00Z");
    assert_string_equal(keys[1].end, "20240307000000");
    assert_string_equal(keys[2].text, "2024-03-07T00:00:00Z");
    assert_string_equal(keys[2].end, "20240308000000");
    event.sessions.items[1].end = when("2024-03-06"); /* 8 days: one */
    assert_int_equal(events_domain_keys(&event, keys), 2);
    fresh(); /* two that begin in one second */
    add_session("2021-07-13T08:00:00.1Z", "2021-07-13T08:00:00.2Z");
    add_session("2021-07-13T08:00:00.3Z", "2021-07-13T18:00:00.001Z");
    assert_int_equal(events_domain_keys(&event, keys), 1);
    assert_string_equal(keys[0].end, "20210713180001");
    fresh();
    for (int i = 0; i < 32; i++) { /* as many pieces as there can be */
        event.sessions.items[i].start = (struct when){true, i * 366 * DATE_DAY_MS};
        event.sessions.items[i].end = (struct when){true, (i * 366 + 365) * DATE_DAY_MS};
    }
    event.sessions.count = 32;
    assert_int_equal(events_domain_keys(&event, keys), EVENTS_KEYS_MAX);
    assert_int_equal(events_domain_keys_max(&event), EVENTS_KEYS_MAX + 1);
    for (unsigned i = 1; i < EVENTS_KEYS_MAX; i++)
        assert_true(strcmp(keys[i - 1].text, keys[i].text) < 0);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static struct event_list list;
static struct events_query query;

static void
ask(const char *from, const char *to)
{
    schema_init(&event_list_schema, &list);
    if (from)
        list.from = when(from);
    if (to)
        list.to = when(to);
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
}

/* At how many of its entries in the scanned range the event is listed: 0 or 1. */
static int
listed(void)
{
    char entry[EVENTS_ENTRY_MAX];
    int count = 0;
    unsigned key_count = events_domain_keys(&event, keys);
    for (unsigned i = 0; i < key_count; i++) {
        struct text key, id, cursor;
        events_domain_entry(&event, &keys[i], entry);
        if (strcmp(entry, query.start) < 0 || strcmp(entry, query.upto) >= 0 ||
            !events_domain_asked(&query, text_of(entry), &key, &id, &cursor))
            continue;
        assert_true(cursor.len == EVENTS_KEY_LEN + 1 + id.len);
        assert_true(text_equal(id, event.id));
        bool on_list = events_domain_listed(&query, &event, key);
        struct event_sessions sessions = {.sessions.count = event.sessions.count};
        memcpy(sessions.sessions.items, event.sessions.items, sizeof event.sessions.items);
        if (query.plain)
            assert_int_equal(events_domain_listed_by(&query, &sessions, key), on_list);
        count += on_list;
    }
    return count;
}

static void
test_overlap_of_dates(void **state)
{
    (void)state;
    static const struct {
        const char *start, *end, *from, *to;
        int wanted;
    } cases[] = {
        {"2021-07-13", "2021-07-14", NULL, NULL, 1},
        {"2021-07-13", "2021-07-14", "2021-07-14", NULL, 1},
        {"2021-07-13", "2021-07-14", "2021-07-15", NULL, 0},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-13", 1},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-12", 0},
        {"2021-07-13", "2021-07-14", "2021-07-13", "2021-07-13", 1},
        {"2021-07-13", "2021-07-14", "2021-07-14T23:59:59.999Z", NULL, 1},
        {"2021-07-13", "2021-07-14", "2021-07-15T00:00:00Z", NULL, 0},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-13T00:00:00.001Z", 1},
        {"2021-07-13", "2021-07-14", NULL, "2021-07-13T00:00:00Z", 0},
        {"2024-02-29", "2024-02-29", "2024-02-29", "2024-02-29", 1},
        {"2024-02-29", "2024-02-29", "2024-03-01", "2024-03-01", 0},
        {"2021-12-31", "2022-01-01", "2022-01-01", "2022-12-31", 1},
        {"2021-12-31", "2022-01-01", "2021-01-01", "2021-12-31", 1},
        {"2021-12-31", "2022-01-01", "2022-01-02", NULL, 0},
        {"2021-07-13T22:00:00-03:00", "2021-07-13T23:00:00-03:00", "2021-07-14", "2021-07-14", 1},
        {"2021-07-13T22:00:00-03:00", "2021-07-13T23:00:00-03:00", "2021-07-13", "2021-07-13", 0},
        {"2021-07-14T01:00:00+06:00", "2021-07-14T02:00:00+06:00", "2021-07-13", "2021-07-13", 1},
        {"2021-07-14T01:00:00Z", "2021-07-14T02:00:00Z", "2021-07-14T02:00:00Z", NULL, 0},
        {"2021-07-14T01:00:00Z", "2021-07-14T02:00:00.5Z", "2021-07-14T02:00:00.4Z", NULL, 1},
        {"2021-07-14T01:00:00.5Z", "2021-07-14T02:00:00Z", NULL, "2021-07-14T01:00:00.6Z", 1},
        {"2021-07-14T01:00:00.5Z", "2021-07-14T02:00:00Z", NULL, "2021-07-14T01:00:00.5Z", 0},
        /* longer than a piece: looking back 8 days still finds it, once */
        {"2021-01-01", "2021-12-31", "2021-07-01", "2021-07-02", 1},
        {"2021-01-01", "2021-12-31", "2021-12-31", "2022-03-01", 1},
        {"2021-01-01", "2021-12-31", "2020-01-01", "2023-01-01", 1},
        {"2021-01-01", "2021-12-31", "2022-01-01", NULL, 0},
        {"2021-01-01", "2021-12-31", "0001-01-01", "9999-12-31", 1},
        {"2021-01-01", "2021-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fresh();
        add_session(cases[i].start, cases[i].end);
        ask(cases[i].from, cases[i].to);
        if (listed() != cases[i].wanted)
            fail_msg("case %zu: %s to %s in %s to %s", i, cases[i].start, cases[i].end,
                     cases[i].from ? cases[i].from : "", cases[i].to ? cases[i].to : "");
    }
}

/* Every day of a year against an event of several sessions: once where it overlaps, never else. */
static void
test_each_event_once(void **state)
{
    (void)state;
    fresh();
    add_session("2021-05-17", "2021-05-18");
    add_session("2021-08-01", "2021-10-15"); /* ten pieces */
    for (date_day day = DAY("2021-01-01"); day <= DAY("2021-12-31"); day++)
        for (int span = 0; span < 120; span += 17) {
            char from[DATE_TEXT_MAX], to[DATE_TEXT_MAX];
            date_print(day, from);
            date_print(day + span, to);
            ask(from, to);
            bool first = day <= DAY("2021-05-18") && day + span >= DAY("2021-05-17");
            bool second = day <= DAY("2021-10-15") && day + span >= DAY("2021-08-01");
            assert_int_equal(listed(), first || second);
        }
    ask(NULL, NULL);
    assert_int_equal(listed(), 1);
}

static void
test_filters(void **state)
{
    (void)state;
    fresh();
    ask(NULL, NULL);
    assert_int_equal(listed(), 1); /* without sessions it is on the list … */
    ask("2021-01-01", "2021-12-31");
    assert_int_equal(listed(), 0); /* … but in no span */
    event.titles.count = 1;
    event.titles.items[0] = (struct text_pair){TEXT_LITERAL("en"), TEXT_LITERAL("Other WORDS")};
    struct text key = TEXT_LITERAL("2021-00-00T00:00:00Z");
#define LISTED(field, value)                                                                       \
    (schema_init(&event_list_schema, &list), list.field = (value),                                 \
     events_domain_query(&list, &query, &error) == STATUS_OK &&                                    \
         events_domain_listed(&query, &event, key))
    assert_true(LISTED(text, TEXT_LITERAL("smart AGRI")));
    assert_true(LISTED(text, TEXT_LITERAL("words")));
    assert_false(LISTED(text, TEXT_LITERAL("wordz")));
    assert_true(LISTED(host, TEXT_LITERAL("CN")));
    assert_false(LISTED(host, TEXT_LITERAL("KZ")));
    assert_true(LISTED(kind, TEXT_LITERAL("seminar")));
    assert_false(LISTED(kind, TEXT_LITERAL("semina")));
    assert_true(LISTED(year, 2021));
    assert_false(LISTED(year, 2022));
    assert_true(LISTED(status, EVENT_PROPOSED));
    assert_false(LISTED(status, EVENT_ACCEPTED));
    assert_false(LISTED(dimension, TEXT_LITERAL("human")));
    assert_false(LISTED(area, TEXT_LITERAL("youth")));
    event.dimension = TEXT_LITERAL("human");
    event.area = TEXT_LITERAL("youth");
    assert_true(LISTED(dimension, TEXT_LITERAL("human")));
    assert_true(LISTED(area, TEXT_LITERAL("youth")));
#undef LISTED
}

static void
test_bounds_and_cursors(void **state)
{
    (void)state;
    ask("2021-03-05", "2021-03-06");
    assert_string_equal(query.start, "t|2021-02-25T00:00:00Z");
    assert_string_equal(query.upto, "t|2021-03-06T23:59:59Z}");
    assert_int_equal(query.limit, 100);
    schema_init(&event_list_schema, &list);
    list.host = TEXT_LITERAL("KZ");
    list.limit = 7;
    list.cursor = TEXT_LITERAL("2021-07-13T00:00:00Z|smart");
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
    assert_string_equal(query.start, "t|2021-07-13T00:00:00Z|smart\"");
    assert_string_equal(query.upto, "t|}");
    assert_int_equal(query.limit, 7);
    list.to = when("2021-12-31");
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
    assert_string_equal(query.start, "t|2021-07-13T00:00:00Z|smart\"");
    assert_string_equal(query.upto, "t|2021-12-31T23:59:59Z}");
    static const char *const bad[] = {"x",
                                      "2021-07-13T00:00:00Z|",
                                      "2021-07-13T00:00:00Z|A B",
                                      "2021-07-13 00:00:00Z|smart",
                                      "202107-13T00:00:00Z|smart1",
                                      "2021-07-13T00:00:00Zsmart-id"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        list.cursor = text_of(bad[i]);
        assert_int_equal(events_domain_query(&list, &query, &error), STATUS_INVALID_ARGUMENT);
        assert_string_equal(error.field, "cursor");
    }
    schema_init(&event_list_schema, &list);
    list.from = when("2021-03-06");
    list.to = when("2021-03-05");
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "to");

    int64_t value;
    assert_int_equal(events_domain_cursor(TEXT_NONE, 5, &value, &error), STATUS_OK);
    assert_int_equal(value, 5);
    assert_int_equal(events_domain_cursor(TEXT_LITERAL("2021"), 0, &value, &error), STATUS_OK);
    assert_int_equal(value, 2021);
    assert_int_equal(events_domain_cursor(TEXT_LITERAL("-1"), 0, &value, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(events_domain_cursor(TEXT_LITERAL("9999999999999999999"), 0, &value, &error),
                     STATUS_INVALID_ARGUMENT);
}

static void
test_entries_tell_host_and_area(void **state)
{
    (void)state;
    char entry[EVENTS_ENTRY_MAX];
    struct text key, id, cursor;
    struct events_key at = {"2021-07-13T00:00:00Z", "20210714060000"};
    fresh();
    event.id = TEXT_LITERAL("smart");
    event.host = TEXT_LITERAL("KZ");
    event.area = TEXT_NONE;
    events_domain_entry(&event, &at, entry);
    assert_string_equal(entry, "t|2021-07-13T00:00:00Z|smart!KZ!!20210714060000");
    ask(NULL, NULL);
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    assert_true(text_is(cursor, "2021-07-13T00:00:00Z|smart"));
    list.host = TEXT_LITERAL("KZ");
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    list.area = TEXT_LITERAL("youth");
    assert_false(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    event.area = TEXT_LITERAL("youth");
    events_domain_entry(&event, &at, entry);
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    list.host = TEXT_LITERAL("K");
    assert_false(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    list.host = list.area = TEXT_NONE; /* it ends before the span begins */
    ask("2021-07-15", "2021-07-16");
    assert_false(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    ask("2021-07-14", "2021-07-16");
    assert_true(events_domain_asked(&query, text_of(entry), &key, &id, &cursor));
    static const char *const bad[] = {"", "p|2021", "t|", "t|2021!KZ!",
                                      "t|2021-07-13T00:00:00Z|!KZ!"};
    list.host = list.area = TEXT_NONE;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(events_domain_asked(&query, text_of(bad[i]), &key, &id, &cursor));
}

static void
test_the_longest_entry_fits(void **state)
{
    (void)state;
    char longest[TEXT_ID_MAX + 1], cursor[200];
    memset(longest, 'a', TEXT_ID_MAX);
    longest[TEXT_ID_MAX] = '\0';
    snprintf(cursor, sizeof cursor, "2021-07-13T00:00:00Z|%s", longest);
    schema_init(&event_list_schema, &list);
    list.area = text_of(longest);
    list.cursor = text_of(cursor);
    assert_int_equal(events_domain_query(&list, &query, &error), STATUS_OK);
    assert_int_equal(strlen(query.start), 2 + 20 + 1 + 64 + 1);
    event.id = event.area = text_of(longest);
    event.host = TEXT_LITERAL("ABCDEFGHIJKLMNOP");
    char entry[EVENTS_ENTRY_MAX];
    struct events_key at = {"2021-07-13T00:00:00Z", "20210721000000"};
    uint32_t len = events_domain_entry(&event, &at, entry);
    assert_int_equal(len, 2 + 20 + 1 + 64 + 1 + 16 + 1 + 64 + 1 + 14);
    assert_int_equal(strlen(entry), len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_and_topics),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_overlap_of_dates),
        cmocka_unit_test(test_each_event_once),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_bounds_and_cursors),
        cmocka_unit_test(test_entries_tell_host_and_area),
        cmocka_unit_test(test_the_longest_entry_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
