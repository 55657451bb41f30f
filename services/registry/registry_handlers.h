/* The handlers of the registry: load, ask the domain, save, record, answer. They must not know
 * sockets or Redis, and hold no rule that can be said without them.
 *
 * Documents: kind "participant" (id the code), "chair" ("book"), "body" (the code), "catalogue"
 * (the number, and "index"), "area" (the area's slug), "contact", "instrument", "contribution",
 * "fund" (their ids). Every document has the index entry "<kind>:<id>"; a contribution has
 * "year:<year>:<id>" too. Decisions: registry_handlers_decision.h. */
#ifndef CBM_REGISTRY_HANDLERS_H
#define CBM_REGISTRY_HANDLERS_H

#include "common/msg/messages.h"
#include "common/service/op.h"
#include "services/registry/registry_affairs.h"

/* In the order of registry.def, for service_new. */
extern op_handler_fn *const registry_handlers[];

#define METHOD(id, name, params, result, read_only, permission, answers, doc)                      \
    op_handler_fn id##_handle;
#include "common/msg/def_begin.h"
#include "common/msg/registry.def"
#include "common/msg/def_end.h"

/* op_no_memory, so that compilers and checkers see that its status is never STATUS_OK. */
static inline enum status
registry_no_memory(struct op *op)
{
    op_no_memory(op);
    return STATUS_RESOURCE_EXHAUSTED;
}

/* Refuses a decision that is cited and does not exist (absent: nothing is cited). */
enum status registry_handlers_cites(struct op *op, struct text decision);

/* Whether the newest revision of the catalogue has the area: refused, by its name, if not. */
enum status registry_handlers_area(struct op *op, struct text area);

/* Refuses a participant or a body (`kind`) that is named in `field` and not known (absent: none is
 * named). Its status is not asked for. */
enum status registry_handlers_known(struct op *op, const char *kind, const char *field,
                                    struct text code);

/* The id of a new thing: the one given, or one made from a title, "<slug>" or "<slug>-<n>" if that
 * is another thing's. Loads what is there into `message`: STATUS_OK if it is the same, says `same`
 * (or if the id was given), STATUS_NOT_FOUND if the id is free. */
typedef bool registry_same_fn(const void *message, const void *params);
struct registry_naming {
    const char *kind;
    const struct schema *schema;
    struct text given, title;
    registry_same_fn *same;
    const void *params;
};
enum status registry_handlers_name(struct op *op, const struct registry_naming *naming,
                                   void *message, struct text *id);

/* The members on a day. */
enum status registry_handlers_members(struct op *op, date_day day,
                                      struct registry_members **members);

/* Puts the spans into the details of the error that was just set. */
void registry_handlers_details(struct op *op, const struct registry_spans *spans);

/* Loads the list of all terms: an empty one if there is none yet. STATUS_OK or STATUS_AGAIN. */
enum status registry_handlers_chair_book(struct op *op, struct chair_book **book);

/* Record what was put back from a snapshot: every term of the book, and of a contact to each
 * audience what it may see. */
enum status registry_handlers_chair_tell(struct op *op, const void *book);
enum status registry_handlers_contact_tell(struct op *op, const void *contact);

/* The same; of a silence also when it is due, and of a principal whose its key is. */
enum status registry_handlers_decision_tell(struct op *op, const void *decision);
enum status registry_handlers_principal_tell(struct op *op, const void *entry);

/* A list that pages over the index entries "<kind>:<code>" in order of codes (or ids). The function
 * gets each document (a struct of `schema`) and says whether it belongs in the list; it may change
 * it.
 */
typedef bool registry_list_fn(void *message, const void *arg);
struct registry_list {
    const char *kind;
    const struct schema *schema;
    registry_list_fn *wanted;
    const void *arg;
    int64_t limit;      /* INT_NONE: 100 */
    struct text cursor; /* the last code of the page before, absent or empty for the first page */
};
enum status registry_handlers_list(struct op *op, const struct registry_list *list);

#define REGISTRY_LIMIT_DEFAULT 100

#endif
