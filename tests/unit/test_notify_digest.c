// LINK: services/notify/notify_domain_digest.c services/notify/notify_domain_digest_text.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/buf.c common/base/zone.c common/base/dated.c common/base/date.c common/base/text.c common/base/status.c
/* Digests: what belongs to a period, its order and numbers, and that no title escapes into markup.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "services/notify/notify_domain_digest.h"

static date_day
day(const char *text)
{
    date_day out;
    assert_true(date_parse(text_of(text), &out));
    return out;
}

static struct event event;
static struct digest_get asked;
static struct digest_event got;

static void
session(const char *start, const char *end)
{
    struct span_when *span = &event.sessions.items[event.sessions.count++];
    assert_true(when_parse(text_of(start), &span->start));
    assert_true(when_parse(text_of(end), &span->end));
}

static int
fresh(void **state)
{
    (void)state;
    schema_init(&event_schema, &event);
    event.id = TEXT_LITERAL("e");
    event.title = TEXT_LITERAL("E");
    event.kind = TEXT_LITERAL("training-course");
    event.host = TEXT_LITERAL("KZ");
    event.status = EVENT_HELD;
    schema_init(&digest_get_schema, &asked);
    asked.from = day("2021-07-01");
    asked.to = day("2021-12-31");
    return 0;
}

static bool
is_in(const char *zone_name)
{
    struct zone *zone = zone_name ? zone_open(text_of(zone_name)) : NULL;
    bool in = notify_digest_event(&event, &asked, zone, &got);
    zone_destroy(&zone);
    return in;
}

static void
test_what_belongs_to_it(void **state)
{
    (void)state;
    assert_false(is_in(NULL)); /* without dates */
    session("2021-06-29", "2021-07-01");
    assert_true(is_in(NULL));
    assert_int_equal(got.from, day("2021-06-29"));
    assert_int_equal(got.to, day("2021-07-01"));
    event.sessions.items[0].end = event.sessions.items[0].start;
    assert_false(is_in(NULL));
    session("2021-12-30", "2022-01-01"); /* it ended in the next one */
    assert_false(is_in(NULL));
    event.sessions.count = 0;
    session("2021-12-31T20:00:00Z", "2022-01-01T00:00:00Z"); /* at midnight */
    assert_true(is_in(NULL));
    assert_false(is_in("Asia/Tokyo"));
    event.status = EVENT_SCHEDULED;
    assert_false(is_in(NULL));
    event.status = EVENT_CANCELLED;
    assert_false(is_in(NULL));
    event.status = EVENT_REPORTED;
    asked.dimension = TEXT_LITERAL("economic");
    assert_false(is_in(NULL));
    event.dimension = TEXT_LITERAL("economic");
    assert_true(is_in(NULL));
}

static void
test_language(void **state)
{
    (void)state;
    session("2021-07-13", "2021-07-13");
    event.titles.count = 1;
    event.titles.items[0] = (struct text_pair){TEXT_LITERAL("ru"), TEXT_LITERAL("Курс")};
    assert_true(is_in(NULL) && text_is(got.title, "E"));
    asked.language = TEXT_LITERAL("ru");
    assert_true(is_in(NULL) && text_is(got.title, "Курс"));
    asked.language = TEXT_LITERAL("tr");
    assert_true(is_in(NULL) && text_is(got.title, "E"));
}

static void
test_changes(void **state)
{
    static struct participant participant;
    struct digest_change changes[64];
    static const struct status_entry entries[] = {
        {.status = PARTICIPANT_OBSERVER, .from = 7000, .supersedes = DATE_NONE},
        {.status = PARTICIPANT_MEMBER, .from = 0, .supersedes = DATE_NONE},
    };
    (void)state;
    schema_init(&participant_schema, &participant);
    participant.code = TEXT_LITERAL("KW");
    participant.history.count = 2;
    memcpy(participant.history.items, entries, sizeof entries);
    participant.history.items[1].from = day("2021-10-12");
    assert_int_equal(notify_digest_changes(&participant, &asked, changes), 1);
    assert_int_equal(changes[0].status, PARTICIPANT_MEMBER);
    assert_int_equal(changes[0].before, PARTICIPANT_OBSERVER);
    participant.history.items[participant.history.count++] = (struct status_entry){
        .status = PARTICIPANT_MEMBER, .from = day("2022-10-13"), .supersedes = day("2021-10-12")};
    assert_int_equal(notify_digest_changes(&participant, &asked, changes), 0);
}

