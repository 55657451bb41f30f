/* What the handlers of delegations share: a delegation with all that a change of it rests on, and
 * its persons, sealed and marked. It must not know sockets or Redis. */
#ifndef CBM_EVENTS_HANDLERS_DELEGATION_H
#define CBM_EVENTS_HANDLERS_DELEGATION_H

#include "services/events/events_delegation.h"
#include "services/events/events_handlers_parts.h"

/* A delegation with all that a change of it rests on. */
struct events_sent {
    struct event *event;
    struct registration_book *book;
    struct delegation *delegation, *before; /* as stored; of a new one `before` has rev 0 */
    struct delegation_key *key;
    struct text id;
    int64_t now_ms;       /* the store's clock */
    unsigned moved_count; /* who was moved up by the change */
    struct text moved[EVENTS_DELEGATIONS_MAX];
};

/* Seals the persons with a new key: what the log has of earlier ones is lost with the old one. */
enum status events_handlers_seal(struct op *op, const struct delegation_people *people,
                                 struct events_sent *sent);

/* The key of all marks of names; the first delegation there is makes it. */
enum status events_handlers_names_key(struct op *op, struct text *out);

/* Marks the persons in the index, instead of those marked before. */
enum status events_handlers_mark(struct op *op, struct text names,
                                 const struct delegation_people *people, struct events_sent *sent);

/* Takes away the marks that `kept` (NULL: nothing) does not have; they stay in sent->key. */
void events_handlers_unmark(struct op *op, const struct events_sent *sent,
                            const struct delegation_key *kept);

#endif
