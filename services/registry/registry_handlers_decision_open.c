/* procedure.*, decision.open and decision.record: how decisions come to be. It must not know
 * sockets or Redis. */
#include "services/registry/registry_handlers_decision.h"

#include <stdio.h>

#define ELECTORATE_ID TEXT_LITERAL("members")
#define IDS_TRIED 64
#define PARTICIPANTS_PAGE 500

/* ---- templates ---- */

enum status
procedure_put_handle(struct op *op, const void *params)
{
    struct procedure known, procedure = *(const struct procedure *)params;
    enum status status = registry_procedure_check(&procedure, op_error(op));
    if (status != STATUS_OK)
        return status;
    enum status loaded = op_load(op, "procedure", procedure.code, &procedure_schema, &known);
    if (loaded != STATUS_OK && loaded != STATUS_NOT_FOUND)
        return loaded;
    status = op_expect_rev(op, procedure.rev, loaded == STATUS_OK ? known.rev : 0);
    if (status != STATUS_OK)
        return status;
    struct text topic = op_format(op, "registry.procedure.%.*s.", TEXT_ARG(procedure.code));
    if (loaded == STATUS_OK && registry_procedure_equal(&known, &procedure))
        return op_answer_unchanged(op, &procedure_schema, &known, topic);
    op_index_add(op, op_format(op, "procedure:%.*s", TEXT_ARG(procedure.code)));
    struct text bytes = op_save(op, "procedure", procedure.code, &procedure_schema, &procedure);
    op_record_raw(op, "procedure.recorded", topic, bytes, NULL, NULL, TEXT_NONE);
    op_answer_raw(op, bytes);
    return STATUS_OK;
}

static bool
every_procedure(void *message, const void *arg)
{
    (void)message, (void)arg;
    return true;
}

enum status
procedure_list_handle(struct op *op, const void *params)
{
    const struct page *in = params;
    struct registry_list list = {"procedure", &procedure_schema, every_procedure,
                                 NULL,        in->limit,         in->cursor};
    return registry_handlers_list(op, &list);
}

static enum status
load_procedure(struct op *op, struct text code, struct procedure *out)
{
    enum status status = op_load(op, "procedure", code, &procedure_schema, out);
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "procedure",
                     "procedure: there is no template %.*s; procedure.list names those that are",
                     TEXT_ARG(code));
}

/* ---- what a new decision rests on ---- */

static bool
refused(enum status status)
{
    return status != STATUS_OK && status != STATUS_AGAIN;
}

/* What two asks come to, so that all is asked for in one round: a refusal, else AGAIN if one has to
 * wait. The second is not made after a refusal, whose error it would overwrite. */
static enum status
both(enum status a, enum status b)
{
    return refused(a) || b == STATUS_OK ? a : b;
}

static enum status
load_body(struct op *op, struct text code, int64_t *level)
{
    struct body body;
    enum status status = op_load(op, "body", code, &body_schema, &body);
    if (status == STATUS_OK)
        *level = body.level;
    if (status != STATUS_NOT_FOUND)
        return status;
    return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "body",
                     "body: there is no body %.*s; body.list names those that are", TEXT_ARG(code));
}

/* Whether what the decision points to is there and may be pointed to. */
static enum status
check_link(struct op *op, struct decision *decision, int64_t level, enum registry_link link,
           int64_t now_ms)
{
    struct text id = *registry_decision_link(decision, link);
    struct decision *target = op_alloc(op, sizeof *target);
    int64_t target_level = INT_NONE;
    if (!target)
        return registry_no_memory(op);
    enum status status = op_load(op, "decision", id, &decision_schema, target);
    if (status == STATUS_NOT_FOUND)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, registry_link_words[link],
                         "%s: there is no decision %.*s", registry_link_words[link], TEXT_ARG(id));
    if (status == STATUS_OK)
        status = load_body(op, target->body, &target_level);
    if (status != STATUS_OK)
        return status;
    decision_settle(target, now_ms);
    return registry_decision_links(decision, level, link, target, target_level, op_error(op));
}

static enum status
check_links(struct op *op, struct decision *decision, int64_t level, int64_t now_ms)
{
    enum status status = STATUS_OK;
    for (int link = 0; link < REGISTRY_LINKS && !refused(status); link++)
        if (registry_decision_link(decision, (enum registry_link)link)->ptr)
            status =
                both(status, check_link(op, decision, level, (enum registry_link)link, now_ms));
    return status;
}

/* Asks for what is pointed to before the body's level is known. */
static enum status
ask_links(struct op *op, const struct text *links)
{
    enum status status = STATUS_OK;
    struct text bytes;
    for (int link = 0; link < REGISTRY_LINKS; link++)
        if (links[link].ptr && op_load_raw(op, "decision", links[link], &bytes) == STATUS_AGAIN)
            status = STATUS_AGAIN;
    return status;
}