/* ---- a whole one ---- */

static const struct notify_digest_name names[] = {{{"KZ", 2}, {"Kazakhstan", 10}},
                                                  {{"CN", 2}, {"China", 5}},
                                                  {{"SOC", 3}, {"the SOC", 7}}};
static const struct notify_digest_name dimensions[] = {{{"human", 5}, {"Human Dimension", 15}},
                                                       {{"economic", 8}, {"Economic", 8}}};
static struct notify_digest_item items[8];
static struct notify_digest_series series[8];
static struct notify_digest digest;

static struct digest_event *
add(const char *id, const char *title, const char *dimension, const char *on)
{
    struct digest_event *one = &items[digest.event_count++].event;
    schema_init(&digest_event_schema, one);
    one->id = text_of(id);
    one->title = text_of(title);
    one->kind = TEXT_LITERAL("seminar");
    one->dimension = text_of(dimension);
    one->host = TEXT_LITERAL("KZ");
    one->status = EVENT_REPORTED;
    one->from = one->to = day(on);
    return one;
}

static void
count(struct digest_event *one, int64_t participants, enum count_qualifier qualifier,
      const char *in_series)
{
    one->participants_count = participants;
    one->participants_qualifier = (int)qualifier;
    one->series = text_of(in_series);
    series[digest.series_count++] =
        (struct notify_digest_series){one->id, one->series, participants != INT_NONE};
}

static int
fresh_digest(void **state)
{
    (void)state;
    digest = (struct notify_digest){
        .from = day("2021-07-01"),
        .to = day("2021-12-31"),
        .events = items,
        .series = series,
        .names = names,
        .name_count = 3,
        .dimensions = dimensions,
        .dimension_count = 2,
    };
    return 0;
}

static char *
written(bool html)
{
    struct buf out = {0};
    notify_digest_write(&digest, html, &out);
    buf_append(&out, "", 1);
    assert_false(out.failed);
    return (char *)out.data;
}

static void
holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in\n%s", part, text);
}

static void
test_order(void **state)
{
    static const char *const order[] = {"f", "d", "b", "c", "a", "e"};
    (void)state;
    add("a", "A", NULL, "2021-08-02");
    add("b", "B", "human", "2021-08-20");
    add("c", "C", "economic", "2021-08-01");
    add("d", "D", "human", "2021-08-03");
    add("e", "E", "human", "2021-09-01");
    add("f", "F", "economic", "2021-07-31");
    notify_digest_arrange(&digest);
    for (size_t i = 0; i < 6; i++)
        assert_true(text_is(digest.events[i].event.id, order[i]));
    assert_int_equal(notify_digest_month_end(&digest, 1), 5);
    assert_int_equal(notify_digest_dimension_end(&digest, 1), 3);
}

/* A part is not added to its series: not to the total that holds it, and not through another part;
 * but it is where its series has no count of its own. */
static void
test_totals(void **state)
{
    struct digest_event *one;
    (void)state;
    one = add("course", "Course", "economic", "2021-10-20");
    count(one, 950, COUNT_MORE_THAN, NULL);
    one->member_states.count = 2;
    one->member_states.items[0] = TEXT_LITERAL("KZ");
    one->member_states.items[1] = TEXT_LITERAL("CN");
    one = add("stage-2", "Stage", "economic", "2021-08-18");
    count(one, 510, COUNT_EXACT, "course");
    one->member_states.count = 1;
    one->member_states.items[0] = TEXT_LITERAL("CN");
    count(add("stage-2-day-1", "Day", "economic", "2021-08-18"), INT_NONE, 0, "stage-2-all");
    series[digest.series_count++] =
        (struct notify_digest_series){TEXT_LITERAL("stage-2-all"), TEXT_LITERAL("course"), false};
    count(add("deep", "Deep", "economic", "2021-08-18"), 10, COUNT_EXACT, "stage-2-all");
    count(add("other", "Other", "human", "2021-08-18"), 40, COUNT_ABOUT, "no-such-series");
    count(add("circle", "Circle", "human", "2021-08-18"), 7, COUNT_EXACT, "circle");
    notify_digest_arrange(&digest);
    assert_int_equal(digest.totals.participants_count, 950 + 40 + 7);
    assert_int_equal(digest.totals.counted, 3);
    assert_int_equal(digest.totals.participants_qualifier, COUNT_MORE_THAN);
    assert_int_equal(digest.totals.states, 2);
    assert_int_equal(digest.totals.events, 6);
    char *text = written(false);
    holds(text, "6 events took place, 6 of them reported on; more than 997 participants in the 3 "
                "events that were counted; 2 participating states.");
    holds(text, "510 participants from 1 participating state: China (counted in its series).");
    holds(text, "More than 950 participants from 2 participating states: Kazakhstan and China.");
    holds(text, "About 40 participants.");
    free(text);
}

