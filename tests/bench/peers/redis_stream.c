/* Rows 4 and 6, the limit: the same Redis with the same fsync, spoken to by hiredis alone. `live`:
 * from the acknowledgement of a raw XADD to a blocking XREAD; `range`: XRANGE over a whole stream
 * in pages, which `fill` has made of records like ours. Prints one JSON object. */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "tests/bench/notify_samples.h"

#define KEY "bench:stream"
#define PAGE "1000"

static struct instants at;
static volatile uint32_t arrived;

static redisContext *
open_redis(const char *url)
{
    char host[128];
    int port;
    if (strncmp(url, "unix://", 7) == 0)
        return redisConnectUnix(url + 7);
    if (sscanf(url, "redis://%127[^:]:%d", host, &port) != 2)
        return NULL;
    return redisConnect(host, port);
}

static void *
read_stream(void *arg)
{
    redisContext *redis = arg;
    unsigned long long last = 0;
    for (;;) {
        redisReply *reply =
            redisCommand(redis, "XREAD COUNT 512 BLOCK 1000 STREAMS " KEY " %llu-1", last);
        if (!reply)
            return NULL;
        int64_t now = clock_mono_us();
        if (reply->type == REDIS_REPLY_ARRAY) {
            const redisReply *entries = reply->element[0]->element[1];
            for (size_t i = 0; i < entries->elements; i++) {
                last = strtoull(entries->element[i]->element[0]->str, NULL, 10);
                at.arrived[(last - 1) % CHANGES_MAX] = now;
            }
            arrived += (uint32_t)entries->elements;
        }
        freeReplyObject(reply);
    }
}

static void
append(redisContext *redis, uint32_t number)
{
    static char data[SAMPLE_DATA_LEN], meta[SAMPLE_META_LEN];
    char topic[64];
    snprintf(topic, sizeof topic, SAMPLE_TOPIC, number);
    redisAppendCommand(redis, "XADD " KEY " %u-1 t %s a %b d %b", number + 1, topic, meta,
                       sizeof meta, data, sizeof data);
}

static void
send_one(redisContext *redis, uint32_t number)
{
    at.sent[number] = clock_mono_us();
    append(redis, number);
}

/* Writes what is to be written and takes the replies that come within `wait_ms`. */
static uint32_t
turn(redisContext *redis, uint32_t acked, int wait_ms)
{
    int done = 0;
    while (!done)
        if (redisBufferWrite(redis, &done) != REDIS_OK)
            return acked;
    struct pollfd item = {redis->fd, POLLIN, 0};
    if (poll(&item, 1, wait_ms) <= 0 || redisBufferRead(redis) != REDIS_OK)
        return acked;
    void *reply;
    while (redisGetReplyFromReader(redis, &reply) == REDIS_OK && reply) {
        at.acked[acked++] = clock_mono_us();
        freeReplyObject(reply);
    }
    return acked;
}

static int
live(const char *url, unsigned rate, unsigned seconds)
{
    redisContext *sender = open_redis(url), *receiver = open_redis(url);
    pthread_t thread;
    if (!sender || sender->err || !receiver || receiver->err)
        return 69;
    freeReplyObject(redisCommand(sender, "DEL " KEY));
    if (pthread_create(&thread, NULL, read_stream, receiver))
        return 71;
    uint32_t count = 0, acked = 0;
    int64_t begin = clock_mono_us(), end = begin + (int64_t)seconds * 1000000, now;
    while ((now = clock_mono_us()) < end && count < CHANGES_MAX) {
        if (!rate)
            send_one(sender, count++);
        while (rate && count < CHANGES_MAX && (int64_t)count * 1000000 / rate <= now - begin)
            send_one(sender, count++);
        acked = turn(sender, acked, rate ? PACE_US / 1000 : 1000);
        while (!rate && arrived < count && clock_mono_us() - now < 3000000)
            sched_yield();
    }
    end = clock_mono_us() + 3000000;
    while ((acked < count || arrived < count) && clock_mono_us() < end)
        acked = turn(sender, acked, 1);
    freeReplyObject(redisCommand(sender, "DEL " KEY));
    return instants_print(&at, count, (double)(clock_mono_us() - begin) / 1e6);
}

static int
fill(const char *url, uint32_t records)
{
    redisContext *redis = open_redis(url);
    if (!redis || redis->err)
        return 69;
    redisReply *reply = redisCommand(redis, "DEL " KEY);
    freeReplyObject(reply);
    for (uint32_t sent = 0, acked = 0; acked < records;) {
        for (; sent < records && sent - acked < 1000; sent++)
            append(redis, sent);
        for (; acked < sent; acked++) {
            if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
                return 1;
            freeReplyObject(reply);
        }
    }
    printf("{\"records\":%u}\n", records);
    redisFree(redis);
    return 0;
}

static int
range(const char *url, uint64_t wanted)
{
    redisContext *redis = open_redis(url);
    if (!redis || redis->err)
        return 69;
    char from[64] = "-";
    uint64_t records = 0;
    int64_t begin = clock_mono_us();
    for (size_t got = 1; got;) {
        redisReply *reply = redisCommand(redis, "XRANGE " KEY " %s + COUNT " PAGE, from);
        if (!reply || reply->type != REDIS_REPLY_ARRAY)
            return 1;
        got = reply->elements;
        records += got;
        if (got)
            snprintf(from, sizeof from, "(%s", reply->element[got - 1]->element[0]->str);
        freeReplyObject(reply);
    }
    double took = (double)(clock_mono_us() - begin) / 1e6;
    printf("{\"records\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n", (unsigned long long)records, took,
           (double)records / took);
    redisFree(redis);
    return records == wanted ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[2], "live") == 0)
        return live(argv[1], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    if (argc == 4 && strcmp(argv[2], "range") == 0)
        return range(argv[1], (uint64_t)atoll(argv[3]));
    if (argc == 4 && strcmp(argv[2], "fill") == 0)
        return fill(argv[1], (uint32_t)atoi(argv[3]));
    fprintf(stderr,
            "usage: redis_stream URL live RATE SECONDS | redis_stream URL fill|range RECORDS\n");
    return 64;
}
