/* The subscriptions of row 8 and the records that they are for, the same for this system and its
 * peers: every record is for BENCH_MATCHES of them. It must not know who is measured. */
#ifndef CBM_BENCH_MATCH_H
#define CBM_BENCH_MATCH_H

#include "common/base/buf.h"

#define BENCH_MATCHES 10

/* What tells the subscriptions apart: their topics, or the host of one and the same topic. */
enum bench_match_by { BENCH_MATCH_TOPIC, BENCH_MATCH_HOST };

struct bench_match_texts {
    char pattern[64], topic[64], host[17];
};

/* The n-th subscription: its pattern, and its host ("" for any). */
void bench_match_subscription(enum bench_match_by by, unsigned n, struct bench_match_texts *out);

/* The n-th record beside `count` subscriptions: its topic and its host. */
void bench_match_record(unsigned n, unsigned count, struct bench_match_texts *out);

/* Its data: an event as it is published. */
void bench_match_data(struct buf *buf, const struct bench_match_texts *record);

#endif
