/* roadmap.* (events_handlers_parts.h). It must not know sockets or Redis. */
#include "services/events/events_handlers_parts.h"
#include "services/events/events_parts.h"

static struct text
version_id(struct op *op, struct text id, int64_t version)
{
    return op_format(op, "%.*s/%lld", TEXT_ARG(id), (long long)version);
}

enum status
roadmap_put_handle(struct op *op, const void *params)
{
    const struct roadmap_put *in = params;
    struct roadmap *roadmap = op_alloc(op, sizeof *roadmap);
    bool changed;
    if (!roadmap)
        return events_no_memory(op);
    enum status status = op_load(op, "roadmap", in->id, &roadmap_schema, roadmap);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&roadmap_schema, roadmap);
        roadmap->present = true;
        roadmap->rev = 0;
        status = STATUS_OK;
    }
    if (status == STATUS_OK)
        status = op_expect_rev(op, in->rev, roadmap->rev);
    if (status == STATUS_OK)
        status = events_roadmap_put(roadmap, in, op_today(op), &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    struct text topic = op_format(op, "roadmap.%.*s.", TEXT_ARG(in->id));
    if (!changed)
        return op_answer_unchanged(op, &roadmap_schema, roadmap, topic);
    struct text kept = version_id(op, in->id, roadmap->version);
    status = op_load_new(op, "roadmap", kept);
    if (status != STATUS_NOT_FOUND)
        return status == STATUS_OK
                   ? error_set(op_error(op), STATUS_INTERNAL, NULL, "that version is kept already")
                   : status;
    char date[DATE_TEXT_MAX];
    date_print(roadmap->date, date);
    struct text saved = op_save(op, "roadmap", in->id, &roadmap_schema, roadmap);
    op_restore(op, "roadmap", kept, saved, roadmap->rev);
    op_index_add(op, op_format(op, "rm|%.*s", TEXT_ARG(in->id)));
    op_index_add(op, op_format(op, "rv|%.*s|%07lld|%s", TEXT_ARG(in->id),
                               9999999 - (long long)roadmap->version, date));
    op_record_raw(op, "roadmap.updated", topic, saved, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

/* ---- reading ---- */

static enum status
refuse(struct op *op, const struct roadmap_get *in, const char *what)
{
    return error_set(op_error(op), STATUS_NOT_FOUND, what,
                     "%s: there is no such road map, or no such version of it (%.*s)", what,
                     TEXT_ARG(in->id));
}

/* The version in an entry "rv|<id>|<9999999 - version>|<date>", and its date. */
static int64_t
version_of(struct text entry, struct text *date)
{
    struct text digits = events_handlers_level(entry, 2);
    int64_t number = 0;
    for (uint32_t i = 0; i < digits.len; i++)
        number = number * 10 + (digits.ptr[i] - '0');
    *date = events_handlers_level(entry, 3);
    return 9999999 - number;
}

#define VERSIONS_CHUNK 200

/* The newest version that counts from the day or earlier; 0 if there is none. Dates never go back
 * from version to version. */
static enum status
version_on(struct op *op, struct text id, date_day day, int64_t *version)
{
    char wanted[DATE_TEXT_MAX];
    struct text from = op_format(op, "rv|%.*s|", TEXT_ARG(id)), date;
    struct text upto = op_format(op, "rv|%.*s}", TEXT_ARG(id));
    struct op_range range;
    date_print(day, wanted);
    do {
        enum status status = op_scan(op, from, upto, VERSIONS_CHUNK, &range);
        if (status != STATUS_OK)
            return status;
        for (unsigned i = 0; i < range.count; i++) {
            *version = version_of(range.items[i], &date);
            if (text_compare(date, text_of(wanted)) <= 0)
                return STATUS_OK;
        }
        if (range.count)
            from = op_format(op, "%.*s!", TEXT_ARG(range.items[range.count - 1]));
    } while (range.count == VERSIONS_CHUNK);
    *version = 0;
    return STATUS_OK;
}

/* Finds the document that is asked for. */
static enum status
find(struct op *op, const struct roadmap_get *in, struct roadmap *out, struct text *raw)
{
    int64_t version = in->version;
    if (in->as_of != DATE_NONE && version == INT_NONE) {
        enum status status = version_on(op, in->id, in->as_of, &version);
        if (status != STATUS_OK)
            return status;
        if (!version)
            return refuse(op, in, "as_of");
    }
    struct text id = version == INT_NONE ? in->id : version_id(op, in->id, version);
    enum status status = op_peek(op, "roadmap", id, &roadmap_schema, out, raw);
    return status == STATUS_NOT_FOUND ? refuse(op, in, version != INT_NONE ? "version" : "id")
                                      : status;
}

enum status
roadmap_get_handle(struct op *op, const void *params)
{
    const struct roadmap_get *in = params;
    struct roadmap *roadmap = op_alloc(op, sizeof *roadmap);
    struct text raw;
    if (!roadmap)
        return events_no_memory(op);
    enum status status = find(op, in, roadmap, &raw);
    if (status == STATUS_OK)
        op_answer_raw(op, raw);
    return status;
}

enum status
roadmap_report_handle(struct op *op, const void *params)
{
    const struct roadmap_get *in = params;
    struct roadmap *roadmap = op_alloc(op, sizeof *roadmap);
    struct roadmap_report *report = op_alloc(op, sizeof *report);
    if (!roadmap || !report)
        return events_no_memory(op);
    enum status status = find(op, in, roadmap, NULL);
    if (status != STATUS_OK)
        return status;
    events_roadmap_report(roadmap, in->as_of != DATE_NONE ? in->as_of : op_today(op), report);
    op_answer(op, &roadmap_report_schema, report);
    return STATUS_OK;
}

struct filter {
    const struct roadmap_list *in;
    struct roadmap *roadmap; /* the one looked at */
};

/* An entry is <id>, or of the versions of one <9999999 - version>|<date>. */
static enum status
list_item(struct op *op, void *arg, struct text entry, size_t *bytes)
{
    const struct filter *filter = arg;
    const struct roadmap_list *in = filter->in;
    struct roadmap_summary summary;
    struct text id = entry, date;
    if (in->id.ptr)
        id = version_id(op, in->id, version_of(op_format(op, "rv||%.*s", TEXT_ARG(entry)), &date));
    enum status status = op_peek(op, "roadmap", id, &roadmap_schema, filter->roadmap, NULL);
    if (status != STATUS_OK)
        return status;
    schema_init(&roadmap_summary_schema, &summary);
    summary.present = true;
    schema_copy(&roadmap_summary_schema, &summary, &roadmap_schema, filter->roadmap);
    op_list_item(op, &roadmap_summary_schema, &summary);
    *bytes = summary.title.len + summary.note.len + 100;
    return STATUS_OK;
}

enum status
roadmap_list_handle(struct op *op, const void *params)
{
    const struct roadmap_list *in = params;
    struct filter filter = {in, op_alloc(op, sizeof(struct roadmap))};
    if (!filter.roadmap)
        return events_no_memory(op);
    struct events_page page = {
        .limit = in->limit, .cursor = in->cursor, .item = list_item, .arg = &filter};
    page.prefix = in->id.ptr ? op_format(op, "rv|%.*s|", TEXT_ARG(in->id)) : TEXT_LITERAL("rm|");
    return events_handlers_page(op, &page);
}
