/* Row 6: lays COUNT records on the log by the store's own commit, many records a commit, with the
 * topics that services give them: five records an event, 1 % of all under events.human.youth.
 * Documents and indexes are left out: reading the log does not touch them. Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/msg/mp.h"
#include "tests/bench/bench_fill.h"

#define RECORDS_A_COMMIT 40

struct records {
    struct buf attributes, data;
};

static void
pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

static void
write_data(struct buf *data, const char *id)
{
    buf_clear(data);
    mp_map(data, 10);
    pair(data, "id", id);
    pair(data, "title", "Seminar on the development of secure and effective transport corridors");
    pair(data, "kind", "seminar");
    pair(data, "dimension", "economic");
    pair(data, "area", "tourism");
    pair(data, "host", "KZ");
    mp_string(data, "year");
    mp_int(data, 2031);
    pair(data, "status", "proposed");
    mp_string(data, "additional");
    mp_bool(data, false);
    mp_string(data, "rev");
    mp_int(data, 1);
}

static void
add_record(void *arg, struct store_commit *commit, uint64_t n)
{
    struct records *records = arg;
    char topic[96], id[24];
    unsigned i = (unsigned)n, event = i / 5;
    if (i % 100 == 0)
        event = i / 500;
    snprintf(id, sizeof id, "e-%u", event);
    if (i % 100 == 0)
        snprintf(topic, sizeof topic, "events.human.youth.%s.", id);
    else
        snprintf(topic, sizeof topic, "events.d%u.area%u.%s.", event % 4, event % 17, id);
    write_data(&records->data, id);
    store_commit_record(commit, text_of(topic),
                        (struct text){(char *)records->attributes.data,
                                      (uint32_t)records->attributes.len},
                        (struct text){(char *)records->data.data, (uint32_t)records->data.len});
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: notify_fill REDIS ORG COUNT\n");
        return 64;
    }
    struct records records = {.attributes = {0}};
    const struct bench_fill fill = {{argv[1], argv[2], "bench", STORE_ALWAYS},
                                    strtoull(argv[3], NULL, 10),
                                    RECORDS_A_COMMIT,
                                    add_record,
                                    &records};
    log_attributes_write(&records.attributes, "event.proposed", "/cica/events", "local", TEXT_NONE);
    double took = bench_fill(&fill);
    if (took >= 0)
        printf("{\"records\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n",
               (unsigned long long)fill.total, took, (double)fill.total / took);
    buf_fini(&records.attributes);
    buf_fini(&records.data);
    return took < 0 ? 1 : 0;
}
