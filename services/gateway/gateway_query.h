/* What a request for a stream asks for: its query and headers, as they come. Pure: it must not know
 * HTTP or the log. */
#ifndef CBM_GATEWAY_QUERY_H
#define CBM_GATEWAY_QUERY_H

#include "common/auth/audience_filter.h"
#include "common/base/buf.h"

#define GATEWAY_QUERY_MAX 8192 /* bytes of all names and values */

enum gateway_from { FROM_NOW, FROM_START, FROM_SEQ, FROM_TIME };

/* An embedded value: zeroed is the empty request. What is in `filter` is borrowed from `text`. */
struct gateway_query {
    struct subscription_filter filter;
    bool thin;
    enum gateway_from from;
    int64_t number;    /* a seq, or ms since 1970 */
    const char *field; /* where that is from: "from" or "Last-Event-ID" */
    struct buf lists[7], text;
    unsigned counts[7];
    struct text from_text, payload, token; /* borrowed from whoever added them */
    size_t len;
};

/* One parameter, in the order of the query; `value` is absent if it has none. `name` and `value`
 * must outlive gateway_query_end. STATUS_OK or STATUS_INVALID_ARGUMENT, told in `error`. */
enum status gateway_query_add(struct gateway_query *query, struct text name, struct text value,
                              struct error *error);

/* All have been added: checks them. `last_event_id` is the header's value, absent or empty for
 * none; it goes before `from`. */
enum status gateway_query_end(struct gateway_query *query, struct text last_event_id,
                              struct error *error);

/* Whether somebody may see what it asks for. STATUS_OK or STATUS_PERMISSION_DENIED. */
enum status gateway_query_allowed(const struct gateway_query *query,
                                  const struct principal *principal, struct error *error);

void gateway_query_fini(struct gateway_query *query);

#endif
