/* The digest of a period: what took place and was decided in it, put in order and counted, and as a
 * text. Pure: the same facts give the same bytes. It must not know the log, stores or codecs.
 *
 * An event belongs to the day on which its last session ended, so that every event is in one of any
 * two digests that follow on one another, and in one month of it. */
#ifndef CBM_NOTIFY_DOMAIN_DIGEST_H
#define CBM_NOTIFY_DOMAIN_DIGEST_H

#include "common/base/buf.h"
#include "common/base/zone.h"
#include "common/msg/messages.h"

struct notify_digest_name {
    struct text code, name;
};

/* An event, and where it stands in the order. */
struct notify_digest_item {
    int month;
    unsigned rank;
    struct digest_event event;
};

/* An event that took place, in the period or not, and has a count, which those of its parts are in,
 * or is a part itself. */
struct notify_digest_series {
    struct text id, series;
    bool counted;
};

/* All borrowed. Names are those of participants and bodies, as they are in effect; dimensions are
 * in the order of the catalogue. */
struct notify_digest {
    date_day from, to;
    struct text language, dimension;
    unsigned event_count, decision_count, change_count, chair_count, document_count;
    struct notify_digest_item *events;
    struct digest_decision *decisions;
    struct digest_change *changes;
    struct digest_chair *chairs;
    struct digest_document *documents;
    unsigned name_count, dimension_count;
    const struct notify_digest_name *names, *dimensions;
    unsigned series_count;
    struct notify_digest_series *series;
    struct digest_totals totals;
};

/* The text in a language, or `otherwise`. */
struct text notify_digest_in(struct text language, uint32_t count, const struct text_pair *texts,
                             struct text otherwise);

/* Whether the event took place in the period, and then what the digest says of it (borrowed from
 * it, but for `counted`, which is true). */
bool notify_digest_event(const struct event *event, const struct digest_get *asked,
                         const struct zone *zone, struct digest_event *out);

/* Which statuses a participant came into in the period, in order: how many, at most 64. */
unsigned notify_digest_changes(const struct participant *participant,
                               const struct digest_get *asked, struct digest_change out[64]);

/* Puts everything in order: events by month, dimension, day and id, the rest by day and id; says
 * which counts are in those of a series, and adds the others up. */
void notify_digest_arrange(struct notify_digest *digest);

/* The end of the run of events, from one on, that are of its month, or of its month and dimension.
 */
unsigned notify_digest_month_end(const struct notify_digest *digest, unsigned first);
unsigned notify_digest_dimension_end(const struct notify_digest *digest, unsigned first);

/* The name of a code: the code itself if there is none. */
struct text notify_digest_name(const struct notify_digest *digest, struct text code);
/* The same of a dimension; what stands for none is named too. */
struct text notify_digest_dimension(const struct notify_digest *digest, struct text code);

/* Appends it as Markdown (CommonMark) or a page of HTML: whatever titles say, they are text. */
void notify_digest_write(const struct notify_digest *digest, bool html, struct buf *out);

#endif
