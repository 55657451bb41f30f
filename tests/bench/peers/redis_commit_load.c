/* The limit of event.propose: the very commands that the service sends for it, made by the store's
 * own code and sent to a Redis that does nothing else: no bus, no decoding, no handler, no answer.
 * The service reads nothing for a proposal as a rule (common/service/guess.h), so only commits are
 * sent. It must not know the bus.
 * usage: redis_commit_load REDIS commit [--in-flight N] [--seconds S | --count N] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/msg/mp.h"
#include "common/store/store.h"
#include "tests/bench/bench_run.h"

/* One request under way. */
struct request {
    struct load *load;
    struct request *next; /* of those that are free */
    struct store_commit commit;
    struct buf document, attributes;
    char id[BENCH_ID_MAX], field[BENCH_ID_MAX + 8], key[64], digest[40];
    char entry[BENCH_ID_MAX + 64], topic[BENCH_ID_MAX + 32];
    unsigned slot;
};

struct load {
    struct bench_run run;
    struct loop *loop;
    struct store *store;
    struct request *requests, *free; /* owned; as many as are in flight */
    bool begun;
    uint32_t run_id;
};

static void
on_committed(void *arg, enum store_outcome outcome, int64_t number, struct text kept)
{
    struct request *request = arg;
    (void)number;
    if (outcome != STORE_COMMITTED && !request->load->run.errors)
        fprintf(stderr, "not committed: %d %.*s\n", (int)outcome, TEXT_ARG(kept));
    bench_run_done(&request->load->run, request->slot, outcome == STORE_COMMITTED);
    request->next = request->load->free;
    request->load->free = request;
}

static void
commit(struct request *request)
{
    struct text field = text_of(request->field);
    struct text document = {(const char *)request->document.data, (uint32_t)request->document.len};
    struct text attributes = {(const char *)request->attributes.data,
                              (uint32_t)request->attributes.len};
    struct store_commit *commit = &request->commit;
    store_commit_clear(commit);
    commit->key = text_of(request->key);
    commit->digest = text_of(request->digest);
    commit->reply = document;
    store_commit_check(commit, TEXT_LITERAL("plan/2031"), TEXT_LITERAL("0"));
    store_commit_check(commit, field, TEXT_LITERAL("0"));
    store_commit_write(commit, field, document);
    store_commit_index_add(commit, text_of(request->entry));
    store_commit_record(commit, text_of(request->topic), attributes, document);
    store_commit(request->load->store, commit, on_committed, request);
}

static void
fill(struct request *request, uint64_t n)
{
    char day[16];
    bench_event_id(request->id, request->load->run_id, n);
    bench_event_day(day, n);
    snprintf(request->field, sizeof request->field, "event/%s", request->id);
    snprintf(request->key, sizeof request->key, "local:%016llx%08x%08x",
             (unsigned long long)(n * 0x9e3779b97f4a7c15ULL), request->load->run_id, (unsigned)n);
    snprintf(request->digest, sizeof request->digest, "%016llx%016llx",
             (unsigned long long)(n * 0xbf58476d1ce4e5b9ULL),
             (unsigned long long)(n * 0x94d049bb133111ebULL));
    snprintf(request->entry, sizeof request->entry, "t|%sT00:00:00Z|%s!KZ!tourism", day,
             request->id);
    snprintf(request->topic, sizeof request->topic, "events.economic.tourism.%s.", request->id);
    buf_clear(&request->document);
    bench_event_document(&request->document, request->id, n);
    buf_clear(&request->attributes);
    mp_array(&request->attributes, 4);
    mp_string(&request->attributes, "event.proposed");
    mp_string(&request->attributes, "/cica/events");
    mp_string(&request->attributes, "local");
    mp_nil(&request->attributes);
}

static void
send_one(struct load *load)
{
    struct request *request = load->free;
    load->free = request->next;
    fill(request, load->run.sent);
    request->slot = bench_run_sent(&load->run);
    commit(request);
}

/* At the end of every turn: all that may leave goes together. */
static void
send_due(void *arg)
{
    struct load *load = arg;
    if (!load->begun)
        return;
    for (unsigned due = bench_run_due(&load->run); due && load->free; due--)
        send_one(load);
    store_flush(load->store);
    if (bench_run_over(&load->run))
        loop_stop(load->loop);
}

static void
on_up(void *arg)
{
    struct load *load = arg;
    if (load->begun)
        bench_fail("Redis was lost");
    load->begun = true;
    bench_run_begin(&load->run);
    send_due(load);
}

static void
on_down(void *arg)
{
    (void)arg;
    bench_fail("Redis is gone");
}

static void
on_refused(void *arg, const char *why)
{
    (void)arg;
    bench_fail("Redis promises less: %s", why);
}

int
main(int argc, char **argv)
{
    static const struct store_events events = {
        .up = on_up, .down = on_down, .refused = on_refused, .turn = send_due};
    static struct load load;
    if (bench_run_init(&load.run, argc, argv) != 3)
        bench_fail("usage: redis_commit_load REDIS commit [--in-flight N] …");
    struct store_config config = {argv[1], "cica", "events", STORE_ALWAYS};
    load.run_id = bench_run_id();
    load.requests = calloc(load.run.in_flight, sizeof *load.requests);
    load.loop = loop_new();
    load.store = load.loop ? store_new(load.loop, &config, &events, &load) : NULL;
    if (!load.requests || !load.store)
        bench_fail("out of memory");
    for (unsigned i = 0; i < load.run.in_flight; i++) {
        load.requests[i].load = &load;
        load.requests[i].next = load.free;
        load.free = &load.requests[i];
    }
    loop_run(load.loop);
    store_destroy(&load.store);
    loop_destroy(&load.loop);
    for (unsigned i = 0; i < load.run.in_flight; i++) {
        store_commit_fini(&load.requests[i].commit);
        buf_fini(&load.requests[i].document);
        buf_fini(&load.requests[i].attributes);
    }
    free(load.requests);
    return bench_run_end(&load.run);
}
