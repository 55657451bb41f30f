/* See op.h: what a handler leaves behind: documents, index entries, records, the answer.
 * It must not know sockets. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/schema_mp.h"
#include "common/service/service_internal.h"

/* The guarded ask of a document; it is our own bug if the handler did not load it. */
static struct ask *
loaded(struct op *op, const char *kind, struct text id)
{
    struct text field = op_field(op, kind, id);
    struct ask *ask = op_find_ask(op, ASK_DOC, field, TEXT_LITERAL(""), 0, 0);
    op->changes = true;
    if (!ask || op->no_memory)
        return NULL;
    assert(ask->here && ask->guarded && "a document is saved that was not loaded");
    return ask;
}

static void
set_rev(const struct schema *schema, void *message, int64_t rev)
{
    unsigned i = schema->field_count; /* it is the last field, as a rule */
    while (i && strcmp(schema->fields[i - 1].name, "rev") != 0)
        i--;
    if (i)
        memcpy((char *)message + schema->fields[i - 1].offset, &rev, sizeof rev);
}

/* A message as its bytes, until the next call. */
static struct text
encode(struct op *op, const struct schema *schema, const void *message)
{
    buf_clear(&op->encoded);
    schema_encode(schema, message, &op->encoded);
    op->no_memory = op->no_memory || op->encoded.failed;
    return service_text_of(&op->encoded);
}

struct text
op_save(struct op *op, const char *kind, struct text id, const struct schema *schema, void *message)
{
    const struct ask *ask = loaded(op, kind, id);
    if (!ask)
        return TEXT_LITERAL("");
    int64_t rev = 0;
    for (uint32_t i = 0; i < ask->revision.len; i++)
        rev = rev * 10 + (ask->revision.ptr[i] - '0');
    set_rev(schema, message, rev + 1);
    struct text document = encode(op, schema, message);
    store_commit_write(&op->commit, ask->a, document);
    return op_join(op, 1, &document);
}

void
op_restore(struct op *op, const char *kind, struct text id, struct text document, int64_t rev)
{
    char revision[TEXT_NUMBER_MAX];
    const struct ask *ask = loaded(op, kind, id);
    if (!ask)
        return;
    store_commit_write(&op->commit, ask->a, document);
    store_commit_floor(&op->commit, ask->a,
                       (struct text){revision, (uint32_t)text_number(rev, revision)});
}

void
op_bump(struct op *op, const char *kind, struct text id)
{
    const struct ask *ask = loaded(op, kind, id);
    if (ask)
        store_commit_write(&op->commit, ask->a, ask->value);
}

void
op_index_add(struct op *op, struct text entry)
{
    op->changes = true;
    store_commit_index_add(&op->commit, entry);
}

void
op_index_remove(struct op *op, struct text entry)
{
    op->changes = true;
    store_commit_index_remove(&op->commit, entry);
}

void
op_record(struct op *op, const char *type, struct text topic, const struct schema *schema,
          const void *message, const char *from, const char *extra_key, struct text extra)
{
    op_record_raw(op, type, topic, encode(op, schema, message), from, extra_key, extra);
}

void
op_record_raw(struct op *op, const char *type, struct text topic, struct text data,
              const char *from, const char *extra_key, struct text extra)
{
    struct buf attributes = {0};
    op->changes = true;
    log_attributes_write(&attributes, type, op->service->source, op->principal.id,
                         op->context.traceparent);
    struct buf *extended = &op->extended;
    if (from || extra_key) {
        buf_clear(extended);
        mp_map_extend(extended, data.ptr, data.len, (from != NULL) + (size_t)(extra_key != NULL));
        if (from) {
            mp_string(extended, "from");
            mp_string(extended, from);
        }
        if (extra_key) {
            mp_string(extended, extra_key);
            mp_text(extended, extra);
        }
        data = service_text_of(extended);
    }
    op->no_memory = op->no_memory || extended->failed || attributes.failed;
    store_commit_record(&op->commit, topic, service_text_of(&attributes), data);
    buf_fini(&attributes);
}

void
op_not_before(struct op *op, int64_t ms)
{
    op->changes = true;
    op->commit.not_before = ms;
}

void
op_before(struct op *op, int64_t ms)
{
    op->changes = true;
    op->commit.before = ms;
}

void
op_answer(struct op *op, const struct schema *schema, const void *message)
{
    struct text bytes = encode(op, schema, message);
    op->raw = TEXT_NONE;
    buf_clear(&op->result);
    buf_append(&op->result, bytes.ptr, bytes.len);
}

enum status
op_answer_unchanged(struct op *op, const struct schema *schema, const void *message,
                    struct text topic)
{
    struct op_log_page page;
    enum status status = op_log_read(op, topic, 0, 0, &page);
    if (status != STATUS_OK)
        return status;
    struct text bytes = encode(op, schema, message);
    struct buf *result = op_result(op);
    if (op->no_memory || !mp_map_extend(result, bytes.ptr, bytes.len, 1))
        return op_no_memory(op);
    mp_string(result, "seq");
    mp_int(result, page.last);
    return STATUS_OK;
}

void
op_answer_raw(struct op *op, struct text map)
{
    op->raw = map;
}

/* What is kept is told from an answer by the nil before it; the answer itself waits in the buffer
 * of lists. */
void
op_answer_apart(struct op *op, const struct schema *schema, const void *message, struct text kept)
{
    op->apart = true;
    op->raw = TEXT_NONE;
    buf_clear(&op->list_items);
    schema_encode(schema, message, &op->list_items);
    buf_clear(&op->result);
    buf_append(&op->result, SERVICE_APART, 1);
    buf_append(&op->result, kept.ptr, kept.len);
    op->no_memory = op->no_memory || op->list_items.failed;
}

bool
op_repeats(const struct op *op, struct text *kept)
{
    *kept = op->repeat;
    return op->repeat.ptr != NULL;
}

void
op_list_begin(struct op *op)
{
    buf_clear(&op->list_items);
    op->list_count = 0;
}

void
op_list_item(struct op *op, const struct schema *schema, const void *message)
{
    schema_encode(schema, message, &op->list_items);
    op->list_count++;
}

void
op_list_item_raw(struct op *op, struct text map)
{
    buf_append(&op->list_items, map.ptr, map.len);
    op->list_count++;
}

void
op_list_end(struct op *op, struct text next, int64_t seq)
{
    struct buf *result = op_result(op);
    buf_clear(result);
    mp_map(result, 3);
    mp_string(result, "items");
    mp_array(result, op->list_count);
    buf_append(result, op->list_items.data, op->list_items.len);
    mp_string(result, "next");
    mp_text(result, next);
    mp_string(result, "seq");
    mp_int(result, seq);
    if (op->list_items.failed)
        result->failed = true;
}

enum status
op_finish(struct op *op)
{
    if (op->raw.ptr)
        buf_append(&op->result, op->raw.ptr, op->raw.len);
    for (unsigned i = 0; i < op->ask_count; i++)
        if (op->asks[i].kind == ASK_DOC && op->asks[i].guarded)
            store_commit_check(&op->commit, op->asks[i].a, op->asks[i].revision);
    if (op->no_memory || op->result.failed || store_commit_failed(&op->commit))
        return op_no_memory(op);
    if (op->key[0]) {
        op->commit.key = text_of(op->key);
        op->commit.digest = text_of(op->digest);
        op->commit.reply = service_text_of(&op->result);
    }
    return STATUS_OK;
}