static void
test_nothing_escapes(void **state)
{
    static const char hostile[] = "<script>alert(1)</script> **b** _i_ `c` [x](http://y) # | ~~s~~ "
                                  "&lt; \\\\ \"q\" 'q'\n\n# H\n- i";
    (void)state;
    struct digest_event *one = add("x", hostile, NULL, "2021-08-18");
    one->place = text_of(hostile);
    one->institutions.count = 1;
    one->institutions.items[0] = text_of(hostile);
    notify_digest_arrange(&digest);
    char *html = written(true), *markdown = written(false);
    assert_null(strstr(html, "<script"));
    holds(html, "&lt;script&gt;alert(1)&lt;/script&gt; **b** _i_ `c` [x](http://y) # | ~~s~~ "
                "&amp;lt; \\\\ &quot;q&quot; &#39;q&#39;  # H - i. Seminar");
    holds(markdown,
          "&lt;script&gt;alert(1)&lt;/script&gt; \\*\\*b\\*\\* \\_i\\_ \\`c\\` "
          "\\[x\\](http://y) \\# &#124; &#126;&#126;s&#126;&#126; &amp;lt; \\\\\\\\ \"q\" 'q'  "
          "\\# H - i. Seminar");
    free(html);
    free(markdown);
}

static void
test_sections(void **state)
{
    static struct digest_decision decisions[2];
    static struct digest_change changes[2];
    static struct digest_chair chairs[2];
    (void)state;
    decisions[0] = (struct digest_decision){true,
                                            TEXT_LITERAL("z"),
                                            TEXT_LITERAL("Later?"),
                                            TEXT_LITERAL("SOC"),
                                            DECISION_SILENCE,
                                            day("2021-12-08")};
    decisions[1] = (struct digest_decision){
        true, TEXT_LITERAL("a"), TEXT_LITERAL("First"), TEXT_LITERAL("SOC"), 0, day("2021-10-07")};
    changes[0] = (struct digest_change){
        true,     TEXT_LITERAL("CN"), PARTICIPANT_MEMBER, PARTICIPANT_OBSERVER, day("2021-10-12"),
        TEXT_NONE};
    changes[1] = (struct digest_change){true, TEXT_LITERAL("ZZ"), PARTICIPANT_PARTNER,
                                        0,    day("2021-10-12"),  TEXT_NONE};
    chairs[0] =
        (struct digest_chair){true, TEXT_LITERAL("KZ"), day("2021-10-12"), day("2022-10-12")};
    chairs[1] = (struct digest_chair){true, TEXT_NONE, day("2021-07-12"), day("2021-10-12")};
    digest.decisions = decisions;
    digest.changes = changes;
    digest.chairs = chairs;
    digest.decision_count = digest.change_count = digest.chair_count = 2;
    notify_digest_arrange(&digest);
    char *text = written(false);
    assert_string_equal(
        text, "# Digest of 1 July – 31 December 2021\n\n"
              "0 events took place; 2 decisions adopted.\n\n"
              "## Decisions adopted\n\n"
              "- **7 October 2021**. First. Adopted by the SOC.\n"
              "- **8 December 2021**. Later? Adopted by the SOC by silence procedure.\n\n"
              "## Participants\n\n"
              "- **12 October 2021**. China became a member (before: observer).\n"
              "- **12 October 2021**. ZZ became a partner.\n\n"
              "## Chairmanship\n\n"
              "- **12 July 2021**. The chair fell vacant, until 12 October 2021.\n"
              "- **12 October 2021**. Kazakhstan took the chair, until 12 October 2022.\n\n");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_belongs_to_it, fresh),
        cmocka_unit_test_setup(test_language, fresh),
        cmocka_unit_test_setup(test_changes, fresh),
        cmocka_unit_test_setup(test_order, fresh_digest),
        cmocka_unit_test_setup(test_totals, fresh_digest),
        cmocka_unit_test_setup(test_nothing_escapes, fresh_digest),
        cmocka_unit_test_setup(test_sections, fresh_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
