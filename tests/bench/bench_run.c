/* See bench_run.h. It must not know whom it loads. */
#include "tests/bench/bench_run.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"

void
bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

int
bench_run_init(struct bench_run *run, int argc, char **argv)
{
    static const struct option options[] = {{"in-flight", required_argument, NULL, 'n'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"count", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    *run = (struct bench_run){.in_flight = 1, .seconds = 2};
    int option;
    while ((option = getopt_long(argc, argv, "n:s:r:c:", options, NULL)) != -1)
        switch (option) {
        case 'n': run->in_flight = (unsigned)atoi(optarg); break;
        case 's': run->seconds = atof(optarg); break;
        case 'r': run->rate = atof(optarg); break;
        case 'c': run->count = strtoull(optarg, NULL, 10); break;
        default: exit(64);
        }
    run->sent_us = calloc(BENCH_SLOTS, sizeof *run->sent_us);
    if (!run->sent_us || !run->in_flight || run->in_flight >= BENCH_SLOTS)
        bench_fail("--in-flight: want 1 to %d", BENCH_SLOTS - 1);
    int left = 1;
    while (optind < argc)
        argv[left++] = argv[optind++];
    argv[left] = NULL;
    return left;
}

void
bench_run_begin(struct bench_run *run)
{
    run->begin_us = run->counted_us = clock_mono_us();
    run->end_us = run->count ? INT64_MAX : run->begin_us + (int64_t)(run->seconds * 1e6);
    run->warm = run->count > 0;
}

/* ---- how much may leave -----------------------------------------------------------------------
 */

static int64_t
due_us(const struct bench_run *run, uint64_t n)
{
    return run->begin_us + (int64_t)((double)n * 1e6 / run->rate);
}

static bool
sending_ended(const struct bench_run *run, int64_t now)
{
    return run->count ? run->sent >= run->count : now >= run->end_us;
}

unsigned
bench_run_due(struct bench_run *run)
{
    int64_t now = clock_mono_us();
    uint64_t open = run->sent - run->answered, room;
    if (sending_ended(run, now))
        return 0;
    if (run->rate > 0) {
        uint64_t due = (uint64_t)((double)(now - run->begin_us) * run->rate / 1e6) + 1;
        room = due > run->sent ? due - run->sent : 0;
        if (room > BENCH_SLOTS / 2 - open) /* far behind: the answers to come tell how far */
            room = open < BENCH_SLOTS / 2 ? BENCH_SLOTS / 2 - open : 0;
    } else {
        room = open < run->in_flight ? run->in_flight - open : 0;
    }
    if (run->count && room > run->count - run->sent)
        room = run->count - run->sent;
    return (unsigned)room;
}

int64_t
bench_run_wait_us(struct bench_run *run)
{
    int64_t now = clock_mono_us();
    if (sending_ended(run, now) || run->rate <= 0)
        return -1;
    int64_t wait = due_us(run, run->sent) - now;
    return wait > 0 ? wait : 0;
}

bool
bench_run_over(struct bench_run *run)
{
    return run->sent == run->answered && sending_ended(run, clock_mono_us());
}

/* ---- what they took ---------------------------------------------------------------------------
 */

static void
keep(int64_t **values, size_t *count, size_t *cap, int64_t value)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : BENCH_SLOTS;
        *values = realloc(*values, *cap * sizeof **values);
        if (!*values)
            bench_fail("out of memory");
    }
    (*values)[(*count)++] = value;
}

unsigned
bench_run_sent(struct bench_run *run)
{
    int64_t now = clock_mono_us();
    unsigned slot = (unsigned)(run->sent % BENCH_SLOTS);
    run->sent_us[slot] = now;
    if (run->rate > 0)
        keep(&run->late, &run->late_count, &run->late_cap, now - due_us(run, run->sent));
    run->sent++;
    return slot;
}

void
bench_run_done(struct bench_run *run, unsigned slot, bool good)
{
    int64_t now = clock_mono_us();
    run->answered++;
    run->errors += !good;
    run->last_us = now;
    if (!run->warm && now - run->begin_us > (int64_t)(run->seconds * 1e5)) {
        run->warm = true;
        run->latency_count = run->late_count = 0;
        run->counted_us = now;
        return;
    }
    keep(&run->latencies, &run->latency_count, &run->latency_cap, now - run->sent_us[slot]);
}

static int
by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static long long
quantile(const int64_t *values, size_t count, double q)
{
    return count ? (long long)values[(size_t)(q * (double)(count - 1))] : 0;
}

int
bench_run_end(struct bench_run *run)
{
    double took = (double)(run->last_us - run->counted_us) / 1e6;
    if (run->latency_count)
        qsort(run->latencies, run->latency_count, sizeof *run->latencies, by_value);
    if (run->late_count)
        qsort(run->late, run->late_count, sizeof *run->late, by_value);
    printf("{\"count\":%zu,\"errors\":%llu,\"rate\":%.1f,\"p50_us\":%lld,\"p99_us\":%lld,"
           "\"late_p99_us\":%lld}\n",
           run->latency_count, (unsigned long long)run->errors,
           took > 0 ? (double)run->latency_count / took : 0,
           quantile(run->latencies, run->latency_count, 0.5),
           quantile(run->latencies, run->latency_count, 0.99),
           quantile(run->late, run->late_count, 0.99));
    int result = run->errors || !run->latency_count;
    free(run->sent_us);
    free(run->latencies);
    free(run->late);
    return result;
}

/* ---- events -----------------------------------------------------------------------------------
 */

uint32_t
bench_run_id(void)
{
    return (uint32_t)(clock_wall_ms() ^ (int64_t)getpid() << 16) & 0x7fffffff;
}

void
bench_event_id(char id[BENCH_ID_MAX], uint32_t run_id, uint64_t n)
{
    snprintf(id, BENCH_ID_MAX, "seminar-on-corridors-%u-%llu", run_id, (unsigned long long)n);
}

void
bench_event_day(char day[16], uint64_t n)
{
    snprintf(day, 16, "2031-%02u-%02u", (unsigned)(n / 28 % 12 + 1), (unsigned)(n % 28 + 1));
}

static void
pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

static void
write_common(struct buf *buf, const char *id, uint64_t n)
{
    char day[16];
    bench_event_day(day, n);
    pair(buf, "id", id);
    pair(buf, "title", "Seminar on the development of secure and effective transport corridors");
    pair(buf, "kind", "seminar");
    pair(buf, "dimension", "economic");
    pair(buf, "area", "tourism");
    pair(buf, "host", "KZ");
    mp_string(buf, "year");
    mp_int(buf, 2031);
    mp_string(buf, "sessions");
    mp_array(buf, 1);
    mp_map(buf, 2);
    pair(buf, "start", day);
    pair(buf, "end", day);
}

void
bench_event_draft(struct buf *buf, const char *id, uint64_t n)
{
    mp_map(buf, 8);
    write_common(buf, id, n);
}

void
bench_event_document(struct buf *buf, const char *id, uint64_t n)
{
    mp_map(buf, 11);
    write_common(buf, id, n);
    pair(buf, "status", "proposed");
    mp_string(buf, "additional");
    mp_bool(buf, false);
    mp_string(buf, "rev");
    mp_int(buf, 1);
}
