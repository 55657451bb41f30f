/* See registry_decision.h: templates, and how decisions point to one another. It must not know
 * stores, sockets, clocks or codecs. */
#include "services/registry/registry_decision.h"

static const struct {
    const char *word;
    unsigned role;
} openers[] = {{"secretariat", PERMIT_SECRETARIAT},
               {"chair", PERMIT_CHAIR},
               {"member", PERMIT_MEMBER}};

static unsigned
role_of(struct text word)
{
    for (unsigned i = 0; i < sizeof openers / sizeof *openers; i++)
        if (text_is(word, openers[i].word))
            return openers[i].role;
    return 0;
}

enum status
registry_procedure_check(const struct procedure *in, struct error *error)
{
    int64_t minimum = REGISTRY_NOTICE_DEFAULT_MS;
    if (!text_is_code(in->code) && !text_is_id(in->code))
        return error_set(error, STATUS_INVALID_ARGUMENT, "code",
                         "code: want capital letters, digits and dashes, or small ones");
    for (uint32_t i = 0; i < in->openers.count; i++)
        if (!role_of(in->openers.items[i]))
            return error_set(error, STATUS_INVALID_ARGUMENT, "openers",
                             "openers: want secretariat, chair or member");
    if (in->mode != DECISION_SILENCE && (in->minimum.ptr || in->may_shorten == 1))
        return error_set(error, STATUS_INVALID_ARGUMENT,
                         in->minimum.ptr ? "minimum" : "may_shorten",
                         "only a silence has a duration");
    if (in->minimum.ptr && !duration_parse(in->minimum, &minimum))
        return error_set(error, STATUS_INVALID_ARGUMENT, "minimum",
                         "minimum: want an ISO 8601 duration such as P14D or PT72H");
    if (minimum < REGISTRY_NOTICE_LEAST_MS && in->may_shorten != 1)
        return error_set(error, STATUS_INVALID_ARGUMENT, "minimum",
                         "minimum: under 72 hours only with may_shorten");
    return minimum <= REGISTRY_NOTICE_MOST_MS ? STATUS_OK
                                              : error_set(error, STATUS_INVALID_ARGUMENT, "minimum",
                                                          "minimum: want ten years at most");
}

static bool
same_texts(const struct text *a, uint32_t a_count, const struct text *b, uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++)
        same = text_equal(a[i], b[i]);
    return same;
}

bool
registry_procedure_equal(const struct procedure *a, const struct procedure *b)
{
    return text_equal(a->code, b->code) && text_equal(a->name, b->name) && a->mode == b->mode &&
           same_texts(a->bodies.items, a->bodies.count, b->bodies.items, b->bodies.count) &&
           same_texts(a->openers.items, a->openers.count, b->openers.items, b->openers.count) &&
           text_equal(a->minimum, b->minimum) && (a->may_shorten == 1) == (b->may_shorten == 1);
}

enum status
registry_procedure_admits(const struct procedure *procedure, struct text body,
                          const struct registry_actor *actor, struct error *error)
{
    unsigned roles = procedure->openers.count ? 0 : PERMIT_MEMBERS;
    bool found = procedure->bodies.count == 0;
    for (uint32_t i = 0; i < procedure->openers.count; i++)
        roles |= role_of(procedure->openers.items[i]);
    for (uint32_t i = 0; i < procedure->bodies.count; i++)
        found |= text_equal(procedure->bodies.items[i], body);
    if (!found)
        return error_set(error, STATUS_FAILED_PRECONDITION, "body",
                         "body: %.*s does not decide by %.*s; procedure.list says which do",
                         TEXT_ARG(body), TEXT_ARG(procedure->code));
    if (!(roles & actor->roles))
        return error_set(error, STATUS_PERMISSION_DENIED, "procedure",
                         "procedure: %s may not open a decision by %.*s", actor->id,
                         TEXT_ARG(procedure->code));
    return STATUS_OK;
}

/* ---- links ---- */

const char *const registry_link_words[REGISTRY_LINKS] = {"recommends", "recommended_by",
                                                         "supersedes", "reopens"};

struct text *
registry_decision_link(struct decision *decision, enum registry_link link)
{
    struct text *links[] = {&decision->recommends, &decision->recommended_by, &decision->supersedes,
                            &decision->reopens};
    return links[link];
}

static enum status
refuse_link(struct error *error, enum registry_link link, const struct decision *target,
            const char *why)
{
    return error_set(error, STATUS_FAILED_PRECONDITION, registry_link_words[link],
                     "%s: %.*s of %.*s is %s: %s", registry_link_words[link], TEXT_ARG(target->id),
                     TEXT_ARG(target->body), decision_word((enum decision_status)target->status),
                     why);
}

/* Whether the ranks of the bodies allow it. NULL, or why not. */
static const char *
wrong_level(enum registry_link link, int64_t level, int64_t target, bool same_body)
{
    bool known = level != INT_NONE && target != INT_NONE;
    switch (link) {
    case LINK_RECOMMENDS:
        return known && level < target ? NULL
                                       : "a recommendation goes from a lower body to a higher one";
    case LINK_RECOMMENDED_BY:
        return known && target < level ? NULL : "a recommendation comes from a lower body";
    case LINK_SUPERSEDES:
        return same_body || (known && level >= target)
                   ? NULL
                   : "a decision is superseded by its own body or a higher one";
    default: return same_body ? NULL : "a decision is reopened in its own body";
    }
}

/* Whether the outcome of the target allows it. NULL, or why not. */
static const char *
wrong_outcome(enum registry_link link, int status)
{
    bool failed = status == DECISION_SILENCE_BROKEN || status == DECISION_BLOCKED;
    switch (link) {
    case LINK_RECOMMENDS:
        return status == DECISION_OPEN ? NULL : "only what is open can still be recommended";
    case LINK_REOPENS:
        return failed ? NULL : "only a broken silence or a blocked decision is reopened";
    default: return status == DECISION_ADOPTED ? NULL : "want an adopted decision";
    }
}

enum status
registry_decision_links(const struct decision *decision, int64_t level, enum registry_link link,
                        const struct decision *target, int64_t target_level, struct error *error)
{
    const char *wrong =
        wrong_level(link, level, target_level, text_equal(decision->body, target->body));
    if (!wrong && decision->decided == DATE_NONE)
        wrong = wrong_outcome(link, target->status);
    return wrong ? refuse_link(error, link, target, wrong) : STATUS_OK;
}
