// LINK: services/events/events_domain_list.c services/events/events_domain_agenda.c
// LINK: common/base/zone.c
/* Row 7: lays a calendar of COUNT scheduled events into the store as the events service keeps them,
 * by the store's own commit, many a commit; without their records, which no check reads. Prints one
 * JSON object. */
#include <stdio.h>
#include <stdlib.h>

#include "common/msg/schema_mp.h"
#include "services/events/events_domain.h"
#include "services/events/events_domain_agenda.h"
#include "tests/bench/bench_clash.h"
#include "tests/bench/bench_fill.h"
#include "tests/bench/bench_run.h"

#define DOCUMENTS_A_COMMIT 100
#define FIRST_QUARTER (1992 * 4)
#define SCOPES (BENCH_CLASH_HOSTS + BENCH_CLASH_AREAS + 2) /* and area "-", and "outside.*" */

struct fill {
    uint64_t events; /* the first documents; agendas follow */
    unsigned quarters;
    struct buf *agendas; /* owned; by scope, then quarter */
    struct buf document;
};

static void
fill_event(const struct bench_clash *data, struct event *out)
{
    int year, month, mday;
    date_civil(data->first, &year, &month, &mday);
    schema_init(&event_schema, out);
    out->present = true;
    out->id = text_of(data->id);
    out->title = TEXT_LITERAL("Seminar on the development of secure and effective corridors");
    out->kind = text_of(data->kind);
    out->dimension = data->area[0] ? TEXT_LITERAL("economic") : TEXT_NONE;
    out->area = data->area[0] ? text_of(data->area) : TEXT_NONE;
    out->host = text_of(data->host);
    out->year = year;
    out->format = FORMAT_ONLINE + data->format;
    out->sessions.count = 1;
    out->sessions.items[0] = (struct span_when){true,
                                                {true, data->first * DATE_DAY_MS},
                                                {true, data->last * DATE_DAY_MS}};
    out->status = EVENT_SCHEDULED;
    out->additional = 0;
    out->schedules = 1;
    out->rev = 1;
}

/* "host", "KZ" … of a scope by its number; the name is put into `name`. */
static const char *
scope_of(unsigned scope, char name[16])
{
    if (scope < BENCH_CLASH_HOSTS) {
        snprintf(name, 16, "H%u", scope + 10);
        return "host";
    }
    scope -= BENCH_CLASH_HOSTS;
    if (scope < BENCH_CLASH_AREAS)
        snprintf(name, 16, "area-%u", scope + 10);
    else
        snprintf(name, 16, "%s", scope == BENCH_CLASH_AREAS ? "-" : "*");
    return scope <= BENCH_CLASH_AREAS ? "area" : "outside";
}

static struct buf *
agenda_of(struct fill *fill, unsigned scope, int quarter)
{
    return &fill->agendas[scope * fill->quarters + (unsigned)(quarter - FIRST_QUARTER)];
}

static void
book(struct fill *fill, const struct bench_clash *data, const struct event *event)
{
    struct events_slots slots;
    int quarters[EVENTS_QUARTERS_MAX];
    unsigned host = (unsigned)atoi(data->host + 1) - 10, area = BENCH_CLASH_AREAS;
    if (data->area[0])
        area = (unsigned)atoi(data->area + 5) - 10;
    events_agenda_slots(event, NULL, &slots);
    unsigned count = events_agenda_quarters(&slots, quarters);
    for (unsigned i = 0; i < count; i++) {
        events_agenda_lines(event, &slots, quarters[i], agenda_of(fill, host, quarters[i]));
        events_agenda_lines(event, &slots, quarters[i],
                            agenda_of(fill, BENCH_CLASH_HOSTS + area, quarters[i]));
    }
}

static void
add_holidays(struct fill *fill)
{
    for (uint64_t n = 0; n < fill->events / 100; n++) {
        int64_t start_ms = bench_clash_holiday(n) * DATE_DAY_MS;
        struct events_booking booking = {.start_ms = start_ms,
                                         .end_ms = start_ms + DATE_DAY_MS,
                                         .mark = 'd',
                                         .who = TEXT_LITERAL("-"),
                                         .what = TEXT_LITERAL("holidays"),
                                         .name = TEXT_LITERAL("A holiday")};
        events_agenda_put(agenda_of(fill, SCOPES - 1, events_agenda_quarter(start_ms)), &booking);
    }
}

static void
write_document(struct fill *fill, struct store_commit *commit, const char *field,
               const struct schema *schema, const void *message)
{
    buf_clear(&fill->document);
    schema_encode(schema, message, &fill->document);
    store_commit_check(commit, text_of(field), TEXT_LITERAL("0"));
    store_commit_write(commit, text_of(field),
                       (struct text){(char *)fill->document.data, (uint32_t)fill->document.len});
}

static void
add_event(struct fill *fill, struct store_commit *commit, uint64_t n)
{
    struct bench_clash data;
    struct events_key keys[2];
    char field[64], entry[EVENTS_ENTRY_MAX];
    static struct event event;
    bench_clash_event(n, &data);
    fill_event(&data, &event);
    book(fill, &data, &event);
    snprintf(field, sizeof field, "event/%s", data.id);
    write_document(fill, commit, field, &event_schema, &event);
    events_domain_keys(&event, keys);
    uint32_t len = events_domain_entry(&event, keys, entry);
    store_commit_index_add(commit, (struct text){entry, len});
}

static void
add_agenda(struct fill *fill, struct store_commit *commit, uint64_t n)
{
    char name[16], id[EVENTS_AGENDA_ID_MAX], field[EVENTS_AGENDA_ID_MAX + 8];
    const struct buf *lines = &fill->agendas[n];
    const char *scope = scope_of((unsigned)n / fill->quarters, name);
    if (!lines->len)
        return;
    struct agenda agenda = {true, {(const char *)lines->data, (uint32_t)lines->len}, 1};
    events_agenda_id(scope, text_of(name), FIRST_QUARTER + (int)(n % fill->quarters), id);
    snprintf(field, sizeof field, "agenda/%s", id);
    write_document(fill, commit, field, &agenda_schema, &agenda);
}

static void
add(void *arg, struct store_commit *commit, uint64_t n)
{
    struct fill *fill = arg;
    if (n < fill->events)
        add_event(fill, commit, n);
    else
        add_agenda(fill, commit, n - fill->events);
}

int
main(int argc, char **argv)
{
    struct fill fill = {.events = argc == 4 ? strtoull(argv[3], NULL, 10) : 0};
    if (!fill.events)
        bench_fail("usage: clash_fill REDIS ORG COUNT");
    fill.quarters = (unsigned)(fill.events * 4 / BENCH_CLASH_YEAR) + 8;
    const size_t agendas = (size_t)SCOPES * fill.quarters;
    fill.agendas = calloc(agendas, sizeof *fill.agendas);
    if (!fill.agendas)
        bench_fail("no memory");
    add_holidays(&fill);
    const struct bench_fill what = {{argv[1], argv[2], "events", STORE_MEMORY},
                                    fill.events + agendas,
                                    DOCUMENTS_A_COMMIT,
                                    add,
                                    &fill};
    double took = bench_fill(&what);
    if (took >= 0)
        printf("{\"events\":%llu,\"seconds\":%.3f}\n", (unsigned long long)fill.events, took);
    for (size_t i = 0; i < agendas; i++)
        buf_fini(&fill.agendas[i]);
    free(fill.agendas);
    buf_fini(&fill.document);
    return took < 0 ? 1 : 0;
}
