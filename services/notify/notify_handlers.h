/* The methods of notify, in the order of common/msg/notify.def. It must not know sockets. */
#ifndef CBM_NOTIFY_HANDLERS_H
#define CBM_NOTIFY_HANDLERS_H

#include "common/service/op.h"

extern op_handler_fn *const notify_handlers[];

#define METHOD(id, name, params, result, read_only, permission, answers, doc)                      \
    op_handler_fn id##_handle;
#include "common/msg/def_begin.h"
#include "common/msg/notify.def"
#include "common/msg/def_end.h"

/* op_refuse_trimmed for records. */
enum status notify_handlers_trimmed(struct op *op, const char *field, int64_t after, int64_t first);

#endif
