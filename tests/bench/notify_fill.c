/* Row 6: lays COUNT records on the log by the store's own commit, many records a commit, with the
 * topics that services give them: five records an event, 1 % of all under events.human.youth.
 * Documents and indexes are left out: reading the log does not touch them. Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/mp.h"
#include "common/store/store.h"

#define UNDER_WAY 256
#define RECORDS_A_COMMIT 40

struct fill {
    struct loop *loop;
    struct store *store;
    struct commit {
        struct fill *fill;
        struct store_commit commit;
        unsigned count;
    } commits[UNDER_WAY];
    unsigned total, begun, done, failed;
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

static void committed(void *arg, enum store_outcome outcome, int64_t number, struct text kept);

static void
add_record(struct fill *fill, struct store_commit *commit)
{
    char topic[96], id[24];
    unsigned i = fill->begun++, event = i / 5;
    if (i % 100 == 0)
        event = i / 500;
    snprintf(id, sizeof id, "e-%u", event);
    if (i % 100 == 0)
        snprintf(topic, sizeof topic, "events.human.youth.%s.", id);
    else
        snprintf(topic, sizeof topic, "events.d%u.area%u.%s.", event % 4, event % 17, id);
    write_data(&fill->data, id);
    store_commit_record(commit, text_of(topic),
                        (struct text){(char *)fill->attributes.data,
                                      (uint32_t)fill->attributes.len},
                        (struct text){(char *)fill->data.data, (uint32_t)fill->data.len});
}

static void
begin(struct fill *fill, struct commit *slot)
{
    slot->fill = fill;
    slot->count = 0;
    store_commit_clear(&slot->commit);
    for (; slot->count < RECORDS_A_COMMIT && fill->begun < fill->total; slot->count++)
        add_record(fill, &slot->commit);
    store_commit(fill->store, &slot->commit, committed, slot);
}

static void
committed(void *arg, enum store_outcome outcome, int64_t number, struct text kept)
{
    (void)number;
    (void)kept;
    struct commit *slot = arg;
    struct fill *fill = slot->fill;
    fill->failed += outcome != STORE_COMMITTED;
    fill->done += slot->count;
    if (fill->failed || fill->done == fill->total)
        loop_stop(fill->loop);
    else if (fill->begun < fill->total)
        begin(fill, slot);
}

static void
on_up(void *arg)
{
    struct fill *fill = arg;
    for (unsigned i = 0; i < UNDER_WAY && fill->begun < fill->total; i++)
        begin(fill, &fill->commits[i]);
    store_flush(fill->store);
}

static void
on_turn(void *arg)
{
    struct fill *fill = arg;
    store_flush(fill->store);
}

static void
on_down(void *arg)
{
    struct fill *fill = arg;
    fill->failed++;
    loop_stop(fill->loop);
}

static void
on_refused(void *arg, const char *why)
{
    fprintf(stderr, "%s\n", why);
    on_down(arg);
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: notify_fill REDIS ORG COUNT\n");
        return 64;
    }
    static struct fill fill;
    fill.loop = loop_new();
    fill.total = (unsigned)atoi(argv[3]);
    log_attributes_write(&fill.attributes, "event.proposed", "/cica/events", "local", TEXT_NONE);
    struct store_config config = {argv[1], argv[2], "bench", STORE_ALWAYS};
    struct store_events events = {on_up, on_down, on_refused, on_turn};
    fill.store = fill.loop ? store_new(fill.loop, &config, &events, &fill) : NULL;
    if (!fill.store)
        return 69;
    int64_t from = clock_mono_us();
    loop_run(fill.loop);
    double took = (double)(clock_mono_us() - from) / 1e6;
    printf("{\"records\":%u,\"seconds\":%.3f,\"rate\":%.0f}\n", fill.done, took, fill.done / took);
    store_destroy(&fill.store);
    loop_destroy(&fill.loop);
    for (unsigned i = 0; i < UNDER_WAY; i++)
        store_commit_fini(&fill.commits[i].commit);
    buf_fini(&fill.attributes);
    buf_fini(&fill.data);
    return fill.failed ? 1 : 0;
}
