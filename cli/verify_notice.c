/* Checks what notice.proof answered: the signature, and that the records it names are in the log as
 * signed. It must not know decisions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verify.h"
#include "common/msg/schema_mp.h"

#define SIGNED_HEAD "CBM notice 1\n"

bool
verify_notice_is(const json_t *proof)
{
    return json_is_string(json_object_get(proof, "notice")) &&
           json_is_object(json_object_get(proof, "log"));
}

/* Whether the statement is signed by the key that it names. */
static bool
is_signed(const json_t *proof, const uint8_t *bytes, size_t len)
{
    struct buf all = {0};
    buf_append(&all, SIGNED_HEAD, sizeof SIGNED_HEAD - 1);
    buf_append(&all, bytes, len);
    bool good =
        !all.failed && chain_signed(text_of(cli_text(proof, "key")),
                                    (struct text){(const char *)all.data, (uint32_t)all.len},
                                    text_of(cli_text(proof, "signature")));
    buf_fini(&all);
    return good;
}

static void
tell_delivery(const struct notice_item *item)
{
    struct delivery *delivery = malloc(sizeof *delivery);
    struct error error;
    char at[TIME_TEXT_MAX];
    if (!delivery || schema_decode_bytes(&delivery_schema, item->delivery.ptr, item->delivery.len,
                                         delivery, SCHEMA_STORED, &error) != STATUS_OK) {
        printf("  record      %lld: its delivery cannot be read here\n", (long long)item->seq);
        free(delivery);
        return;
    }
    printf("  record      %lld %.*s: %s\n", (long long)item->seq, TEXT_ARG(delivery->topic),
           delivery_status_words[delivery->status - 1]);
    for (uint32_t i = 0; i < delivery->attempts.count; i++) {
        const struct delivery_attempt *attempt = &delivery->attempts.items[i];
        time_print(attempt->at, at);
        printf("    offered   %s: %s", at, delivery_outcome_words[attempt->outcome - 1]);
        if (attempt->code != INT_NONE)
            printf(" (%lld)", (long long)attempt->code);
        printf(" after %lld ms", (long long)attempt->took_ms);
        if (attempt->consumer.ptr)
            printf(", to %.*s", TEXT_ARG(attempt->consumer));
        printf("\n");
    }
    free(delivery);
}

/* Each record that the notice names is in the log with that hash. */
static bool
check_items(const struct notice *notice, const json_t *log, char fault[200])
{
    for (uint32_t i = 0; i < notice->items.count; i++) {
        const struct notice_item *item = &notice->items.items[i];
        struct chain_hash stated, leaf;
        if (chain_parse(item->leaf, &stated) && log_proof_leaf(log, item->seq, &leaf) &&
            memcmp(&stated, &leaf, sizeof leaf) == 0)
            continue;
        snprintf(fault, 200, "record %lld of the notice is not that of the log",
                 (long long)item->seq);
        return false;
    }
    return true;
}

static void
tell_time(const char *what, int64_t ms)
{
    char printed[TIME_TEXT_MAX];
    if (ms == TIME_NONE)
        return;
    time_print(ms, printed);
    printf("    %-12s %s\n", what, printed);
}

static void
tell(const struct notice *notice)
{
    char made[TIME_TEXT_MAX];
    time_print(notice->made, made);
    printf("%.*s: a subscription of %.*s by %s, as of %s\n", TEXT_ARG(notice->subscription),
           TEXT_ARG(notice->owner), channel_words[notice->channel - 1], made);
    for (uint32_t i = 0; i < notice->items.count; i++) {
        const struct notice_item *item = &notice->items.items[i];
        if (item->delivery.ptr)
            tell_delivery(item);
        else
            printf("  record      %lld: %s\n", (long long)item->seq,
                   item->acked != TIME_NONE    ? "acknowledged"
                   : item->settled == 1        ? "passed"
                   : item->attempt != INT_NONE ? "given, and not acknowledged yet"
                                               : "not given yet");
        tell_time("first given", item->first);
        tell_time("last given", item->last);
        tell_time("acknowledged", item->acked);
    }
}

static int
judge(const json_t *proof, const struct notice *notice, const uint8_t *bytes, size_t len,
      const char *keys)
{
    struct log_proof_check check = {.keys = keys};
    const json_t *log = json_object_get(proof, "log");
    char fault[200] = "";
    int code;
    bool holds = log_proof_check(&check, log, &code);
    if (!holds && code != CLI_REFUSED) {
        fprintf(stderr, "cbm verify: %s\n", check.fault);
        return code;
    }
    tell(notice);
    if (!is_signed(proof, bytes, len))
        snprintf(fault, sizeof fault, "the signature of the notice is not good");
    else if (holds && log_proof_trusted(&check, text_of(cli_text(proof, "key"))))
        check_items(notice, log, fault);
    if (*fault && !*check.fault)
        snprintf(check.fault, sizeof check.fault, "%s", fault);
    return log_proof_tell(&check);
}

int
verify_notice(const json_t *proof, const char *keys)
{
    size_t len = 0;
    struct error error;
    uint8_t *bytes = log_proof_bytes(json_object_get(proof, "notice"), &len);
    struct notice *notice = malloc(sizeof *notice);
    int code = EX_DATAERR;
    if (bytes && notice &&
        schema_decode_bytes(&notice_schema, (const char *)bytes, len, notice, SCHEMA_STORED,
                            &error) == STATUS_OK)
        code = judge(proof, notice, bytes, len, keys);
    else
        fprintf(stderr, "cbm verify: the notice cannot be read\n");
    free(bytes);
    free(notice);
    return code;
}
