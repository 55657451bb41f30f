/* decision.*: objections, ends, and reading (registry_handlers_decision.h). It must not know
 * sockets or Redis. */
#include "services/registry/registry_handlers_decision.h"

#include "common/service/due.h"

/* ---- shared ---- */

struct registry_actor
registry_handlers_actor(const struct op *op)
{
    const struct principal *principal = op_principal(op);
    return (struct registry_actor){principal->roles, principal->id, principal->member};
}

struct text
registry_handlers_decision_topic(struct op *op, const struct decision *decision)
{
    return op_format(op, "decisions.%.*s.%.*s.", TEXT_ARG(decision->body), TEXT_ARG(decision->id));
}

enum status
registry_handlers_decision(struct op *op, struct text id, struct decision **out, int64_t *now_ms)
{
    struct decision *decision = op_alloc(op, sizeof *decision);
    if (!decision)
        return registry_no_memory(op);
    *out = decision;
    enum status clock = op_clock(op, now_ms); /* before the document: see op_clock */
    enum status status = op_load(op, "decision", id, &decision_schema, decision);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_NOT_FOUND, "id",
                         "id: there is no decision %.*s; decision.list names those that are",
                         TEXT_ARG(id));
    return status != STATUS_OK ? status : clock;
}

static struct text
entry_of(struct op *op, const struct decision *decision)
{
    return due_entry(op, REGISTRY_DUE_PREFIX, decision->deadline, decision->id);
}

void
registry_handlers_due_add(struct op *op, const struct decision *decision)
{
    if (decision->mode != DECISION_SILENCE)
        return;
    op_index_add(op, entry_of(op, decision));
    due_clock_hint(op_service(op), decision->deadline);
}

void
registry_handlers_due_remove(struct op *op, const struct decision *decision)
{
    if (decision->mode == DECISION_SILENCE)
        op_index_remove(op, entry_of(op, decision));
}

enum status
registry_handlers_decision_tell(struct op *op, const void *message)
{
    const struct decision *decision = message;
    if (decision->status == DECISION_OPEN)
        registry_handlers_due_add(op, decision);
    op_record(op, "decision.restored", registry_handlers_decision_topic(op, decision),
              &decision_schema, decision, NULL, NULL, TEXT_NONE);
    return STATUS_OK;
}

/* Saves, records and answers a change; `from` is the status before if it changed. */
static void
commit(struct op *op, const char *type, struct decision *decision, const char *from)
{
    struct text bytes = op_save(op, "decision", decision->id, &decision_schema, decision);
    op_record_raw(op, type, registry_handlers_decision_topic(op, decision), bytes, from, NULL,
                  TEXT_NONE);
    op_answer_raw(op, bytes);
}

void
registry_handlers_outcome(struct op *op, struct decision *decision)
{
    struct text type =
        op_format(op, "decision.%s", decision_word((enum decision_status)decision->status));
    registry_handlers_due_remove(op, decision);
    commit(op, type.ptr, decision, decision_word(DECISION_OPEN));
}

/* Writes the outcome of what is due. The commit is refused if the document moved, which leaves one
 * winner of all replicas, or if the store's clock has not reached the deadline. */
enum status
registry_handlers_settle(struct op *op, const void *params)
{
    const struct due *due = params;
    struct decision *decision;
    int64_t now_ms;
    enum status status = registry_handlers_decision(op, text_of(due->id), &decision, &now_ms);
    if (status != STATUS_OK)
        return status;
    if (!decision_due(decision, now_ms + DUE_EARLY_MS))
        return STATUS_OK; /* another replica was first, or it was put off */
    decision_settle(decision, decision->deadline);
    op_not_before(op, decision->deadline);
    registry_handlers_outcome(op, decision);
    return STATUS_OK;
}

/* ---- changes before the outcome ---- */

/* A change counts only if it is committed before the deadline by the store's clock. */
static void
only_before_deadline(struct op *op, const struct decision *decision)
{
    if (decision->mode == DECISION_SILENCE)
        op_before(op, decision->deadline);
}

/* Loads the decision that is to be changed, and checks the caller's revision. */
static enum status
load_change(struct op *op, struct text id, int64_t rev, struct decision **decision, int64_t *now_ms)
{
    enum status status = registry_handlers_decision(op, id, decision, now_ms);
    return status == STATUS_OK ? op_expect_rev(op, rev, (*decision)->rev) : status;
}

static enum status
unchanged(struct op *op, const struct decision *decision)
{
    return op_answer_unchanged(op, &decision_schema, decision,
                               registry_handlers_decision_topic(op, decision));
}

