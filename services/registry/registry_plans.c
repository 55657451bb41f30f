/* See registry_plans.h. Only what a plan's last record says counts, so nothing is done before the
 * end of the log was passed. It must not know the documents of events in the store. */
#include "services/registry/registry_plans.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/log/follow.h"
#include "common/msg/schema_mp.h"
#include "common/service/chores.h"
#include "services/registry/registry_handlers_decision.h"

#define REFUSAL "plan-refusal" /* the document that says that a decision was refused: by its id */

struct registry_plans {
    struct service *service;   /* NULL until started */
    struct chores *chores;     /* owned; by topic, each with the plan as it was submitted */
    struct log_follow *follow; /* owned */
};

/* ---- one plan ---- */

/* Whether the decision that has the id is the one asked for: the same text, to the same body. */
static bool
is_same(const struct decision *there, const struct plan *plan)
{
    return text_equal(there->body, plan->body) && text_equal(there->digest, plan->digest);
}

/* Whether it is refused by what is asked for, and not by what is the matter here. */
static bool
is_refusal(enum status status)
{
    return status == STATUS_INVALID_ARGUMENT || status == STATUS_NOT_FOUND ||
           status == STATUS_ALREADY_EXISTS || status == STATUS_FAILED_PRECONDITION ||
           status == STATUS_PERMISSION_DENIED;
}

/* Opens it as the one who submitted the plan. */
static enum status
open_decision(struct op *op, const struct plan *plan)
{
    struct decision_open in;
    char *submitter = op_alloc(op, plan->submitter.len + 1);
    if (!submitter)
        return registry_no_memory(op);
    memcpy(submitter, plan->submitter.ptr, plan->submitter.len);
    submitter[plan->submitter.len] = '\0';
    unsigned role = plan->submitter_role == PLAN_BY_CHAIR ? PERMIT_CHAIR : PERMIT_SECRETARIAT;
    const struct registry_actor actor = {role, submitter, ""};
    schema_init(&decision_open_schema, &in);
    in.id = plan->decision;
    in.title = plan->title.ptr
                   ? plan->title
                   : op_format(op, "Plan of Implementation of CBMs for %" PRId64, plan->year);
    in.body = plan->body;
    in.procedure = plan->procedure;
    in.deadline = plan->deadline;
    in.text = plan->text;
    in.subject = op_format(op, "plan.%" PRId64, plan->year);
    return registry_handlers_open(op, &in, &actor);
}

/* Tells that the decision cannot be opened: once. */
static enum status
refuse(struct op *op, const struct plan *plan)
{
    struct plan_refusal refusal = {.present = true,
                                   .year = plan->year,
                                   .decision = plan->decision,
                                   .reason = op_format(op, "%s", op_error(op)->message)};
    op_save(op, REFUSAL, plan->decision, &plan_refusal_schema, &refusal);
    op_record(op, "plan.refused", op_format(op, "registry.plan.%" PRId64 ".", plan->year),
              &plan_refusal_schema, &refusal, NULL, NULL, TEXT_NONE);
    return STATUS_OK;
}

/* Opens the decision that a plan asks for, or tells that it cannot be. What is there already stays
 * as it is. */
static enum status
serve(struct op *op, const void *params)
{
    struct text topic, data, bytes;
    struct plan *plan = op_alloc(op, sizeof *plan);
    struct decision *there = op_alloc(op, sizeof *there);
    if (!plan || !there)
        return registry_no_memory(op);
    chores_read(params, &topic, &data);
    enum status status =
        schema_decode_bytes(&plan_schema, data.ptr, data.len, plan, SCHEMA_STORED, op_error(op));
    if (status != STATUS_OK || !plan->decision.ptr || !plan->body.ptr || !plan->procedure.ptr ||
        !plan->digest.ptr || !plan->submitter.ptr) {
        log_event(LOG_LEVEL_ERROR, "a record of a plan cannot be read",
                  LOG_TEXT("topic", topic.ptr));
        return STATUS_OK;
    }
    enum status refused = op_load_raw(op, REFUSAL, plan->decision, &bytes);
    status = op_load(op, "decision", plan->decision, &decision_schema, there);
    if (refused == STATUS_OK)
        return STATUS_OK; /* told before */
    if (refused != STATUS_NOT_FOUND)
        return refused;
    if (status == STATUS_OK && is_same(there, plan))
        return STATUS_OK;
    if (status == STATUS_OK)
        error_set(op_error(op), status = STATUS_ALREADY_EXISTS, "id",
                  "id: there is another decision %.*s already", TEXT_ARG(plan->decision));
    else if (status == STATUS_NOT_FOUND)
        status = open_decision(op, plan);
    return is_refusal(status) ? refuse(op, plan) : status;
}

/* ---- the log ---- */

static void
on_record(void *arg, const struct log_record *record)
{
    struct registry_plans *plans = arg;
    if (!text_is(log_record_type(record), "plan.submitted"))
        chores_drop(plans->chores, record->topic);
    else if (!chores_put(plans->chores, record->topic, record->data))
        log_event(LOG_LEVEL_ERROR, "no memory for a plan that was submitted",
                  LOG_NUMBER("seq", record->seq));
}

static void
on_passed(void *arg, int64_t seq)
{
    struct registry_plans *plans = arg;
    (void)seq;
    if (plans->service)
        chores_start(plans->chores, plans->service);
}

struct registry_plans *
registry_plans_new(struct loop *loop, const char *redis, const char *org)
{
    struct registry_plans *plans = calloc(1, sizeof *plans);
    if (!plans)
        return NULL;
    plans->chores = chores_new(loop, serve);
    if (plans->chores)
        plans->follow =
            log_follow_new(loop, redis, org, TEXT_LITERAL("plan."), 0, on_record, on_passed, plans);
    if (!plans->follow)
        registry_plans_destroy(&plans);
    return plans;
}

void
registry_plans_start(struct registry_plans *plans, struct service *service)
{
    plans->service = service;
}

void
registry_plans_destroy(struct registry_plans **plans)
{
    if (!*plans)
        return;
    log_follow_destroy(&(*plans)->follow);
    chores_destroy(&(*plans)->chores);
    free(*plans);
    *plans = NULL;
}
