/* Reminders: what their anchors and offsets mean, and what becomes of one when what it is about
 * changes (domain.md, reminders). Pure: the same facts and the same time give the same plan,
 * whoever makes it and when. It must not know stores, clocks or codecs. */
#ifndef CBM_NOTIFY_DOMAIN_REMINDER_H
#define CBM_NOTIFY_DOMAIN_REMINDER_H

#include "common/base/status.h"
#include "common/base/zone.h"
#include "common/msg/messages.h"

#define NOTIFY_REMINDER_LATE_MS 60000 /* sent so long after it was due it is late */
#define NOTIFY_REMINDER_RULE_ID_MAX 40

/* Who asks: the roles, and the participant it speaks for ("" if for none). */
struct notify_actor {
    unsigned roles;
    const char *member;
};

/* Years and months, weeks and days, and a time: each is added by itself, with one sign. */
struct notify_offset {
    int64_t months, days, ms;
};

/* "-P14D", "P1M", "-P1Y2M3DT4H", "-PT2H", "P2W"; at most 100 years. False if it is none. */
bool notify_domain_offset(struct text text, struct notify_offset *out);

/* When something is due that much from an instant: months (cut to the end of a shorter one), then
 * days, on the clocks of the zone (NULL: UTC); then the time. */
int64_t notify_domain_due(int64_t anchor_ms, const struct notify_offset *offset,
                          const struct zone *zone);

/* The kind of milestone an anchor names, absent if it is another anchor. */
struct text notify_domain_milestone(struct text anchor);

/* Whether what is asked for is sound by itself, and the caller may ask for it; what it is about is
 * checked by notify_domain_reminder_about. */
enum status notify_domain_reminder_put(const struct reminder_put *in,
                                       const struct notify_actor *actor, struct error *error);
/* Whether the caller may put one about it. */
enum status notify_domain_reminder_about(const struct reminder_target *target,
                                         const struct notify_actor *actor, struct error *error);

/* Whether the caller may change or delete it. */
enum status notify_domain_reminder_own(const struct reminder *reminder,
                                       const struct notify_actor *actor, struct error *error);

/* Whether a rule makes a reminder about the target; `is_event` says which it is. */
bool notify_domain_rule_for(const struct reminder *rule, const struct reminder_target *target,
                            bool is_event);

/* Facts of a record: what reminders need to know. `topic` is that of the record. */
void notify_domain_target_event(struct reminder_target *target, const struct event *event);
void notify_domain_target_decision(struct reminder_target *target, const struct decision *decision);

/* What became of a reminder stays when what is asked for changes: status, times, reason, audience.
 */
void notify_domain_reminder_keep(struct reminder *reminder, const struct reminder *before);

/* Plans a reminder anew by what is known at an instant `as_of_ms` (when that came to be known, not
 * when it is read): its status, times and reason. `milestone` is NULL if its anchor is another or
 * there is none yet.
 *
 *     waiting  <-> planned -> sent     sent -> planned only for another time, ahead of as_of
 *        \           |
 *         +- dropped +  over, met, its host is another, or both its times had passed */
void notify_domain_plan(struct reminder *reminder, const struct reminder_target *target,
                        const struct reminder_milestone *milestone, const struct zone *zone,
                        int64_t as_of_ms);

/* What is told when it is due. */
void notify_domain_notice(const struct reminder *reminder, const struct reminder_target *target,
                          struct reminder_notice *out);

/* The topic of that: that of the target with `reminders.` in place of `events.` or in front of
 * `decisions.`. False if it does not fit. */
bool notify_domain_notice_topic(struct text target, char *out, size_t size);

#endif