/* The id given, or the first free one made from the title: STATUS_NOT_FOUND. A given one that is
 * taken is refused, or with `known` loaded: STATUS_OK. */
static enum status
choose_id(struct op *op, struct text given, struct text title, struct text *id,
          struct decision *known)
{
    char made[TEXT_ID_MAX + 1];
    *id = given;
    if (given.ptr && known)
        return op_load(op, "decision", given, &decision_schema, known);
    if (given.ptr) {
        enum status status = op_load_new(op, "decision", given);
        return status != STATUS_OK
                   ? status
                   : error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                               "id: there is a decision %.*s already; leave the id out to get a "
                               "free one",
                               TEXT_ARG(given));
    }
    size_t len = text_slug(title, made);
    if (!len)
        len = (size_t)snprintf(made, sizeof made, "decision");
    for (unsigned n = 1; n <= IDS_TRIED; n++) {
        if (n > 1)
            snprintf(made + len, sizeof made - len, "-%u", n);
        *id = op_format(op, "%s", made);
        enum status status = op_load_new(op, "decision", *id);
        if (status != STATUS_OK)
            return status;
    }
    return error_set(op_error(op), STATUS_ALREADY_EXISTS, "title",
                     "title: too many decisions have it; give an id");
}

/* ---- the electorate ---- */

enum status
registry_handlers_electorate_bump(struct op *op)
{
    struct text bytes;
    enum status status = op_load_raw(op, "electorate", ELECTORATE_ID, &bytes);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    op_bump(op, "electorate", ELECTORATE_ID);
    return STATUS_OK;
}

/* Adds those of a page of participants who are members on the day. */
static enum status
add_members(struct op *op, const struct op_range *range, date_day day,
            struct participant *participant, struct decision *out)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < range->count; i++) {
        const uint32_t skip = sizeof "participant:" - 1;
        struct text code = {range->items[i].ptr + skip, range->items[i].len - skip};
        enum status one = op_peek(op, "participant", code, &participant_schema, participant, NULL);
        if (refused(one) && one != STATUS_NOT_FOUND)
            return one;
        if (one == STATUS_AGAIN)
            status = STATUS_AGAIN;
        if (one != STATUS_OK || registry_participant_on(participant, day) != PARTICIPANT_MEMBER)
            continue;
        if (out->electorate.count == DECISION_MEMBERS_MAX)
            return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, NULL,
                             "more than %d members cannot be notified", DECISION_MEMBERS_MAX);
        out->electorate.items[out->electorate.count++] = code;
    }
    return status;
}

/* Every member on the day. The guard is read before the participants: who becomes a member since
 * moves it. */
static enum status
load_electorate(struct op *op, date_day day, struct decision *out)
{
    struct text bytes, from = TEXT_LITERAL("participant:");
    struct op_range range = {.count = PARTICIPANTS_PAGE};
    struct participant *participant = op_alloc(op, sizeof *participant);
    if (!participant)
        return registry_no_memory(op);
    enum status status = op_load_raw(op, "electorate", ELECTORATE_ID, &bytes);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    out->electorate.count = 0;
    while (!refused(status) && range.count == PARTICIPANTS_PAGE) {
        enum status page =
            op_scan(op, from, TEXT_LITERAL("participant;"), PARTICIPANTS_PAGE, &range);
        if (page != STATUS_OK)
            return page;
        status = both(status, add_members(op, &range, day, participant, out));
        if (range.count) /* '!' comes before everything that a code may go on with */
            from = op_format(op, "%.*s!", TEXT_ARG(range.items[range.count - 1]));
    }
    if (status == STATUS_OK && !out->electorate.count)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, NULL,
                         "there is no member yet who could object; participant.put records them");
    return status;
}

/* ---- opening and recording ---- */

/* Commits a new decision: the text beside it, and in the record. */
static enum status
commit_new(struct op *op, const char *type, struct decision *decision)
{
    struct decision_text text = {.present = true, .text = decision->text};
    char *digest = op_alloc(op, DECISION_DIGEST_MAX);
    if (!digest)
        return registry_no_memory(op);
    decision_digest(decision->text, decision->title, digest);
    decision->digest = text_of(digest);
    decision->text = TEXT_NONE;
    op_index_add(op, op_format(op, "decision:%.*s", TEXT_ARG(decision->id)));
    op_save(op, "decision", decision->id, &decision_schema, decision);
    if (text.text.ptr) {
        op_save(op, "decision-text", decision->id, &decision_text_schema, &text);
        op_index_add(op, op_format(op, "decision-text:%.*s", TEXT_ARG(decision->id)));
        decision->text = text.text;
    }
    op_record(op, type, registry_handlers_decision_topic(op, decision), &decision_schema, decision,
              NULL, NULL, TEXT_NONE);
    op_answer(op, &decision_schema, decision);
    return STATUS_OK;
}

