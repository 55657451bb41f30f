/* Reminders at work: what the log says of events, milestones and decisions is brought to the
 * reminders about them, and those that are due are told, each once. Every replica does it; the
 * commits leave one winner. It must not know how reminders are asked for. */
#ifndef CBM_NOTIFY_REMINDERS_H
#define CBM_NOTIFY_REMINDERS_H

#include "services/notify/notify_publisher.h"

struct notify_reminders;

/* Listens to the publisher, which is destroyed before it; nothing is done until it is started. NULL
 * when out of memory. */
struct notify_reminders *notify_reminders_new(struct loop *loop,
                                              struct notify_publisher *publisher);

/* Starts it for a service, which ends before it is destroyed, and which it tells how far it has
 * read (service_set_position). */
void notify_reminders_start(struct notify_reminders *reminders, struct service *service);

/* Somebody is about to put a reminder: from now on what the log says is kept for it, beginning with
 * what is there. op_wait_seq waits for it. */
void notify_reminders_wake(struct notify_reminders *reminders);

void notify_reminders_destroy(struct notify_reminders **reminders);

#endif
