/* The rules of events (domain.md, "Events"): values in, a decision out. Pure: no clock, no store,
 * no codec, no allocation; time comes as an argument, the registry as struct events_known. */
#ifndef CBM_EVENTS_DOMAIN_H
#define CBM_EVENTS_DOMAIN_H

#include "common/base/status.h"
#include "common/base/zone.h"
#include "common/msg/messages.h"
#include "services/events/events_known.h"

#define EVENTS_SECRETARIAT "SECRETARIAT"

/* What can be done to an event that exists. */
enum events_action {
    EVENTS_AMEND,
    EVENTS_ACCEPT,
    EVENTS_SCHEDULE,
    EVENTS_POSTPONE,
    EVENTS_CANCEL,
    EVENTS_WITHDRAW,
    EVENTS_HOLD,
    EVENTS_REPORT,
    EVENTS_ACTION_COUNT
};

/* ---- the life cycle (events_domain.c) -------------------------------------------------------- */

/* Where a step leads and how the log tells of it. */
struct events_step {
    enum event_status next;
    const char *record; /* "event.accepted" */
    const char *from;   /* the word of the status before; NULL where the record has none */
    const char *held;   /* "event.held", told before, of a report that confirms it; else NULL */
};

/* Takes the step: an event that is accepted or has dates is no draft any more. `zone` is the
 * event's, here and below (NULL: UTC): a session of days begins and ends by its clocks. */
void events_domain_take(struct event *event, const struct events_step *step,
                        const struct zone *zone);

/* The instant at which the clock is to propose that a scheduled event was held: the end of its last
 * session; TIME_NONE if it has none, or that was done. */
int64_t events_domain_hold_at(const struct event *event, const struct zone *zone);

/* Looks the step up in the table. STATUS_FAILED_PRECONDITION with the steps that are possible. */
enum status events_domain_step(const struct event *event, enum events_action action,
                               struct events_step *out, struct error *error);

/* STATUS_FAILED_PRECONDITION while the first session has not begun. */
enum status events_domain_begun(const struct event *event, const struct zone *zone, int64_t now_ms,
                                struct error *error);

/* STATUS_FAILED_PRECONDITION if an amendment would move the sessions of an event that has a
 * schedule. */
enum status events_domain_amendable(const struct event *event,
                                    const struct event_amendment *amendment, struct error *error);

/* Whether an event that has a schedule is changed in what others may clash with. */
bool events_domain_rebooked(const struct event *before, const struct event *after);

/* ---- who may (events_domain.c) --------------------------------------------------------------- */

struct events_actor {
    unsigned roles;     /* bits of enum permission */
    const char *member; /* the state it speaks for; "" if none */
};

/* STATUS_OK or STATUS_PERMISSION_DENIED with who may. */
enum status events_domain_may_propose(const struct events_actor *actor, struct text host,
                                      struct error *error);
enum status events_domain_may(const struct events_actor *actor, enum events_action action,
                              const struct event *event, const struct events_known *known,
                              date_day today, struct error *error);

/* Whether an event may be seen: a draft by its author, the coordinators of its area, who may accept
 * it, and the Secretariat; any other event by everyone. */
bool events_domain_visible(const struct events_actor *actor, const struct event *event,
                           const struct events_known *known, date_day today);

/* An override of a clash is for the Secretariat and the chair; who is neither host nor Secretariat
 * needs one. */
enum status events_domain_may_override(const struct events_actor *actor, struct text host,
                                       struct text override, struct error *error);

/* Only the Secretariat hands an event to another host. */
enum status events_domain_may_hand_over(const struct events_actor *actor, struct text host_before,
                                        struct text host_after, struct error *error);

/* ---- what may be said (events_domain_check.c) ------------------------------------------------ */

#define EVENTS_SESSION_DAYS_MAX 366
#define EVENTS_YEAR_MIN 1992
#define EVENTS_YEAR_MAX 9998

/* Sessions: start and end of one kind, not empty, in order, apart from one another. */
enum status events_domain_check_sessions(const struct event *event, struct error *error);

/* Host and co-hosts against the registry: known, not former on the day, none twice. A refusal may
 * only mean that `known` is behind. */
enum status events_domain_check_hosts(const struct event *event, const struct events_known *known,
                                      date_day today, struct error *error);

/* Dimension and area against the newest revision of the catalogue; an area without its dimension
 * gets it (borrowed from `known`). A refusal as above. */
enum status events_domain_check_place(struct event *event, const struct events_known *known,
                                      struct error *error);

