/* What a check of clashes reads, from a replica's memory (docs/decisions/0025-spans-in-memory.md):
 * the agendas and the rules, as new as the log. What is not there is read from the store and kept.
 * They must not know sockets or Redis. */
#ifndef CBM_EVENTS_HANDLERS_MEMORY_H
#define CBM_EVENTS_HANDLERS_MEMORY_H

#include "common/log/record.h"
#include "services/events/events_agendas.h"
#include "services/events/events_handlers.h"

/* Of one run; what it lends is good until events_memory_keep. */
struct events_memory {
    struct op *op;
    struct events_agendas *agendas;
    struct events_spans *spans;
    struct events_spans_mark mark;
    struct events_missed *missed; /* what was read from the store */
};

/* Waits until the memory is as new as the log. NULL in `*out` where none is used. */
enum status events_memory_begin(struct op *op, struct events_memory **out);

/* The lines of an agenda as items (events_agendas_booking); NULL if they are to be read. */
const struct events_spans_items *events_memory_agenda(struct events_memory *memory,
                                                      const char *scope, struct text name,
                                                      int quarter);

/* The lines as they were read because of that, good for the run. */
void events_memory_missed(struct events_memory *memory, const char *scope, struct text name,
                          int quarter, struct text lines);

/* The rules that were changed, as they are stored: `*document` is absent if none was. False if they
 * are to be read. */
bool events_memory_rules(struct events_memory *memory, struct text *document);
void events_memory_missed_rules(struct events_memory *memory, struct text document);

/* Keeps what was missed: the last call of a run. */
void events_memory_keep(struct events_memory *memory);

/* What a record of the log outdates of it, beside events by their ids. The sessions are those of an
 * event's record, else NULL. */
void events_memory_changed(struct events_agendas *agendas, const struct log_record *record,
                           const struct event_sessions *event);

#endif
