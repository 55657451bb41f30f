/* See notify_digest_answer.h. It must not know the log. */
#include "services/notify/notify_digest_answer.h"

#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"

static void
write_list(struct buf *out, const char *name, unsigned count, const struct schema *schema,
           const void *items)
{
    mp_string(out, name);
    mp_array(out, count);
    for (unsigned i = 0; i < count; i++)
        schema_encode(schema, (const char *)items + i * schema->size, out);
}

static void
write_dimension(struct buf *out, const struct notify_digest *digest, unsigned first, unsigned end)
{
    struct text code = digest->events[first].event.dimension;
    mp_map(out, 3);
    mp_string(out, "code");
    mp_text(out, code.ptr ? code : TEXT_LITERAL("-"));
    mp_string(out, "name");
    mp_text(out, notify_digest_dimension(digest, code));
    mp_string(out, "events");
    mp_array(out, end - first);
    for (unsigned i = first; i < end; i++)
        schema_encode(&digest_event_schema, &digest->events[i].event, out);
}

static void
write_months(struct op *op, struct buf *out, const struct notify_digest *digest)
{
    unsigned months = 0;
    for (unsigned i = 0; i < digest->event_count; i = notify_digest_month_end(digest, i))
        months++;
    mp_string(out, "months");
    mp_array(out, months);
    for (unsigned i = 0, end; i < digest->event_count; i = end) {
        unsigned dimensions = 0;
        end = notify_digest_month_end(digest, i);
        for (unsigned k = i; k < end; k = notify_digest_dimension_end(digest, k))
            dimensions++;
        mp_map(out, 2);
        mp_string(out, "month");
        mp_text(out, op_format(op, "%04d-%02d", digest->events[i].month / 12,
                               digest->events[i].month % 12 + 1));
        mp_string(out, "dimensions");
        mp_array(out, dimensions);
        for (unsigned k = i, next; k < end; k = next) {
            next = notify_digest_dimension_end(digest, k);
            write_dimension(out, digest, k, next);
        }
    }
}

static void
write_names(struct buf *out, const struct notify_digest *digest)
{
    mp_string(out, "names");
    mp_map(out, digest->name_count);
    for (unsigned i = 0; i < digest->name_count; i++) {
        mp_text(out, digest->names[i].code);
        mp_text(out, digest->names[i].name);
    }
}

static void
write_day(struct buf *out, const char *name, date_day day)
{
    char text[DATE_TEXT_MAX];
    date_print(day, text);
    mp_string(out, name);
    mp_string(out, text);
}

void
notify_digest_answer_structure(struct op *op, const struct notify_digest *digest, int64_t seq)
{
    struct buf *out = op_result(op);
    mp_map(out, (size_t)10 + (digest->language.ptr ? 1 : 0) + (digest->dimension.ptr ? 1 : 0));
    write_day(out, "from", digest->from);
    write_day(out, "to", digest->to);
    if (digest->language.ptr) {
        mp_string(out, "language");
        mp_text(out, digest->language);
    }
    if (digest->dimension.ptr) {
        mp_string(out, "dimension");
        mp_text(out, digest->dimension);
    }
    mp_string(out, "seq");
    mp_int(out, seq);
    mp_string(out, "totals");
    schema_encode(&digest_totals_schema, &digest->totals, out);
    write_months(op, out, digest);
    write_list(out, "decisions", digest->decision_count, &digest_decision_schema,
               digest->decisions);
    write_list(out, "participants", digest->change_count, &digest_change_schema, digest->changes);
    write_list(out, "chairs", digest->chair_count, &digest_chair_schema, digest->chairs);
    write_list(out, "documents", digest->document_count, &digest_document_schema,
               digest->documents);
    write_names(out, digest);
}

enum status
notify_digest_answer_text(struct op *op, const struct notify_digest *digest, int form, int64_t seq)
{
    struct buf text = {0}, *out = op_result(op);
    notify_digest_write(digest, form == DIGEST_HTML, &text);
    mp_map(out, 3);
    mp_string(out, "form");
    mp_string(out, digest_form_words[form - 1]);
    mp_string(out, "text");
    mp_text(out, (struct text){(const char *)text.data, (uint32_t)text.len});
    mp_string(out, "seq");
    mp_int(out, seq);
    enum status status = text.failed ? op_no_memory(op) : STATUS_OK;
    buf_fini(&text);
    return status;
}
