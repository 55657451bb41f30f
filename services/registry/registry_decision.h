/* The rules of decisions (domain.md, decisions): who may open, object, lift, extend, close and
 * withdraw, and when. What the outcome is says common/decision/decision.h. Pure: values in,
 * decision out. It must not know stores, sockets, clocks or codecs.
 *
 * `now_ms` is the store's clock; the commit must not be later than the deadline that a function was
 * asked about (op_before). Every function returns STATUS_OK, or a code with `error` filled; texts
 * that they put into a document are borrowed from the parameters. */
#ifndef CBM_REGISTRY_DECISION_H
#define CBM_REGISTRY_DECISION_H

#include "common/decision/decision.h"

#define REGISTRY_NOTICE_DEFAULT_MS (14 * DATE_DAY_MS) /* a template that says nothing */
#define REGISTRY_NOTICE_LEAST_MS (3 * DATE_DAY_MS)    /* unless an officer may shorten it */
#define REGISTRY_NOTICE_MOST_MS (3660 * DATE_DAY_MS)

/* Who asks: bits of enum permission, the state that it speaks for ("" if none). */
struct registry_actor {
    unsigned roles;
    const char *id, *member;
};

/* What can be said of a template by itself. */
enum status registry_procedure_check(const struct procedure *in, struct error *error);

/* Whether two templates say the same, but for `rev`. */
bool registry_procedure_equal(const struct procedure *a, const struct procedure *b);

/* Whether a body may use the template, and the actor open a decision by it. */
enum status registry_procedure_admits(const struct procedure *procedure, struct text body,
                                      const struct registry_actor *actor, struct error *error);

/* decision.open: fills `out` but id, digest, electorate and rev. */
enum status registry_decision_open(const struct decision_open *in,
                                   const struct procedure *procedure,
                                   const struct registry_actor *actor, int64_t now_ms,
                                   struct decision *out, struct error *error);

/* decision.record: fills `out` but id, digest and rev. `procedure` is NULL if none is named. */
enum status registry_decision_record(const struct decision_record *in,
                                     const struct procedure *procedure, date_day today,
                                     struct decision *out, struct error *error);

/* Whether two decisions say the same, but for `rev`: of those that were recorded. */
bool registry_decision_equal(const struct decision *a, const struct decision *b);

/* The ways in which a decision points to another. */
enum registry_link { LINK_RECOMMENDS, LINK_RECOMMENDED_BY, LINK_SUPERSEDES, LINK_REOPENS };
#define REGISTRY_LINKS 4
extern const char *const registry_link_words[REGISTRY_LINKS]; /* names of the fields */
struct text *registry_decision_link(struct decision *decision, enum registry_link link);

/* Whether the decision may point so to `target` (as it stands at now_ms). The levels are those of
 * their bodies, INT_NONE if they have none. Of a decision that was taken elsewhere the outcomes are
 * not asked for. */
enum status registry_decision_links(const struct decision *decision, int64_t level,
                                    enum registry_link link, const struct decision *target,
                                    int64_t target_level, struct error *error);

enum status registry_decision_object(struct decision *decision, const struct decision_object *in,
                                     const struct registry_actor *actor, int64_t now_ms,
                                     bool *changed, struct error *error);
enum status registry_decision_lift(struct decision *decision, const struct decision_lift *in,
                                   const struct registry_actor *actor, int64_t now_ms,
                                   bool *changed, struct error *error);
enum status registry_decision_extend(struct decision *decision, int64_t deadline,
                                     const struct registry_actor *actor, int64_t now_ms,
                                     bool *changed, struct error *error);
enum status registry_decision_close(struct decision *decision, int64_t now_ms, struct error *error);
enum status registry_decision_withdraw(struct decision *decision, struct text reason,
                                       const struct registry_actor *actor, int64_t now_ms,
                                       struct error *error);

#endif
