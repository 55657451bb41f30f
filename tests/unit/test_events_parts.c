// LINK: services/events/events_domain_milestone.c services/events/events_domain_document.c services/events/events_domain_roadmap.c services/events/events_known.c common/msg/schema.c common/msg/messages.c common/msg/interfaces.c common/base/dated.c common/base/date.c common/base/text.c common/base/status.c
/* Milestones, documents and road maps: steps, versions, what is overdue.
 * It must not know stores, sockets or codecs: it links with pure code only. */
#include "tests/unit/check.h"

#include <string.h>

#include "services/events/events_parts.h"

static struct error error;

static date_day
day(const char *text)
{
    date_day out;
    assert_true(date_parse(text_of(text), &out));
    return out;
}

/* ---- milestones ---- */

static struct milestone milestone;
static struct milestone_put put;

static int
fresh_milestone(void **state)
{
    (void)state;
    schema_init(&milestone_schema, &milestone);
    milestone.present = true;
    milestone.rev = 0;
    schema_init(&milestone_put_schema, &put);
    put.event = TEXT_LITERAL("e");
    put.kind = TEXT_LITERAL("nominations");
    assert_true(when_parse(TEXT_LITERAL("2021-07-13"), &put.due));
    return 0;
}

/* What the change is told as; "" if nothing changed. */
static const char *
told(void)
{
    const char *type;
    assert_int_equal(events_milestone_put(&milestone, &put, 86400123, &type, &error), STATUS_OK);
    milestone.rev++;
    return type ? type : "";
}

static void
test_milestone_steps(void **state)
{
    (void)state;
    assert_string_equal(told(), "milestone.set");
    assert_int_equal(milestone.done, 0);
    assert_string_equal(told(), "");
    put.due = (struct when){.ms = TIME_NONE};
    put.note = TEXT_LITERAL("by mail");
    assert_string_equal(told(), "milestone.amended");
    put.note = TEXT_NONE;
    put.done = 1;
    assert_string_equal(told(), "milestone.done");
    assert_int_equal(milestone.done_at, 86400000);
    assert_string_equal(told(), "");
    put.done = 0;
    assert_string_equal(told(), "milestone.reopened");
    assert_int_equal(milestone.done_at, TIME_NONE);
    put.done = BOOL_NONE;
    assert_true(when_parse(TEXT_LITERAL("2021-07-13T00:00:00Z"), &put.due));
    assert_string_equal(told(), "milestone.moved"); /* a time is no day */
    assert_true(text_is(milestone.note, "by mail"));
}

