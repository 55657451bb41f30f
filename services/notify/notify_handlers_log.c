/* The handlers that tell what the log keeps and prove it: log.status, log.key, log.checkpoints,
 * log.proof. They must not know sockets or Redis. */
#include "common/msg/messages.h"
#include "common/msg/mp.h"
#include "services/notify/notify.h"
#include "services/notify/notify_chain.h"
#include "services/notify/notify_handlers.h"
#include "services/notify/notify_proof.h"
#include "services/notify/notify_retain.h"

#define LIMIT_DEFAULT 100

static void
put_number(struct buf *out, const char *key, int64_t value)
{
    mp_string(out, key);
    mp_int(out, value);
}

static void
put_time(struct buf *out, const char *key, int64_t ms)
{
    char time[TIME_TEXT_MAX];
    time_print(ms, time);
    mp_string(out, key);
    mp_string(out, time);
}

enum status
log_status_handle(struct op *op, const void *params)
{
    (void)params;
    struct op_log_page log, oldest;
    struct notify_floor floor;
    enum status status = op_log_read(op, TEXT_LITERAL(LOG_ALL), 0, 0, &log);
    enum status held = notify_retain_floor(op, &floor);
    if (status != STATUS_OK || held != STATUS_OK)
        return status != STATUS_OK ? status : held;
    status = op_log_read(op, TEXT_LITERAL(LOG_ALL), log.first - 1, 1, &oldest);
    if (status != STATUS_OK)
        return status;
    const struct notify_retain_policy *policy = notify_retain_policy(notify_of(op)->retain);
    struct log_trimmed stands = notify_retain_stands(notify_of(op)->retain);
    bool any = oldest.count && oldest.records[0].topic.ptr;
    struct buf *out = op_result(op);
    mp_map(out, any ? 8 : 7);
    put_number(out, "first", log.first);
    put_number(out, "last", log.last);
    put_number(out, "records", log.last - log.first + 1);
    put_number(out, "trimmed", stands.done);
    put_number(out, "removed", stands.removed);
    if (any)
        put_time(out, "oldest_time", oldest.records[0].time_ms);
    mp_string(out, "floor");
    mp_map(out, 2);
    mp_string(out, "what");
    mp_text(out, floor.what);
    put_number(out, "seq", floor.seq);
    mp_string(out, "retain");
    mp_map(out, 3);
    put_number(out, "days", policy->days);
    put_number(out, "records", policy->records);
    mp_string(out, "past_cursors");
    mp_bool(out, policy->past_cursors);
    return STATUS_OK;
}

enum status
log_key_handle(struct op *op, const void *params)
{
    (void)params;
    struct buf *out = op_result(op);
    mp_map(out, 1);
    mp_string(out, "key");
    mp_string(out, notify_chain_key(notify_of(op)->chain)->public);
    return STATUS_OK;
}

/* The seq that a page begins behind; -1 for a cursor that is none. */
static int64_t
page_after(const struct log_checkpoints *in)
{
    int64_t after = 0;
    if (!in->cursor.len)
        return in->after == INT_NONE ? 0 : in->after;
    for (uint32_t i = 0; i < in->cursor.len; i++) {
        if (in->cursor.ptr[i] < '0' || in->cursor.ptr[i] > '9' || i == 18)
            return -1;
        after = after * 10 + (in->cursor.ptr[i] - '0');
    }
    return after;
}

enum status
log_checkpoints_handle(struct op *op, const void *params)
{
    const struct log_checkpoints *in = params;
    struct op_range range;
    int64_t seq, after = page_after(in), last = 0;
    if (after < 0)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before");
    unsigned limit = in->limit == INT_NONE ? LIMIT_DEFAULT : (unsigned)in->limit;
    enum status counted = op_seq(op, &seq);
    enum status status =
        op_scan(op,
                op_format(op, NOTIFY_CHECKPOINT "|%.*s", TEXT_ARG(notify_chain_id(op, after + 1))),
                TEXT_LITERAL(NOTIFY_CHECKPOINT "}"), limit + 1, &range);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    unsigned count = range.count < limit ? range.count : limit;
    uint32_t head = sizeof NOTIFY_CHECKPOINT;
    op_list_begin(op);
    for (unsigned i = 0; i < count; i++) {
        struct checkpoint checkpoint;
        struct text id = {range.items[i].ptr + head, range.items[i].len - head}, bytes;
        enum status read =
            op_peek(op, NOTIFY_CHECKPOINT, id, &checkpoint_schema, &checkpoint, &bytes);
        if (read == STATUS_NOT_FOUND)
            continue; /* trimmed since it was scanned */
        if (read != STATUS_OK) {
            status = read;
            continue;
        }
        op_list_item_raw(op, bytes);
        last = checkpoint.seq;
    }
    if (status != STATUS_OK)
        return status;
    op_list_end(op, range.count > limit ? op_format(op, "%lld", (long long)last) : TEXT_NONE, seq);
    return STATUS_OK;
}

enum status
log_proof_handle(struct op *op, const void *params)
{
    const struct log_proof *in = params;
    struct notify_proof *proof = op_alloc(op, sizeof *proof);
    if (!proof)
        return op_no_memory(op);
    *proof = (struct notify_proof){.from = in->from, .to = in->to};
    enum status status = notify_proof_find(op, proof);
    return status == STATUS_OK ? notify_proof_answer(op, proof, in->to, op_result(op)) : status;
}
