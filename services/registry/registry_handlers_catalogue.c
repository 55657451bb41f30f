/* catalogue.* and area.coordinators: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

#include <stdio.h>

#define INDEX_ID TEXT_LITERAL("index")

/* Which revisions there are: none if nothing is recorded. */
static enum status
load_index(struct op *op, struct catalogue_index **out)
{
    struct catalogue_index *index = op_alloc(op, sizeof *index);
    if (!index)
        return registry_no_memory(op);
    enum status status = op_load(op, "catalogue", INDEX_ID, &catalogue_index_schema, index);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&catalogue_index_schema, index);
        index->present = true;
        index->rev = 0;
        status = STATUS_OK;
    }
    *out = index;
    return status;
}

static enum status
load_revision(struct op *op, int64_t number, struct catalogue **out)
{
    struct text id = op_format(op, "%lld", (long long)number);
    struct catalogue *catalogue = op_alloc(op, sizeof *catalogue);
    if (!catalogue || !id.ptr)
        return registry_no_memory(op);
    *out = catalogue;
    return op_load(op, "catalogue", id, &catalogue_schema, catalogue);
}

static struct text
topic_of_revision(struct op *op, int64_t number)
{
    return op_format(op, "registry.catalogue.%lld.", (long long)number);
}

static enum status
refuse_other(struct op *op, const struct catalogue *known)
{
    char day[DATE_TEXT_MAX];
    date_print(known->adopted, day);
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "revision",
                     "revision: %lld, adopted on %s, is recorded with another content and is kept; "
                     "a change is a new revision adopted on a later day",
                     (long long)known->revision, day);
}

/* Records the next revision and its place in the index. */
static void
commit_revision(struct op *op, struct catalogue_index *index, struct catalogue *catalogue)
{
    struct catalogue_edition *edition = &index->editions.items[index->editions.count++];
    schema_init(&catalogue_edition_schema, edition);
    edition->present = true;
    edition->revision = catalogue->revision;
    edition->adopted = catalogue->adopted;
    op_save(op, "catalogue", INDEX_ID, &catalogue_index_schema, index);
    op_index_add(op, TEXT_LITERAL("catalogue:index"));
    op_index_add(op, op_format(op, "catalogue:%lld", (long long)catalogue->revision));
    op_save(op, "catalogue", op_format(op, "%lld", (long long)catalogue->revision),
            &catalogue_schema, catalogue);
    op_record(op, "catalogue.revised", topic_of_revision(op, catalogue->revision),
              &catalogue_schema, catalogue, NULL, NULL, TEXT_NONE);
    op_answer(op, &catalogue_schema, catalogue);
}

enum status
catalogue_put_handle(struct op *op, const void *params)
{
    const struct catalogue *in = params;
    struct catalogue_index *index;
    struct catalogue *known;
    int64_t number;
    enum status status = registry_catalogue_check(in, op_error(op));
    if (status != STATUS_OK)
        return status;
    enum status cited = registry_handlers_cites(op, in->decision);
    status = load_index(op, &index);
    if (cited != STATUS_OK || status != STATUS_OK)
        return cited != STATUS_OK ? cited : status;
    status = registry_catalogue_place(index, in, &number, op_error(op));
    if (status != STATUS_OK)
        return status;
    status = load_revision(op, number, &known);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    bool is_new = status == STATUS_NOT_FOUND;
    status = op_expect_rev(op, in->rev, is_new ? 0 : known->rev);
    if (status != STATUS_OK)
        return status;
    if (!is_new && !registry_catalogue_equal(known, in))
        return refuse_other(op, known);
    if (!is_new)
        return op_answer_unchanged(op, &catalogue_schema, known, topic_of_revision(op, number));
    *known = *in;
    known->revision = number;
    commit_revision(op, index, known);
    return STATUS_OK;
}

enum status
catalogue_get_handle(struct op *op, const void *params)
{
    const struct catalogue_get *in = params;
    struct catalogue_index *index;
    struct catalogue *catalogue;
    int64_t number = in->revision;
    date_day day;
    enum status status = registry_day(in->on, in->as_of, op_today(op), &day, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (number != INT_NONE && (in->on != DATE_NONE || in->as_of != DATE_NONE))
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "revision",
                         "revision: names the one wanted already; give it or a day, not both");
    if (number == INT_NONE) {
        status = load_index(op, &index);
        if (status != STATUS_OK)
            return status;
        number = registry_catalogue_on(index, day, op_error(op));
        if (!number)
            return STATUS_NOT_FOUND;
    }
    status = load_revision(op, number, &catalogue);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_NOT_FOUND, "revision",
                         "revision: there is no revision %lld of the catalogue", (long long)number);
    if (status == STATUS_OK)
        op_answer(op, &catalogue_schema, catalogue);
    return status;
}

