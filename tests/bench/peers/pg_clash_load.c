/* The peer of event.clashes and of event.list by a span on PostgreSQL: the same calendar with GiST
 * indexes over ranges, the same rules in one prepared statement, pipelined over several
 * connections. It gives the rows of the clashes, without words and without looking for a change
 * that removes them: less than what we do. It must not know anything but libpq. usage:
 * pg_clash_load CONNINFO fill EVENTS pg_clash_load CONNINFO clashes|span:EVENTS CONNECTIONS
 * [--in-flight N] [--seconds S] */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench_clash.h"
#include "tests/bench/bench_run.h"

#define CONNECTIONS_MAX 256
#define PARAMS 8

static const char *const schema[] = {
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    "CREATE TABLE event (id text PRIMARY KEY, host text NOT NULL, area text, kind text NOT NULL, "
    "format text NOT NULL, during tstzrange NOT NULL, doc text NOT NULL)",
    "CREATE TABLE outside (calendar text NOT NULL, host text, severity text, summary text NOT "
    "NULL, "
    "during tstzrange NOT NULL)",
    "CREATE TABLE rule (name text PRIMARY KEY, severity text NOT NULL, days int, count int, "
    "kinds text[])",
    "INSERT INTO rule VALUES ('host-double', 'block', NULL, NULL, NULL), "
    "('area-double', 'warn', NULL, NULL, NULL), ('governing-body', 'warn', NULL, NULL, "
    "'{summit,ministerial-meeting,soc-meeting,swg-meeting}'), "
    "('outside-calendar', 'warn', NULL, NULL, NULL), ('short-notice', 'warn', 14, NULL, NULL), "
    "('area-crowded', 'warn', NULL, 4, NULL)",
};
static const char *const indexes[] = {
    "CREATE INDEX ON event USING gist (during)",
    "CREATE INDEX ON event USING gist (host, during) WHERE format <> 'online'",
    "CREATE INDEX ON event USING gist (area, during)",
    "CREATE INDEX ON event USING gist (kind, during) WHERE area IS NULL",
    "CREATE INDEX ON outside USING gist (during)",
    "ANALYZE",
    "CHECKPOINT",
};

/* $1 host $2 area $3 kind $4 format $5 during $6 $7 the quarter $8 own id */
static const char clashes[] =
    "SELECT r.name, r.severity, 'event', e.id, e.during * $5::tstzrange, e.host FROM rule r, event "
    "e "
    "WHERE r.name = 'host-double' AND r.severity <> 'ignore' AND $4 <> 'online' AND e.host = $1 "
    "AND "
    "e.during && $5::tstzrange AND e.format <> 'online' AND e.id <> $8 "
    "UNION ALL SELECT r.name, r.severity, 'event', e.id, e.during * $5::tstzrange, e.host FROM "
    "rule "
    "r, event e WHERE r.name = 'area-double' AND r.severity <> 'ignore' AND e.area = $2 AND "
    "e.during && $5::tstzrange AND e.id <> $8 "
    "UNION ALL SELECT r.name, r.severity, 'event', e.id, e.during * $5::tstzrange, e.host FROM "
    "rule "
    "r, event e WHERE r.name = 'governing-body' AND r.severity <> 'ignore' AND e.area IS NULL AND "
    "e.during && $5::tstzrange AND e.id <> $8 AND (e.kind = ANY (r.kinds) OR $2 IS NULL AND $3 = "
    "ANY "
    "(r.kinds)) "
    "UNION ALL SELECT r.name, coalesce(o.severity, r.severity), 'calendar', o.calendar, o.during * "
    "$5::tstzrange, o.summary FROM rule r, outside o WHERE r.name = 'outside-calendar' AND "
    "o.during "
    "&& $5::tstzrange AND (o.host IS NULL OR o.host = $1) AND coalesce(o.severity, r.severity) <> "
    "'ignore' "
    "UNION ALL SELECT r.name, r.severity, 'rule', r.name, $5::tstzrange, NULL FROM rule r WHERE "
    "r.name = 'short-notice' AND r.severity <> 'ignore' AND lower($5::tstzrange) < now() + r.days "
    "* "
    "interval '1 day' "
    "UNION ALL SELECT r.name, r.severity, 'area', $2, tstzrange($6::timestamptz, $7::timestamptz), "
    "NULL FROM rule r WHERE r.name = 'area-crowded' AND r.severity <> 'ignore' AND r.count <= "
    "(SELECT "
    "count(*) FROM event e WHERE e.area = $2 AND e.during && tstzrange($6::timestamptz, "
    "$7::timestamptz) AND lower(e.during) >= $6::timestamptz AND e.id <> $8)";
