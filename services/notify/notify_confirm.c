/* See notify_confirm.h. */
#include "services/notify/notify_confirm.h"

#include <sodium.h>
#include <string.h>

#include "common/base/date.h"
#include "common/msg/mp.h"

#define DIGEST_HEX_MAX (2 * crypto_generichash_BYTES + 1)

void
notify_confirm_code(char out[NOTIFY_CODE_MAX])
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* none like another */
    unsigned at = 0;
    for (unsigned i = 0; i < 12; i++) {
        if (i && i % 4 == 0)
            out[at++] = '-';
        out[at++] = letters[randombytes_uniform(sizeof letters - 1)];
    }
    out[at] = '\0';
}

/* The digest of a code and whose it is, in hex. */
static void
digest_of(struct text subscription, struct text code, char hex[DIGEST_HEX_MAX])
{
    unsigned char digest[crypto_generichash_BYTES];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    crypto_generichash_update(&state, (const unsigned char *)subscription.ptr, subscription.len);
    for (uint32_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        if (c == '-' || c == ' ')
            continue;
        c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        crypto_generichash_update(&state, (const unsigned char *)&c, 1);
    }
    crypto_generichash_final(&state, digest, sizeof digest);
    sodium_bin2hex(hex, DIGEST_HEX_MAX, digest, sizeof digest);
}

/* What is kept; empty if nothing is. */
static enum status
load(struct op *op, struct text id, struct subscription_confirm_state *out)
{
    enum status status = op_load(op, "confirm", id, &subscription_confirm_state_schema, out);
    if (status != STATUS_NOT_FOUND)
        return status;
    schema_init(&subscription_confirm_state_schema, out);
    out->present = true;
    out->wrong = out->mails = out->rev = 0;
    return STATUS_OK;
}

static void
save(struct op *op, struct text id, struct subscription_confirm_state *state)
{
    op_save(op, "confirm", id, &subscription_confirm_state_schema, state);
}

/* Counts one more mail of a day; refuses it if there were `max`. */
static enum status
count_mail(struct op *op, int64_t *mails, int64_t *since, int64_t now_ms, int max)
{
    if (*since == TIME_NONE || now_ms - *since >= DATE_DAY_MS) {
        *since = now_ms;
        *mails = 0;
    }
    if (*mails >= max)
        return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, NULL,
                         "%d confirmation mails were asked for within a day, which is the most",
                         max);
    ++*mails;
    return STATUS_OK;
}

/* Counts one more of the owner: nobody has an address flooded by many subscriptions. */
static enum status
count_of_owner(struct op *op, struct text owner, int64_t now_ms)
{
    struct subscription_confirm_quota quota;
    if (op_principal(op)->roles & PERMIT_SECRETARIAT)
        return STATUS_OK;
    enum status status =
        op_load(op, "confirm-quota", owner, &subscription_confirm_quota_schema, &quota);
    if (status == STATUS_NOT_FOUND)
        quota = (struct subscription_confirm_quota){.present = true, .mails_since = TIME_NONE};
    else if (status != STATUS_OK)
        return status;
    status = count_mail(op, &quota.mails, &quota.mails_since, now_ms, NOTIFY_CONFIRM_MAILS_OWNER);
    if (status == STATUS_OK)
        op_save(op, "confirm-quota", owner, &subscription_confirm_quota_schema, &quota);
    return status;
}

enum status
notify_confirm_begin(struct op *op, const struct subscription *subscription, bool another,
                     int64_t now_ms, bool *confirmed)
{
    struct subscription_confirm_state state;
    enum status status = load(op, subscription->id, &state);
    if (status != STATUS_OK)
        return status;
    *confirmed = !another && state.confirmed != TIME_NONE;
    if (*confirmed)
        return STATUS_OK;
    status = count_mail(op, &state.mails, &state.mails_since, now_ms, NOTIFY_CONFIRM_MAILS);
    if (status == STATUS_OK)
        status = count_of_owner(op, subscription->owner, now_ms);
    if (status != STATUS_OK)
        return status;
    state.wanted = 1;
    state.confirmed = TIME_NONE;
    state.digest = TEXT_NONE;
    save(op, subscription->id, &state);
    return STATUS_OK;
}

enum status
notify_confirm_try(struct op *op, const struct subscription *subscription, struct text code,
                   int64_t now_ms, int *left)
{
    struct subscription_confirm_state state;
    char hex[DIGEST_HEX_MAX];
    enum status status = load(op, subscription->id, &state);
    if (status != STATUS_OK)
        return status;
    if (state.wrong >= NOTIFY_CONFIRM_TRIES)
        return error_set(op_error(op), STATUS_RESOURCE_EXHAUSTED, "code",
                         "code: %d wrong ones were given; subscription.resume mails another",
                         NOTIFY_CONFIRM_TRIES);
    if (!state.digest.ptr)
        return error_set(op_error(op), STATUS_FAILED_PRECONDITION, "code",
                         "code: none was mailed yet");
    digest_of(subscription->id, code, hex);
    if (state.digest.len == sizeof hex - 1 &&
        sodium_memcmp(hex, state.digest.ptr, sizeof hex - 1) == 0) {
        state.confirmed = now_ms;
        state.digest = TEXT_NONE;
        state.wanted = BOOL_NONE;
        *left = -1;
    } else {
        *left = NOTIFY_CONFIRM_TRIES - (int)++state.wrong;
    }
    save(op, subscription->id, &state);
    return STATUS_OK;
}

enum status
notify_confirm_forget(struct op *op, struct text subscription)
{
    struct subscription_confirm_state state;
    enum status status =
        op_load(op, "confirm", subscription, &subscription_confirm_state_schema, &state);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    state.digest = TEXT_NONE;
    state.confirmed = TIME_NONE;
    state.wanted = BOOL_NONE;
    save(op, subscription, &state);
    return STATUS_OK;
}

enum status
notify_confirm_take(struct op *op, const void *params)
{
    const struct notify_confirm_mail *in = params;
    struct subscription_confirm_state state;
    char hex[DIGEST_HEX_MAX];
    enum status status = load(op, text_of(in->subscription), &state);
    if (status != STATUS_OK)
        return status;
    mp_bool(op_result(op), state.wanted == 1);
    if (state.wanted != 1)
        return STATUS_OK;
    digest_of(text_of(in->subscription), text_of(in->code), hex);
    state.digest = text_of(hex);
    state.wrong = 0;
    save(op, text_of(in->subscription), &state);
    return STATUS_OK;
}

enum status
notify_confirm_mailed(struct op *op, const void *params)
{
    const struct notify_confirm_mail *in = params;
    struct subscription_confirm_state state;
    char hex[DIGEST_HEX_MAX];
    enum status status = load(op, text_of(in->subscription), &state);
    if (status != STATUS_OK)
        return status;
    digest_of(text_of(in->subscription), text_of(in->code), hex);
    if (state.wanted == 1 && state.digest.ptr && text_is(state.digest, hex)) {
        state.wanted = BOOL_NONE;
        save(op, text_of(in->subscription), &state);
    }
    return STATUS_OK;
}
