/* The clock that acts: settles each silence at its deadline by the store's clock, in every replica
 * at once, for the commit leaves one winner. Nothing depends on it but the time at which the
 * outcome is written: what the outcome is, decision.get says without it. It must not know how
 * decisions are taken. */
#ifndef CBM_REGISTRY_CLOCK_H
#define CBM_REGISTRY_CLOCK_H

#include "common/service/service.h"

struct registry_clock;

/* Makes one on the loop; it does nothing until it is started. NULL without memory. */
struct registry_clock *registry_clock_new(struct loop *loop);

/* Starts it for a service, which ends before it is destroyed. */
void registry_clock_start(struct registry_clock *clock, struct service *service);
void registry_clock_destroy(struct registry_clock **clock);

/* A deadline (ms, by the store's clock) that is about to be committed: near ones are looked for in
 * time. A hint and no more: what it misses, the next look finds. NULL is passed over. */
void registry_clock_hint(struct registry_clock *clock, int64_t deadline_ms);

#endif
