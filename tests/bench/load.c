/* A load on the bus, made by libcbm as a program outside makes it: one connection, requests in
 * flight by cbm_send and cbm_poll. Prints one JSON object. It must not know what carries the
 * requests. usage: load BUS get:ID|propose|ping:SERVICE|clashes:EVENTS|span:EVENTS|walk:EVENTS
 * [--in-flight N] [--seconds S | --count N] [--rate R] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/client/cbm.h"
#include "common/msg/mp.h"
#include "tests/bench/bench_clash.h"
#include "tests/bench/bench_run.h"

#define ONE_TURN 256 /* requests sent before answers are looked at */

struct load {
    struct bench_run run;
    struct cbm_client *client;
    const char *service, *method;
    void (*write)(struct load *load); /* the parameters of the next request; NULL: as they are */
    uint64_t events;                  /* of the calendar that is asked about */
    uint32_t run_id;
    struct buf params;
    uint32_t slots[BENCH_SLOTS]; /* of bench_run, by the low half of cbm_send's id */
};

static void
write_draft(struct load *load)
{
    char id[BENCH_ID_MAX];
    bench_event_id(id, load->run_id, load->run.sent);
    bench_event_draft(&load->params, id, load->run.sent);
}

static void
pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

static void
write_day(struct buf *buf, const char *key, date_day day)
{
    char text[DATE_TEXT_MAX];
    date_print(day, text);
    pair(buf, key, text);
}

static void
write_clashes(struct load *load)
{
    struct bench_clash asked;
    struct buf *buf = &load->params;
    bench_clash_question(load->run.sent, load->events, &asked);
    mp_map(buf, 1);
    mp_string(buf, "draft");
    mp_map(buf, asked.area[0] ? 5 : 4);
    pair(buf, "host", asked.host);
    pair(buf, "kind", asked.kind);
    pair(buf, "format", "in-person");
    if (asked.area[0])
        pair(buf, "area", asked.area);
    mp_string(buf, "sessions");
    mp_array(buf, 1);
    mp_map(buf, 2);
    write_day(buf, "start", asked.first);
    write_day(buf, "end", asked.last);
}

static void
write_span(struct load *load)
{
    struct bench_clash asked;
    bench_clash_question(load->run.sent, load->events, &asked);
    mp_map(&load->params, 2);
    write_day(&load->params, "from", asked.first);
    write_day(&load->params, "to", asked.last);
}

/* All of the calendar, a month after the other. */
static void
write_month(struct load *load)
{
    struct bench_clash first;
    bench_clash_event(0, &first);
    date_day from = first.first + (date_day)load->run.sent * 30;
    mp_map(&load->params, 2);
    write_day(&load->params, "from", from);
    write_day(&load->params, "to", from + 29);
}

static void
send_one(struct load *load)
{
    struct cbm_error error;
    if (load->write) {
        buf_clear(&load->params);
        load->write(load);
    }
    unsigned slot = bench_run_sent(&load->run);
    uint32_t sent = cbm_send(load->client, load->service, load->method, load->params.data,
                             load->params.len, NULL, &error);
    if (!sent)
        bench_fail("cannot send: %s: %s", error.code, error.message);
    load->slots[sent & 0xffff] = slot;
}

static void
on_reply(void *arg, const struct cbm_reply *reply)
{
    struct load *load = arg;
    if (reply->error.code[0] && !load->run.errors)
        fprintf(stderr, "%s: %s\n", reply->error.code, reply->error.message);
    bench_run_done(&load->run, load->slots[reply->id & 0xffff], !reply->error.code[0]);
}

/* Takes answers until one came or the next request is due. */
static void
take_answers(struct load *load, bool more)
{
    int64_t wait = more ? 0 : bench_run_wait_us(&load->run);
    if (wait > 0 && cbm_in_flight(load->client) == 0) {
        struct timespec pause = {wait / 1000000, wait % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
    cbm_poll(load->client, wait < 0 ? 1000 : (int)((wait + 999) / 1000), on_reply, load);
}

/* The part behind the colon if `what` is that kind of load; NULL if not. */
static const char *
argument_of(const char *what, const char *kind)
{
    size_t len = strlen(kind);
    return strncmp(what, kind, len) == 0 && what[len] == ':' ? what + len + 1 : NULL;
}

static void
choose(struct load *load, const char *what)
{
    const char *argument;
    load->service = "events";
    if (strcmp(what, "propose") == 0) {
        load->method = "event.propose";
        load->write = write_draft;
    } else if ((argument = argument_of(what, "get"))) {
        load->method = "event.get";
        mp_map(&load->params, 1);
        pair(&load->params, "id", argument);
    } else if ((argument = argument_of(what, "ping"))) {
        load->method = "$ping";
        load->service = argument;
        mp_map(&load->params, 0);
    } else if ((argument = argument_of(what, "clashes"))) {
        load->method = "event.clashes";
        load->write = write_clashes;
        load->events = strtoull(argument, NULL, 10);
    } else if ((argument = argument_of(what, "span")) || (argument = argument_of(what, "walk"))) {
        load->method = "event.list";
        load->write = *what == 's' ? write_span : write_month;
        load->events = strtoull(argument, NULL, 10);
    } else {
        bench_fail("unknown load %s", what);
    }
    if (load->write && load->write != write_draft && !load->events)
        bench_fail("%s: want a number of events", what);
}

int
main(int argc, char **argv)
{
    static struct load load;
    struct cbm_error error;
    struct cbm_reply first;
    if (bench_run_init(&load.run, argc, argv) != 3)
        bench_fail("usage: load BUS get:ID|propose|clashes:EVENTS|… [--in-flight N] …");
    choose(&load, argv[2]);
    load.run_id = bench_run_id();
    load.client = cbm_client_new(argv[1], &error);
    if (!load.client)
        bench_fail("%s", error.message);
    if (cbm_call(load.client, load.service, "$ping", NULL, 0, NULL, &first))
        bench_fail("%s does not answer: %s", load.service, first.error.message);
    cbm_reply_free(&first);
    bench_run_begin(&load.run);
    while (!bench_run_over(&load.run)) {
        unsigned due = bench_run_due(&load.run);
        for (unsigned i = 0; i < due && i < ONE_TURN; i++)
            send_one(&load);
        take_answers(&load, due > ONE_TURN);
    }
    cbm_client_destroy(&load.client);
    buf_fini(&load.params);
    return bench_run_end(&load.run);
}
