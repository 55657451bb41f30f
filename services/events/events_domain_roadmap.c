/* Road maps (events_parts.h): versions, progress, what is overdue. It must not know clocks, stores
 * or codecs. */
#include "services/events/events_parts.h"

#include <stdio.h>

static enum status
refuse_twice(const char *path, struct text code, struct error *error)
{
    return error_set(error, STATUS_INVALID_ARGUMENT, path, "%s: %.*s is there twice", path,
                     TEXT_ARG(code));
}

static enum status
check_items(const struct roadmap_cluster *cluster, uint32_t at, struct error *error)
{
    char path[ERROR_FIELD_MAX];
    for (uint32_t i = 0; i < cluster->items.count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (text_equal(cluster->items.items[i].code, cluster->items.items[k].code)) {
                snprintf(path, sizeof path, "clusters[%u].items[%u].code", at, i);
                return refuse_twice(path, cluster->items.items[i].code, error);
            }
    return STATUS_OK;
}

static enum status
check(const struct roadmap *before, const struct roadmap_put *in, date_day date,
      struct error *error)
{
    char path[ERROR_FIELD_MAX], day[DATE_TEXT_MAX];
    enum status status = STATUS_OK;
    if (!before->rev && !in->title.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "title",
                         "title: needed for a new road map");
    for (uint32_t i = 0; i < in->clusters.count && status == STATUS_OK; i++) {
        for (uint32_t k = 0; k < i; k++)
            if (text_equal(in->clusters.items[i].code, in->clusters.items[k].code)) {
                snprintf(path, sizeof path, "clusters[%u].code", i);
                return refuse_twice(path, in->clusters.items[i].code, error);
            }
        status = check_items(&in->clusters.items[i], i, error);
    }
    if (status != STATUS_OK || !before->rev || date >= before->date)
        return status;
    date_print(before->date, day);
    return error_set(error, STATUS_FAILED_PRECONDITION, "date",
                     "date: version %lld counts from %s; a later version not from an earlier day",
                     (long long)before->version, day);
}

enum status
events_roadmap_put(struct roadmap *roadmap, const struct roadmap_put *in, date_day today,
                   bool *changed, struct error *error)
{
    bool is_new = !roadmap->rev;
    date_day date = in->date != DATE_NONE ? in->date : today;
    enum status status = check(roadmap, in, date, error);
    if (status != STATUS_OK)
        return status;
    *changed = schema_copy(&roadmap_schema, roadmap, &roadmap_put_schema, in) || is_new;
    if (!*changed)
        return STATUS_OK;
    roadmap->note = in->note; /* of the version, so it does not stay */
    roadmap->date = date;
    roadmap->version = is_new ? 1 : roadmap->version + 1;
    return STATUS_OK;
}

/* ---- the report ---- */

/* A cluster as it is counted; the sum of progress becomes the mean at the end. */
static void
count(struct roadmap_counts *counts, const struct roadmap_item *item, bool overdue)
{
    int64_t *const by_status[] = {&counts->planned, &counts->in_progress, &counts->done,
                                  &counts->dropped};
    ++*by_status[item->status - 1];
    counts->items++;
    counts->overdue += overdue;
    if (item->status == ITEM_DONE)
        counts->progress += 100;
    else if (item->status != ITEM_DROPPED && item->progress != INT_NONE)
        counts->progress += item->progress;
}

static void
finish(struct roadmap_counts *counts)
{
    int64_t of = counts->items - counts->dropped;
    counts->progress = of ? counts->progress / of : 0;
}

static void
add_overdue(struct roadmap_report *out, const struct roadmap_cluster *cluster,
            const struct roadmap_item *item, date_day day)
{
    out->overdue.items[out->overdue.count++] = (struct overdue_item){.present = true,
                                                                     .cluster = cluster->code,
                                                                     .code = item->code,
                                                                     .title = item->title,
                                                                     .owner = item->owner,
                                                                     .due = item->due,
                                                                     .days = day - item->due};
}

void
events_roadmap_report(const struct roadmap *roadmap, date_day day, struct roadmap_report *out)
{
    schema_init(&roadmap_report_schema, out);
    out->present = true;
    out->id = roadmap->id;
    out->title = roadmap->title;
    out->version = roadmap->version;
    out->date = roadmap->date;
    out->as_of = day;
    out->total = (struct roadmap_counts){.present = true};
    for (uint32_t c = 0; c < roadmap->clusters.count; c++) {
        const struct roadmap_cluster *cluster = &roadmap->clusters.items[c];
        struct roadmap_counts counts = {.present = true};
        for (uint32_t i = 0; i < cluster->items.count; i++) {
            const struct roadmap_item *item = &cluster->items.items[i];
            bool open = item->status == ITEM_PLANNED || item->status == ITEM_IN_PROGRESS;
            bool overdue = open && item->due != DATE_NONE && item->due < day;
            count(&counts, item, overdue);
            count(&out->total, item, overdue);
            if (overdue)
                add_overdue(out, cluster, item, day);
        }
        finish(&counts);
        struct cluster_report *report = &out->clusters.items[out->clusters.count++];
        schema_init(&cluster_report_schema, report);
        report->present = true;
        report->code = cluster->code;
        report->name = cluster->name;
        schema_copy(&cluster_report_schema, report, &roadmap_counts_schema, &counts);
    }
    finish(&out->total);
}