static const char span[] =
    "SELECT doc FROM event WHERE during && $1::tstzrange ORDER BY lower(during), id LIMIT 100";

struct connection {
    PGconn *pg;
    unsigned *slots; /* owned; a ring of what is in flight, in order */
    unsigned first, count;
};

struct load {
    struct bench_run run;
    struct connection connections[CONNECTIONS_MAX];
    unsigned connection_count, each; /* in flight on a connection */
    uint64_t events;
    bool span;
};

static PGconn *
open_pg(const char *conninfo)
{
    PGconn *pg = PQconnectdb(conninfo);
    if (PQstatus(pg) != CONNECTION_OK)
        bench_fail("%s", PQerrorMessage(pg));
    PQclear(PQexec(pg, "SET timezone = 'UTC'"));
    return pg;
}

static void
run_plain(PGconn *pg, const char *command)
{
    PGresult *result = PQexec(pg, command);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_fail("%s: %s", command, PQerrorMessage(pg));
    PQclear(result);
}

#define RANGE_MAX 64
static void
print_range(date_day first, date_day last, char out[RANGE_MAX])
{
    char start[DATE_TEXT_MAX], end[DATE_TEXT_MAX];
    date_print(first, start);
    date_print(last + 1, end);
    snprintf(out, RANGE_MAX, "[%s,%s)", start, end);
}

/* ---- the calendar ---------------------------------------------------------------------------- */

static void
copy_event(PGconn *pg, uint64_t n)
{
    static const char *const formats[] = {"online", "in-person", "hybrid"};
    struct bench_clash event;
    char line[1024], range[RANGE_MAX], start[DATE_TEXT_MAX], end[DATE_TEXT_MAX];
    bench_clash_event(n, &event);
    print_range(event.first, event.last, range);
    date_print(event.first, start);
    date_print(event.last, end);
    int len =
        snprintf(line, sizeof line,
                 "%s\t%s\t%s\t%s\t%s\t%s\t{\"id\":\"%s\",\"title\":\"Seminar on the development of "
                 "secure and "
                 "effective corridors\",\"kind\":\"%s\",\"dimension\":\"economic\",\"area\":\"%s\","
                 "\"host\":\"%s\",\"year\":%.4s,\"format\":\"%s\",\"sessions\":[{\"start\":\"%s\","
                 "\"end\":\"%s\"}],\"status\":\"scheduled\",\"additional\":false,\"schedules\":1,"
                 "\"rev\":1}\n",
                 event.id, event.host, event.area[0] ? event.area : "\\N", event.kind,
                 formats[event.format], range, event.id, event.kind, event.area, event.host, start,
                 formats[event.format], start, end);
    if (PQputCopyData(pg, line, len) != 1)
        bench_fail("%s", PQerrorMessage(pg));
}

static void
copy_holiday(PGconn *pg, uint64_t n)
{
    char line[256], range[RANGE_MAX];
    date_day day = bench_clash_holiday(n);
    print_range(day, day, range);
    int len = snprintf(line, sizeof line, "holidays\t\\N\t\\N\tA holiday\t%s\n", range);
    if (PQputCopyData(pg, line, len) != 1)
        bench_fail("%s", PQerrorMessage(pg));
}

static void
copy(PGconn *pg, const char *command, void (*put)(PGconn *pg, uint64_t n), uint64_t count)
{
    PQclear(PQexec(pg, command));
    for (uint64_t n = 0; n < count; n++)
        put(pg, n);
    PQputCopyEnd(pg, NULL);
    PGresult *result = PQgetResult(pg);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_fail("%s: %s", command, PQerrorMessage(pg));
    PQclear(result);
    PQclear(PQgetResult(pg));
}

static int
fill(const char *conninfo, uint64_t events)
{
    PGconn *pg = open_pg(conninfo);
    for (size_t i = 0; i < sizeof schema / sizeof *schema; i++)
        run_plain(pg, schema[i]);
    copy(pg, "COPY event FROM STDIN", copy_event, events);
    copy(pg, "COPY outside FROM STDIN", copy_holiday, events / 100);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++)
        run_plain(pg, indexes[i]);
    PQfinish(pg);
    printf("{\"events\":%llu}\n", (unsigned long long)events);
    return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

