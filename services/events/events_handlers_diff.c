/* See events_handlers_plan.h: plan.diff, and who changed what and why, from the log. It must not
 * know sockets or Redis. */
#include <inttypes.h>

#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"
#include "services/events/events_diff.h"
#include "services/events/events_handlers_plan.h"

#define READ_MAX 200 /* events whose records are read … */
#define STEPS_MAX 20 /* … how many of each … */
#define PAGES_MAX 8  /* … and in how many rounds */
#define ANSWER_MAX (MP_BYTES_MAX - 65536)

struct difference {
    int64_t from, to;        /* versions; `to` INT_NONE: now */
    int64_t after_seq, upto; /* what happened between them */
    struct events_set before, after;
    struct events_diff_list changes, words, patch;
};

/* ---- the two sides ---- */

/* Reads a version as it was kept. */
static enum status
load_version(struct op *op, const struct plan *plan, int64_t version, const char *field,
             struct events_set *out)
{
    const struct plan_step *step = events_plan_kept(plan, version);
    if (step)
        return events_handlers_kept(op, plan, step, out);
    return error_set(op_error(op), STATUS_NOT_FOUND, field,
                     "%s: version %" PRId64 " of the plan of %" PRId64 " was not kept; a version "
                     "is kept when it is submitted, adopted or closed",
                     field, version, plan->year);
}

static enum status
load(struct op *op, const struct plan_diff *in, struct difference *out)
{
    struct plan *plan = op_alloc(op, sizeof *plan);
    if (!plan)
        return op_no_memory(op);
    enum status now =
        in->to == INT_NONE ? events_handlers_year(op, in->year, &out->after) : STATUS_OK;
    enum status status = events_handlers_plan(op, in->year, plan);
    if (status != STATUS_OK)
        return status;
    out->from = in->from;
    out->to = in->to;
    if (out->from == INT_NONE)
        out->from =
            plan->adopted_version != INT_NONE ? plan->adopted_version : events_plan_newest(plan);
    if (!out->from)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "from",
                         "from: no version of the plan of %" PRId64 " was kept yet", in->year);
    status = load_version(op, plan, out->from, "from", &out->before);
    if (in->to != INT_NONE && (status == STATUS_OK || status == STATUS_AGAIN))
        now = load_version(op, plan, out->to, "to", &out->after);
    if (status != STATUS_OK && status != STATUS_AGAIN)
        return status;
    out->after_seq = out->before.seq;
    out->upto = in->to == INT_NONE ? INT64_MAX : out->after.seq;
    return now != STATUS_OK ? now : status;
}

/* The next document of either side, in order of ids. False at the end. */
static bool
next(const struct difference *of, unsigned *before, unsigned *after, struct events_diff *out)
{
    const struct events_listed *a = *before < of->before.count ? &of->before.items[*before] : NULL;
    const struct events_listed *b = *after < of->after.count ? &of->after.items[*after] : NULL;
    int order = !a ? 1 : !b ? -1 : text_compare(a->id, b->id);
    if (!a && !b)
        return false;
    *out = (struct events_diff){order <= 0 ? a->id : b->id, order <= 0 ? a->bytes : TEXT_NONE,
                                order >= 0 ? b->bytes : TEXT_NONE};
    *before += order <= 0;
    *after += order >= 0;
    return true;
}

/* ---- who and why ---- */

/* What the log has of an event: a page may end before what is asked for does. */
struct pages {
    unsigned count;
    struct op_log_page items[PAGES_MAX];
};

/* Asks for the records of an event since the version before. */
static enum status
read_steps(struct op *op, const struct difference *of, const struct events_diff *diff,
           struct event *event, struct pages *out)
{
    char topic[EVENTS_TOPIC_MAX];
    struct text bytes = diff->after.ptr ? diff->after : diff->before;
    enum status status = schema_decode_bytes(&event_schema, bytes.ptr, bytes.len, event,
                                             SCHEMA_STORED, op_error(op));
    if (status != STATUS_OK)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored event %.*s is damaged",
                         TEXT_ARG(diff->id));
    events_domain_topic(event, topic);
    unsigned got = 0;
    int64_t after = of->after_seq, last = INT64_MAX;
    for (out->count = 0; out->count < PAGES_MAX && got < STEPS_MAX && after < last;) {
        struct op_log_page *page = &out->items[out->count];
        status = op_log_topic(op, op_format(op, "%s", topic), after, STEPS_MAX - got, page);
        if (status != STATUS_OK)
            return status;
        out->count++;
        got += page->count;
        after = page->next;
        last = page->count ? page->last : after;
    }
    return STATUS_OK;
}

