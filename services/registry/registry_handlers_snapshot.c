/* snapshot.*: the whole registry out and in again (docs/decisions/0013-snapshots.md). It must not
 * know sockets or Redis, nor what the documents say: registry_snapshot.c has a row for each kind.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/schema_mp.h"
#include "services/registry/registry_snapshot.h"

/* A page ends early where its documents become so many bytes: a message must hold it, and one more
 * of the largest. */
#define PAGE_BYTES_MAX (512u * 1024)
#define PLACE_MAX 200

/* ---- the state: nothing of the registry changes without a record in one of these trees ---- */

static const char *const trees[] = {"registry.", "decisions.", "private."};
#define TREES (sizeof trees / sizeof *trees)

/* The newest record of all trees. Asked for with another `after` it is read anew. */
static enum status
read_state(struct op *op, int64_t after, int64_t *state)
{
    bool again = false;
    *state = 0;
    for (size_t i = 0; i < TREES; i++) {
        struct op_log_page page;
        enum status status = op_log_read(op, text_of(trees[i]), after, 0, &page);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
        again |= status == STATUS_AGAIN;
        if (status == STATUS_OK && page.last > *state)
            *state = page.last;
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

static enum status
refuse_moved(struct op *op)
{
    return error_set(op_error(op), STATUS_ABORTED, "cursor",
                     "the registry changed while it was exported; begin again without cursor");
}

/* ---- places: index entries, "<kind>:<id>" ---- */

static bool
split(struct text entry, struct text *kind, struct text *id)
{
    const char *colon = entry.len ? memchr(entry.ptr, ':', entry.len) : NULL;
    if (!colon)
        return false;
    *kind = (struct text){entry.ptr, (uint32_t)(colon - entry.ptr)};
    *id = (struct text){colon + 1, entry.len - kind->len - 1};
    return kind->len && (text_is_id(*id) || text_is_code(*id));
}

/* Everything behind a place, up to another (inclusive; absent: the end) . */
static enum status
scan(struct op *op, struct text after, struct text upto, unsigned limit, struct op_range *range)
{
    /* '!' comes before everything that an id may go on with, '~' after */
    struct text from = after.ptr ? op_format(op, "%.*s!", TEXT_ARG(after)) : TEXT_LITERAL("!");
    struct text end = upto.ptr ? op_format(op, "%.*s!", TEXT_ARG(upto)) : TEXT_LITERAL("~");
    return op_scan(op, from, end, limit, range);
}

/* ---- export ---- */

/* "<state>/<place>" of a cursor; the place may be an entry that is no document's. */
static bool
read_cursor(struct text cursor, int64_t *state, struct text *place)
{
    char digits[TEXT_NUMBER_MAX];
    const char *slash = memchr(cursor.ptr, '/', cursor.len);
    size_t len = slash ? (size_t)(slash - cursor.ptr) : 0;
    if (!len || len >= sizeof digits)
        return false;
    memcpy(digits, cursor.ptr, len);
    digits[len] = '\0';
    char *end;
    *state = strtoll(digits, &end, 10);
    *place = (struct text){slash + 1, cursor.len - (uint32_t)len - 1};
    return !*end && place->len;
}

/* Adds the document of an entry to the page; one without a row, or gone, is passed over. */
static enum status
give_document(struct op *op, struct text entry, size_t *bytes)
{
    struct text kind, id, document;
    const struct registry_snapshot_kind *row =
        split(entry, &kind, &id) ? registry_snapshot_kind(kind, id) : NULL;
    if (!row)
        return STATUS_OK;
    enum status status = op_peek(op, row->kind, id, NULL, NULL, &document);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const struct snapshot_item item = {
        .present = true, .kind = kind, .id = id, .document = document};
    op_list_item(op, &snapshot_item_schema, &item);
    *bytes += document.len;
    return STATUS_OK;
}

/* The documents of the range that fit; `last` is the last entry that was given. */
static enum status
give_documents(struct op *op, const struct op_range *range, unsigned limit, struct text *last)
{
    bool again = false;
    size_t bytes = 0;
    for (unsigned i = 0; i < range->count && i < limit && bytes < PAGE_BYTES_MAX; i++) {
        enum status status = give_document(op, range->items[i], &bytes);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
        again |= status == STATUS_AGAIN;
        *last = range->items[i];
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

enum status
snapshot_export_handle(struct op *op, const void *params)
{
    const struct snapshot_export *in = params;
    unsigned limit = in->limit == INT_NONE ? REGISTRY_LIMIT_DEFAULT : (unsigned)in->limit;
    struct text after = TEXT_NONE, last = TEXT_NONE;
    int64_t begun = 0, state, still, seq;
    struct op_range range;
    if (in->cursor.len && !read_cursor(in->cursor, &begun, &after))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "cursor",
                         "cursor: want `next` of the page before");
    enum status counted = op_seq(op, &seq);
    enum status status = read_state(op, 0, &state);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    if (in->cursor.len && begun != state)
        return refuse_moved(op);
    status = scan(op, after, TEXT_NONE, limit + 1, &range);
    if (status != STATUS_OK)
        return status;
    op_list_begin(op);
    status = give_documents(op, &range, limit, &last);
    if (status != STATUS_OK)
        return status;
    /* read again after the documents are here: so they are of one state */
    status = read_state(op, state + 1, &still);
    if (status != STATUS_OK)
        return status;
    if (still != state)
        return refuse_moved(op);
    bool more = range.count && !text_equal(last, range.items[range.count - 1]);
    op_list_end(op, more ? op_format(op, "%" PRId64 "/%.*s", state, TEXT_ARG(last)) : TEXT_NONE,
                seq);
    return STATUS_OK;
}

/* ---- import ---- */

/* An item while it is looked at. */
struct item {
    unsigned number;
    struct text entry; /* "<kind>:<id>" */
    const struct snapshot_item *in;
    const struct registry_snapshot_kind *row;
    void *message;
    int64_t rev;
};

static enum status
refuse_item(struct op *op, const struct item *item, enum status code, const char *why)
{
    char path[ERROR_FIELD_MAX];
    snprintf(path, sizeof path, "items[%u]", item->number);
    return error_set(op_error(op), code, path, "%s: %.*s %.*s %s", path, TEXT_ARG(item->in->kind),
                     TEXT_ARG(item->in->id), why);
}

/* Decodes the document and judges it by itself. */
static enum status
open_item(struct op *op, struct item *item)
{
    struct text rev, place = TEXT_LITERAL("rev");
    item->row = registry_snapshot_kind(item->in->kind, item->in->id);
    if (!item->row || !(text_is_id(item->in->id) || text_is_code(item->in->id)))
        return refuse_item(op, item, STATUS_INVALID_ARGUMENT, "is no document of a snapshot");
    item->message = op_alloc(op, item->row->schema->size);
    if (!item->message)
        return registry_no_memory(op);
    enum status status =
        schema_decode_bytes(item->row->schema, item->in->document.ptr, item->in->document.len,
                            item->message, SCHEMA_STRICT, op_error(op));
    if (status == STATUS_OK && item->row->check)
        status = item->row->check(item->message, op_error(op));
    if (status != STATUS_OK) {
        char why[ERROR_MESSAGE_MAX];
        snprintf(why, sizeof why, "%s", op_error(op)->message);
        return refuse_item(op, item, STATUS_INVALID_ARGUMENT, why);
    }
    rev = registry_snapshot_value(op, item->row->schema, item->message, place);
    item->rev = strtoll(rev.ptr, NULL, 10);
    if (item->rev < 1)
        return refuse_item(op, item, STATUS_INVALID_ARGUMENT, "has no revision");
    if (item->row->id &&
        !text_equal(item->in->id, registry_snapshot_value(op, item->row->schema, item->message,
                                                          text_of(item->row->id))))
        return refuse_item(op, item, STATUS_INVALID_ARGUMENT, "has another id in its document");
    return STATUS_OK;
}

/* Puts the document back, if it is not there. Another one under its id is refused. */
static enum status
put_item(struct op *op, struct item *item, struct snapshot_result *result)
{
    struct text known;
    struct buf document = {0};
    enum status status = op_load_raw(op, item->row->kind, item->in->id, &known);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    schema_encode(item->row->schema, item->message, &document);
    struct text bytes =
        op_join(op, 1, &(struct text){(char *)document.data, (uint32_t)document.len});
    bool failed = document.failed;
    buf_fini(&document);
    if (failed)
        return registry_no_memory(op);
    if (status == STATUS_OK && !text_equal(known, bytes))
        return refuse_item(op, item, STATUS_FAILED_PRECONDITION,
                           "is there with another content; a snapshot is restored into an empty "
                           "registry");
    result->same += status == STATUS_OK;
    if (status == STATUS_OK)
        return STATUS_OK;
    result->restored++;
    op_restore(op, item->row->kind, item->in->id, bytes, item->rev);
    op_index_add(op, item->entry);
    return registry_snapshot_tell(op, item->row, item->message);
}

/* Documents of the registry between two places that the snapshot has not. */
static enum status
check_range(struct op *op, const struct op_range *range, const struct item *items, unsigned count)
{
    unsigned at = 0;
    for (unsigned i = 0; i < range->count; i++) {
        struct text kind, id;
        if (!split(range->items[i], &kind, &id) || !registry_snapshot_kind(kind, id))
            continue;
        while (at < count && text_compare(items[at].entry, range->items[i]) < 0)
            at++;
        if (at == count || !text_equal(items[at].entry, range->items[i]))
            return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "items",
                             "items: the registry has %.*s %.*s, which the snapshot has not; it is "
                             "restored into an empty registry",
                             TEXT_ARG(kind), TEXT_ARG(id));
    }
    return STATUS_OK;
}

/* Opens all items, which must come in order behind `after`. */
static enum status
open_items(struct op *op, const struct snapshot_import *in, struct item *items)
{
    struct text before = in->after;
    for (unsigned i = 0; i < in->items.count; i++) {
        struct item *item = &items[i];
        const struct snapshot_item *one = &in->items.items[i];
        *item = (struct item){.number = i, .in = one};
        item->entry = op_format(op, "%.*s:%.*s", TEXT_ARG(one->kind), TEXT_ARG(one->id));
        if (before.ptr && text_compare(before, item->entry) >= 0)
            return refuse_item(op, item, STATUS_INVALID_ARGUMENT,
                               "is out of order; want items by kind and id, each once");
        enum status status = open_item(op, item);
        if (status != STATUS_OK)
            return status;
        before = item->entry;
    }
    return STATUS_OK;
}

enum status
snapshot_import_handle(struct op *op, const void *params)
{
    const struct snapshot_import *in = params;
    struct snapshot_result result = {.present = true};
    struct op_range range;
    struct text kind, id;
    unsigned count = in->items.count;
    struct item *items = op_alloc(op, (count + 1) * sizeof *items);
    if (!items)
        return registry_no_memory(op);
    if (in->after.ptr && !split(in->after, &kind, &id))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "after",
                         "after: want \"<kind>:<id>\" of the last item before");
    enum status status = open_items(op, in, items);
    if (status != STATUS_OK)
        return status;
    bool open_end = in->last == 1 || !count;
    const unsigned most = count * 2 + 100;
    enum status scanned =
        scan(op, in->after, open_end ? TEXT_NONE : items[count - 1].entry, most, &range);
    bool again = scanned == STATUS_AGAIN;
    for (unsigned i = 0; i < count; i++) {
        status = put_item(op, &items[i], &result);
        again |= status == STATUS_AGAIN;
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
    }
    if (again || scanned != STATUS_OK)
        return again ? STATUS_AGAIN : scanned;
    status = check_range(op, &range, items, count);
    if (status == STATUS_OK && range.count == most)
        status = error_set(op_error(op), STATUS_FAILED_PRECONDITION, "items",
                           "items: the registry has more than the snapshot; it is restored into an "
                           "empty registry");
    if (status == STATUS_OK)
        op_answer(op, &snapshot_result_schema, &result);
    return status;
}
