/* contribution.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

#include "common/msg/schema_mp.h"

static struct text
topic_of(struct op *op, struct text id)
{
    return op_format(op, "registry.contribution.%.*s.", TEXT_ARG(id));
}

static bool
is_same(const void *message, const void *params)
{
    struct contribution made;
    const struct contribution *known = message;
    return registry_contribution_make(params, known->id, &made, NULL) == STATUS_OK &&
           registry_contribution_equal(known, &made);
}

/* Marks the contribution that is corrected: it counts no more, and says what took its place. */
static enum status
supersede(struct op *op, const struct contribution *by)
{
    struct contribution old;
    if (!by->supersedes.ptr)
        return STATUS_OK;
    enum status status = op_load(op, "contribution", by->supersedes, &contribution_schema, &old);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "supersedes",
                         "supersedes: there is no contribution %.*s", TEXT_ARG(by->supersedes));
    if (status != STATUS_OK)
        return status;
    if (old.superseded_by.ptr)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "supersedes",
                         "supersedes: %.*s was corrected by %.*s already; correct that one",
                         TEXT_ARG(old.id), TEXT_ARG(old.superseded_by));
    old.superseded_by = by->id;
    struct text saved = op_save(op, "contribution", old.id, &contribution_schema, &old);
    op_record_raw(op, "contribution.superseded", topic_of(op, old.id), saved, NULL, NULL,
                  TEXT_NONE);
    return STATUS_OK;
}

static struct text
title_of(struct op *op, const struct contribution_record *in)
{
    char day[DATE_TEXT_MAX];
    date_print(in->on, day);
    return op_format(op, "%.*s %s %.*s", TEXT_ARG(in->participant), day,
                     TEXT_ARG(in->earmark.ptr ? in->earmark : TEXT_LITERAL("secretariat-budget")));
}

enum status
contribution_record_handle(struct op *op, const void *params)
{
    const struct contribution_record *in = params;
    struct contribution known, made;
    struct text id;
    struct registry_naming naming = {"contribution", &contribution_schema,
                                     in->id,         title_of(op, in),
                                     is_same,        in};
    enum status giver = registry_handlers_known(op, "participant", "participant", in->participant);
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status found = registry_handlers_name(op, &naming, &known, &id);
    if (giver != STATUS_OK || cited != STATUS_OK)
        return giver != STATUS_OK ? giver : cited;
    if (found != STATUS_OK && found != STATUS_NOT_FOUND)
        return found;
    enum status status = registry_contribution_make(in, id, &made, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (found == STATUS_OK && registry_contribution_equal(&known, &made))
        return op_answer_unchanged(op, &contribution_schema, &known, topic_of(op, id));
    if (found == STATUS_OK)
        return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                         "id: %.*s is recorded with another content and is kept; record a "
                         "correction with another id that supersedes it",
                         TEXT_ARG(id));
    status = supersede(op, &made);
    if (status != STATUS_OK)
        return status;
    op_index_add(op, op_format(op, "contribution:%.*s", TEXT_ARG(id)));
    struct text saved = op_save(op, "contribution", id, &contribution_schema, &made);
    op_record_raw(op, "contribution.recorded", topic_of(op, id), saved, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

static bool
is_wanted(void *message, const void *arg)
{
    return registry_contribution_wanted(message, arg);
}

enum status
contribution_list_handle(struct op *op, const void *params)
{
    const struct contribution_list *in = params;
    struct registry_list list = {"contribution", &contribution_schema, is_wanted, in, in->limit,
                                 in->cursor};
    return registry_handlers_list(op, &list);
}

/* ---- totals: of all there are, within a bound ---- */

#define SUMMED_MAX 10000
#define CHUNK 1000

/* Adds those of one chunk. All are asked for before waiting for any. */
static enum status
sum_chunk(struct op *op, const struct op_range *range, const struct contribution_list *asked,
          struct registry_totals *totals)
{
    bool again = false;
    struct contribution one;
    const uint32_t skip = (uint32_t)sizeof "contribution:" - 1;
    for (unsigned i = 0; i < range->count; i++) {
        struct text id = {range->items[i].ptr + skip, range->items[i].len - skip};
        enum status status = op_peek(op, "contribution", id, &contribution_schema, &one, NULL);
        again |= status == STATUS_AGAIN;
        if (status == STATUS_AGAIN || status == STATUS_NOT_FOUND)
            continue;
        if (status != STATUS_OK)
            return status;
        if (registry_contribution_wanted(&one, asked) && !registry_totals_add(totals, &one))
            return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, "year",
                             "year: more years and currencies, or larger sums, than one answer "
                             "tells; ask for one year");
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

static enum status
sum_all(struct op *op, const struct contribution_list *asked, struct registry_totals *totals)
{
    struct text from = TEXT_LITERAL("contribution:"), upto = TEXT_LITERAL("contribution;");
    for (unsigned summed = 0; summed < SUMMED_MAX; summed += CHUNK) {
        struct op_range range;
        enum status status = op_scan(op, from, upto, CHUNK, &range);
        if (status == STATUS_OK)
            status = sum_chunk(op, &range, asked, totals);
        if (status != STATUS_OK || range.count < CHUNK)
            return status;
        from = op_format(op, "%.*s!", TEXT_ARG(range.items[range.count - 1]));
    }
    return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, NULL,
                     "there are more than %d contributions, which is the most that is summed",
                     SUMMED_MAX);
}

enum status
contribution_totals_handle(struct op *op, const void *params)
{
    struct contribution_list asked;
    struct registry_totals *totals = op_alloc(op, sizeof *totals);
    int64_t seq;
    if (!totals)
        return registry_no_memory(op);
    totals->count = 0;
    schema_init(&contribution_list_schema, &asked);
    schema_copy(&contribution_list_schema, &asked, &contribution_totals_schema, params);
    enum status counted = op_seq(op, &seq);
    enum status status = sum_all(op, &asked, totals);
    if (status != STATUS_OK || counted != STATUS_OK)
        return status != STATUS_OK ? status : counted;
    op_list_begin(op);
    for (uint32_t i = 0; i < totals->count; i++)
        op_list_item(op, &contribution_total_schema, &totals->items[i]);
    op_list_end(op, TEXT_NONE, seq);
    return STATUS_OK;
}
