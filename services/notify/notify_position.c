/* See notify_position.h. The seq of a time is searched by halving, in the open tree and in the
 * private one: the later of both is the last record before that time. */
#include "services/notify/notify_position.h"

#include "common/msg/mp.h"
#include "services/notify/notify_handlers.h"

/* The greatest seq up to which every record under the prefix is older than the time. */
static enum status
seq_before(struct op *op, struct text prefix, int64_t time_ms, int64_t *out)
{
    struct op_log_page page;
    enum status status = op_log_read(op, prefix, 0, 0, &page);
    if (status != STATUS_OK)
        return status;
    int64_t low = page.first > 0 ? page.first - 1 : 0, high = page.last > low ? page.last : low;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        status = op_log_read(op, prefix, middle, 1, &page);
        if (status != STATUS_OK)
            return status;
        if (!page.count || page.records[0].time_ms >= time_ms)
            high = middle;
        else
            low = page.records[0].seq;
    }
    *out = low;
    return STATUS_OK;
}

static enum status
position_of_seq(struct op *op, int64_t seq, const char *field, int64_t *after)
{
    struct op_log_page page;
    int64_t last;
    enum status status = op_seq(op, &last);
    enum status other = op_log_read(op, TEXT_LITERAL(""), 0, 0, &page);
    if (status != STATUS_OK || other != STATUS_OK)
        return status != STATUS_OK ? status : other;
    if (seq > last)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, field, "%s: the log ends with %lld",
                         field, (long long)last);
    if (page.first > 1 && seq < page.first - 1)
        return notify_handlers_trimmed(op, field, seq, page.first);
    *after = seq;
    return STATUS_OK;
}

static enum status
position_of_time(struct op *op, int64_t time_ms, const char *field, int64_t *after)
{
    int64_t open, private;
    enum status status = seq_before(op, TEXT_LITERAL(""), time_ms, &open);
    enum status other = seq_before(op, TEXT_LITERAL("private."), time_ms, &private);
    if (status != STATUS_OK || other != STATUS_OK)
        return status != STATUS_OK ? status : other;
    return position_of_seq(op, open > private ? open : private, field, after);
}

enum status
notify_position(struct op *op, struct text value, const char *field, int64_t *after)
{
    struct mp_value read = {.type = MP_TEXT, .bytes = TEXT_LITERAL("now")};
    struct op_log_page page;
    int64_t number;
    if (value.ptr)
        mp_read(value.ptr, &read);
    if (read.type == MP_TEXT && text_is(read.bytes, "now"))
        return op_seq(op, after);
    if (read.type == MP_TEXT && text_is(read.bytes, "start")) {
        enum status status = op_log_read(op, TEXT_LITERAL(""), 0, 0, &page);
        *after = status == STATUS_OK && page.first > 1 ? page.first - 1 : 0;
        return status;
    }
    if (read.type == MP_TEXT && text_to_number(read.bytes, &number))
        return position_of_seq(op, number, field, after);
    if (read.type == MP_INT && !read.big && read.number >= 0)
        return position_of_seq(op, read.number, field, after);
    if (read.type == MP_TEXT && time_parse(read.bytes, &number))
        return position_of_time(op, number, field, after);
    return error_set(op_error(op), STATUS_INVALID_ARGUMENT, field,
                     "%s: want now, start, a seq, or an RFC 3339 time", field);
}
