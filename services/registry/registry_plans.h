/* Opens the decisions that plans ask for: follows `plan.` on the log, and for a plan that stands
 * submitted sees to it that its decision is there, or that the log says why not. It must not know
 * how decisions are taken. */
#ifndef CBM_REGISTRY_PLANS_H
#define CBM_REGISTRY_PLANS_H

#include "common/service/service.h"

struct registry_plans;

/* Follows the log; nothing is opened until it is started. `redis` and `org` as in struct
 * service_config. NULL when out of memory. */
struct registry_plans *registry_plans_new(struct loop *loop, const char *redis, const char *org);

/* Starts it for a service, which ends before it is destroyed. */
void registry_plans_start(struct registry_plans *plans, struct service *service);
void registry_plans_destroy(struct registry_plans **plans);

#endif