enum status
decision_object_handle(struct op *op, const void *params)
{
    const struct decision_object *in = params;
    struct decision *decision;
    struct registry_actor actor = registry_handlers_actor(op);
    int64_t now_ms;
    bool changed;
    enum status status = load_change(op, in->id, in->rev, &decision, &now_ms);
    if (status == STATUS_OK)
        status = registry_decision_object(decision, in, &actor, now_ms, &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (!changed)
        return unchanged(op, decision);
    only_before_deadline(op, decision);
    commit(op, "decision.objected", decision, NULL);
    return STATUS_OK;
}

enum status
decision_lift_handle(struct op *op, const void *params)
{
    const struct decision_lift *in = params;
    struct decision *decision;
    struct registry_actor actor = registry_handlers_actor(op);
    int64_t now_ms;
    bool changed;
    enum status status = load_change(op, in->id, in->rev, &decision, &now_ms);
    if (status == STATUS_OK)
        status = registry_decision_lift(decision, in, &actor, now_ms, &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (!changed)
        return unchanged(op, decision);
    only_before_deadline(op, decision);
    commit(op, "decision.lifted", decision, NULL);
    return STATUS_OK;
}

enum status
decision_extend_handle(struct op *op, const void *params)
{
    const struct decision_extend *in = params;
    struct decision *decision;
    struct registry_actor actor = registry_handlers_actor(op);
    int64_t now_ms;
    bool changed;
    enum status status = load_change(op, in->id, in->rev, &decision, &now_ms);
    if (status != STATUS_OK)
        return status;
    int64_t before = decision->deadline;
    struct text entry = entry_of(op, decision);
    status =
        registry_decision_extend(decision, in->deadline, &actor, now_ms, &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (!changed)
        return unchanged(op, decision);
    op_before(op, before);
    op_index_remove(op, entry);
    registry_handlers_due_add(op, decision);
    commit(op, "decision.extended", decision, NULL);
    return STATUS_OK;
}

enum status
decision_close_handle(struct op *op, const void *params)
{
    const struct decision_close *in = params;
    struct decision *decision;
    int64_t now_ms;
    enum status status = load_change(op, in->id, in->rev, &decision, &now_ms);
    if (status == STATUS_OK)
        status = registry_decision_close(decision, now_ms, op_error(op));
    if (status == STATUS_OK)
        registry_handlers_outcome(op, decision);
    return status;
}

enum status
decision_withdraw_handle(struct op *op, const void *params)
{
    const struct decision_withdraw *in = params;
    struct decision *decision;
    struct registry_actor actor = registry_handlers_actor(op);
    int64_t now_ms;
    enum status status = load_change(op, in->id, in->rev, &decision, &now_ms);
    if (status == STATUS_OK)
        status = registry_decision_withdraw(decision, in->reason, &actor, now_ms, op_error(op));
    if (status != STATUS_OK)
        return status;
    only_before_deadline(op, decision);
    registry_handlers_outcome(op, decision);
    return STATUS_OK;
}

/* ---- reading ---- */

enum status
decision_get_handle(struct op *op, const void *params)
{
    const struct decision_ref *in = params;
    struct decision *decision;
    struct decision_text text;
    int64_t now_ms;
    enum status status = registry_handlers_decision(op, in->id, &decision, &now_ms);
    enum status read = op_load(op, "decision-text", in->id, &decision_text_schema, &text);
    if (status != STATUS_OK || (read != STATUS_OK && read != STATUS_NOT_FOUND))
        return status != STATUS_OK ? status : read;
    if (read == STATUS_OK)
        decision->text = text.text;
    decision_settle(decision, now_ms);
    op_answer(op, &decision_schema, decision);
    return STATUS_OK;
}

struct filter {
    const struct decision_list *in;
    int64_t now_ms;
};

static bool
is_wanted(void *message, const void *arg)
{
    struct decision *decision = message;
    const struct filter *filter = arg;
    const struct decision_list *in = filter->in;
    decision_settle(decision, filter->now_ms);
    return (!in->status || decision->status == in->status) &&
           (!in->body.ptr || text_equal(decision->body, in->body)) &&
           (!in->recommends.ptr || text_equal(decision->recommends, in->recommends));
}

enum status
decision_list_handle(struct op *op, const void *params)
{
    struct filter filter = {params, 0};
    enum status clock = op_clock(op, &filter.now_ms); /* before the documents */
    struct registry_list list = {"decision", &decision_schema, is_wanted,
                                 &filter,    filter.in->limit, filter.in->cursor};
    enum status status = registry_handlers_list(op, &list);
    return status != STATUS_OK ? status : clock;
}
