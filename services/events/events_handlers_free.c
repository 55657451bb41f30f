#include "services/events/events_handlers_clash.h"
enum status calendar_free_handle(struct op *op, const void *params){(void)params; return op_no_memory(op);}