/* One that was removed is set anew: nothing of it stays but its revision. */
static void
test_milestone_comes_back(void **state)
{
    (void)state;
    put.note = TEXT_LITERAL("by mail");
    put.done = 1;
    assert_string_equal(told(), "milestone.set");
    milestone.removed = 1;
    put.note = TEXT_NONE;
    put.done = BOOL_NONE;
    const struct when due = put.due;
    put.due = (struct when){.ms = TIME_NONE};
    const char *type;
    assert_int_equal(events_milestone_put(&milestone, &put, 0, &type, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(milestone.removed, 1);
    put.due = due; /* the same as before */
    assert_string_equal(told(), "milestone.set");
    assert_true(milestone.removed != 1 && !milestone.note.ptr && milestone.done == 0);
    assert_int_equal(milestone.done_at, TIME_NONE);
}

static void
test_milestone_refused(void **state)
{
    const char *type;
    (void)state;
    put.due.ms = TIME_NONE;
    assert_int_equal(events_milestone_put(&milestone, &put, 0, &type, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "due");
    assert_true(when_parse(TEXT_LITERAL("1991-12-31"), &put.due));
    assert_int_equal(events_milestone_put(&milestone, &put, 0, &type, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_true(when_parse(TEXT_LITERAL("2021-12-31"), &put.due));
    put.kind = TEXT_LITERAL("0123456789-0123456789-0123456789-0123456789-01234");
    assert_int_equal(events_milestone_put(&milestone, &put, 0, &type, &error),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "kind");
}

static void
test_milestone_overdue(void **state)
{
    static struct event event;
    struct milestone_list in;
    (void)state;
    told();
    schema_init(&event_schema, &event);
    event.status = EVENT_SCHEDULED;
    schema_init(&milestone_list_schema, &in);
    assert_true(events_milestone_listed(&in, &milestone, &event));
    in.overdue = day("2021-07-13");
    assert_false(events_milestone_listed(&in, &milestone, &event)); /* its day is not over */
    in.overdue = day("2021-07-14");
    assert_true(events_milestone_listed(&in, &milestone, &event));
    event.status = EVENT_CANCELLED;
    assert_false(events_milestone_listed(&in, &milestone, &event));
    event.status = EVENT_HELD;
    milestone.done = 1;
    assert_false(events_milestone_listed(&in, &milestone, &event));
    in.overdue = DATE_NONE;
    in.done = 0;
    assert_false(events_milestone_listed(&in, &milestone, &event));
    in.done = 1;
    in.from = in.to = day("2021-07-13");
    in.kind = TEXT_LITERAL("nominations");
    assert_true(events_milestone_listed(&in, &milestone, &event));
    in.kind = TEXT_LITERAL("report");
    assert_false(events_milestone_listed(&in, &milestone, &event));
}

static void
test_who_may(void **state)
{
    static struct event event;
    const struct events_actor secretariat = {PERMIT_SECRETARIAT, ""}, host = {PERMIT_MEMBER, "KZ"},
                              other = {PERMIT_MEMBER, "CN"};
    struct events_known *known = events_known_new();
    (void)state;
    assert_non_null(known);
    schema_init(&event_schema, &event);
    event.host = TEXT_LITERAL("KZ");
    assert_int_equal(events_parts_may(&secretariat, &event, known, 0, &error), STATUS_OK);
    assert_int_equal(events_parts_may(&host, &event, known, 0, &error), STATUS_OK);
    assert_int_equal(events_parts_may(&other, &event, known, 0, &error), STATUS_PERMISSION_DENIED);
    events_known_destroy(&known);
}

/* ---- documents ---- */

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct document document;
static struct document_attach attach;

static int
fresh_document(void **state)
{
    (void)state;
    schema_init(&document_schema, &document);
    document.event = TEXT_LITERAL("e");
    document.id = TEXT_LITERAL("paper");
    document.present = true;
    document.rev = 0;
    schema_init(&document_attach_schema, &attach);
    attach.event = TEXT_LITERAL("e");
    attach.title = TEXT_LITERAL("Paper");
    attach.kind = TEXT_LITERAL("concept-paper");
    attach.language = TEXT_LITERAL("en");
    attach.uri = TEXT_LITERAL("https://example.org/paper");
    attach.sha256 = TEXT_LITERAL(DIGEST_A);
    return 0;
}

static enum status
try_attach(const char **type, const char **from, bool *supersedes)
{
    struct document was = document;
    enum status status = events_document_attach(&document, &attach, type, from, supersedes, &error);
    if (status == STATUS_OK)
        document.rev = was.rev + 1;
    else
        document = was;
    return status;
}

static const char *
attached(void)
{
    const char *type, *from;
    bool supersedes;
    assert_int_equal(try_attach(&type, &from, &supersedes), STATUS_OK);
    return type ? type : "";
}

static enum status
refused(void)
{
    const char *type, *from;
    bool supersedes;
    return try_attach(&type, &from, &supersedes);
}

static void
test_document_steps(void **state)
{
    const char *type, *from;
    bool supersedes;
    (void)state;
    assert_string_equal(attached(), "document.attached");
    assert_int_equal(document.version, 1);
    assert_int_equal(document.status, DOCUMENT_DRAFT);
    assert_string_equal(attached(), "");
    attach.status = DOCUMENT_AGREED;
    assert_int_equal(try_attach(&type, &from, &supersedes), STATUS_OK);
    assert_string_equal(type, "document.agreed");
    assert_string_equal(from, "draft");
    assert_false(supersedes);
    attach.status = DOCUMENT_DRAFT;
    assert_int_equal(refused(), STATUS_FAILED_PRECONDITION);
    attach.status = 0;
    attach.title = TEXT_LITERAL("The paper");
    assert_string_equal(attached(), "document.amended");
    attach.sha256 = TEXT_LITERAL(DIGEST_B);
    attach.version = 3;
    assert_int_equal(refused(), STATUS_FAILED_PRECONDITION);
    attach.version = 2;
    assert_int_equal(try_attach(&type, &from, &supersedes), STATUS_OK);
    assert_string_equal(type, "document.revised");
    assert_true(supersedes);
    assert_int_equal(document.status, DOCUMENT_DRAFT);
    attach.status = DOCUMENT_ADOPTED; /* over one */
    assert_string_equal(attached(), "document.adopted");
    assert_int_equal(document.version, 2);
}

static void
test_document_refused(void **state)
{
    static const char *const wrong[] = {"ftp://example.org/a",
                                        "javascript:alert(1)",
                                        "https://",
                                        "//example.org",
                                        "https://a b",
                                        "https://a\nb",
                                        "https://u:p@example.org/",
                                        "file:///etc/passwd",
                                        "urn:",
                                        "https://ex\xc3\xa4mple",
                                        "data:text/html,x",
                                        "https://a\"b"};
    static const char *const right[] = {"HTTPS://example.org/a?b=%20#c", "http://x/",
                                        "urn:isbn:0451450523", "https://example.org/@a"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        attach.uri = text_of(wrong[i]);
        assert_int_equal(refused(), STATUS_INVALID_ARGUMENT);
        assert_string_equal(error.field, "uri");
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        fresh_document(NULL);
        attach.uri = text_of(right[i]);
        assert_int_equal(refused(), STATUS_OK);
    }
    fresh_document(NULL);
    attach.sha256 = TEXT_LITERAL("A" DIGEST_A);
    attach.sha256.len = 64;
    assert_int_equal(refused(), STATUS_INVALID_ARGUMENT);
    fresh_document(NULL);
    attach.language = TEXT_LITERAL("en us");
    assert_int_equal(refused(), STATUS_INVALID_ARGUMENT);
    fresh_document(NULL);
    attach.kind = TEXT_NONE;
    assert_int_equal(refused(), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "kind");
}

static void
test_document_ids(void **state)
{
    char id[TEXT_ID_MAX + 1];
    (void)state;
    assert_int_equal(events_document_id(&attach, false, id, &error), STATUS_OK);
    assert_string_equal(id, "paper");
    attach.language = TEXT_LITERAL("zh-Hans");
    assert_int_equal(events_document_id(&attach, true, id, &error), STATUS_OK);
    assert_string_equal(id, "paper-zh-hans");
    attach.title = TEXT_LITERAL(DIGEST_A);
    assert_int_equal(events_document_id(&attach, true, id, &error), STATUS_OK);
    assert_int_equal(strlen(id), EVENTS_PART_ID_MAX);
    attach.title = TEXT_LITERAL("文件");
    assert_int_equal(events_document_id(&attach, false, id, &error), STATUS_INVALID_ARGUMENT);
}

/* ---- road maps ---- */

static struct roadmap roadmap;
static struct roadmap_put map;

static void
add(uint32_t cluster, const char *code, enum item_status status, const char *due, int64_t progress)
{
    struct roadmap_cluster *at = &map.clusters.items[cluster];
    at->items.items[at->items.count++] = (struct roadmap_item){.present = true,
                                                               .code = text_of(code),
                                                               .title = TEXT_LITERAL("Item"),
                                                               .status = (int)status,
                                                               .due = due ? day(due) : DATE_NONE,
                                                               .progress = progress};
}

static int
fresh_roadmap(void **state)
{
    (void)state;
    schema_init(&roadmap_schema, &roadmap);
    roadmap.present = true;
    roadmap.rev = 0;
    schema_init(&roadmap_put_schema, &map);
    map.present = true;
    map.id = TEXT_LITERAL("transformation");
    map.title = TEXT_LITERAL("Road Map");
    map.clusters.count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        schema_init(&roadmap_cluster_schema, &map.clusters.items[i]);
        map.clusters.items[i].present = true;
        map.clusters.items[i].code = text_of(i ? "c2" : "c1");
        map.clusters.items[i].name = TEXT_LITERAL("Cluster");
        map.clusters.items[i].items.count = 0;
    }
    return 0;
}

static enum status
put_map(const char *today, bool *changed)
{
    struct roadmap was = roadmap;
    enum status status = events_roadmap_put(&roadmap, &map, day(today), changed, &error);
    if (status == STATUS_OK && *changed)
        roadmap.rev = was.rev + 1;
    else
        roadmap = was;
    return status;
}

static void
test_roadmap_versions(void **state)
{
    bool changed;
    (void)state;
    add(0, "a", ITEM_PLANNED, NULL, INT_NONE);
    map.note = TEXT_LITERAL("first");
    assert_int_equal(put_map("2023-01-01", &changed), STATUS_OK);
    assert_int_equal(roadmap.version, 1);
    assert_int_equal(roadmap.date, day("2023-01-01"));
    assert_int_equal(put_map("2023-02-01", &changed), STATUS_OK);
    assert_false(changed);
    map.clusters.items[0].items.items[0].status = ITEM_DONE;
    map.note = TEXT_NONE;
    assert_int_equal(put_map("2022-12-31", &changed), STATUS_FAILED_PRECONDITION);
    assert_int_equal(put_map("2023-02-01", &changed), STATUS_OK);
    assert_true(changed);
    assert_int_equal(roadmap.version, 2);
    assert_null(roadmap.note.ptr);
    map.clusters.items[1].code = TEXT_LITERAL("c1");
    assert_int_equal(put_map("2023-02-01", &changed), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "clusters[1].code");
    map.clusters.items[1].code = TEXT_LITERAL("c2");
    add(0, "a", ITEM_DONE, NULL, INT_NONE);
    assert_int_equal(put_map("2023-02-01", &changed), STATUS_INVALID_ARGUMENT);
    assert_string_equal(error.field, "clusters[0].items[1].code");
}

static void
test_roadmap_report(void **state)
{
    static struct roadmap_report report;
    bool changed;
    (void)state;
    add(0, "a", ITEM_DONE, "2023-01-01", 10);
    add(0, "b", ITEM_IN_PROGRESS, "2023-03-01", 50);
    add(0, "c", ITEM_PLANNED, "2023-03-02", INT_NONE);
    add(0, "d", ITEM_DROPPED, "2023-01-01", 90);
    assert_int_equal(put_map("2023-01-01", &changed), STATUS_OK);
    events_roadmap_report(&roadmap, day("2023-03-02"), &report);
    assert_int_equal(report.clusters.count, 2);
    const struct cluster_report *first = &report.clusters.items[0];
    assert_int_equal(first->items, 4);
    assert_int_equal(first->done, 1);
    assert_int_equal(first->in_progress, 1);
    assert_int_equal(first->planned, 1);
    assert_int_equal(first->dropped, 1);
    assert_int_equal(first->overdue, 1);
    assert_int_equal(first->progress, 50); /* (100 + 50 + 0) / 3 */
    assert_int_equal(report.clusters.items[1].progress, 0);
    assert_int_equal(report.total.items, 4);
    assert_int_equal(report.total.progress, 50);
    assert_int_equal(report.overdue.count, 1);
    assert_true(text_is(report.overdue.items[0].code, "b"));
    assert_true(text_is(report.overdue.items[0].cluster, "c1"));
    assert_int_equal(report.overdue.items[0].days, 1);
    events_roadmap_report(&roadmap, day("2023-03-01"), &report);
    assert_int_equal(report.overdue.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_milestone_steps, fresh_milestone),
        cmocka_unit_test_setup(test_milestone_comes_back, fresh_milestone),
        cmocka_unit_test_setup(test_milestone_refused, fresh_milestone),
        cmocka_unit_test_setup(test_milestone_overdue, fresh_milestone),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test_setup(test_document_steps, fresh_document),
        cmocka_unit_test_setup(test_document_refused, fresh_document),
        cmocka_unit_test_setup(test_document_ids, fresh_document),
        cmocka_unit_test_setup(test_roadmap_versions, fresh_roadmap),
        cmocka_unit_test_setup(test_roadmap_report, fresh_roadmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
