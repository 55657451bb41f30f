/* See bench_match.h: subscriptions come in groups of BENCH_MATCHES, a record is for one group. */
#include "tests/bench/bench_match.h"

#include <stdio.h>

#include "common/msg/mp.h"

#define PATTERNS 5

void
bench_match_subscription(enum bench_match_by by, unsigned n, struct bench_match_texts *out)
{
    unsigned group = n / BENCH_MATCHES;
    out->host[0] = '\0';
    switch (n % PATTERNS * (by == BENCH_MATCH_TOPIC)) { /* formats are literals */
    case 1: snprintf(out->pattern, sizeof out->pattern, "events.*.tourism.e-%u", group); break;
    case 2: snprintf(out->pattern, sizeof out->pattern, "events.economic.*.e-%u", group); break;
    case 3: snprintf(out->pattern, sizeof out->pattern, "events.*.*.e-%u", group); break;
    case 4: snprintf(out->pattern, sizeof out->pattern, "*.economic.tourism.e-%u", group); break;
    default:
        snprintf(out->pattern, sizeof out->pattern, "events.economic.tourism.e-%u", group);
        break;
    }
    if (by == BENCH_MATCH_TOPIC)
        return;
    snprintf(out->pattern, sizeof out->pattern, "events.>");
    snprintf(out->host, sizeof out->host, "H%u", group);
}

void
bench_match_record(unsigned n, unsigned count, struct bench_match_texts *out)
{
    unsigned group = (unsigned)((n + 1) * UINT64_C(2654435761) % (count / BENCH_MATCHES));
    snprintf(out->topic, sizeof out->topic, "events.economic.tourism.e-%u.", group);
    snprintf(out->host, sizeof out->host, "H%u", group);
}

static void
write_pair(struct buf *buf, const char *key, const char *value)
{
    mp_string(buf, key);
    mp_string(buf, value);
}

void
bench_match_data(struct buf *buf, const struct bench_match_texts *record)
{
    mp_map(buf, 8);
    write_pair(buf, "id", record->host);
    write_pair(buf, "title",
               "Seminar on the development of secure and effective transport corridors");
    write_pair(buf, "kind", "seminar");
    write_pair(buf, "dimension", "economic");
    write_pair(buf, "area", "tourism");
    write_pair(buf, "host", record->host);
    write_pair(buf, "status", "scheduled");
    mp_string(buf, "sessions");
    mp_array(buf, 1);
    mp_map(buf, 2);
    write_pair(buf, "start", "2031-05-01");
    write_pair(buf, "end", "2031-05-01");
}