/* Says a step: "asean-forum: event.amended by kz-focal, 2026-03-01: a larger hall". */
static void
say_step(struct op *op, struct text id, const struct events_told *told,
         struct events_diff_list *words)
{
    char day[DATE_TEXT_MAX];
    date_print(date_of_time(told->time_ms), day);
    bool why = told->reason.ptr != NULL;
    const struct text line[] = {id,
                                TEXT_LITERAL(": "),
                                told->type,
                                TEXT_LITERAL(" by "),
                                told->actor,
                                TEXT_LITERAL(", "),
                                text_of(day),
                                why ? TEXT_LITERAL(": ") : TEXT_LITERAL(""),
                                why ? told->reason : TEXT_LITERAL("")};
    mp_text(&words->items, op_join(op, sizeof line / sizeof *line, line));
    words->count++;
}

/* The steps of an event between the two sides, written and said. */
static enum status
tell_steps(struct op *op, struct difference *of, struct text id, const struct op_log_page *page,
           struct events_diff_list *steps)
{
    for (unsigned i = 0; i < page->count; i++) {
        struct events_told told;
        enum status status = events_handlers_told(op, &page->records[i], &told);
        if (status != STATUS_OK)
            return status;
        if (told.seq > of->upto)
            break;
        if (!events_handlers_is_step(&told))
            continue;
        events_handlers_write_told(&steps->items, &told);
        steps->count++;
        say_step(op, id, &told, &of->words);
    }
    return STATUS_OK;
}

/* ---- the answer ---- */

static void
write_list(struct buf *out, const struct events_diff_list *list)
{
    mp_array(out, list->count);
    buf_append(out, list->items.data, list->items.len);
    out->failed |= list->items.failed;
}

/* Adds an event that differs; `pages` have its records, NULL for none. */
static enum status
add_change(struct op *op, struct difference *of, const struct events_diff *diff,
           const struct pages *pages)
{
    struct events_diff_list steps = {.count = 0};
    struct buf *out = &of->changes.items;
    enum status status = STATUS_OK;
    events_diff_patch(diff, &of->patch);
    events_diff_words(diff, &of->words);
    for (unsigned i = 0; pages && i < pages->count && status == STATUS_OK; i++)
        status = tell_steps(op, of, diff->id, &pages->items[i], &steps);
    mp_map(out, 3);
    mp_string(out, "id");
    mp_text(out, diff->id);
    mp_string(out, "change");
    mp_string(out, !diff->before.ptr ? "added" : !diff->after.ptr ? "removed" : "changed");
    mp_string(out, "steps");
    write_list(out, &steps);
    of->changes.count++;
    buf_fini(&steps.items);
    return status;
}

static enum status
compare(struct op *op, struct difference *of)
{
    unsigned before = 0, after = 0, read = 0;
    bool again = false;
    struct events_diff diff;
    struct pages *pages = op_alloc(op, sizeof *pages);
    struct event *event = op_alloc(op, sizeof *event);
    if (!event || !pages)
        return op_no_memory(op);
    while (next(of, &before, &after, &diff)) {
        if (text_equal(diff.before, diff.after))
            continue;
        bool reads = read++ < READ_MAX;
        enum status status = reads ? read_steps(op, of, &diff, event, pages) : STATUS_OK;
        if (status == STATUS_AGAIN)
            again = true;
        else if (status == STATUS_OK && !again)
            status = add_change(op, of, &diff, reads ? pages : NULL);
        if (status != STATUS_OK && status != STATUS_AGAIN)
            return status;
        if (of->patch.items.len + of->words.items.len + of->changes.items.len > ANSWER_MAX)
            return error_set(op_error(op), STATUS_FAILED_PRECONDITION, NULL,
                             "more differs than one answer can hold; plan.get shows both versions");
    }
    return again ? STATUS_AGAIN : STATUS_OK;
}

static void
answer(struct op *op, int64_t year, const struct difference *of)
{
    struct buf *out = op_result(op);
    mp_map(out, of->to == INT_NONE ? 6 : 7);
    mp_string(out, "year");
    mp_int(out, year);
    mp_string(out, "from");
    mp_int(out, of->from);
    if (of->to != INT_NONE) {
        mp_string(out, "to");
        mp_int(out, of->to);
    }
    mp_string(out, "changes");
    write_list(out, &of->changes);
    mp_string(out, "words");
    write_list(out, &of->words);
    mp_string(out, "patch");
    write_list(out, &of->patch);
    mp_string(out, "seq");
    mp_int(out, of->after.seq);
}

enum status
plan_diff_handle(struct op *op, const void *params)
{
    const struct plan_diff *in = params;
    struct difference of = {.from = 0};
    enum status status = load(op, in, &of);
    if (status == STATUS_OK)
        status = compare(op, &of);
    if (status == STATUS_OK)
        answer(op, in->year, &of);
    buf_fini(&of.changes.items);
    buf_fini(&of.words.items);
    buf_fini(&of.patch.items);
    return status;
}
