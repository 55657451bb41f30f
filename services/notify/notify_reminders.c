/* See notify_reminders.h. While the log says nothing of events and nothing is due, it costs a look
 * of the due_clock, however many reminders there are. It must not know what a step does. */
#include "services/notify/notify_reminders.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/msg/mp.h"
#include "common/service/due.h"
#include "services/notify/notify_plan.h"
#include "services/notify/notify_reminders_log.h"

#define RETRY_MS 200

struct notify_reminders {
    struct loop *loop;
    struct service *service; /* NULL until started */
    struct due_clock *clock; /* owned */
    bool current;            /* the log has been passed once: nothing is missed from here on */
    bool awake;              /* there are reminders, or somebody is about to put one */
    bool again, busy;        /* a step is wanted; one is under way */
    int64_t try_at;
    int64_t passed, position; /* of the log: seen, planned with */
};

static void
kick(struct notify_reminders *reminders)
{
    if (reminders->service && reminders->current)
        loop_tick_by(reminders->loop, clock_mono_ms());
}

static void
reached(struct notify_reminders *reminders, int64_t seq)
{
    if (!reminders->again && !reminders->busy && seq > reminders->position)
        reminders->position = seq;
}

static void
on_done(void *arg, enum status status, struct text result)
{
    struct notify_reminders *reminders = arg;
    struct mp_value value;
    reminders->busy = false;
    if (status != STATUS_OK) {
        log_event(LOG_LEVEL_WARN, "the log is not read for reminders yet",
                  LOG_TEXT("status", status_word(status)));
        reminders->again = true;
        reminders->try_at = clock_mono_ms() + RETRY_MS;
    } else {
        const char *at = mp_read(mp_skip(mp_read(result.ptr, &value)), &value);
        bool more = value.number != 0;
        at = mp_read(mp_skip(at), &value);
        if (!more && value.number > reminders->position)
            reminders->position = value.number;
        mp_read(mp_skip(at), &value);
        reminders->awake |= value.number == 0;
        reminders->again |= more;
        reached(reminders, reminders->passed);
    }
    kick(reminders);
}

static int64_t
tick(void *arg, int64_t now_ms)
{
    struct notify_reminders *reminders = arg;
    if (!reminders->again || reminders->busy || !reminders->current)
        return LOOP_NEVER;
    if (now_ms < reminders->try_at)
        return reminders->try_at;
    reminders->again = false;
    reminders->busy = true;
    if (!service_submit(reminders->service, notify_reminders_log_step, &reminders->awake,
                        sizeof reminders->awake, on_done, reminders))
        reminders->busy = false; /* it is ending; another replica goes on */
    return LOOP_NEVER;
}

/* ---- the log ---- */

static void
on_record(void *arg, const struct log_record *record)
{
    struct notify_reminders *reminders = arg;
    if (!reminders->awake && !notify_reminders_log_tells(record->topic))
        return;
    reminders->awake = true;
    reminders->again |= notify_reminders_log_wants(record->topic);
}

static void
on_passed(void *arg, int64_t seq)
{
    struct notify_reminders *reminders = arg;
    reminders->again |= !reminders->current; /* what came while no notify ran */
    reminders->current = true;
    reminders->passed = seq;
    reached(reminders, seq);
    if (reminders->again)
        kick(reminders);
}

static int64_t
position(void *arg, int64_t wanted)
{
    (void)wanted;
    return ((const struct notify_reminders *)arg)->position;
}

void
notify_reminders_wake(struct notify_reminders *reminders)
{
    if (reminders->awake)
        return;
    reminders->awake = reminders->again = true;
    reminders->position = 0;
    kick(reminders);
}

/* ---- life ---- */

struct notify_reminders *
notify_reminders_new(struct loop *loop, struct notify_publisher *publisher)
{
    struct notify_reminders *reminders = calloc(1, sizeof *reminders);
    if (!reminders)
        return NULL;
    reminders->loop = loop;
    reminders->clock = due_clock_new(loop, NOTIFY_PLAN_DUE, notify_reminders_log_send);
    if (!reminders->clock || !notify_publisher_listen(publisher, on_record, on_passed, reminders))
        notify_reminders_destroy(&reminders);
    return reminders;
}

void
notify_reminders_start(struct notify_reminders *reminders, struct service *service)
{
    if (loop_add_tick(reminders->loop, tick, reminders) != 0)
        return;
    reminders->service = service;
    due_clock_start(reminders->clock, service);
    service_set_position(service, position, reminders);
    kick(reminders);
}

void
notify_reminders_destroy(struct notify_reminders **reminders)
{
    if (!*reminders)
        return;
    if ((*reminders)->service)
        loop_remove_tick((*reminders)->loop, tick, *reminders);
    due_clock_destroy(&(*reminders)->clock);
    free(*reminders);
    *reminders = NULL;
}
