/* Documents of reminders as one run of a handler plans with them: each loaded once, changed in
 * memory as often as need be, and saved at the end with its index entries. It must not know when
 * something is planned, or why.
 *
 * Documents: "reminder" (its id; also rules), "reminder-target" (`event/<id>`, `decision/<id>`),
 * "reminder-milestone" (`<event>/<kind>`), "reminder-log" (`position`, `rules`).
 * Index: r|<id>  rt|<target>|<id>  t|<target>  rd|<due>|<id> of those planned. */
#ifndef CBM_NOTIFY_PLAN_H
#define CBM_NOTIFY_PLAN_H

#include "common/service/op.h"
#include "services/notify/notify_domain_reminder.h"

#define NOTIFY_PLAN_DUE "rd|"             /* the prefix of a due_clock */
#define NOTIFY_PLAN_RULES "reminder-rule" /* the level of topics that rules are told on */
#define NOTIFY_PLAN_TARGET_MAX 256        /* reminders about one thing */

struct notify_plan_item {
    struct notify_plan_item *next;
    const char *kind;
    struct text id;
    const struct schema *schema;
    bool found, changed; /* it was there; it is to be saved */
    int64_t entry;       /* of a reminder: the instant in its index entry, TIME_NONE without */
    void *message;
};

/* An embedded value, zeroed but for `op`; it lives as long as the run, but for the zones, which
 * notify_plan_fini frees. */
struct notify_plan {
    struct op *op;
    enum status status; /* the first failure; STATUS_AGAIN waits for the rest to be asked for */
    struct notify_plan_item *first, *last;
    struct zone_set zones;
};
void notify_plan_fini(struct notify_plan *plan);

/* The document, an empty one (initialised, `found` false) if there is none. NULL while it is not
 * here, and after a failure. */
struct notify_plan_item *notify_plan_get(struct notify_plan *plan, const char *kind, struct text id,
                                         const struct schema *schema);

/* "event/<id>" or "decision/<id>", and the id in it. */
struct text notify_plan_target_id(struct op *op, bool is_event, struct text id);
bool notify_plan_of_event(struct text target_id);
struct text notify_plan_id_of(struct text target_id);
struct text notify_plan_target_of(struct op *op, const struct reminder *reminder);

/* Plans one reminder about a target anew, with its milestone; changed if it differs. */
void notify_plan_reminder(struct notify_plan *plan, struct notify_plan_item *item,
                          const struct reminder_target *target, int64_t as_of_ms);

/* Plans all there are about it. */
void notify_plan_target(struct notify_plan *plan, struct text target_id,
                        const struct reminder_target *target, int64_t as_of_ms);

/* Brings what a rule makes about the target into being, into line, or to an end. */
void notify_plan_rule(struct notify_plan *plan, const struct reminder *rule, struct text target_id,
                      const struct reminder_target *target, int64_t as_of_ms);

/* Saves what changed. Only with status STATUS_OK. */
void notify_plan_save(struct notify_plan *plan);

#endif
