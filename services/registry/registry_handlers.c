/* The table of handlers, and what they share (registry_handlers.h).
 * It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

#include <string.h>

#include "common/msg/schema_mp.h"

#define METHOD(id, name, params, result, read_only, permission, answers, doc) id##_handle,
op_handler_fn *const registry_handlers[] = {
#include "common/msg/def_begin.h"
#include "common/msg/registry.def"
#include "common/msg/def_end.h"
};

enum status
registry_handlers_cites(struct op *op, struct text decision)
{
    if (!decision.ptr)
        return STATUS_OK;
    struct text bytes;
    enum status status = op_load_raw(op, "decision", decision, &bytes);
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "decision",
                     "decision: there is no decision %.*s; cite one that is recorded, or leave it "
                     "out",
                     TEXT_ARG(decision));
}

enum status
registry_handlers_known(struct op *op, const char *kind, const char *field, struct text code)
{
    struct text bytes;
    if (!code.ptr)
        return STATUS_OK;
    enum status status = op_load_raw(op, kind, code, &bytes);
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, field,
                     "%s: there is no %s %.*s; record it by %s.put first", field, kind,
                     TEXT_ARG(code), kind);
}

#define NAME_TRIES 20

enum status
registry_handlers_name(struct op *op, const struct registry_naming *naming, void *message,
                       struct text *id)
{
    char slug[TEXT_ID_MAX + 1];
    *id = naming->given;
    if (id->ptr)
        return op_load(op, naming->kind, *id, naming->schema, message);
    if (!text_slug(naming->title, slug))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "id",
                         "id: is missing, and there are no letters to make one from");
    for (unsigned n = 1; n <= NAME_TRIES; n++) {
        *id = n == 1 ? op_format(op, "%s", slug) : op_format(op, "%s-%u", slug, n);
        enum status status = op_load(op, naming->kind, *id, naming->schema, message);
        if (status != STATUS_OK || naming->same(message, naming->params))
            return status;
    }
    return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                     "id: %s and the %d after it are taken; give an id", slug, NAME_TRIES - 1);
}

#define PARTICIPANTS_MAX 2000

enum status
registry_handlers_members(struct op *op, date_day day, struct registry_members **out)
{
    struct op_range range;
    bool again = false;
    struct registry_members *members = op_alloc(op, sizeof *members);
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!members || !participant)
        return registry_no_memory(op);
    *out = members;
    members->count = 0;
    enum status status = op_scan(op, TEXT_LITERAL("participant:"), TEXT_LITERAL("participant;"),
                                 PARTICIPANTS_MAX, &range);
    for (uint32_t i = 0; status == STATUS_OK && i < range.count; i++) {
        struct text code = {range.items[i].ptr + strlen("participant:"),
                            range.items[i].len - (uint32_t)strlen("participant:")};
        status = op_peek(op, "participant", code, &participant_schema, participant, NULL);
        again |= status == STATUS_AGAIN;
        if (status == STATUS_OK && members->count < REGISTRY_MEMBERS_MAX &&
            registry_participant_on(participant, day) == PARTICIPANT_MEMBER)
            members->codes[members->count++] = code;
        if (status == STATUS_AGAIN || status == STATUS_NOT_FOUND)
            status = STATUS_OK;
    }
    return status == STATUS_OK && again ? STATUS_AGAIN : status;
}

static void
write_span(struct buf *buf, const struct registry_span *span)
{
    char day[DATE_TEXT_MAX];
    mp_map(buf, span->code.ptr ? 3 : 2);
    mp_string(buf, "from");
    date_print(span->from, day);
    mp_string(buf, day);
    mp_string(buf, "to");
    date_print(span->to, day);
    mp_string(buf, day);
    if (span->code.ptr) {
        mp_string(buf, "code");
        mp_text(buf, span->code);
    }
}

void
registry_handlers_details(struct op *op, const struct registry_spans *spans)
{
    struct error *error = op_error(op);
    struct buf buf = {0};
    if (!spans->count)
        return;
    mp_map(&buf, 1);
    mp_string(&buf, "spans");
    mp_array(&buf, spans->count);
    for (unsigned i = 0; i < spans->count; i++)
        write_span(&buf, &spans->items[i]);
    if (!buf.failed && buf.len <= sizeof error->details) {
        memcpy(error->details, buf.data, buf.len);
        error->details_len = (uint32_t)buf.len;
    }
    buf_fini(&buf);
}

/* ---- lists ---- */