/* ---- coordinators ---- */

enum status
registry_handlers_area(struct op *op, struct text area)
{
    struct catalogue_index *index;
    struct catalogue *newest;
    enum status status = load_index(op, &index);
    if (status != STATUS_OK)
        return status;
    if (!index->editions.count)
        return error_set(op_error(op), STATUS_NOT_FOUND, "area",
                         "area: there is no catalogue yet; catalogue.put records one");
    int64_t number = index->editions.items[index->editions.count - 1].revision;
    status = load_revision(op, number, &newest);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_INTERNAL : status;
    if (!registry_catalogue_has(newest, area))
        return error_set(op_error(op), STATUS_NOT_FOUND, "area",
                         "area: %.*s is no priority area of revision %lld of the catalogue",
                         TEXT_ARG(area), (long long)number);
    return STATUS_OK;
}

/* Every one of a list must be a member on the day. All are asked for before waiting for any. */
static enum status
check_members(struct op *op, const char *list, const struct text *codes, uint32_t count,
              date_day day)
{
    bool again = false;
    char asked[DATE_TEXT_MAX];
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    date_print(day, asked);
    for (uint32_t i = 0; i < count; i++) {
        enum status status = op_load(op, "participant", codes[i], &participant_schema, participant);
        if (status == STATUS_AGAIN) {
            again = true;
            continue;
        }
        if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            return status;
        if (status == STATUS_OK && registry_participant_on(participant, day) == PARTICIPANT_MEMBER)
            continue;
        char path[ERROR_FIELD_MAX];
        snprintf(path, sizeof path, "%s[%u]", list, (unsigned)i);
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, path,
                         status == STATUS_OK
                             ? "%s: %.*s is no member on %s; want member states"
                             : "%s: there is no participant %.*s on %s; want member states",
                         path, TEXT_ARG(codes[i]), asked);
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

/* The area's document: an empty one, with rev 0, if nothing is recorded. */
static enum status
load_area(struct op *op, struct text code, struct area **out)
{
    struct area *area = op_alloc(op, sizeof *area);
    if (!area)
        return registry_no_memory(op);
    enum status status = op_load(op, "area", code, &area_schema, area);
    if (status == STATUS_NOT_FOUND) {
        schema_init(&area_schema, area);
        area->present = true;
        area->area = code;
        area->rev = 0;
        status = STATUS_OK;
    }
    *out = area;
    return status;
}

static enum status
check_record(struct op *op, const struct area_coordinators *in)
{
    if (!(op_principal(op)->roles & PERMIT_OFFICERS))
        return error_set(op_error(op), STATUS_PERMISSION_DENIED, "from",
                         "from: the Secretariat and the Chair record coordinators; without from "
                         "they are read");
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status status = registry_handlers_area(op, in->area);
    if (cited != STATUS_OK || status != STATUS_OK)
        return cited != STATUS_OK ? cited : status;
    status =
        check_members(op, "coordinators", in->coordinators.items, in->coordinators.count, in->from);
    if (status == STATUS_OK)
        status = check_members(op, "co_coordinators", in->co_coordinators.items,
                               in->co_coordinators.count, in->from);
    return status;
}

enum status
area_coordinators_handle(struct op *op, const void *params)
{
    const struct area_coordinators *in = params;
    struct area *area;
    bool records, changed = false;
    enum status status = registry_area_check(in, &records, op_error(op));
    if (status != STATUS_OK)
        return status;
    status = load_area(op, in->area, &area);
    if (status == STATUS_OK && records)
        status = op_expect_rev(op, in->rev, area->rev);
    if (status == STATUS_OK && records)
        status = check_record(op, in);
    else if (status == STATUS_OK && !area->rev)
        status = registry_handlers_area(op, in->area);
    if (status == STATUS_OK && records)
        status = registry_area_add(area, in, &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    bool past = in->as_of != DATE_NONE;
    registry_area_view(area, past ? in->as_of : op_today(op), past);
    if (!records) {
        op_answer(op, &area_schema, area);
        return STATUS_OK;
    }
    struct text topic = op_format(op, "registry.area.%.*s.", TEXT_ARG(in->area));
    if (!changed)
        return op_answer_unchanged(op, &area_schema, area, topic);
    op_save(op, "area", in->area, &area_schema, area);
    op_index_add(op, op_format(op, "area:%.*s", TEXT_ARG(in->area)));
    op_record(op, "area.coordinated", topic, &area_schema, area, NULL, NULL, TEXT_NONE);
    op_answer(op, &area_schema, area);
    return STATUS_OK;
}
