/* Topics and their prefixes (design section 4). Pure. */
#ifndef CBM_LOG_TOPIC_H
#define CBM_LOG_TOPIC_H

#include "common/base/text.h"

#define TOPIC_MAX 300
#define TOPIC_LEVELS_MAX 8

/* "events.human.-.id.": 1 to 8 levels of [A-Za-z0-9_-]+, each ended by a dot. */
bool topic_valid(struct text topic);

/* "" or a valid topic: a prefix that ends at a level. */
bool topic_prefix_valid(struct text prefix);

bool topic_starts_with(struct text topic, struct text prefix);

/* Whether records on it are not for everyone ("private.…"): they count in their own tree only. */
bool topic_private(struct text topic);

/* The prefixes of a valid topic under which it counts: from "" (from "private." if private) to the
 * whole topic. Returns how many; `out` borrows from the topic. */
unsigned topic_prefixes(struct text topic, struct text out[TOPIC_LEVELS_MAX + 1]);

/* The last level, without its dot: the subject of a record. */
struct text topic_subject(struct text topic);

#endif
