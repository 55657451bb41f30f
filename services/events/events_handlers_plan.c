/* See events_handlers_plan.h: the plan from open to closed, and what is kept of it.
 * It must not know sockets or Redis. */
#include "services/events/events_handlers_plan.h"

#include <inttypes.h>
#include <string.h>

#include "common/decision/decision.h"
#include "common/msg/mp.h"
#include "common/msg/schema_mp.h"

#define PAGE_BYTES (192 * 1024) /* of a page, passed by at most one event */
#define TEXT_ROOM 200           /* for the last line of a text that is cut */

/* ---- loading and saving ---- */

static struct text
id_of(struct op *op, int64_t year)
{
    return op_format(op, "%" PRId64, year);
}

enum status
events_handlers_plan(struct op *op, int64_t year, struct plan *out)
{
    enum status status = op_load(op, "plan", id_of(op, year), &plan_schema, out);
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_NOT_FOUND, "year", "there is no plan of %" PRId64, year);
}

/* Saves, records and answers. `text` is of the record only. */
static void
commit(struct op *op, struct plan *plan, const char *record, const char *from, struct text text)
{
    struct text saved = op_save(op, "plan", id_of(op, plan->year), &plan_schema, plan);
    op_record_raw(op, record, op_format(op, "plan.%" PRId64 ".", plan->year), saved, from,
                  text.ptr ? "text" : NULL, text);
    op_answer_raw(op, saved);
}

enum status
plan_open_handle(struct op *op, const void *params)
{
    const struct plan_open *in = params;
    struct plan *plan = op_alloc(op, sizeof *plan);
    struct text id = id_of(op, in->year);
    if (!plan)
        return op_no_memory(op);
    enum status status = op_load(op, "plan", id, &plan_schema, plan);
    if (status == STATUS_OK)
        return error_set(op_error(op), STATUS_ALREADY_EXISTS, "year",
                         "the plan of %.*s is open already", TEXT_ARG(id));
    if (status != STATUS_NOT_FOUND)
        return status;
    const struct events_plan_step opened = {PLAN_OPEN, "plan.opened", NULL};
    schema_init(&plan_schema, plan);
    plan->present = true;
    schema_copy(&plan_schema, plan, &plan_open_schema, in);
    plan->version = 1;
    events_plan_take(plan, EVENTS_PLAN_ACTION_COUNT, &opened, op_now_ms(op),
                     text_of(op_principal(op)->id));
    op_index_add(op, op_format(op, "p|%" PRId64, in->year));
    commit(op, plan, opened.record, NULL, TEXT_NONE);
    return STATUS_OK;
}

/* ---- what is kept of a version ---- */

/* How many of the events from `first` on are in the page that begins with it. */
static unsigned
page_count(const struct events_set *events, unsigned first)
{
    size_t bytes = 0;
    unsigned count = 0;
    while (first + count < events->count && bytes < PAGE_BYTES)
        bytes += events->items[first + count++].bytes.len;
    return count;
}

static enum status
write_page(struct op *op, const struct events_listed *items, unsigned count, struct text id)
{
    struct buf map = {0};
    struct plan_page page = {.present = true};
    enum status status = op_load_new(op, "plan-page", id);
    if (status != STATUS_NOT_FOUND)
        return status != STATUS_OK ? status
                                   : error_set(op_error(op), STATUS_INTERNAL, NULL,
                                               "the version %.*s was kept before", TEXT_ARG(id));
    mp_map(&map, count);
    for (unsigned i = 0; i < count; i++) {
        mp_text(&map, items[i].id);
        buf_append(&map, items[i].bytes.ptr, items[i].bytes.len);
    }
    page.events = (struct text){(const char *)map.data, (uint32_t)map.len};
    if (!map.failed)
        op_save(op, "plan-page", id, &plan_page_schema, &page);
    bool failed = map.failed;
    buf_fini(&map);
    return failed ? op_no_memory(op) : STATUS_OK;
}

/* Keeps the events as they are now under the version of the line. */
static enum status
keep(struct op *op, const struct plan *plan, struct plan_step *line,
     const struct events_set *events)
{
    enum status outcome = STATUS_OK;
    line->seq = events->seq;
    line->events = events->count;
    line->pages = 0;
    for (unsigned first = 0, count; first < events->count; first += count) {
        count = page_count(events, first);
        struct text id = op_format(op, "%" PRId64 ".%" PRId64 ".%" PRId64, plan->year,
                                   line->version, line->pages++);
        enum status status = write_page(op, &events->items[first], count, id);
        if (status == STATUS_AGAIN)
            outcome = status;
        else if (status != STATUS_OK)
            return status;
    }
    return outcome;
}

