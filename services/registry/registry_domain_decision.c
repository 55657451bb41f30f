/* See registry_decision.h: the life of a decision. It must not know stores, sockets, clocks or
 * codecs. */
#include "services/registry/registry_decision.h"

/* ---- opening ---- */

static bool
is_officer(const struct registry_actor *actor)
{
    return (actor->roles & PERMIT_OFFICERS) != 0;
}

/* The shortest notice that the actor may give by the template. */
static int64_t
shortest(const struct procedure *procedure, const struct registry_actor *actor)
{
    int64_t minimum = REGISTRY_NOTICE_DEFAULT_MS;
    if (procedure->may_shorten == 1 && is_officer(actor))
        return 1;
    if (procedure->minimum.ptr)
        duration_parse(procedure->minimum, &minimum);
    return minimum < REGISTRY_NOTICE_LEAST_MS ? REGISTRY_NOTICE_LEAST_MS : minimum;
}

/* What the deadline is if none was given. */
static int64_t
usual(const struct procedure *procedure)
{
    int64_t minimum = REGISTRY_NOTICE_DEFAULT_MS;
    if (procedure->minimum.ptr)
        duration_parse(procedure->minimum, &minimum);
    return minimum;
}

static enum status
set_deadline(const struct procedure *procedure, int64_t wanted, const struct registry_actor *actor,
             int64_t now_ms, struct decision *out, struct error *error)
{
    char earliest[TIME_TEXT_MAX];
    int64_t least = now_ms + shortest(procedure, actor), most = now_ms + REGISTRY_NOTICE_MOST_MS;
    out->deadline = wanted;
    if (wanted == TIME_NONE) {
        out->deadline = now_ms + usual(procedure);
        if (out->deadline < least)
            out->deadline = least;
    }
    time_print(least, earliest);
    if (out->deadline < least)
        return error_set(error, STATUS_FAILED_PRECONDITION, "deadline",
                         "deadline: %.*s asks for a longer silence; %s or later%s",
                         TEXT_ARG(procedure->code), earliest,
                         procedure->may_shorten == 1
                             ? ", or let the chair or the Secretariat shorten it"
                             : "");
    if (out->deadline > most)
        return error_set(error, STATUS_INVALID_ARGUMENT, "deadline",
                         "deadline: want one within ten years");
    return STATUS_OK;
}

enum status
registry_decision_open(const struct decision_open *in, const struct procedure *procedure,
                       const struct registry_actor *actor, int64_t now_ms, struct decision *out,
                       struct error *error)
{
    schema_init(&decision_schema, out);
    out->present = true;
    out->title = in->title;
    out->body = in->body;
    out->procedure = in->procedure;
    out->mode = procedure->mode;
    out->status = DECISION_OPEN;
    out->text = in->text;
    out->subject = in->subject;
    out->recommends = in->recommends;
    out->recommended_by = in->recommended_by;
    out->supersedes = in->supersedes;
    out->reopens = in->reopens;
    out->opener = text_of(actor->id);
    out->opened_at = now_ms;
    enum status status = registry_procedure_admits(procedure, in->body, actor, error);
    if (status != STATUS_OK)
        return status;
    if (procedure->mode == DECISION_SILENCE)
        return set_deadline(procedure, in->deadline, actor, now_ms, out, error);
    if (in->deadline != TIME_NONE)
        return error_set(error, STATUS_INVALID_ARGUMENT, "deadline",
                         "deadline: a decision by consensus has none; decision.close ends it");
    return STATUS_OK;
}

