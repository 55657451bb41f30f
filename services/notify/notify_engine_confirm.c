/* See notify_engine.h: the mail that asks whether an address wants a subscription's mails. It must
 * not know the code that confirms it, once it is mailed. */
#include "services/notify/notify_engine_internal.h"

#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"
#include "services/notify/notify_confirm.h"
#include "services/notify/notify_engine_status.h"

#define LATER_MS ((int64_t)60 * 1000) /* a relay that refuses is asked again */

/* Looks again when the time of the code is over; what is asked for before wakes it. */
static void
rest(struct lane *lane)
{
    const struct notify_subscription *subscription =
        notify_subscriptions_get(lane->engine->subscriptions, text_of(lane->id));
    int64_t left = subscription ? subscription->document.pending_since + NOTIFY_CONFIRM_MS -
                                      engine_clock(lane->engine)
                                : 0;
    lane->verify_at = clock_mono_ms() + (left > 1000 ? left : 1000);
}

static void
on_mailed_told(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    (void)result;
    lane->proving = false;
    if (status == STATUS_OK && !lane->asked_again)
        rest(lane);
    engine_over(lane);
}

static void
submit(struct lane *lane, op_handler_fn *handler, const char *code, service_done_fn *done)
{
    struct notify_confirm_mail in = {.code = ""};
    memcpy(in.subscription, lane->id, sizeof in.subscription);
    memcpy(in.code, code, sizeof in.code);
    engine_submit(lane, &lane->proving, handler, &in, sizeof in, done);
    sodium_memzero(&in, sizeof in);
}

static void
on_mail(void *arg, const struct notify_receipt *receipt)
{
    struct try *try = arg;
    struct lane *lane = try->lane;
    struct notify_engine *engine = try->engine;
    char code[NOTIFY_CODE_MAX];
    memcpy(code, try->challenge, sizeof code);
    sodium_memzero(try->challenge, sizeof try->challenge);
    lane->proving = false;
    if (receipt->outcome == NOTIFY_SENT_TAKEN) {
        submit(lane, notify_confirm_mailed, code, on_mailed_told);
    } else {
        int64_t pause = notify_retry_pause(&engine->retry, ++lane->verify_tries,
                                           receipt->retry_after_ms, engine_random(engine));
        lane->verify_at = clock_mono_ms() + (pause < 0 ? LATER_MS : pause < 1000 ? 1000 : pause);
        engine_warn(engine, "a confirmation mail failed", lane,
                    receipt->error ? receipt->error : "");
    }
    sodium_memzero(code, sizeof code);
    engine_end_try(try);
}

static void
on_taken(void *arg, enum status status, struct text result)
{
    struct lane *lane = arg;
    const struct notify_subscription *subscription =
        notify_subscriptions_get(lane->engine->subscriptions, text_of(lane->id));
    struct mp_value wanted = {.number = 0};
    lane->proving = false;
    if (status == STATUS_OK)
        mp_read(result.ptr, &wanted);
    if (status == STATUS_OK && !wanted.number && !lane->asked_again)
        rest(lane);
    struct try *try = wanted.number && subscription && lane->verifying
                          ? engine_begin_try(lane->engine, TRY_VERIFY, lane)
                          : NULL;
    if (try) {
        memcpy(try->challenge, lane->code, sizeof lane->code);
        lane->proving = true;
        if (!engine_mail_confirm(try, &subscription->document, on_mail)) {
            const struct notify_receipt receipt = {.outcome = NOTIFY_SENT_FAILED,
                                                   .retry_after_ms = -1,
                                                   .error = "it could not be sent"};
            on_mail(try, &receipt);
        }
    }
    sodium_memzero(lane->code, sizeof lane->code);
    engine_over(lane);
}

void
engine_confirm(struct lane *lane, int64_t now_ms)
{
    const struct notify_subscription *subscription =
        notify_subscriptions_get(lane->engine->subscriptions, text_of(lane->id));
    if (lane->proving || lane->changing || !subscription)
        return;
    if (now_ms < lane->verify_at && !lane->asked_again)
        return;
    lane->asked_again = false;
    lane->verify_at = now_ms + ENGINE_AGAIN_MS;
    int64_t since = subscription->document.pending_since;
    if (since != TIME_NONE && engine_clock(lane->engine) - since >= NOTIFY_CONFIRM_MS) {
        engine_set_status(lane, SUBSCRIPTION_DISABLED,
                          "the address was not confirmed within 72 hours");
        return;
    }
    notify_confirm_code(lane->code);
    submit(lane, notify_confirm_take, lane->code, on_taken);
}
