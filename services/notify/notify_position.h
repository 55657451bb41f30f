/* Where in the log something begins, as a caller says it. It must not know what begins there. */
#ifndef CBM_NOTIFY_POSITION_H
#define CBM_NOTIFY_POSITION_H

#include "common/service/op.h"

/* Fills `after`: what begins has a greater seq. `value` is an encoded text or number, absent for
 * the end of the log:
 *
 *   "now"  the end of the log     "start"  all that is kept     a seq  what is behind it
 *   an RFC 3339 time  the first record of that time or later
 *
 * STATUS_OK, STATUS_AGAIN, STATUS_INVALID_ARGUMENT with the field, or STATUS_FAILED_PRECONDITION
 * for what is not kept any more. */
enum status notify_position(struct op *op, struct text value, const char *field, int64_t *after);

#endif
