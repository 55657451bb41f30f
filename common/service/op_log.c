/* What handlers ask of a log that does not keep everything (docs/decisions/0023-retention.md).
 * It must not know who trims it. */
#include "common/service/op.h"

#include <string.h>

#include "common/msg/mp.h"

enum status
op_refuse_trimmed(struct op *op, const char *field, const char *what, int64_t after, int64_t first)
{
    struct error *error = op_error(op);
    struct buf details = {0};
    mp_map(&details, 1);
    mp_string(&details, "first");
    mp_uint(&details, (uint64_t)first);
    error_set(
        error, STATUS_FAILED_PRECONDITION, field,
        "%s after seq %lld are no longer all kept: %lld is the first that is. What things are "
        "now, a snapshot says (event.list, snapshot.export or `cbm snapshot`); then read on "
        "after %lld",
        what, (long long)after, (long long)first, (long long)first - 1);
    if (!details.failed && details.len <= sizeof error->details) {
        memcpy(error->details, details.data, details.len);
        error->details_len = (uint32_t)details.len;
    }
    buf_fini(&details);
    return STATUS_FAILED_PRECONDITION;
}

/* Each record says which one was before it on its topic. */
enum status
op_log_topic(struct op *op, struct text topic, int64_t after, unsigned limit,
             struct op_log_page *out)
{
    enum status status = op_log_read(op, topic, after, limit, out);
    int64_t seen = after;
    for (unsigned i = 0; status == STATUS_OK && out->first > 1 && i < out->count; i++) {
        if (log_record_before(&out->records[i], topic) > seen)
            return op_refuse_trimmed(op, NULL, "records that this needs", seen, out->first);
        seen = out->records[i].seq;
    }
    return status;
}
