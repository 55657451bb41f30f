/* What a subscription's filter is, and which records it is for. Pure: what a record says of itself
 * is in its facts (facts.h).
 *
 * A pattern has the levels of a topic; `*` is any one of them, `>` at the end is all further ones,
 * at least one. Neither stands for the first level of private topics: who wants those, names
 * `private`. So no wildcard reaches from the open log into another tree of it. */
#ifndef CBM_LOG_FILTER_H
#define CBM_LOG_FILTER_H

#include "common/base/status.h"
#include "common/log/topic.h"
#include "common/msg/messages.h"

#define FACTS_HOSTS_MAX 17     /* a host and its co-hosts */
#define FACTS_LANGUAGES_MAX 17 /* of the titles by language, and English */
#define FILTER_VALUE_MAX 64    /* bytes of what a condition names */

/* All borrowed; what the record does not say is absent. */
struct facts {
    struct text topic, type, dimension, area, status;
    unsigned level_count, host_count, language_count;
    struct text levels[TOPIC_LEVELS_MAX];
    struct text hosts[FACTS_HOSTS_MAX], languages[FACTS_LANGUAGES_MAX];
};

/* The levels of a topic or pattern, its last dot left out: how many, 0 if they are none or too
 * many. */
unsigned filter_levels(struct text topic, struct text out[TOPIC_LEVELS_MAX]);

/* STATUS_OK, or STATUS_INVALID_ARGUMENT with the field named ("filter.topics[1]"). */
enum status filter_check(const struct subscription_filter *filter, struct error *error);

/* Whether it names a type that ends with `*`: then it is what stands before it. */
bool filter_type_open(struct text type, struct text *begin);

bool filter_topic_matches(struct text pattern, const struct facts *facts);

/* Whether all conditions hold. The filter was checked. */
bool filter_matches(const struct subscription_filter *filter, const struct facts *facts);

/* The trees of the log that it reads, each by the longest prefix that its patterns share: open
 * topics, then private ones. Returns how many: 1 or 2. Borrowed from the filter. */
#define FILTER_TREES_MAX 2
unsigned filter_prefixes(const struct subscription_filter *filter,
                         struct text out[FILTER_TREES_MAX]);

#endif
