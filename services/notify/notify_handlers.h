/* The methods of notify, in the order of common/msg/notify.def. It must not know sockets. */
#ifndef CBM_NOTIFY_HANDLERS_H
#define CBM_NOTIFY_HANDLERS_H

#include "common/service/op.h"

extern op_handler_fn *const notify_handlers[];

#endif