/* Where a list has come to. `last` is the last code given, `seen` the last one looked at. */
struct progress {
    unsigned given;
    size_t bytes; /* of the documents looked at */
    bool more;
    struct text last, seen;
};

/* A page ends early, and `next` goes on, where it would cost too much: documents looked at in one
 * round, rounds, and bytes (a reply must stay well under the limit of a message). */
#define CHUNK_MAX 100
#define CHUNKS_MAX 16
#define LIST_BYTES_MAX (512u * 1024)

static struct text
code_of_entry(const char *kind, struct text entry)
{
    uint32_t skip = (uint32_t)strlen(kind) + 1;
    return (struct text){entry.ptr + skip, entry.len > skip ? entry.len - skip : 0};
}

/* Every document of a chunk is asked for before waiting for any: one round for all. */
static enum status
give_chunk(struct op *op, const struct registry_list *list, const struct op_range *range,
           unsigned limit, void *message, struct progress *progress)
{
    bool again = false;
    for (unsigned i = 0; i < range->count; i++) {
        struct text bytes = TEXT_NONE, code = code_of_entry(list->kind, range->items[i]);
        enum status status = op_peek(op, list->kind, code, list->schema, message, &bytes);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_AGAIN)
            return status;
        again |= status == STATUS_AGAIN;
        bool wanted = status == STATUS_OK && list->wanted(message, list->arg);
        if (wanted && progress->given == limit) {
            progress->more = true;
            break;
        }
        if (wanted) {
            op_list_item(op, list->schema, message);
            progress->given++;
            progress->last = code;
        }
        progress->seen = code;
        progress->bytes += bytes.len;
        if (progress->bytes >= LIST_BYTES_MAX) {
            progress->more = true;
            progress->last = code;
            break;
        }
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

/* The chunks of a list: the first has one more than the page, so that a short page without filters
 * needs one round; then as many as it takes, within bounds. */
static enum status
give_chunks(struct op *op, const struct registry_list *list, unsigned limit, void *message,
            struct progress *progress)
{
    unsigned size = (limit < CHUNK_MAX ? limit : CHUNK_MAX) + 1;
    struct text upto = op_format(op, "%s;", list->kind); /* ';' follows ':' */
    progress->seen = list->cursor;
    for (unsigned chunk = 0; chunk < CHUNKS_MAX; chunk++) {
        /* '!' comes before everything that a code may go on with */
        struct text from = progress->seen.len
                               ? op_format(op, "%s:%.*s!", list->kind, TEXT_ARG(progress->seen))
                               : op_format(op, "%s:", list->kind);
        struct op_range range;
        enum status status = op_scan(op, from, upto, size, &range);
        if (status == STATUS_OK)
            status = give_chunk(op, list, &range, limit, message, progress);
        if (status != STATUS_OK || progress->more || range.count < size)
            return status;
    }
    progress->more = true;
    progress->last = progress->seen;
    return STATUS_OK;
}

enum status
registry_handlers_list(struct op *op, const struct registry_list *list)
{
    if (list->cursor.len && !text_is_code(list->cursor) && !text_is_id(list->cursor))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before, which is a code or an id");
    int64_t seq;
    enum status status = op_seq(op, &seq);
    void *message = op_alloc(op, list->schema->size);
    if (!message)
        return registry_no_memory(op);
    if (status != STATUS_OK && status != STATUS_AGAIN)
        return status;
    bool wait = status == STATUS_AGAIN;
    struct progress progress = {0};
    op_list_begin(op);
    status = give_chunks(op, list,
                         list->limit == INT_NONE ? REGISTRY_LIMIT_DEFAULT : (unsigned)list->limit,
                         message, &progress);
    if (status != STATUS_OK)
        return status;
    if (wait)
        return STATUS_AGAIN;
    op_list_end(op, progress.more ? progress.last : TEXT_NONE, seq);
    return STATUS_OK;
}
