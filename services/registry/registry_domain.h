/* The rules of the registry (domain.md: participants, chairmanship, bodies, catalogue and
 * coordinators). Pure: values in, decision out. It must not know stores, sockets, clocks or codecs.
 *
 * Days: every history is append-only and dated, and a correction supersedes without an edit
 * (common/base/dated.h).
 *
 * Functions that decide return STATUS_OK, or a code with `error` filled. `changed` says whether
 * there is anything to record: a repeat of what is already known is not an error and changes
 * nothing. Texts that they put into a document are borrowed from the parameters. */
#ifndef CBM_REGISTRY_DOMAIN_H
#define CBM_REGISTRY_DOMAIN_H

#include "common/base/dated.h"
#include "common/base/status.h"
#include "common/msg/messages.h"

/* ---- participants (registry_domain_participant.c) ---- */

/* The status in effect on a day; participant_status_absent if it was not recorded yet then. */
enum participant_status registry_participant_on(const struct participant *participant,
                                                date_day day);

/* Sets status, since, name and names to what was in effect on the day. `trim` also leaves out the
 * entries that begin after it. False (and nothing changed) if it was not recorded yet then. */
bool registry_participant_view(struct participant *participant, date_day day, bool trim);

/* The same for the answer to a change, which must show something: if nothing is in effect on the
 * day yet, the first entry to come. */
void registry_participant_view_changed(struct participant *participant, date_day day);

/* participant.put of a code that is not known: fills `out`, a struct of any content, but `rev`. */
enum status registry_participant_create(const struct participant_put *in, date_day today,
                                        struct participant *out, struct error *error);

/* participant.put of a known one: a new name, or nothing. */
enum status registry_participant_rename(struct participant *participant,
                                        const struct participant_put *in, date_day today,
                                        bool *changed, struct error *error);

/* participant.status. `before` gets the status that was in effect on `from` (absent if none). */
enum status registry_participant_change(struct participant *participant,
                                        const struct participant_change *in,
                                        enum participant_status *before, bool *changed,
                                        struct error *error);

/* ---- the chairmanship (registry_domain_chair.c) ---- */

/* Days that stand against a term: `to` is exclusive, `code` absent if nobody's. */
struct registry_span {
    date_day from, to;
    struct text code;
};

#define REGISTRY_SPANS_MAX 8
struct registry_spans {
    unsigned count; /* more than REGISTRY_SPANS_MAX are left out */
    struct registry_span items[REGISTRY_SPANS_MAX];
};

/* Adds the days in [from, to) on which the participant (NULL: nobody) is no member. */
void registry_chair_absences(const struct participant *participant, struct text code, date_day from,
                             date_day to, struct registry_spans *spans);

/* chair.appoint: `chair` is the participant of term->code, NULL if there is none. Where days stand
 * against it, `spans` names them. */
enum status registry_chair_add(struct chair_book *book, const struct chair_term *term,
                               const struct participant *chair, struct registry_spans *spans,
                               bool *changed, struct error *error);

/* chair.appoint of a term that takes the place of the one that began on term->supersedes. The terms
 * before and after it that touched the old one get its new edges. The caller then asks of each
 * changed term, `count` of them from the `first` on, whether its chair is a member on every day
 * (registry_chair_member); none was changed if it is recorded so already. */
enum status registry_chair_correct(struct chair_book *book, const struct chair_term *term,
                                   struct registry_spans *spans, uint32_t *first, uint32_t *count,
                                   struct error *error);

/* Whether `chair` (NULL: there is no such participant) is a member on every day of the term; else
 * `spans` names the others. */
enum status registry_chair_member(const struct chair_term *term, const struct participant *chair,
                                  struct registry_spans *spans, struct error *error);

/* Whether the participant, as it would be after a change, is a member on every day of its terms. */
enum status registry_chair_keeps(const struct chair_book *book,
                                 const struct participant *participant,
                                 struct registry_spans *spans, struct error *error);

/* The term of a day; NULL and `error` filled if there is none. */
const struct chair_term *registry_chair_on(const struct chair_book *book, date_day day,
                                           struct error *error);

/* ---- what all share (registry_domain.c) ---- */

/* Refuses a correction of an entry that is not there or counts no more. */
enum status registry_superseded(const struct dated *list, struct text key, date_day supersedes,
                                struct error *error);

/* Refuses one entry more than is kept. */
enum status registry_refuse_full(const char *field, uint32_t count, struct error *error);

/* Whether two maps of texts by language say the same, in any order. */
bool registry_names_equal(const struct text_pair *a, uint32_t a_count, const struct text_pair *b,
                          uint32_t b_count);

/* The one day of two ways to name it; `today` if neither is given. */
enum status registry_day(date_day on, date_day as_of, date_day today, date_day *day,
                         struct error *error);

/* ---- bodies (registry_domain_body.c) ---- */

/* Sets what a body is told as, and who holds its seats, to what was in effect on the day. `trim`
 * also leaves out the entries that begin after it. False (and nothing changed) if it was not
 * recorded yet then. */
bool registry_body_view(struct body *body, date_day day, bool trim);

/* The same for the answer to a change: if nothing is in effect yet, the first entry to come. */
void registry_body_view_changed(struct body *body, date_day day);

/* body.put: one more entry. `body` has its code and may be new. */
enum status registry_body_put(struct body *body, const struct body_put *in, date_day today,
                              bool *changed, struct error *error);

/* body.seat: one more entry of a seat, `seat` its name. */
enum status registry_body_seat(struct body *body, const struct body_seating *in, struct text seat,
                               bool *changed, struct error *error);

/* ---- the catalogue and its coordinators (registry_domain_catalogue.c) ---- */

/* What can be said of a revision by itself. */
enum status registry_catalogue_check(const struct catalogue *in, struct error *error);

/* The number that a revision would have: an existing one (then it must be the same as that,
 * registry_catalogue_equal) or the next. */
enum status registry_catalogue_place(const struct catalogue_index *index,
                                     const struct catalogue *in, int64_t *number,
                                     struct error *error);

/* Whether two revisions say the same, but for `revision` and `rev`. */
bool registry_catalogue_equal(const struct catalogue *a, const struct catalogue *b);

/* The number of the revision in force on a day; 0 and `error` filled if there is none. */
int64_t registry_catalogue_on(const struct catalogue_index *index, date_day day,
                              struct error *error);

/* Whether the revision has a priority area of that code. */
bool registry_catalogue_has(const struct catalogue *catalogue, struct text area);

/* What can be said of the parameters of area.coordinators by themselves. `records` tells whether
 * they record (a first day is given) or read. */
enum status registry_area_check(const struct area_coordinators *in, bool *records,
                                struct error *error);

/* Appends the entry. */
enum status registry_area_add(struct area *area, const struct area_coordinators *in, bool *changed,
                              struct error *error);

/* Sets the lists and `from` to what was in effect on the day (empty if nothing); `trim` also leaves
 * out the entries that begin after it. */
void registry_area_view(struct area *area, date_day day, bool trim);

#endif
