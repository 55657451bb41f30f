/* The rules of milestones, documents and road maps (domain.md, "Delegations, milestones, documents,
 * road map"). Pure: no clock, no store, no codec; time comes as an argument. */
#ifndef CBM_EVENTS_PARTS_H
#define CBM_EVENTS_PARTS_H

#include "services/events/events_domain.h"

/* A milestone's kind and a document's id are levels of a topic that must stay under TOPIC_MAX. */
#define EVENTS_PART_ID_MAX 48

/* Who may put milestones and documents: the host, a coordinator of the area, the Secretariat. A
 * refusal may only mean that `known` is behind. */
enum status events_parts_may(const struct events_actor *actor, const struct event *event,
                             const struct events_known *known, date_day today, struct error *error);

/* ---- milestones (events_domain_milestone.c) ---- */

/* Puts what is given into a milestone; a new one has rev 0. `*type` becomes the record that tells
 * of it, NULL if nothing changed. */
enum status events_milestone_put(struct milestone *milestone, const struct milestone_put *in,
                                 int64_t now_ms, const char **type, struct error *error);

/* The key of a milestone in the index, and the first one of a day. */
void events_milestone_key(const struct milestone *milestone, char out[EVENTS_KEY_LEN + 1]);
void events_milestone_day_key(date_day day, char out[EVENTS_KEY_LEN + 1]);

/* Whether it belongs on the list. */
bool events_milestone_listed(const struct milestone_list *in, const struct milestone *milestone,
                             const struct event *event);

/* ---- documents (events_domain_document.c) ---- */

/* What an attachment makes of a document (rev 0: of none). `*type` becomes the record, NULL if
 * nothing changed; `*from` the word of the status before, for a step; `*supersedes` whether the
 * document before stays as an earlier version. */
enum status events_document_attach(struct document *document, const struct document_attach *in,
                                   const char **type, const char **from, bool *supersedes,
                                   struct error *error);

/* The id to try for a document without one: from its title, the second with its language. */
enum status events_document_id(const struct document_attach *in, bool second,
                               char out[TEXT_ID_MAX + 1], struct error *error);

bool events_document_listed(const struct document_list *in, const struct document *document);

/* ---- road maps (events_domain_roadmap.c) ---- */

/* The next version of a road map (rev 0: the first): codes once, days in order. `*changed` is false
 * if it says what the newest says. */
enum status events_roadmap_put(struct roadmap *roadmap, const struct roadmap_put *in,
                               date_day today, bool *changed, struct error *error);

/* How far it is, and what is overdue, on a day. `out` borrows from it. */
void events_roadmap_report(const struct roadmap *roadmap, date_day day, struct roadmap_report *out);

#endif