/* The text that the decision is about: every event in a line, as far as there is room. */
static enum status
write_text(struct op *op, const struct plan *plan, const struct events_set *events,
           struct text *out)
{
    struct buf text = {0};
    struct event *event = op_alloc(op, sizeof *event);
    struct text head = op_format(op,
                                 "Plan of Implementation of CBMs for %" PRId64 ", version %" PRId64
                                 ": %u events\n",
                                 plan->year, plan->version, events->count);
    enum status status = event ? STATUS_OK : op_no_memory(op);
    unsigned i = 0;
    buf_append(&text, head.ptr, head.len);
    for (; i < events->count && status == STATUS_OK; i++) {
        size_t before = text.len;
        status =
            schema_decode_bytes(&event_schema, events->items[i].bytes.ptr,
                                events->items[i].bytes.len, event, SCHEMA_STORED, op_error(op));
        if (status != STATUS_OK)
            break;
        events_plan_line(&text, event);
        if (text.len <= EVENTS_PLAN_TEXT_MAX - TEXT_ROOM)
            continue;
        text.len = before;
        break;
    }
    if (status == STATUS_OK && i < events->count) {
        struct text rest =
            op_format(op, "- and %u more, which plan.get shows\n", events->count - i);
        buf_append(&text, rest.ptr, rest.len);
    }
    *out = op_join(op, 1, &(struct text){(const char *)text.data, (uint32_t)text.len});
    if (text.failed)
        status = op_no_memory(op);
    buf_fini(&text);
    return status;
}

/* ---- submitting, adopting, closing ---- */

/* A step of a plan under way. */
struct change {
    struct plan *plan;
    struct events_plan_step step;
    struct events_set events; /* if they are to be kept */
};

/* Loads the plan and checks the revision and the step. */
static enum status
begin(struct op *op, int64_t year, int64_t rev, enum events_plan_action action, struct change *out)
{
    *out = (struct change){.plan = op_alloc(op, sizeof *out->plan)};
    if (!out->plan)
        return op_no_memory(op);
    enum status status = events_handlers_plan(op, year, out->plan);
    if (status == STATUS_OK)
        status = op_expect_rev(op, rev, out->plan->rev);
    return status == STATUS_OK ? events_plan_step(out->plan, action, &out->step, op_error(op))
                               : status;
}

static struct plan_step *
take(struct op *op, struct change *change, enum events_plan_action action)
{
    return events_plan_take(change->plan, action, &change->step, op_now_ms(op),
                            text_of(op_principal(op)->id));
}

enum status
plan_submit_handle(struct op *op, const void *params)
{
    const struct plan_submit *in = params;
    struct change change;
    struct text text;
    char id[EVENTS_PLAN_DECISION_MAX], *digest = op_alloc(op, DECISION_DIGEST_MAX);
    if (!digest)
        return op_no_memory(op);
    enum status status = begin(op, in->year, in->rev, EVENTS_PLAN_SUBMIT, &change);
    if (status == STATUS_OK)
        status = events_handlers_year(op, in->year, &change.events);
    if (status == STATUS_OK)
        status = write_text(op, change.plan, &change.events, &text);
    if (status != STATUS_OK)
        return status;
    struct plan *plan = change.plan;
    const struct principal *principal = op_principal(op);
    struct plan_step *line = take(op, &change, EVENTS_PLAN_SUBMIT);
    status = keep(op, plan, line, &change.events);
    events_plan_decision(plan, id);
    decision_digest(text, TEXT_NONE, digest);
    plan->body = TEXT_LITERAL(EVENTS_PLAN_BODY);
    plan->decision = line->decision = op_format(op, "%s", id);
    plan->procedure = in->procedure.ptr ? in->procedure : TEXT_LITERAL(EVENTS_PLAN_PROCEDURE);
    plan->deadline = in->deadline;
    plan->digest = text_of(digest);
    plan->submitter = text_of(principal->id);
    plan->submitter_role =
        principal->roles & PERMIT_SECRETARIAT ? PLAN_BY_SECRETARIAT : PLAN_BY_CHAIR;
    plan->reason = TEXT_NONE;
    commit(op, plan, change.step.record, change.step.from, text);
    return status;
}

