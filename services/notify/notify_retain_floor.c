/* What holds the log back (notify_retain.h): the slowest durable cursor, and what is not signed
 * yet. It must not know what is trimmed. */
#include "services/notify/notify_chain.h"
#include "services/notify/notify_retain.h"

enum status
notify_retain_floor(struct op *op, struct notify_floor *out)
{
    struct checkpoint head;
    enum status status =
        op_peek(op, NOTIFY_CHAIN, text_of(NOTIFY_CHAIN_HEAD), &checkpoint_schema, &head, NULL);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *out = (struct notify_floor){status == STATUS_OK ? head.seq : 0, TEXT_LITERAL("checkpoint")};
    return STATUS_OK;
}
