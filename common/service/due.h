/* A clock that acts: what a service left in its index under an instant is worked on when that has
 * come by the store's clock, in every replica at once, for the commit leaves one winner. Nothing
 * but the time at which it happens may depend on it. It must not know what is due. */
#ifndef CBM_SERVICE_DUE_H
#define CBM_SERVICE_DUE_H

#include "common/service/service.h"

/* By so much the clock that it estimates may be ahead of the store's: what a handler is called for
 * counts as due, and op_not_before makes it certain. */
#define DUE_EARLY_MS 10

/* What the handler gets as its `params`. It must remove the entry, or the next look finds it again.
 */
struct due {
    int64_t at_ms;
    char id[TEXT_ID_MAX + 1];
};

/* The index entry "<prefix><20 digits, ms>|<id>", for op_index_add and op_index_remove. */
struct text due_entry(struct op *op, const char *prefix, int64_t at_ms, struct text id);

struct due_clock;

/* Makes one on the loop; it does nothing until it is started. `prefix` is borrowed for good. NULL
 * without memory. */
struct due_clock *due_clock_new(struct loop *loop, const char *prefix, op_handler_fn *handler);

/* Starts it for a service, which ends before it is destroyed. */
void due_clock_start(struct due_clock *clock, struct service *service);
void due_clock_destroy(struct due_clock **clock);

/* An instant (ms, by the store's clock) that is about to be committed: near ones are looked for in
 * time. A hint and no more: what it misses, the next look finds. NULL is passed over. */
void due_clock_hint(struct due_clock *clock, int64_t at_ms);

#endif
