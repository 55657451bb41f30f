/* Projects of the Fund: submitted, assessed, approved or declined, reported (registry_affairs.h).
 * It must not know stores, sockets, clocks or codecs. */
#include "services/registry/registry_affairs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WORD_OF(status) fund_status_words[(status)-1]

/* The steps, and what each needs besides its day:
 *
 *     submitted → assessed → approved → reported
 *                          └ declined
 */
enum need { NOTHING, AMOUNT, NOTE };
static const struct {
    int from, to;
    enum need need;
} steps[] = {
    {FUND_SUBMITTED, FUND_ASSESSED, NOTHING},
    {FUND_ASSESSED, FUND_APPROVED, AMOUNT},
    {FUND_ASSESSED, FUND_DECLINED, NOTE},
    {FUND_APPROVED, FUND_REPORTED, AMOUNT},
};

static void
append(struct fund_project *project, int status, date_day on, int64_t amount)
{
    struct fund_step *step = &project->history.items[project->history.count++];
    schema_init(&fund_step_schema, step);
    step->present = true;
    step->status = status;
    step->on = on;
    step->amount = amount;
}

/* Sets what the steps make of the project. */
static void
settle(struct fund_project *project)
{
    project->granted = project->reported = INT_NONE;
    for (uint32_t i = 0; i < project->history.count; i++) {
        const struct fund_step *step = &project->history.items[i];
        project->status = step->status;
        if (step->status == FUND_APPROVED)
            project->granted = step->amount;
        if (step->status == FUND_REPORTED)
            project->reported = step->amount;
    }
}

enum status
registry_fund_submit(const struct fund_submit *in, struct text id, date_day today,
                     struct fund_project *out, struct error *error)
{
    enum status status = registry_money_currency("currency", in->currency, error);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < in->co_proposers.count; i++)
        if (text_equal(in->co_proposers.items[i], in->proposer))
            return error_set(error, STATUS_INVALID_ARGUMENT, "co_proposers",
                             "co_proposers: %.*s is the proposer already", TEXT_ARG(in->proposer));
    schema_init(&fund_project_schema, out);
    schema_copy(&fund_project_schema, out, &fund_submit_schema, in);
    out->present = true;
    out->id = id;
    out->rev = 0;
    append(out, FUND_SUBMITTED, in->on != DATE_NONE ? in->on : today, in->amount);
    settle(out);
    return STATUS_OK;
}

bool
registry_fund_submitted(const struct fund_project *project, const struct fund_submit *in)
{
    bool same = project->co_proposers.count == in->co_proposers.count;
    for (uint32_t i = 0; same && i < in->co_proposers.count; i++)
        same = text_equal(project->co_proposers.items[i], in->co_proposers.items[i]);
    return same && text_equal(project->title, in->title) &&
           text_equal(project->proposer, in->proposer) && text_equal(project->area, in->area) &&
           text_equal(project->summary, in->summary) && project->amount == in->amount &&
           text_equal(project->currency, in->currency) &&
           registry_names_equal(project->titles.items, project->titles.count, in->titles.items,
                                in->titles.count) &&
           (in->on == DATE_NONE || project->history.items[0].on == in->on);
}

static enum status
refuse_step(const struct fund_project *project, int status, struct error *error)
{
    char next[64] = "";
    for (size_t i = 0; i < COUNT(steps); i++)
        if (steps[i].from == project->status) {
            if (*next)
                strcat(next, " or ");
            strcat(next, WORD_OF(steps[i].to));
        }
    return error_set(error, STATUS_FAILED_PRECONDITION, "status",
                     "status: %.*s is %s and cannot become %s; it may become %s",
                     TEXT_ARG(project->id), WORD_OF(project->status), WORD_OF(status),
                     *next ? next : "nothing else");
}

/* Whether the step may be taken; a step of the status it has corrects that one. */
static enum status
check_step(const struct fund_project *project, const struct fund_decide *in, date_day on,
           struct error *error)
{
    enum need need = NOTHING;
    size_t at = 0;
    const struct fund_step *last = &project->history.items[project->history.count - 1];
    bool corrects = in->status == project->status && in->status != FUND_SUBMITTED;
    while (at < COUNT(steps) &&
           !(steps[at].to == in->status && (corrects || steps[at].from == project->status)))
        at++;
    if (at == COUNT(steps))
        return refuse_step(project, in->status, error);
    need = steps[at].need;
    if ((need == AMOUNT) != (in->amount != INT_NONE))
        return error_set(error, STATUS_INVALID_ARGUMENT, "amount",
                         need == AMOUNT ? "amount: is missing; want what is granted, or what was "
                                          "spent, in minor units of %.*s"
                                        : "amount: is for approved and reported only (%.*s)",
                         TEXT_ARG(project->currency));
    if (need == NOTE && !in->note.ptr)
        return error_set(error, STATUS_INVALID_ARGUMENT, "note",
                         "note: is missing; say why it is declined");
    if (!corrects && on < last->on)
        return error_set(error, STATUS_FAILED_PRECONDITION, "on",
                         "on: is before the day on which it became %s", WORD_OF(last->status));
    return STATUS_OK;
}

enum status
registry_fund_decide(struct fund_project *project, const struct fund_decide *in, date_day today,
                     enum fund_status *before, bool *changed, struct error *error)
{
    const struct fund_step *last = &project->history.items[project->history.count - 1];
    date_day on = in->on != DATE_NONE ? in->on : today;
    *before = (enum fund_status)project->status;
    *changed = false;
    if (last->status == in->status && last->amount == in->amount &&
        text_equal(last->decision, in->decision) && text_equal(last->note, in->note) &&
        (in->on == DATE_NONE || last->on == in->on))
        return STATUS_OK;
    enum status status = check_step(project, in, on, error);
    if (status != STATUS_OK)
        return status;
    if (project->history.count == COUNT(project->history.items))
        return registry_refuse_full("id", project->history.count, error);
    append(project, in->status, on, in->amount);
    struct fund_step *step = &project->history.items[project->history.count - 1];
    step->decision = in->decision;
    step->note = in->note;
    settle(project);
    *changed = true;
    return STATUS_OK;
}

bool
registry_fund_view(struct fund_project *project, date_day day)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < project->history.count; i++)
        if (project->history.items[i].on <= day)
            project->history.items[kept++] = project->history.items[i];
    project->history.count = kept;
    if (kept)
        settle(project);
    return kept > 0;
}