/* The document of the text must be loaded to be written. */
static enum status
load_no_text(struct op *op, struct text id, struct text text)
{
    if (!text.ptr)
        return STATUS_OK;
    enum status status = op_load_new(op, "decision-text", id);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What any new decision rests on. */
struct basis {
    struct text id;
    enum status there; /* STATUS_OK: a decision has the id, and it is `known` */
    struct decision *known;
    struct procedure procedure;
    int64_t now_ms, level;
};

/* What is asked for in the first round. `procedure` may be absent. */
static enum status
load_basis(struct op *op, struct text title, struct text text, struct text procedure,
           struct text body, struct basis *basis)
{
    enum status status = op_clock(op, &basis->now_ms); /* before every document */
    basis->there = choose_id(op, basis->id, title, &basis->id, basis->known);
    if (refused(basis->there) && basis->there != STATUS_NOT_FOUND)
        return basis->there;
    if (basis->there == STATUS_AGAIN)
        status = STATUS_AGAIN;
    if (basis->there != STATUS_OK)
        status = both(status, load_no_text(op, basis->id, text));
    if (!refused(status) && procedure.ptr)
        status = both(status, load_procedure(op, procedure, &basis->procedure));
    if (!refused(status))
        status = both(status, load_body(op, body, &basis->level));
    return status;
}

enum status
registry_handlers_open(struct op *op, const struct decision_open *in,
                       const struct registry_actor *actor)
{
    const struct text links[] = {in->recommends, in->recommended_by, in->supersedes, in->reopens};
    struct decision *decision = op_alloc(op, sizeof *decision);
    struct decision *members = op_alloc(op, sizeof *members);
    struct basis basis = {.id = in->id, .level = INT_NONE};
    if (!decision || !members)
        return registry_no_memory(op);
    enum status status = load_basis(op, in->title, in->text, in->procedure, in->body, &basis);
    if (!refused(status))
        status = both(status, ask_links(op, links));
    if (!refused(status)) /* on the day as the clock has it, once that is known */
        status = both(status, load_electorate(op, date_of_time(basis.now_ms), members));
    if (status != STATUS_OK)
        return status;
    status =
        registry_decision_open(in, &basis.procedure, actor, basis.now_ms, decision, op_error(op));
    if (status == STATUS_OK)
        status = check_links(op, decision, basis.level, basis.now_ms);
    if (status != STATUS_OK)
        return status;
    decision->id = basis.id;
    decision->electorate = members->electorate;
    registry_handlers_due_add(op, decision);
    if (decision->mode == DECISION_SILENCE)
        op_before(op, decision->deadline);
    return commit_new(op, "decision.opened", decision);
}

enum status
decision_open_handle(struct op *op, const void *params)
{
    struct registry_actor actor = registry_handlers_actor(op);
    return registry_handlers_open(op, params, &actor);
}

enum status
decision_record_handle(struct op *op, const void *params)
{
    const struct decision_record *in = params;
    struct decision *decision = op_alloc(op, sizeof *decision);
    struct basis basis = {.id = in->id, .level = INT_NONE};
    char digest[DECISION_DIGEST_MAX];
    basis.known = op_alloc(op, sizeof *basis.known);
    if (!decision || !basis.known)
        return registry_no_memory(op);
    enum status status = load_basis(op, in->title, in->text, in->procedure, in->body, &basis);
    if (status == STATUS_OK)
        status = registry_decision_record(in, in->procedure.ptr ? &basis.procedure : NULL,
                                          date_of_time(basis.now_ms), decision, op_error(op));
    if (status != STATUS_OK)
        return status;
    decision->id = basis.id;
    if (basis.there == STATUS_OK) {
        decision_digest(in->text, in->title, digest);
        decision->digest = text_of(digest);
        if (registry_decision_equal(basis.known, decision))
            return op_answer_unchanged(op, &decision_schema, basis.known,
                                       registry_handlers_decision_topic(op, basis.known));
        return error_set(op_error(op), STATUS_ALREADY_EXISTS, "id",
                         "id: there is another decision %.*s already", TEXT_ARG(basis.id));
    }
    status = check_links(op, decision, basis.level, basis.now_ms);
    return status == STATUS_OK ? commit_new(op, "decision.recorded", decision) : status;
}
