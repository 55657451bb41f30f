/* The rules of the annual plan (domain.md, "The annual plan"): its life, what is kept of it, and
 * the numbers of a year. Values in, a decision out. Pure: no clock, no store, no codec. */
#ifndef CBM_EVENTS_PLAN_H
#define CBM_EVENTS_PLAN_H

#include "common/base/buf.h"
#include "services/events/events_domain.h"

#define EVENTS_PLAN_BODY "SOC" /* agrees the plan (002, 004) */
#define EVENTS_PLAN_PROCEDURE "CONSENSUS"
#define EVENTS_REPORT_DAYS 30
#define EVENTS_PLAN_TEXT_MAX 65536

/* ---- its life (events_domain_plan.c) ---------------------------------------------------------
 *
 *   open ──submit──▶ submitted ──adopt──▶ adopted ──close──▶ closed
 *    │ ▲                 │                   ▲
 *    │ └─────return──────┘                   │
 *    └────────────────adopt──────────────────┘   (decided at a meeting) */
enum events_plan_action {
    EVENTS_PLAN_SUBMIT,
    EVENTS_PLAN_ADOPT,
    EVENTS_PLAN_RETURN,
    EVENTS_PLAN_CLOSE,
    EVENTS_PLAN_ACTION_COUNT
};

/* Where a step leads and how the log tells of it. */
struct events_plan_step {
    enum plan_status next;
    const char *record; /* "plan.adopted" */
    const char *from;   /* the word of the status before */
};

/* Looks the step up. STATUS_FAILED_PRECONDITION with the steps that are possible, or when the
 * history has no room for a version more. */
enum status events_plan_step(const struct plan *plan, enum events_plan_action action,
                             struct events_plan_step *out, struct error *error);

/* Takes the step: the status, the version, and a line of the history, which is returned to be
 * filled on. `at_ms` and `actor` are its own. */
struct plan_step *events_plan_take(struct plan *plan, enum events_plan_action action,
                                   const struct events_plan_step *step, int64_t at_ms,
                                   struct text actor);

/* "plan-2026-v2": the id of the decision about the plan's version. */
#define EVENTS_PLAN_DECISION_MAX 32
void events_plan_decision(const struct plan *plan, char out[EVENTS_PLAN_DECISION_MAX]);

/* The year of such an id, 0 if it is none. */
int64_t events_plan_decision_year(struct text id);

/* Whether the decision, as the log told of it (NULL: it did not), adopts the plan.
 * STATUS_FAILED_PRECONDITION with what is wrong with it. */
enum status events_plan_adopts(struct text id, const struct events_decision *decision,
                               struct error *error);

/* Why a decision that failed sends the plan back. `out` is terminated. */
#define EVENTS_PLAN_REASON_MAX 200
void events_plan_reason(struct text id, enum decision_status status,
                        char out[EVENTS_PLAN_REASON_MAX]);

/* The step in which a version was kept; NULL if it was not. */
const struct plan_step *events_plan_kept(const struct plan *plan, int64_t version);

/* The newest version that was kept, 0 if none was. */
int64_t events_plan_newest(const struct plan *plan);

/* Makes the plan what it was at an instant: status, version, decision, history. False if it was
 * not open yet. */
bool events_plan_as_of(struct plan *plan, int64_t at_ms);

/* The same as of the last step of a version. False if there is no such version. */
bool events_plan_at_version(struct plan *plan, int64_t version);

/* Appends the line of an event in the text of the decision. */
void events_plan_line(struct buf *text, const struct event *event);

/* ---- the numbers of a year (events_domain_year.c) -------------------------------------------- */

/* What is counted against what. */
struct events_year_input {
    const struct events_known *known;
    int64_t year, as_of_ms, now_ms; /* as_of_ms: what ends later has not taken place yet */
    int64_t report_days;            /* INT_NONE: EVENTS_REPORT_DAYS */
    char quarters[4][8];            /* for the names of rows; filled by events_year_count */
};

/* What of an event is counted; texts are borrowed. */
struct events_year_event {
    struct text id, title, host, dimension, area, series; /* the last three may be absent */
    int status, format;
    bool planned;
    int64_t start_ms, end_ms; /* of the first and last session; TIME_NONE without one */
    int64_t participants_count;
    int participants_qualifier;
    char quarter[8]; /* "2021-Q3", "-" */
};
void events_year_of(const struct event *event, bool planned, struct events_year_event *out);

/* Counts the events, which are in order of ids, into `out`. Its texts are borrowed from the events
 * and what is known. Of `out` the plan's own fields, `planned_gone` and `states` are left alone. */
void events_year_count(struct events_year_input *in, const struct events_year_event *events,
                       unsigned count, struct plan_report *out);

/* Whether it was held, and that is over at the instant. */
bool events_year_took_place(const struct events_year_event *event, int64_t as_of_ms);

/* Adds the states of a report. */
void events_year_states(const struct event_report *report, struct plan_report *out);

#endif
