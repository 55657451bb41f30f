/* Clashes and agendas, for the handlers of the events service (events_handlers_clash.c,
 * events_handlers_agenda.c). They must not know sockets or Redis. */
#ifndef CBM_EVENTS_HANDLERS_CLASH_H
#define CBM_EVENTS_HANDLERS_CLASH_H

#include "services/events/events_domain_clash.h"
#include "services/events/events_handlers_memory.h"

/* The agendas of some quarters, in one book. All are asked for in one round; those that do not come
 * from memory, which may be NULL, are guarded by the commit. */
struct events_agenda_wish {
    const char *scope; /* "host", "area", "outside" */
    struct text name;
    struct events_book *book; /* gets the lines */
};
enum status events_handlers_agendas(struct op *op, struct events_memory *memory,
                                    const struct events_agenda_wish *wishes, unsigned wish_count,
                                    const int *quarters, unsigned quarter_count);

/* "host.KZ.2021-3", as long as the run. */
struct text events_handlers_agenda_id(struct op *op, const char *scope, struct text name,
                                      int quarter);

/* One agenda for a change; its lines are empty if there is none yet. */
enum status events_handlers_agenda(struct op *op, struct text id, struct agenda *out);

/* Saves it with other lines if they are other. STATUS_RESOURCE_EXHAUSTED if it takes no more. */
enum status events_handlers_agenda_save(struct op *op, struct text id, struct agenda *agenda,
                                        const struct buf *lines);

/* Whose double registrations count in an answer: they are not for everyone, but what blocks, blocks
 * whoever asks. */
enum events_delegates { EVENTS_DELEGATES_NONE, EVENTS_DELEGATES_SEEN, EVENTS_DELEGATES_ALL };

/* A question about an event, with all that an answer needs; lives as long as the run. */
struct events_asking {
    struct events_memory *memory;    /* NULL: everything is read from the store */
    enum events_delegates delegates; /* none, until it is set */
    struct text host;                /* of the event as it is: it may see them */
    struct events_clash_case asked;
    struct events_slots slots;
    struct events_rules rules;
};

/* What has no times in it: event, rules, zone, day. `memory` may be NULL; what changes something
 * must not use it. */
enum status events_handlers_asking(struct op *op, const struct event *event,
                                   struct events_memory *memory, struct events_asking **out);

/* The agendas of the quarters. */
enum status events_handlers_ask(struct op *op, struct events_asking *asking, const int *quarters,
                                unsigned quarter_count);

/* STATUS_FAILED_PRECONDITION with the clash, explained, if the event as it will be has one that
 * blocks and there is no override. */
enum status events_handlers_unblocked(struct op *op, const struct event *event,
                                      struct text override);

/* Brings the agendas in line with what became of an event; `before` and `after` may be NULL. */
enum status events_handlers_book(struct op *op, const struct event *before,
                                 const struct event *after);

#endif
