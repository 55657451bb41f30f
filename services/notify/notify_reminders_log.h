/* One step along the log for reminders, and the sending of one that is due: handlers of the
 * service's own operations. They must not know who runs them, or when. */
#ifndef CBM_NOTIFY_REMINDERS_LOG_H
#define CBM_NOTIFY_REMINDERS_LOG_H

#include "common/service/op.h"

/* Whether a record is of the kind that a step reads, or asks for one. */
bool notify_reminders_log_wants(struct text topic);

/* Whether a record tells of a reminder that was put. */
bool notify_reminders_log_tells(struct text topic);

/* Reads some records after the position, plans anew what they change, and moves the position, in
 * one commit; or brings a rule to some of what was there before. Until somebody wants a reminder
 * nothing is kept: while there is no position and `wake` (the params, a bool) does not ask for one,
 * nothing is done. Answers a map {more, upto, dormant}: whether there may be more to do; the whole
 * log's last seq that was passed if not; whether nothing is kept. */
enum status notify_reminders_log_step(struct op *op, const void *params);

/* Tells a reminder that is due (struct due): one record, and none for what is not planned for that
 * time any more. Not before what the log has about it is planned with. */
enum status notify_reminders_log_send(struct op *op, const void *params);

#endif
