/* See notify_handlers.h. */
#include "services/notify/notify_handlers.h"

#include <string.h>

#include "common/auth/audience.h"
#include "common/log/topic.h"
#include "common/msg/messages.h"
#include "common/msg/mp.h"

#define LIMIT_DEFAULT 100

/* A page ends before it: with its envelope the answer stays under MP_BYTES_MAX, beyond which
 * readers refuse it. A single record is always given; documents are far smaller. */
#define PAGE_BYTES_MAX (MP_BYTES_MAX - 65536)

#define METHOD(id, name, params, result, read_only, permission, answers, doc)                      \
    static op_handler_fn id##_handle;
#include "common/msg/def_begin.h"
#include "common/msg/notify.def"
#include "common/msg/def_end.h"

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

static enum status
refuse_trimmed(struct op *op, int64_t after, int64_t first)
{
    struct error *error = op_error(op);
    struct buf details = {0};
    mp_map(&details, 1);
    mp_string(&details, "first");
    mp_uint(&details, (uint64_t)first);
    error_set(error, STATUS_FAILED_PRECONDITION, "after",
              "records after %lld are no longer all kept: take a snapshot, then read after %lld",
              (long long)after, (long long)first - 1);
    if (!details.failed && details.len <= sizeof error->details) {
        memcpy(error->details, details.data, details.len);
        error->details_len = (uint32_t)details.len;
    }
    buf_fini(&details);
    return STATUS_FAILED_PRECONDITION;
}

/* The seq in the meta of an encoded item; -1 if it has none. */
static int64_t
item_seq(struct text item)
{
    int64_t seq = -1;
    msgpack_zone zone;
    msgpack_object object;
    if (!msgpack_zone_init(&zone, 1024))
        return -1;
    if (mp_unpack(item.ptr, item.len, &zone, &object, NULL) == STATUS_OK)
        mp_as_int(mp_map_get(mp_map_get(&object, "meta"), "seq"), &seq);
    msgpack_zone_destroy(&zone);
    return seq;
}

/* How many items fit into an answer, at least one if there is any. */
static unsigned
items_that_fit(const struct op_log_page *page)
{
    size_t bytes = 0;
    unsigned count = 0;
    while (count < page->count) {
        bytes += page->items[count].len;
        if (count && bytes > PAGE_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

static enum status
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
        return refuse_trimmed(op, in->after, page.first);
    unsigned count = items_that_fit(&page);
    int64_t next = count < page.count ? item_seq(page.items[count - 1]) : page.next;
    if (next < 0 || (count == 0 && in->after < page.last)) /* never an empty page before the end */
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the record after %lld is damaged",
                         (long long)in->after);
    struct buf *out = op_result(op);
    mp_map(out, 4);
    mp_string(out, "items");
    mp_array(out, count);
    if (count) {
        const char *end = page.items[count - 1].ptr + page.items[count - 1].len;
        buf_append(out, page.items[0].ptr, (size_t)(end - page.items[0].ptr));
    }
    mp_string(out, "next");
    mp_uint(out, (uint64_t)next);
    mp_string(out, "last");
    mp_uint(out, (uint64_t)page.last);
    mp_string(out, "first");
    mp_uint(out, (uint64_t)page.first);
    return STATUS_OK;
}

static enum status
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
