/* The catalogue's revisions, and who coordinates a priority area (registry_domain.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_domain.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PATH_MAX_LEN 64

static bool
area_known_before(const struct catalogue *in, uint32_t dimension, uint32_t area)
{
    struct text code = in->dimensions.items[dimension].areas.items[area].code;
    for (uint32_t d = 0; d <= dimension; d++) {
        const struct catalogue_dimension *other = &in->dimensions.items[d];
        uint32_t upto = d == dimension ? area : other->areas.count;
        for (uint32_t a = 0; a < upto; a++)
            if (text_equal(other->areas.items[a].code, code))
                return true;
    }
    return false;
}

static enum status
check_dimension(const struct catalogue *in, uint32_t at, struct error *error)
{
    char path[PATH_MAX_LEN];
    const struct catalogue_dimension *dimension = &in->dimensions.items[at];
    for (uint32_t d = 0; d < at; d++)
        if (text_equal(in->dimensions.items[d].code, dimension->code)) {
            snprintf(path, sizeof path, "dimensions[%u].code", (unsigned)at);
            return error_set(error, STATUS_INVALID_ARGUMENT, path,
                             "%s: the dimension %.*s is given twice; codes must differ", path,
                             TEXT_ARG(dimension->code));
        }
    for (uint32_t a = 0; a < dimension->areas.count; a++)
        if (area_known_before(in, at, a)) {
            snprintf(path, sizeof path, "dimensions[%u].areas[%u].code", (unsigned)at, (unsigned)a);
            return error_set(error, STATUS_INVALID_ARGUMENT, path,
                             "%s: the area %.*s is given twice; codes must differ in the whole "
                             "catalogue",
                             path, TEXT_ARG(dimension->areas.items[a].code));
        }
    return STATUS_OK;
}

enum status
registry_catalogue_check(const struct catalogue *in, struct error *error)
{
    uint32_t areas = 0;
    for (uint32_t d = 0; d < in->dimensions.count; d++) {
        areas += in->dimensions.items[d].areas.count;
        enum status status = check_dimension(in, d, error);
        if (status != STATUS_OK)
            return status;
    }
    if (!areas)
        return error_set(error, STATUS_INVALID_ARGUMENT, "dimensions",
                         "dimensions: want at least one dimension with at least one area");
    return STATUS_OK;
}

enum status
registry_catalogue_place(const struct catalogue_index *index, const struct catalogue *in,
                         int64_t *number, struct error *error)
{
    char day[DATE_TEXT_MAX];
    const struct catalogue_edition *last =
        index->editions.count ? &index->editions.items[index->editions.count - 1] : NULL;
    int64_t next = last ? last->revision + 1 : 1;
    if (in->revision != INT_NONE && in->revision > next)
        return error_set(error, STATUS_FAILED_PRECONDITION, "revision",
                         "revision: the next one is %lld; leave it out to have it set",
                         (long long)next);
    *number = in->revision != INT_NONE               ? in->revision
              : last && in->adopted == last->adopted ? last->revision
                                                     : next;
    if (*number < next)
        return STATUS_OK;
    if (last && in->adopted <= last->adopted) {
        date_print(last->adopted, day);
        return error_set(error, STATUS_FAILED_PRECONDITION, "adopted",
                         "adopted: revision %lld was adopted on %s; the next one must be later",
                         (long long)last->revision, day);
    }
    if (index->editions.count == COUNT(index->editions.items))
        return error_set(error, STATUS_FAILED_PRECONDITION, "revision",
                         "revision: %u are recorded already, which is the most that is kept",
                         (unsigned)index->editions.count);
    return STATUS_OK;
}

bool
registry_catalogue_equal(const struct catalogue *a, const struct catalogue *b)
{
    if (a->adopted != b->adopted || !text_equal(a->decision, b->decision) ||
        a->dimensions.count != b->dimensions.count)
        return false;
    for (uint32_t i = 0; i < a->dimensions.count; i++)
        if (!schema_same(&catalogue_dimension_schema, &a->dimensions.items[i],
                         &b->dimensions.items[i]))
            return false;
    return true;
}

int64_t
registry_catalogue_on(const struct catalogue_index *index, date_day day, struct error *error)
{
    const struct catalogue_edition *best = NULL, *first = NULL;
    for (uint32_t i = 0; i < index->editions.count; i++) {
        const struct catalogue_edition *edition = &index->editions.items[i];
        first = first ? first : edition;
        if (edition->adopted <= day && (!best || edition->adopted > best->adopted))
            best = edition;
    }
    if (best)
        return best->revision;
    char asked[DATE_TEXT_MAX], begin[DATE_TEXT_MAX];
    date_print(day, asked);
    if (!first) {
        error_set(error, STATUS_NOT_FOUND, "on", "no catalogue is recorded yet");
        return 0;
    }
    date_print(first->adopted, begin);
    error_set(error, STATUS_NOT_FOUND, "on",
              "no catalogue was in force on %s; the first revision is of %s", asked, begin);
    return 0;
}

bool
registry_catalogue_has(const struct catalogue *catalogue, struct text area)
{
    for (uint32_t d = 0; d < catalogue->dimensions.count; d++)
        for (uint32_t a = 0; a < catalogue->dimensions.items[d].areas.count; a++)
            if (text_equal(catalogue->dimensions.items[d].areas.items[a].code, area))
                return true;
    return false;
}

/* ---- coordinators ---- */

