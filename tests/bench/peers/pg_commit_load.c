/* The peer of event.propose on PostgreSQL: event, three index entries and outbox row in one
 * statement, which is one transaction of its own, acknowledged when it is on disk; pipelined over
 * several connections. It keeps no idempotency key and no chain of prefixes: less than what we do.
 * It must not know anything but libpq.
 * usage: pg_commit_load CONNINFO CONNECTIONS [--in-flight N] [--seconds S | --count N] */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench_run.h"

#define CONNECTIONS_MAX 256
#define PARAMS 6

static const char *const schema[] = {
    "DROP TABLE IF EXISTS event, outbox",
    "CREATE TABLE event (id text PRIMARY KEY, rev bigint NOT NULL, host text NOT NULL, area text, "
    "start text NOT NULL, doc bytea NOT NULL)",
    "CREATE INDEX ON event (start, id)",
    "CREATE INDEX ON event (host, start, id)",
    "CREATE INDEX ON event (area, start, id)",
    "CREATE TABLE outbox (seq bigserial PRIMARY KEY, topic text NOT NULL, type text NOT NULL, "
    "at timestamptz NOT NULL DEFAULT now(), data bytea NOT NULL)",
    "CHECKPOINT",
};
static const char propose[] =
    "WITH e AS (INSERT INTO event (id, rev, host, area, start, doc) VALUES ($1, 1, $2, $3, $4, $5)"
    " RETURNING doc) INSERT INTO outbox (topic, type, data) SELECT $6, 'event.proposed', doc FROM e"
    " RETURNING seq";

struct connection {
    PGconn *pg;
    unsigned *slots; /* owned; a ring of what is in flight, in order */
    unsigned first, count;
};

struct load {
    struct bench_run run;
    struct connection connections[CONNECTIONS_MAX];
    unsigned connection_count, each; /* in flight on a connection */
    uint32_t run_id;
    struct buf document;
};

static void
run_plain(PGconn *pg, const char *command)
{
    PGresult *result = PQexec(pg, command);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_fail("%s: %s", command, PQerrorMessage(pg));
    PQclear(result);
}

static void
open_connection(struct load *load, struct connection *connection, const char *conninfo, bool first)
{
    connection->pg = PQconnectdb(conninfo);
    if (PQstatus(connection->pg) != CONNECTION_OK)
        bench_fail("%s", PQerrorMessage(connection->pg));
    for (unsigned i = 0; first && i < sizeof schema / sizeof *schema; i++)
        run_plain(connection->pg, schema[i]);
    PQclear(PQprepare(connection->pg, "propose", propose, PARAMS, NULL));
    connection->slots = calloc(load->each, sizeof *connection->slots);
    if (!connection->slots || PQsetnonblocking(connection->pg, 1) ||
        !PQenterPipelineMode(connection->pg))
        bench_fail("%s", PQerrorMessage(connection->pg));
}

static void
send_one(struct load *load, struct connection *connection)
{
    char id[BENCH_ID_MAX], day[16], topic[BENCH_ID_MAX + 32];
    uint64_t n = load->run.sent;
    bench_event_id(id, load->run_id, n);
    bench_event_day(day, n);
    snprintf(topic, sizeof topic, "events.economic.tourism.%s.", id);
    buf_clear(&load->document);
    bench_event_document(&load->document, id, n);
    const char *values[PARAMS] = {id,   "KZ", "tourism", day, (const char *)load->document.data,
                                  topic};
    int lens[PARAMS] = {0, 0, 0, 0, (int)load->document.len, 0}, formats[PARAMS] = {[4] = 1};
    connection->slots[(connection->first + connection->count++) % load->each] =
        bench_run_sent(&load->run);
    if (!PQsendQueryPrepared(connection->pg, "propose", PARAMS, values, lens, formats, 1) ||
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
        if (status == PGRES_PIPELINE_SYNC) { /* the transaction's end: it is on disk */
            bench_run_done(&load->run, connection->slots[connection->first], true);
            connection->first = (connection->first + 1) % load->each;
            connection->count--;
        } else if (status != PGRES_TUPLES_OK || PQntuples(result) != 1) {
            bench_fail("%s", PQresultErrorMessage(result));
        }
        PQclear(result);
    }
}

/* Fills every connection up to its share, the emptiest first matter little: all have the same. */
static void
send_due(struct load *load)
{
    unsigned due = bench_run_due(&load->run);
    for (unsigned i = 0; i < load->connection_count; i++) {
        struct connection *connection = &load->connections[i];
        while (due && connection->count < load->each) {
            send_one(load, connection);
            due--;
        }
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

int
main(int argc, char **argv)
{
    static struct load load;
    if (bench_run_init(&load.run, argc, argv) != 3)
        bench_fail("usage: pg_commit_load CONNINFO CONNECTIONS [--in-flight N] …");
    unsigned wanted = (unsigned)atoi(argv[2]), in_flight = load.run.in_flight;
    load.connection_count = wanted < in_flight ? wanted : in_flight;
    if (!load.connection_count || load.connection_count > CONNECTIONS_MAX)
        bench_fail("CONNECTIONS: want 1 to %d", CONNECTIONS_MAX);
    load.each = (in_flight + load.connection_count - 1) / load.connection_count;
    load.run_id = bench_run_id();
    for (unsigned i = 0; i < load.connection_count; i++)
        open_connection(&load, &load.connections[i], argv[1], i == 0);
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
    buf_fini(&load.document);
    return bench_run_end(&load.run);
}
