/* The rules of delegations (domain.md, "Delegations"): who may, until when, who gets a place and
 * who waits. Pure: no clock, no store, no codec; time comes as an argument. Names of persons are
 * only looked at, and stand in no message. */
#ifndef CBM_EVENTS_DELEGATION_H
#define CBM_EVENTS_DELEGATION_H

#include "services/events/events_domain.h"

#define EVENTS_DELEGATIONS_MAX 128 /* of an event: registration_book.entries */

/* Who may set the terms: the host and the Secretariat; who may send, withdraw and erase: the
 * participant itself and the Secretariat. STATUS_OK or STATUS_PERMISSION_DENIED. */
enum status events_delegation_may_open(const struct events_actor *actor, const struct event *event,
                                       struct error *error);
enum status events_delegation_may(const struct events_actor *actor, struct text member,
                                  struct error *error);

/* Whether the persons of a delegation may be seen: by the participant itself, the host and the
 * Secretariat, and nobody else. */
bool events_delegation_sees(const struct events_actor *actor, struct text host, struct text member);

/* A book without terms and delegations. */
void events_delegation_book(struct registration_book *book, struct text event);

/* The persons: nobody twice, no control characters. */
enum status events_delegation_check(const struct delegation_register *in, struct error *error);

/* Whether the event, its deadline and its terms admit this participant now. A refusal by what is
 * known of the participant may only mean that `known` is behind. */
enum status events_delegation_open(const struct registration_book *book, const struct event *event,
                                   int64_t now_ms, struct error *error);
enum status events_delegation_admits(const struct registration_book *book, struct text member,
                                     const struct events_known *known, date_day today,
                                     struct error *error);

/* Until when a commit may change delegations, in ms; 0 if there is no deadline. */
int64_t events_delegation_before_ms(const struct registration_book *book);

/* Puts a delegation into the book, new or changed: it gets its place, or waits if those in person
 * are full or others wait already; one that is registered keeps its place, and a change that needs
 * more places than are free is refused. Returns where it stands in `entry` (in the book; void after
 * the next change of it). */
struct events_wish {
    struct text member;
    int64_t people;
    enum delegation_mode mode;
};
enum status events_delegation_place(struct registration_book *book, const struct events_wish *wish,
                                    struct registration_entry **entry, struct error *error);

/* Its entry in the book; NULL if there is none. */
struct registration_entry *events_delegation_entry(struct registration_book *book,
                                                   struct text member);

/* Moves up who waits and has room now, in order, and stops at the first that has none. Returns how
 * many; `moved` gets their codes, borrowed from the book. */
unsigned events_delegation_move_up(struct registration_book *book,
                                   struct text moved[EVENTS_DELEGATIONS_MAX]);

/* What everyone may see of the book. */
void events_delegation_terms(const struct registration_book *book, struct registration *out);

#endif