static bool
has_code(const struct text *codes, uint32_t count, struct text code)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_equal(codes[i], code))
            return true;
    return false;
}

static enum status
refuse_code(const char *list, uint32_t at, struct text code, const char *why, struct error *error)
{
    char path[PATH_MAX_LEN];
    snprintf(path, sizeof path, "%s[%u]", list, (unsigned)at);
    return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s %s", path, TEXT_ARG(code),
                     why);
}

enum status
registry_area_check(const struct area_coordinators *in, bool *records, struct error *error)
{
    const struct text *leads = in->coordinators.items, *helps = in->co_coordinators.items;
    *records = in->from != DATE_NONE;
    if (!*records && (in->coordinators.count || in->co_coordinators.count))
        return error_set(error, STATUS_INVALID_ARGUMENT, "from",
                         "from: is missing; to record coordinators their first day is needed");
    if (*records && in->as_of != DATE_NONE)
        return error_set(error, STATUS_INVALID_ARGUMENT, "as_of",
                         "as_of: is for reading; from says the first day of what is recorded");
    if (!*records && in->rev != INT_NONE)
        return error_set(error, STATUS_INVALID_ARGUMENT, "rev",
                         "rev: is for recording, which needs from too");
    for (uint32_t i = 0; i < in->coordinators.count; i++)
        if (has_code(leads, i, leads[i]))
            return refuse_code("coordinators", i, leads[i], "is given twice", error);
    for (uint32_t i = 0; i < in->co_coordinators.count; i++) {
        if (has_code(helps, i, helps[i]))
            return refuse_code("co_coordinators", i, helps[i], "is given twice", error);
        if (has_code(leads, in->coordinators.count, helps[i]))
            return refuse_code("co_coordinators", i, helps[i],
                               "is a coordinator too; want it in one of the lists", error);
    }
    return STATUS_OK;
}

static struct dated
coordinations_of(const struct area *area)
{
    return DATED(area->history, coordination, offsetof(struct coordination, supersedes),
                 DATED_NONE);
}

static const struct coordination *
coordination_on(const struct area *area, date_day day)
{
    struct dated list = coordinations_of(area);
    int at = dated_on(&list, TEXT_NONE, day);
    return at < 0 ? NULL : &area->history.items[at];
}

/* Both lists are without duplicates, so equal counts and inclusion make them equal sets. */
static bool
same_codes(const struct text *a, uint32_t a_count, const struct text *b, uint32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (uint32_t i = 0; i < a_count; i++)
        if (!has_code(b, b_count, a[i]))
            return false;
    return true;
}

enum status
registry_area_add(struct area *area, const struct area_coordinators *in, bool *changed,
                  struct error *error)
{
    *changed = false;
    const struct coordination *now = coordination_on(area, in->from);
    if (now && now->from == in->from && text_equal(now->decision, in->decision) &&
        same_codes(now->coordinators.items, now->coordinators.count, in->coordinators.items,
                   in->coordinators.count) &&
        same_codes(now->co_coordinators.items, now->co_coordinators.count,
                   in->co_coordinators.items, in->co_coordinators.count))
        return STATUS_OK;
    struct dated list = coordinations_of(area);
    enum status status = registry_superseded(&list, TEXT_NONE, in->supersedes, error);
    if (status != STATUS_OK)
        return status;
    if (area->history.count == COUNT(area->history.items))
        return registry_refuse_full("area", area->history.count, error);
    struct coordination *entry = &area->history.items[area->history.count++];
    schema_init(&coordination_schema, entry);
    entry->present = true;
    entry->from = in->from;
    entry->decision = in->decision;
    entry->supersedes = in->supersedes;
    entry->coordinators.count = in->coordinators.count;
    for (uint32_t i = 0; i < in->coordinators.count; i++)
        entry->coordinators.items[i] = in->coordinators.items[i];
    entry->co_coordinators.count = in->co_coordinators.count;
    for (uint32_t i = 0; i < in->co_coordinators.count; i++)
        entry->co_coordinators.items[i] = in->co_coordinators.items[i];
    *changed = true;
    return STATUS_OK;
}

void
registry_area_view(struct area *area, date_day day, bool trim)
{
    const struct coordination *now = coordination_on(area, day);
    area->coordinators.count = now ? now->coordinators.count : 0;
    for (uint32_t i = 0; i < area->coordinators.count; i++)
        area->coordinators.items[i] = now->coordinators.items[i];
    area->co_coordinators.count = now ? now->co_coordinators.count : 0;
    for (uint32_t i = 0; i < area->co_coordinators.count; i++)
        area->co_coordinators.items[i] = now->co_coordinators.items[i];
    area->from = now ? now->from : DATE_NONE;
    if (!trim)
        return;
    struct dated list = coordinations_of(area);
    area->history.count = dated_trim(&list, area->history.items, day);
}
