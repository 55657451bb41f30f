/* Row 6, ours: reading back what is under a prefix from the start of the log. `subscriber`: as
 * libcbm's subscriber does it, which is what a program gets by itself; `pages`: log.read by one
 * request after another over the bus. Prints one JSON object. */
#include <string.h>

#include "common/client/cbm.h"
#include "common/client/splice.h"
#include "common/msg/mp.h"
#include "tests/bench/notify_samples.h"

#define WAIT_MS 10000

static uint64_t
by_subscriber(const char *bus, const char *notify, const char *prefix, uint64_t want)
{
    const char *prefixes[] = {prefix};
    struct cbm_subscriber_options options = {.notify = notify,
                                             .bus = bus,
                                             .prefixes = prefixes,
                                             .prefix_count = 1,
                                             .from = CBM_FROM_START};
    struct cbm_error error;
    struct cbm_subscriber *subscriber = cbm_subscriber_new(&options, &error);
    struct cbm_event event;
    uint64_t got = 0;
    if (!subscriber)
        fprintf(stderr, "%s\n", error.message);
    while (subscriber && got < want &&
           cbm_subscriber_next(subscriber, WAIT_MS, &event) == CBM_EVENT)
        got++;
    cbm_subscriber_destroy(&subscriber);
    return got;
}

static uint64_t
by_pages(const char *bus, const char *prefix, uint64_t want)
{
    struct cbm_client *client = cbm_client_new(bus, NULL);
    struct buf params = {0};
    int64_t after = 0;
    uint64_t got = 0;
    while (client && got < want) {
        buf_clear(&params);
        mp_map(&params, 3);
        mp_string(&params, "prefix");
        mp_string(&params, prefix);
        mp_string(&params, "after");
        mp_int(&params, after);
        mp_string(&params, "limit");
        mp_int(&params, 1000);
        struct cbm_reply reply = {0};
        if (cbm_call(client, "notify", "log.read", params.data, params.len, NULL, &reply) != 0) {
            fprintf(stderr, "%s\n", reply.error.message);
            break;
        }
        struct text result = {(const char *)reply.result, (uint32_t)reply.result_len}, items;
        uint32_t count = 0;
        bool good = splice_get(result, "items", &items) && splice_array(items, &count, &items) &&
                    splice_get_int(result, "next", &after) && count;
        got += count;
        cbm_reply_free(&reply);
        if (!good)
            break;
    }
    buf_fini(&params);
    cbm_client_destroy(&client);
    return got;
}

int
main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: notify_replay BUS NOTIFY subscriber|pages PREFIX RECORDS\n");
        return 64;
    }
    uint64_t want = strtoull(argv[5], NULL, 10), got;
    int64_t begin = clock_mono_us();
    if (strcmp(argv[3], "pages") == 0)
        got = by_pages(argv[1], argv[4], want);
    else
        got = by_subscriber(argv[1], argv[2], argv[4], want);
    double took = (double)(clock_mono_us() - begin) / 1e6;
    printf("{\"records\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n", (unsigned long long)got, took,
           (double)got / took);
    return got == want ? 0 : 1;
}