enum status
registry_decision_record(const struct decision_record *in, const struct procedure *procedure,
                         date_day today, struct decision *out, struct error *error)
{
    if (in->status == DECISION_OPEN)
        return error_set(error, STATUS_INVALID_ARGUMENT, "status",
                         "status: want an outcome; decision.open opens a decision");
    if (in->decided > today)
        return error_set(error, STATUS_INVALID_ARGUMENT, "decided",
                         "decided: this day is still to come; decision.open opens a decision");
    schema_init(&decision_schema, out);
    out->present = true;
    out->title = in->title;
    out->body = in->body;
    out->procedure = in->procedure;
    out->mode = procedure ? procedure->mode : decision_mode_absent;
    out->status = in->status;
    out->text = in->text;
    out->subject = in->subject;
    out->recommends = in->recommends;
    out->recommended_by = in->recommended_by;
    out->supersedes = in->supersedes;
    out->reopens = in->reopens;
    out->decided = in->decided;
    out->note = in->note;
    out->outcome_at = in->decided * DATE_DAY_MS;
    return STATUS_OK;
}

bool
registry_decision_equal(const struct decision *a, const struct decision *b)
{
    return text_equal(a->id, b->id) && text_equal(a->title, b->title) &&
           text_equal(a->body, b->body) && text_equal(a->procedure, b->procedure) &&
           a->status == b->status && text_equal(a->digest, b->digest) &&
           text_equal(a->subject, b->subject) && text_equal(a->recommends, b->recommends) &&
           text_equal(a->recommended_by, b->recommended_by) &&
           text_equal(a->supersedes, b->supersedes) && text_equal(a->reopens, b->reopens) &&
           a->decided == b->decided && text_equal(a->note, b->note);
}

/* ---- objections ---- */

static enum status
refuse_ended(const struct decision *decision, struct error *error)
{
    char at[TIME_TEXT_MAX];
    time_print(decision->outcome_at, at);
    return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                     "%.*s is %s since %s; what comes after its outcome does not count",
                     TEXT_ARG(decision->id), decision_word((enum decision_status)decision->status),
                     at);
}

/* Gives what is due its outcome, and refuses if there is one. */
static enum status
check_open(struct decision *decision, int64_t now_ms, struct error *error)
{
    decision_settle(decision, now_ms);
    return decision->status == DECISION_OPEN ? STATUS_OK : refuse_ended(decision, error);
}

/* A state speaks only for itself; the Secretariat records what it was told. */
static enum status
check_speaks(const struct decision *decision, struct text member,
             const struct registry_actor *actor, struct error *error)
{
    bool own =
        (actor->roles & PERMIT_MEMBERS) && actor->member[0] && text_is(member, actor->member);
    if (!own && !(actor->roles & PERMIT_SECRETARIAT))
        return error_set(error, STATUS_PERMISSION_DENIED, "member",
                         "member: %s may not speak for %.*s; only itself and the Secretariat may",
                         actor->id, TEXT_ARG(member));
    for (uint32_t i = 0; i < decision->electorate.count; i++)
        if (text_equal(decision->electorate.items[i], member))
            return STATUS_OK;
    return error_set(error, STATUS_FAILED_PRECONDITION, "member",
                     "member: %.*s was no member when %.*s was opened; only members object",
                     TEXT_ARG(member), TEXT_ARG(decision->id));
}

static struct objection *
objection_of(struct decision *decision, struct text member)
{
    for (uint32_t i = 0; i < decision->objections.count; i++)
        if (text_equal(decision->objections.items[i].member, member))
            return &decision->objections.items[i];
    return NULL;
}

enum status
registry_decision_object(struct decision *decision, const struct decision_object *in,
                         const struct registry_actor *actor, int64_t now_ms, bool *changed,
                         struct error *error)
{
    enum status status = check_open(decision, now_ms, error);
    if (status == STATUS_OK)
        status = check_speaks(decision, in->member, actor, error);
    if (status != STATUS_OK)
        return status;
    struct objection *objection = objection_of(decision, in->member);
    *changed = !objection || objection->lifted_at != TIME_NONE;
    if (!*changed && !text_equal(objection->reason, in->reason))
        return error_set(error, STATUS_ALREADY_EXISTS, "member",
                         "member: %.*s objects already, for another reason; lift that first",
                         TEXT_ARG(in->member));
    if (!*changed)
        return STATUS_OK;
    if (!objection) /* one for each of the electorate: there is room */
        objection = &decision->objections.items[decision->objections.count++];
    schema_init(&objection_schema, objection);
    objection->present = true;
    objection->member = in->member;
    objection->reason = in->reason;
    objection->at = now_ms;
    objection->actor = text_of(actor->id);
    return STATUS_OK;
}

