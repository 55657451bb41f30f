/* fund.*: see registry_handlers.h. It must not know sockets or Redis. */
#include "services/registry/registry_handlers.h"

static struct text
topic_of(struct op *op, struct text id)
{
    return op_format(op, "registry.fund.%.*s.", TEXT_ARG(id));
}

static enum status
finish(struct op *op, struct fund_project *project, const char *from)
{
    struct text saved = op_save(op, "fund", project->id, &fund_project_schema, project);
    struct text type = op_format(op, "fund.%s", fund_status_words[project->status - 1]);
    op_record_raw(op, type.ptr, topic_of(op, project->id), saved, from, NULL, TEXT_NONE);
    op_answer_raw(op, saved);
    return STATUS_OK;
}

static bool
is_same(const void *message, const void *params)
{
    return registry_fund_submitted(message, params);
}

/* Everyone who proposes must be known, and the area be one of the catalogue. */
static enum status
check_submit(struct op *op, const struct fund_submit *in)
{
    const struct principal *principal = op_principal(op);
    if (!(principal->roles & PERMIT_OFFICERS) && !text_is(in->proposer, principal->member))
        return error_set(op_error(op), STATUS_PERMISSION_DENIED, "proposer",
                         "proposer: a state proposes for itself, the Secretariat for anyone");
    enum status status = registry_handlers_known(op, "participant", "proposer", in->proposer);
    for (uint32_t i = 0; status == STATUS_OK && i < in->co_proposers.count; i++)
        status =
            registry_handlers_known(op, "participant", "co_proposers", in->co_proposers.items[i]);
    if (status == STATUS_OK && in->area.ptr)
        status = registry_handlers_area(op, in->area);
    return status;
}

enum status
fund_submit_handle(struct op *op, const void *params)
{
    const struct fund_submit *in = params;
    struct fund_project *project = op_alloc(op, sizeof *project);
    struct text id;
    if (!project)
        return registry_no_memory(op);
    enum status status = check_submit(op, in);
    if (status != STATUS_OK)
        return status;
    struct registry_naming naming = {"fund", &fund_project_schema, in->id, in->title, is_same, in};
    status = registry_handlers_name(op, &naming, project, &id);
    if (status == STATUS_OK && registry_fund_submitted(project, in))
        return op_answer_unchanged(op, &fund_project_schema, project, topic_of(op, id));
    if (status == STATUS_OK)
        return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                         "id: there is another project %.*s; leave the id out to get a free one",
                         TEXT_ARG(id));
    if (status != STATUS_NOT_FOUND)
        return status;
    status = registry_fund_submit(in, id, op_today(op), project, op_error(op));
    if (status != STATUS_OK)
        return status;
    op_index_add(op, op_format(op, "fund:%.*s", TEXT_ARG(id)));
    return finish(op, project, NULL);
}

static enum status
load_project(struct op *op, struct text id, struct fund_project **out)
{
    struct fund_project *project = op_alloc(op, sizeof *project);
    if (!project)
        return registry_no_memory(op);
    *out = project;
    enum status status = op_load(op, "fund", id, &fund_project_schema, project);
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_NOT_FOUND, "id",
                     "id: there is no project %.*s; fund.list names those that are", TEXT_ARG(id));
}

enum status
fund_decide_handle(struct op *op, const void *params)
{
    const struct fund_decide *in = params;
    struct fund_project *project;
    enum fund_status before;
    bool changed;
    enum status cited = registry_handlers_cites(op, in->decision);
    enum status status = load_project(op, in->id, &project);
    if (status != STATUS_OK || cited != STATUS_OK)
        return status != STATUS_OK ? status : cited;
    status = op_expect_rev(op, in->rev, project->rev);
    if (status == STATUS_OK)
        status = registry_fund_decide(project, in, op_today(op), &before, &changed, op_error(op));
    if (status != STATUS_OK)
        return status;
    if (!changed)
        return op_answer_unchanged(op, &fund_project_schema, project, topic_of(op, in->id));
    return finish(op, project, fund_status_words[before - 1]);
}

enum status
fund_get_handle(struct op *op, const void *params)
{
    const struct id_day *in = params;
    struct fund_project *project;
    enum status status = load_project(op, in->id, &project);
    if (status != STATUS_OK)
        return status;
    if (in->as_of != DATE_NONE && !registry_fund_view(project, in->as_of))
        return error_set(op_error(op), STATUS_NOT_FOUND, "as_of",
                         "as_of: it was submitted later; ask for a later day");
    op_answer(op, &fund_project_schema, project);
    return STATUS_OK;
}

static bool
is_wanted(void *message, const void *arg)
{
    struct fund_project *project = message;
    const struct fund_list *in = arg;
    return (in->as_of == DATE_NONE || registry_fund_view(project, in->as_of)) &&
           (!in->status || project->status == in->status) &&
           (!in->proposer.ptr || text_equal(project->proposer, in->proposer));
}

enum status
fund_list_handle(struct op *op, const void *params)
{
    const struct fund_list *in = params;
    struct registry_list list = {"fund",    &fund_project_schema, is_wanted, in, in->limit,
                                 in->cursor};
    return registry_handlers_list(op, &list);
}
