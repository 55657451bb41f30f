/* Agendas (docs/decisions/0018-agendas.md) as a replica has them in memory: buckets of
 * events_spans.h beside those of days, a line an item, under numbers that are made of whose agenda
 * it is and its quarter. A plain table of names: no I/O, no clock, no codec. */
#ifndef CBM_EVENTS_AGENDAS_H
#define CBM_EVENTS_AGENDAS_H

#include <stdbool.h>
#include <stdint.h>

#include "services/events/events_domain_agenda.h"
#include "services/events/events_spans.h"

#define EVENTS_AGENDAS_NAMES_MAX 1024 /* then numbers are given anew, and all is forgotten */
#define EVENTS_AGENDAS_NONE ((int64_t)-1)

struct events_agendas;

/* NULL when out of memory. The spans are borrowed for good. */
struct events_agendas *events_agendas_new(struct events_spans *spans);
void events_agendas_destroy(struct events_agendas **agendas);
struct events_spans *events_agendas_spans(const struct events_agendas *agendas);

/* The bucket of an agenda; EVENTS_AGENDAS_NONE while it can have none. The scope is a literal. */
int64_t events_agendas_bucket(struct events_agendas *agendas, char scope, struct text name,
                              int quarter);

/* The bucket of the rules, which are kept like an agenda. */
int64_t events_agendas_rules(void);

/* To be called while nothing is borrowed: makes room for names where there is none. */
void events_agendas_tidy(struct events_agendas *agendas);

/* The record `seq` tells that agendas of this name changed between the two times (UTC), on any
 * clock. */
void events_agendas_touch(struct events_agendas *agendas, char scope, struct text name,
                          int64_t start_ms, int64_t end_ms, int64_t seq);

/* A bucket as lines of an agenda, an item each, and back. `ids` gets what outdates a line: the
 * event, or the outside calendar. Both arrays have room for all lines; returns how many there are.
 */
unsigned events_agendas_items(char scope, struct text lines, struct events_spans_item *items,
                              struct text *ids);
struct events_booking events_agendas_booking(const struct events_spans_item *item);

#endif