/* Adopts the plan by a decision; what was not submitted is kept now. */
static enum status
adopt(struct op *op, struct change *change, struct text decision)
{
    struct plan *plan = change->plan;
    enum status status = STATUS_OK;
    bool kept = events_plan_kept(plan, plan->version) != NULL;
    if (!kept)
        status = events_handlers_year(op, plan->year, &change->events);
    if (status != STATUS_OK)
        return status;
    struct plan_step *line = take(op, change, EVENTS_PLAN_ADOPT);
    if (!kept)
        status = keep(op, plan, line, &change->events);
    plan->decision = line->decision = decision;
    plan->reason = TEXT_NONE;
    commit(op, plan, change->step.record, change->step.from, TEXT_NONE);
    return status;
}

enum status
plan_adopt_handle(struct op *op, const void *params)
{
    const struct plan_adopt *in = params;
    const struct events_known *known = events_handlers_known(op);
    struct change change;
    enum status status = begin(op, in->year, in->rev, EVENTS_PLAN_ADOPT, &change);
    if (status != STATUS_OK)
        return status;
    struct text decision = in->decision.ptr ? in->decision : change.plan->decision;
    if (!decision.ptr)
        return error_set(op_error(op), STATUS_INVALID_ARGUMENT, "decision",
                         "decision: is missing; want the decision of the " EVENTS_PLAN_BODY
                         " that adopted the plan");
    status = events_plan_adopts(decision, events_known_decision(known, decision), op_error(op));
    status = events_handlers_sure(op, status);
    return status == STATUS_OK ? adopt(op, &change, decision) : status;
}

enum status
plan_close_handle(struct op *op, const void *params)
{
    const struct plan_close *in = params;
    struct change change;
    enum status status = begin(op, in->year, in->rev, EVENTS_PLAN_CLOSE, &change);
    if (status == STATUS_OK)
        status = events_handlers_year(op, in->year, &change.events);
    if (status != STATUS_OK)
        return status;
    struct plan_step *line = take(op, &change, EVENTS_PLAN_CLOSE);
    status = keep(op, change.plan, line, &change.events);
    commit(op, change.plan, change.step.record, change.step.from, TEXT_NONE);
    return status;
}

/* ---- the outcome of the decision ---- */

/* Sends a submitted plan back. */
static enum status
send_back(struct op *op, struct change *change, struct text reason)
{
    struct plan *plan = change->plan;
    struct plan_step *line = take(op, change, EVENTS_PLAN_RETURN);
    line->decision = plan->decision;
    line->reason = plan->reason = reason;
    plan->body = plan->decision = plan->procedure = plan->digest = plan->submitter = TEXT_NONE;
    plan->deadline = TIME_NONE;
    plan->submitter_role = 0;
    commit(op, plan, change->step.record, change->step.from, TEXT_NONE);
    return STATUS_OK;
}

enum status
events_handlers_plan_settle(struct op *op, const void *params)
{
    struct change change = {.plan = op_alloc(op, sizeof *change.plan)};
    struct plan *plan = change.plan;
    struct text key, id, refusal = TEXT_NONE;
    char reason[EVENTS_PLAN_REASON_MAX];
    chores_read(params, &key, &id);
    const char *space = id.len ? memchr(id.ptr, ' ', id.len) : NULL;
    if (space) {
        uint32_t id_len = (uint32_t)(space - id.ptr);
        refusal = (struct text){space + 1, id.len - id_len - 1};
        id.len = id_len;
    }
    if (!plan)
        return op_no_memory(op);
    enum status status =
        op_load(op, "plan", id_of(op, events_plan_decision_year(id)), &plan_schema, plan);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const struct events_decision *decision = events_known_decision(events_handlers_known(op), id);
    if (plan->status != PLAN_SUBMITTED || !text_equal(plan->decision, id))
        return STATUS_OK; /* it was done, or is about another version */
    enum events_plan_action action = EVENTS_PLAN_RETURN;
    if (!refusal.ptr) {
        /* of another decision with this id, which the registry refuses, nothing follows */
        if (!decision || decision->status == DECISION_OPEN ||
            !text_is(plan->digest, decision->digest))
            return STATUS_OK;
        if (events_plan_adopts(id, decision, NULL) == STATUS_OK)
            action = EVENTS_PLAN_ADOPT;
        events_plan_reason(id, decision->status, reason);
        refusal = op_format(op, "%s", reason);
    }
    status = events_plan_step(plan, action, &change.step, op_error(op));
    if (status != STATUS_OK)
        return status;
    return action == EVENTS_PLAN_ADOPT ? adopt(op, &change, id) : send_back(op, &change, refusal);
}