static void
send_one(struct load *load, struct connection *connection)
{
    struct bench_clash asked;
    char range[RANGE_MAX], from[DATE_TEXT_MAX], to[DATE_TEXT_MAX];
    int year, month, mday;
    bench_clash_question(load->run.sent, load->events, &asked);
    print_range(asked.first, asked.last, range);
    date_civil(asked.first, &year, &month, &mday);
    int next = month - (month - 1) % 3 + 3; /* of the quarter after it */
    date_print(date_of_civil(year, next - 3, 1), from);
    date_print(date_of_civil(next > 12 ? year + 1 : year, next > 12 ? 1 : next, 1), to);
    const char *values[PARAMS] = {asked.host, asked.area[0] ? asked.area : NULL,
                                  asked.kind, "in-person",
                                  range,      from,
                                  to,         ""};
    const char *span_values[1] = {range};
    connection->slots[(connection->first + connection->count++) % load->each] =
        bench_run_sent(&load->run);
    if (!PQsendQueryPrepared(connection->pg, "ask", load->span ? 1 : PARAMS,
                             load->span ? span_values : values, NULL, NULL, 1) ||
        !PQpipelineSync(connection->pg))
        bench_fail("%s", PQerrorMessage(connection->pg));
}

static void
take(struct load *load, struct connection *connection)
{
    if (!PQconsumeInput(connection->pg))
        bench_fail("%s", PQerrorMessage(connection->pg));
    while (connection->count && !PQisBusy(connection->pg)) {
        PGresult *result = PQgetResult(connection->pg);
        if (!result)
            continue; /* the end of one statement's results */
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) {
            bench_run_done(&load->run, connection->slots[connection->first], true);
            connection->first = (connection->first + 1) % load->each;
            connection->count--;
        } else if (status != PGRES_TUPLES_OK) {
            bench_fail("%s", PQresultErrorMessage(result));
        }
        PQclear(result);
    }
}

static void
send_due(struct load *load)
{
    unsigned due = bench_run_due(&load->run);
    for (unsigned i = 0; i < load->connection_count; i++)
        while (due && load->connections[i].count < load->each) {
            send_one(load, &load->connections[i]);
            due--;
        }
}

static void
wait_turn(struct load *load)
{
    struct pollfd items[CONNECTIONS_MAX];
    for (unsigned i = 0; i < load->connection_count; i++) {
        PGconn *pg = load->connections[i].pg;
        int unsent = PQflush(pg);
        items[i] = (struct pollfd){PQsocket(pg), (short)(POLLIN | (unsent ? POLLOUT : 0)), 0};
    }
    if (poll(items, load->connection_count, 5000) <= 0)
        bench_fail("PostgreSQL does not answer");
    for (unsigned i = 0; i < load->connection_count; i++)
        if (items[i].revents & POLLIN)
            take(load, &load->connections[i]);
}

static void
open_connection(struct load *load, struct connection *connection, const char *conninfo)
{
    connection->pg = open_pg(conninfo);
    PGresult *result = PQprepare(connection->pg, "ask", load->span ? span : clashes,
                                 load->span ? 1 : PARAMS, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_fail("%s", PQerrorMessage(connection->pg));
    PQclear(result);
    connection->slots = calloc(load->each, sizeof *connection->slots);
    if (!connection->slots || PQsetnonblocking(connection->pg, 1) ||
        !PQenterPipelineMode(connection->pg))
        bench_fail("%s", PQerrorMessage(connection->pg));
}

int
main(int argc, char **argv)
{
    static struct load load;
    int left = bench_run_init(&load.run, argc, argv);
    if (left == 4 && strcmp(argv[2], "fill") == 0)
        return fill(argv[1], strtoull(argv[3], NULL, 10));
    const char *colon = left == 4 ? strchr(argv[2], ':') : NULL;
    load.events = colon ? strtoull(colon + 1, NULL, 10) : 0;
    if (!load.events)
        bench_fail("usage: pg_clash_load CONNINFO clashes:EVENTS|span:EVENTS CONNECTIONS …");
    load.span = strncmp(argv[2], "span:", 5) == 0;
    unsigned wanted = (unsigned)atoi(argv[3]), in_flight = load.run.in_flight;
    load.connection_count = wanted < in_flight ? wanted : in_flight;
    if (!load.connection_count || load.connection_count > CONNECTIONS_MAX)
        bench_fail("CONNECTIONS: want 1 to %d", CONNECTIONS_MAX);
    load.each = (in_flight + load.connection_count - 1) / load.connection_count;
    for (unsigned i = 0; i < load.connection_count; i++)
        open_connection(&load, &load.connections[i], argv[1]);
    bench_run_begin(&load.run);
    while (true) {
        send_due(&load);
        if (bench_run_over(&load.run))
            break;
        wait_turn(&load);
    }
    for (unsigned i = 0; i < load.connection_count; i++) {
        PQfinish(load.connections[i].pg);
        free(load.connections[i].slots);
    }
    return bench_run_end(&load.run);
}