enum status
registry_decision_lift(struct decision *decision, const struct decision_lift *in,
                       const struct registry_actor *actor, int64_t now_ms, bool *changed,
                       struct error *error)
{
    enum status status = check_open(decision, now_ms, error);
    if (status == STATUS_OK)
        status = check_speaks(decision, in->member, actor, error);
    if (status != STATUS_OK)
        return status;
    struct objection *objection = objection_of(decision, in->member);
    if (!objection)
        return error_set(error, STATUS_FAILED_PRECONDITION, "member",
                         "member: %.*s has not objected, so there is nothing to lift",
                         TEXT_ARG(in->member));
    *changed = objection->lifted_at == TIME_NONE;
    if (*changed)
        objection->lifted_at = now_ms;
    return STATUS_OK;
}

/* ---- the opener ---- */

static enum status
check_opener(const struct decision *decision, const struct registry_actor *actor,
             struct error *error)
{
    if ((actor->roles & PERMIT_SECRETARIAT) || text_is(decision->opener, actor->id))
        return STATUS_OK;
    return error_set(error, STATUS_PERMISSION_DENIED, NULL,
                     "%.*s was opened by %.*s; only it and the Secretariat may do this",
                     TEXT_ARG(decision->id), TEXT_ARG(decision->opener));
}

enum status
registry_decision_extend(struct decision *decision, int64_t deadline,
                         const struct registry_actor *actor, int64_t now_ms, bool *changed,
                         struct error *error)
{
    char old[TIME_TEXT_MAX];
    enum status status = check_opener(decision, actor, error);
    if (status == STATUS_OK)
        status = check_open(decision, now_ms, error);
    if (status != STATUS_OK)
        return status;
    if (decision->mode != DECISION_SILENCE)
        return error_set(error, STATUS_FAILED_PRECONDITION, "deadline",
                         "deadline: %.*s is by consensus and has none", TEXT_ARG(decision->id));
    if (deadline > now_ms + REGISTRY_NOTICE_MOST_MS)
        return error_set(error, STATUS_INVALID_ARGUMENT, "deadline",
                         "deadline: want one within ten years");
    time_print(decision->deadline, old);
    if (deadline < decision->deadline)
        return error_set(error, STATUS_FAILED_PRECONDITION, "deadline",
                         "deadline: it is %s; it can only be put off", old);
    *changed = deadline != decision->deadline;
    decision->deadline = deadline;
    return STATUS_OK;
}

enum status
registry_decision_close(struct decision *decision, int64_t now_ms, struct error *error)
{
    char at[TIME_TEXT_MAX];
    enum status status = check_open(decision, now_ms, error);
    if (status != STATUS_OK)
        return status;
    if (decision->mode != DECISION_CONSENSUS) {
        time_print(decision->deadline, at);
        return error_set(error, STATUS_FAILED_PRECONDITION, NULL,
                         "%.*s is by silence: it ends by itself at %s", TEXT_ARG(decision->id), at);
    }
    decision->status = decision_standing(decision) ? DECISION_BLOCKED : DECISION_ADOPTED;
    decision->outcome_at = now_ms;
    return STATUS_OK;
}

enum status
registry_decision_withdraw(struct decision *decision, struct text reason,
                           const struct registry_actor *actor, int64_t now_ms, struct error *error)
{
    enum status status = check_opener(decision, actor, error);
    if (status == STATUS_OK)
        status = check_open(decision, now_ms, error);
    if (status != STATUS_OK)
        return status;
    decision->status = DECISION_WITHDRAWN;
    decision->outcome_at = now_ms;
    decision->note = reason;
    return STATUS_OK;
}
