/* The rules of clashes (domain.md, "Clashes"): what an event collides with among what is scheduled,
 * why, and the smallest change that removes it. Pure: no clock, no store, no codec; `today` and the
 * agendas are arguments. */
#ifndef CBM_EVENTS_DOMAIN_CLASH_H
#define CBM_EVENTS_DOMAIN_CLASH_H

#include "services/events/events_domain.h"
#include "services/events/events_domain_agenda.h"

/* Every rule as it holds: what was changed, else as it comes. `changed` may be NULL, and is
 * borrowed from. */
#define EVENTS_RULE_COUNT CLASH_AREA_CROWDED
struct events_rules {
    struct clash_rule items[EVENTS_RULE_COUNT + 1]; /* by enum clash_rule_name; 0 unused */
};
void events_rules_of(const struct clash_rules *changed, struct events_rules *out);

/* Puts a rule in place of what was changed before. Returns whether that is a change. */
bool events_rules_put(struct clash_rules *changed, const struct clash_rule *rule);

/* STATUS_INVALID_ARGUMENT for a parameter that is not the rule's. */
enum status events_rules_check(const struct clash_rule *rule, struct error *error);

/* Whether an event is a meeting of a governing body: one of those kinds, without an area. */
bool events_rules_governing(const struct events_rules *rules, struct text kind, struct text area);

/* Lines of agendas: of several quarters one after the other. Their words are taken apart only where
 * a rule looks at them. */
struct events_book {
    unsigned count, cap;
    struct events_booking *items; /* in memory of the caller */
};

/* Adds the lines of a quarter, or one of them, the quarters in any order. A span of several
 * quarters stands in each, and is taken once. Room for all lines must be there. */
void events_book_add(struct events_book *book, struct text lines, int quarter);
void events_book_put(struct events_book *book, const struct events_booking *booking, int quarter);

/* Where the same delegate is registered twice, found by whoever knows the delegations. */
struct events_delegate {
    struct text member, event; /* the state, and the other event */
    int64_t start_ms, end_ms;  /* its session */
};

/* What is asked. All is borrowed. */
struct events_clash_case {
    const struct event *event; /* what there is of it: no id, host, area, format */
    const struct events_slots *slots;
    const struct zone *zone;
    const struct events_rules *rules;
    date_day today; /* in UTC */
    /* the agendas of the quarters that the slots touch: of the host, of the area, of events without
     * area, of every area (only for a meeting of a governing body), of outside calendars */
    struct events_book host, area, meetings, areas, outside;
    const struct events_delegate *delegates;
    unsigned delegate_count;
};

/* A clash as found. Words come later: most are only counted. */
struct events_clash {
    enum clash_rule_name rule;
    enum clash_severity severity;
    enum clash_kind kind;
    struct text id;          /* of the other thing */
    struct text party;       /* absent if there is none */
    struct text name;        /* of a calendar's span: its summary; of an event: its kind */
    struct events_slot both; /* when both are */
    int64_t number;          /* short-notice: days to go; area-crowded: events with this one */
};

/* The clashes, in the order of the rules and of the agendas; at most `max`. Returns how many there
 * are, even if they are more. */
unsigned events_clash_find(const struct events_clash_case *asked, struct events_clash *out,
                           unsigned max);

/* The clash in words. `text` is memory for what it says, of EVENTS_CLASH_TEXT bytes. */
#define EVENTS_CLASH_TEXT 1024
void events_clash_explain(const struct events_clash_case *asked, const struct events_clash *clash,
                          struct clash *out, char *text);

/* What it is, in words, in the same memory. */
struct text events_clash_say(const struct events_clash_case *asked,
                             const struct events_clash *clash, char *text);

/* By how many days all sessions must move so that the rule finds nothing more in the agendas at
 * hand: the least, 0 if none of 92 does. Not into the past. */
int events_clash_shift(const struct events_clash_case *asked, const struct events_clash *clash);

#endif
