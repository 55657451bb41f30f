/* What the handlers of decisions and the clock that settles them share. Documents: kind "procedure"
 * (id the code), "decision" and "decision-text" (the id), and "electorate" ("members"), which is
 * never written but bumped by every change of who is a member: it guards an electorate. Index
 * entries: "procedure:<code>", "decision:<id>", "decision-text:<id>", "deadline|<20 digits,
 * ms>|<id>". */
#ifndef CBM_REGISTRY_HANDLERS_DECISION_H
#define CBM_REGISTRY_HANDLERS_DECISION_H

#include "services/registry/registry_decision.h"
#include "services/registry/registry_handlers.h"

#define REGISTRY_DUE_PREFIX "deadline|"

struct registry_actor registry_handlers_actor(const struct op *op);

/* "decisions.<body>.<id>." */
struct text registry_handlers_decision_topic(struct op *op, const struct decision *decision);

/* Loads a decision as it is stored, and the store's clock before it. STATUS_NOT_FOUND with the
 * error filled. */
enum status registry_handlers_decision(struct op *op, struct text id, struct decision **out,
                                       int64_t *now_ms);

/* Adds and removes the entry that says when it is due, if it is a silence. */
void registry_handlers_due_add(struct op *op, const struct decision *decision);
void registry_handlers_due_remove(struct op *op, const struct decision *decision);

/* For the clock (common/service/due.h): gives a silence its outcome at its deadline. What the
 * outcome is, decision.get says without it. */
op_handler_fn registry_handlers_settle;

/* decision.open as an actor, who need not be the one who asks. */
enum status registry_handlers_open(struct op *op, const struct decision_open *in,
                                   const struct registry_actor *actor);

/* Saves a decision that has its outcome, with its record, and answers it. */
void registry_handlers_outcome(struct op *op, struct decision *decision);

/* A change of the kind that makes an entry of an electorate wrong: call it in the same commit. */
enum status registry_handlers_electorate_bump(struct op *op);

#endif
