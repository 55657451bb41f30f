/* The rules of the registry's affairs (domain.md: ratification, contributions, Fund; focal points).
 * Pure: values in, decision out, as registry_domain.h. It must not know stores, sockets, clocks or
 * codecs. */
#ifndef CBM_REGISTRY_AFFAIRS_H
#define CBM_REGISTRY_AFFAIRS_H

#include "services/registry/registry_domain.h"

/* ---- contacts (registry_domain_contact.c) ---- */

/* Who looks: roles are bits of enum permission, `member` the state it speaks for, or absent. */
struct registry_viewer {
    unsigned roles;
    struct text member;
};

/* Whether the viewer may record contacts of this participant: the Secretariat those of anyone, a
 * state its own. */
bool registry_contact_keeper(struct text participant, const struct registry_viewer *viewer);

/* contact.put: one more entry; `contact` may be new (its history empty), and `id` is its id. */
enum status registry_contact_put(struct contact *contact, const struct contact_put *in,
                                 struct text id, date_day today, bool *changed,
                                 struct error *error);

/* Leaves in the contact only what the viewer may see, told as of the day (`trim`: without what
 * begins later). False if nothing is left that is in effect then. */
bool registry_contact_view(struct contact *contact, const struct registry_viewer *viewer,
                           date_day day, bool trim);

/* The same for what is told of a change: if nothing is in effect yet, the first entry to come. */
bool registry_contact_view_changed(struct contact *contact, const struct registry_viewer *viewer,
                                   date_day day);

/* Whether registry_contact_view_changed would leave something. */
bool registry_contact_shown(const struct contact *contact, const struct registry_viewer *viewer,
                            date_day day);

/* ---- instruments (registry_domain_instrument.c) ---- */

/* The members on a day, by code. */
#define REGISTRY_MEMBERS_MAX 256
struct registry_members {
    uint32_t count;
    struct text codes[REGISTRY_MEMBERS_MAX];
};

/* instrument.ratify: one more entry. */
enum status registry_instrument_add(struct instrument *instrument,
                                    const struct instrument_ratify *in, bool *changed,
                                    struct error *error);

/* Fills who has signed, who has ratified and which of the members have not, as of the day. `trim`
 * also leaves out the entries that begin after it. False if it was adopted later. */
bool registry_instrument_view(struct instrument *instrument, const struct registry_members *members,
                              date_day day, bool trim);

/* ---- money (registry_domain_money.c) ---- */

/* How many digits of an amount in minor units are behind the point (ISO 4217); -1 for a code that
 * is no currency. */
int registry_money_exponent(struct text currency);

/* Whether the currency is one; `field` names it. */
enum status registry_money_currency(const char *field, struct text currency, struct error *error);

/* contribution.record: fills `out`, but `rev`. */
enum status registry_contribution_make(const struct contribution_record *in, struct text id,
                                       struct contribution *out, struct error *error);

/* Whether two say the same, but for `rev` and `superseded_by`. */
bool registry_contribution_equal(const struct contribution *a, const struct contribution *b);

/* Whether a list, or totals, ask for the contribution. */
bool registry_contribution_wanted(const struct contribution *contribution,
                                  const struct contribution_list *asked);

/* Sums by year and currency, in that order; without floats. */
#define REGISTRY_TOTALS_MAX 512
struct registry_totals {
    uint32_t count;
    struct contribution_total items[REGISTRY_TOTALS_MAX];
};

/* Adds a contribution; false if there is no room for one more year or currency, or the sum would
 * be too large. */
bool registry_totals_add(struct registry_totals *totals, const struct contribution *contribution);

/* ---- the Fund (registry_domain_fund.c) ---- */

/* fund.submit: fills `out`, a struct of any content, but `rev`. */
enum status registry_fund_submit(const struct fund_submit *in, struct text id, date_day today,
                                 struct fund_project *out, struct error *error);

/* Whether the project is what was submitted (a repetition). */
bool registry_fund_submitted(const struct fund_project *project, const struct fund_submit *in);

/* fund.decide: one more step. `before` gets the status until then. */
enum status registry_fund_decide(struct fund_project *project, const struct fund_decide *in,
                                 date_day today, enum fund_status *before, bool *changed,
                                 struct error *error);

/* Sets status and amounts to what they were on the day, and leaves out later steps. False if it was
 * submitted later. */
bool registry_fund_view(struct fund_project *project, date_day day);

#endif
