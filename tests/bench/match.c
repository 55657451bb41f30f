// LINK: services/notify/notify_match.c services/notify/notify_match_find.c
// LINK: services/notify/notify_hash.c common/log/facts.c
// LINK: common/log/filter.c
/* Row 8: how long it takes to find the subscriptions that a record is for, by the index of notify
 * or by a look at each. One record after the other from its stored bytes on; each is for
 * BENCH_MATCHES subscriptions, however many there are. Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/log/facts.h"
#include "services/notify/notify_match.h"
#include "tests/bench/bench_match.h"
#include "tests/bench/bench_run.h"

struct bench {
    unsigned count;
    struct subscription_filter *filters;
    struct bench_match_texts *texts;
    struct notify_match *match;
    uint64_t found;
};

static void
on_found(void *context, void *arg)
{
    (void)arg;
    ++*(uint64_t *)context;
}

static void
make_filters(struct bench *bench, enum bench_match_by by)
{
    bench->filters = calloc(bench->count, sizeof *bench->filters);
    bench->texts = calloc(bench->count, sizeof *bench->texts);
    bench->match = notify_match_new();
    if (!bench->filters || !bench->texts || !bench->match)
        bench_fail("out of memory");
    for (unsigned i = 0; i < bench->count; i++) {
        struct subscription_filter *filter = &bench->filters[i];
        struct bench_match_texts *texts = &bench->texts[i];
        schema_init(&subscription_filter_schema, filter);
        bench_match_subscription(by, i, texts);
        filter->topics.count = 1;
        filter->topics.items[0] = text_of(texts->pattern);
        filter->hosts.count = *texts->host != '\0';
        filter->hosts.items[0] = text_of(texts->host);
        if (filter_check(filter, NULL) != STATUS_OK ||
            !notify_match_add(bench->match, filter, filter))
            bench_fail("a subscription is refused");
    }
}

static void
scan(struct bench *bench, const struct facts *facts)
{
    for (unsigned i = 0; i < bench->count; i++)
        bench->found += filter_matches(&bench->filters[i], facts);
}

/* Records of events as they are stored, to be gone through in turn. */
#define RECORDS 4096

struct record {
    struct buf topic, data, attributes;
    struct log_record record;
};

static struct record *
make_records(unsigned count)
{
    struct record *records = calloc(RECORDS, sizeof *records);
    if (!records)
        bench_fail("out of memory");
    for (unsigned i = 0; i < RECORDS; i++) {
        struct record *one = &records[i];
        struct bench_match_texts texts;
        bench_match_record(i, count, &texts);
        buf_append(&one->topic, texts.topic, strlen(texts.topic));
        bench_match_data(&one->data, &texts);
        log_attributes_write(&one->attributes, "event.scheduled", "/cica/events", "local",
                             TEXT_NONE);
        one->record =
            (struct log_record){.seq = i,
                                .topic = {(const char *)one->topic.data, (uint32_t)one->topic.len},
                                .attributes = {(const char *)one->attributes.data,
                                               (uint32_t)one->attributes.len},
                                .data = {(const char *)one->data.data, (uint32_t)one->data.len}};
    }
    return records;
}

int
main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc != 5)
        bench_fail("usage: match index|scan topic|host SUBSCRIPTIONS SECONDS");
    bool by_index = strcmp(argv[1], "index") == 0;
    bench.count = (unsigned)atoi(argv[3]);
    make_filters(&bench, strcmp(argv[2], "host") == 0 ? BENCH_MATCH_HOST : BENCH_MATCH_TOPIC);
    const struct record *records = make_records(bench.count);
    int64_t begin = clock_mono_us(), end = begin + (int64_t)(atof(argv[4]) * 1e6), now = begin;
    uint64_t done = 0;
    clock_t cpu = clock();
    for (; now < end || !done; done++) {
        struct facts facts;
        facts_read(&records[done % RECORDS].record, &facts);
        if (by_index)
            notify_match_find(bench.match, &facts, on_found, &bench.found);
        else
            scan(&bench, &facts);
        if (done % 64 == 0 || !by_index)
            now = clock_mono_us();
    }
    double took = (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC;
    if (bench.found != done * BENCH_MATCHES)
        bench_fail("%llu records had %llu matches", (unsigned long long)done,
                   (unsigned long long)bench.found);
    printf("{\"records\":%llu,\"subscriptions\":%u,\"matches\":%d,\"us\":%.3f,\"rate\":%.0f}\n",
           (unsigned long long)done, bench.count, BENCH_MATCHES, took / (double)done,
           (double)done / took * 1e6);
    fflush(stdout);
    _Exit(0); /* what is made for the run need not be freed one by one */
}
