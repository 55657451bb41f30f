/* See notify_handlers.h. */
#include "services/notify/notify_handlers.h"

#include "common/auth/audience.h"
#include "common/log/topic.h"
#include "common/msg/messages.h"
#include "common/msg/mp.h"

#define LIMIT_DEFAULT 100

/* A page ends before it: with its envelope the answer stays under MP_BYTES_MAX, beyond which
 * readers refuse it. A single record is always given; documents are far smaller. */
#define PAGE_BYTES_MAX (MP_BYTES_MAX - 65536)

#define METHOD(id, name, params, result, read_only, permission, answers, doc) id##_handle,
op_handler_fn *const notify_handlers[] = {
#include "common/msg/def_begin.h"
#include "common/msg/notify.def"
#include "common/msg/def_end.h"
};

static enum status
check_prefix(struct op *op, struct text prefix)
{
    if (!topic_prefix_valid(prefix))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "prefix",
                         "a prefix is \"\" or ends at a level, as \"events.human.\" does");
    if (!audience_may_see(op_principal(op), prefix))
        return error_set(op_error(op), STATUS_PERMISSION_DENIED, "prefix",
                         "prefix: records under %.*s are not for %s; want an open prefix, or one "
                         "under private.<who you speak for>.",
                         TEXT_ARG(prefix), op_principal(op)->id);
    return STATUS_OK;
}

enum status
notify_handlers_trimmed(struct op *op, const char *field, int64_t after, int64_t first)
{
    return op_refuse_trimmed(op, field, "records", after, first);
}

/* How many records fit into an answer in either form, at least one if there is any. */
static unsigned
records_that_fit(const struct op_log_page *page)
{
    size_t bytes = 0;
    unsigned count = 0;
    while (count < page->count) {
        const struct log_record *record = &page->records[count];
        bytes += LOG_ITEM_ROOM + (size_t)record->stored.len + record->topic.len;
        if (count && bytes > PAGE_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

/* Both write so many records, or those before one that is damaged, and return how many: the reader
 * of the next page is told of the hole. */
static unsigned
write_items(struct buf *out, const struct log_record *records, unsigned count)
{
    size_t begin = out->len;
    mp_string(out, "items");
    mp_array(out, count);
    for (unsigned i = 0; i < count; i++)
        if (log_record_item(&records[i], out) != STATUS_OK) {
            out->len = begin;
            return write_items(out, records, i);
        }
    return count;
}

#define PACK_TAIL 64 /* what follows in the answer */

static unsigned
write_pack(struct buf *out, const struct log_record *records, unsigned count)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++)
        len += log_pack_len(&records[i]);
    mp_string(out, "records");
    mp_bin_head(out, len);
    buf_reserve(out, len + PACK_TAIL); /* at once: it is too long to grow by copying */
    for (unsigned i = 0; i < count; i++)
        log_pack_add(out, &records[i]);
    return count;
}

enum status
log_read_handle(struct op *op, const void *params)
{
    const struct log_read *in = params;
    struct op_log_page page = {0};
    enum status status = check_prefix(op, in->prefix);
    if (status != STATUS_OK)
        return status;
    unsigned limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    status = op_log_read(op, in->prefix, in->after, limit, &page);
    if (status != STATUS_OK)
        return status;
    if (page.first > 1 && in->after < page.first - 1)
        return notify_handlers_trimmed(op, "after", in->after, page.first);
    struct buf *out = op_result(op);
    unsigned count = records_that_fit(&page);
    mp_map(out, 4);
    count = (in->form == FORM_COMPACT ? write_pack : write_items)(out, page.records, count);
    if (count == 0 && in->after < page.last) /* never an empty page before the end */
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the record after %lld is damaged",
                         (long long)in->after);
    mp_string(out, "next");
    mp_uint(out, (uint64_t)(count ? page.records[count - 1].seq : in->after));
    mp_string(out, "last");
    mp_uint(out, (uint64_t)page.last);
    mp_string(out, "first");
    mp_uint(out, (uint64_t)page.first);
    return STATUS_OK;
}

enum status
log_last_handle(struct op *op, const void *params)
{
    const struct log_last *in = params;
    struct op_log_page page = {0};
    enum status status = check_prefix(op, in->prefix);
    if (status != STATUS_OK)
        return status;
    status = op_log_read(op, in->prefix, 0, 0, &page);
    if (status != STATUS_OK)
        return status;
    struct buf *out = op_result(op);
    mp_map(out, 1);
    mp_string(out, "seq");
    mp_uint(out, (uint64_t)page.last);
    return STATUS_OK;
}