/* ---- reading ---- */

/* The plan as a version kept it, with a page of its events. */
static enum status
show_kept(struct op *op, const struct plan_get *in, struct plan *plan, const struct plan_step *step)
{
    struct plan_page page = {.events = TEXT_NONE};
    int64_t at;
    enum status status = events_domain_cursor(in->cursor, 0, &at, op_error(op));
    if (status == STATUS_OK && step->pages && at < step->pages)
        status = op_peek(op, "plan-page",
                         op_format(op, "%" PRId64 ".%" PRId64 ".%" PRId64, plan->year,
                                   step->version, at),
                         &plan_page_schema, &page, NULL);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_INTERNAL, NULL, "the stored plan is damaged");
    if (status != STATUS_OK)
        return status;
    plan->events = page.events.ptr ? page.events : TEXT_LITERAL("\x80");
    if (at + 1 < step->pages)
        plan->next = op_format(op, "%" PRId64, at + 1);
    op_answer(op, &plan_schema, plan);
    return STATUS_OK;
}

/* Makes the plan what it was on the day, or when the version was last worked on. */
static enum status
go_back(struct op *op, const struct plan_get *in, struct plan *plan)
{
    char day[DATE_TEXT_MAX];
    date_print(in->as_of, day);
    if (in->as_of != DATE_NONE &&
        !events_plan_as_of(plan, (int64_t)(in->as_of + 1) * DATE_DAY_MS - 1))
        return error_set(op_error(op), STATUS_NOT_FOUND, "as_of",
                         "as_of: the plan of %" PRId64 " was not open yet on %s", in->year, day);
    if (in->version == INT_NONE)
        return STATUS_OK;
    if (events_plan_kept(plan, in->version) && events_plan_at_version(plan, in->version))
        return STATUS_OK;
    return error_set(op_error(op), STATUS_NOT_FOUND, "version",
                     "version: version %" PRId64 " of the plan of %" PRId64 " was not kept; a "
                     "version is kept when it is submitted, adopted or closed",
                     in->version, in->year);
}

enum status
plan_get_handle(struct op *op, const void *params)
{
    const struct plan_get *in = params;
    struct plan *plan = op_alloc(op, sizeof *plan);
    bool back = in->version != INT_NONE || in->as_of != DATE_NONE;
    if (!plan)
        return op_no_memory(op);
    enum status status = events_handlers_plan(op, in->year, plan);
    if (status == STATUS_OK && back)
        status = go_back(op, in, plan);
    if (status != STATUS_OK)
        return status;
    const struct plan_step *step = back ? events_plan_kept(plan, plan->version) : NULL;
    if (step)
        return show_kept(op, in, plan, step);
    op_answer(op, &plan_schema, plan);
    return STATUS_OK;
}

enum status
plan_list_handle(struct op *op, const void *params)
{
    const struct plan_list *in = params;
    unsigned limit = in->limit == INT_NONE ? 100 : (unsigned)in->limit;
    int64_t seq = 0, after;
    struct op_range range;
    enum status status = events_domain_cursor(in->cursor, 0, &after, op_error(op));
    if (status != STATUS_OK)
        return status;
    struct text from = op_format(op, "p|%04lld!", (long long)after);
    enum status seq_status = op_seq(op, &seq);
    status = op_scan(op, from, TEXT_LITERAL("p|}"), limit + 1, &range);
    if (status != STATUS_OK || seq_status != STATUS_OK)
        return status != STATUS_OK ? status : seq_status;
    unsigned count = range.count < limit ? range.count : limit;
    struct text *items = op_alloc(op, (count + 1) * sizeof *items);
    if (!items)
        return op_no_memory(op);
    for (unsigned i = 0; i < count; i++) {
        struct text id = {range.items[i].ptr + 2, range.items[i].len - 2};
        enum status peeked = op_peek(op, "plan", id, NULL, NULL, &items[i]);
        if (peeked == STATUS_NOT_FOUND)
            items[i] = TEXT_NONE;
        else if (peeked != STATUS_OK)
            status = peeked;
    }
    if (status != STATUS_OK)
        return status;
    op_list_begin(op);
    for (unsigned i = 0; i < count; i++)
        if (items[i].ptr)
            op_list_item_raw(op, items[i]);
    struct text next = TEXT_NONE;
    if (range.count > limit)
        next = (struct text){range.items[count - 1].ptr + 2, range.items[count - 1].len - 2};
    op_list_end(op, next, seq);
    return STATUS_OK;
}
