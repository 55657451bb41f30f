/* Many filters, and which of them a record is for: work in the order of the matches, however many
 * filters there are. It must not know subscriptions, nor who may see what.
 *
 * Filters are not in a list but under keys. A key has the levels of a pattern that are no
 * wildcards, and of the other conditions that the filter has (type, host, area, …) a value each.
 * Filters have few shapes: where wildcards stand, and which conditions there are. A record has few
 * values of each condition: so for each shape there is, the few keys that it can have are looked
 * up, and what is under them matches. A filter with so many values that it would have too many keys
 * leaves conditions out of them, and is compared whole when it is found. */
#ifndef CBM_NOTIFY_MATCH_H
#define CBM_NOTIFY_MATCH_H

#include "common/log/filter.h"

struct notify_match;

struct notify_match *notify_match_new(void);            /* NULL without memory */
void notify_match_destroy(struct notify_match **match); /* all were removed */

/* Adds a filter that was checked (filter_check); it and `arg` are borrowed until it is
 * removed. NULL without memory: nothing was added. */
struct notify_match_item *notify_match_add(struct notify_match *match,
                                           const struct subscription_filter *filter, void *arg);
void notify_match_remove(struct notify_match *match, struct notify_match_item **item);

/* Calls `fn` with the `arg` of each filter that the facts are for, once. It must not add or remove.
 */
typedef void notify_match_item_fn(void *context, void *arg);
void notify_match_find(struct notify_match *match, const struct facts *facts,
                       notify_match_item_fn *fn, void *context);

/* How many filters were looked at so far: for tests and metrics of the work. */
uint64_t notify_match_compared(const struct notify_match *match);

#endif
