/* What a service has to do because of what it saw on the log, kept until it is done: each chore has
 * a key, is worked on by an operation of the service's own, and is tried again when that fails.
 * Every replica has the same chores, so the handler must be right whoever was first, and do nothing
 * then. It must not know what they are. */
#ifndef CBM_SERVICE_CHORES_H
#define CBM_SERVICE_CHORES_H

#include "common/service/service.h"

struct chores;

/* Makes an empty list on the loop; nothing is done until it is started. NULL without memory. */
struct chores *chores_new(struct loop *loop, op_handler_fn *handler);

/* Starts it for a service, which ends before it is destroyed. A second call does nothing. */
void chores_start(struct chores *chores, struct service *service);
void chores_destroy(struct chores **chores);

/* Adds a chore, or gives the one of that key other data (it is done again if it is under way). Both
 * are copied. False without memory. */
bool chores_put(struct chores *chores, struct text key, struct text data);

/* Takes the chore of a key away, if there is one: it need not be done any more. */
void chores_drop(struct chores *chores, struct text key);

/* For the handler: what `params` says. The texts are never absent and live as long as the
 * operation. */
void chores_read(const void *params, struct text *key, struct text *data);

#endif