/* Put what an amendment or a schedule gives into the event; an area without a dimension leaves the
 * dimension to be filled in by the check. Returns whether anything changed. */
bool events_domain_amend(struct event *event, const struct event_amendment *amendment);
bool events_domain_set_schedule(struct event *event, const struct event_schedule *schedule);

/* The report by itself, and its states against the registry (as above). A count without a
 * qualifier becomes exact. */
enum status events_domain_check_report(struct event_report *report, struct error *error);
enum status events_domain_check_states(const struct event_report *report,
                                       const struct events_known *known, struct error *error);

/* Whether an event proposed for the plan (NULL: there is none) comes after its adoption. */
bool events_domain_additional(const struct plan *plan);

/* ---- ids and topics (events_domain_list.c) --------------------------------------------------- */

#define EVENTS_ID_TRIES 50
#define EVENTS_TOPIC_MAX 300

/* The n-th (from 0) id to try for a draft without one; `out` is terminated. */
void events_domain_id(const struct event_draft *draft, unsigned n, char out[TEXT_ID_MAX + 1]);

/* "events.<dimension|->.<area|->.<id>.", of a draft behind "private.<author>." */
void events_domain_topic(const struct event *event, char out[EVENTS_TOPIC_MAX]);

/* ---- the index and lists (events_domain_list.c) ----------------------------------------------
 *
 *   t|<key>|<id>!<host>!<area>!<end>      one for every piece: a session, or 8 days of a longer one
 *
 * A key is the start of the piece in UTC, "2021-07-13T00:00:00Z"; of an event without sessions
 * "2021-00-00T00:00:00Z" with its year, so that it sorts before that year's days. As no piece is
 * longer than 8 days, all pieces that overlap a span begin at most 8 days before it; which of these
 * do is seen by their ends, "20210714000000". */

#define EVENTS_KEY_LEN 20
#define EVENTS_END_LEN 14
#define EVENTS_PIECE_DAYS 8
#define EVENTS_KEYS_MAX (32 * (EVENTS_SESSION_DAYS_MAX / EVENTS_PIECE_DAYS + 1))

struct events_key {
    char text[EVENTS_KEY_LEN + 1];
    char end[EVENTS_END_LEN + 1]; /* the second in which the piece is over; "" without sessions */
};

/* How many keys there are at most; and the keys, in order, each once. Returns how many. */
unsigned events_domain_keys_max(const struct event *event);
unsigned events_domain_keys(const struct event *event, struct events_key *out);

/* What event.list was asked for, checked. */
#define EVENTS_LIMIT_DEFAULT 100
#define EVENTS_BOUND_MAX 160
struct events_query {
    const struct event_list *in; /* borrowed */
    bool has_from, has_to;
    int64_t from_ms, to_ms; /* [from, to) */
    unsigned limit;
    char start[EVENTS_BOUND_MAX];   /* scan from here (inclusive) … */
    char upto[EVENTS_BOUND_MAX];    /* … to here (exclusive) */
    char after[EVENTS_END_LEN + 1]; /* pieces that end later; "" for all */
    bool plain;                     /* entries and sessions tell whether an event is on the list */
};

/* STATUS_INVALID_ARGUMENT for a span that ends before it begins or a cursor that is none. */
enum status events_domain_query(const struct event_list *in, struct events_query *out,
                                struct error *error);

/* The index entry of an event at one of its keys. What most lists ask for is in it, so that the
 * documents of other events need not be read. Returns its length. */
#define EVENTS_ENTRY_MAX 256
uint32_t events_domain_entry(const struct event *event, const struct events_key *key,
                             char out[EVENTS_ENTRY_MAX]);

/* Splits an entry of the query's range: `cursor` becomes "<key>|<id>". False if it is none, or the
 * event is of another host or area than those asked for, or ends before the span. */
bool events_domain_asked(const struct events_query *query, struct text entry, struct text *key,
                         struct text *id, struct text *cursor);

/* Whether the event belongs on the list, at the entry with this key: an event stands at one entry
 * only, that of its first piece in the span. */
bool events_domain_listed(const struct events_query *query, const struct event *event,
                          struct text key);

/* The same by its sessions alone, for a query that is `plain`. */
bool events_domain_listed_by(const struct events_query *query, const struct event_sessions *event,
                             struct text key);

/* About how many MessagePack objects the encoded event has; never too few. */
unsigned events_domain_weight(const struct event *event);

/* A cursor that is a decimal from 0 on (plan.list, event.history). Absent gives `fallback`. */
enum status events_domain_cursor(struct text cursor, int64_t fallback, int64_t *out,
                                 struct error *error);

#endif
