/* See notify_engine.h: what mails need more than webhooks: they wait for the end of a day or week,
 * and for the morning. It must not know how they are written or sent. */
#include "services/notify/notify_engine_internal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/notify/notify_mail.h"

int64_t
lane_put_off(struct lane *lane, const struct subscription *document, int64_t now_ms)
{
    struct notify_engine *engine = lane->engine;
    const struct zone *zone =
        zone_set_get(&engine->zones, document->zone.ptr ? document->zone : TEXT_LITERAL("UTC"));
    bool digest = document->digest == DIGEST_DAILY || document->digest == DIGEST_WEEKLY;
    for (struct notify_item *item = lane->queue.first; item; item = item->next) {
        struct log_record record;
        if (item->kept || item->state != NOTIFY_ITEM_WAITING ||
            !log_record_parse(item->stored, item->seq, &record))
            continue;
        int64_t due = notify_when(document, zone, record.time_ms, now_ms);
        struct notify_result *result = digest || due > now_ms ? calloc(1, sizeof *result) : NULL;
        if (!result)
            continue;
        result->verdict = NOTIFY_PUT_OFF;
        result->at_ms = now_ms;
        result->next_at = due;
        result->outcome = "";
        notify_lane_sent(&lane->queue, item, result, &engine->retry);
    }
    return notify_when_quiet(document, zone, now_ms);
}

static struct notify_letter
letter_of(const struct try *try, const struct subscription *document)
{
    return (struct notify_letter){
        .from = text_of(try->engine->from),
        .to = document->address,
        .org = text_of(try->engine->org),
        .subscription = document->id,
        .language = document->language,
        .time_ms = try->at_ms,
        .thin = document->payload == PAYLOAD_THIN,
    };
}

static bool
give(struct try *try, const struct subscription *document, notify_receipt_fn *fn)
{
    const struct buf *mail = &try->engine->mail;
    const struct notify_mail letter = {.to = document->address,
                                       .message = {(const char *)mail->data, (uint32_t)mail->len}};
    return notify_sender_mail(try->engine->sender, &letter, fn, try);
}

bool
engine_mail(struct try *try, const struct subscription *document, unsigned count,
            const struct log_record *records, notify_receipt_fn *fn)
{
    const struct notify_letter letter = letter_of(try, document);
    buf_clear(&try->engine->mail);
    return notify_mail_write(&try->engine->mail, &letter, count, records) &&
           give(try, document, fn);
}

/* Begins the attempt of a mail that tells of no record, in plain text and as HTML. */
static bool
send_text(struct try *try, const struct subscription *document, const char *what,
          const char *subject, const char *plain, const char *html, notify_receipt_fn *fn)
{
    const struct notify_letter letter = letter_of(try, document);
    char id[TEXT_ID_MAX + 40];
    buf_clear(&try->engine->mail);
    int len = snprintf(id, sizeof id, "%.*s.%s.%" PRId64, TEXT_ARG(document->id), what, try->at_ms);
    return notify_mail_write_text(&try->engine->mail, &letter, (struct text){id, (uint32_t)len},
                                  text_of(subject), text_of(plain), text_of(html)) &&
           give(try, document, fn);
}

bool
engine_mail_ping(struct try *try, const struct subscription *document, notify_receipt_fn *fn)
{
    return send_text(try, document, "ping", "A test of your subscription",
                     "Somebody asked whether mails of this subscription reach you.\n",
                     "<p>Somebody asked whether mails of this subscription reach you.</p>", fn);
}

bool
engine_mail_confirm(struct try *try, const struct subscription *document, notify_receipt_fn *fn)
{
    char plain[1000], html[1000];
    snprintf(plain, sizeof plain,
             "%.*s asks that notifications be mailed to this address (subscription %.*s).\n\n"
             "If you want them, give this code to whoever asked, within 72 hours:\n\n"
             "    %s\n\nor confirm it yourself:\n\n    cbm subscription confirm %.*s %s\n\n"
             "If you do not, do nothing: no notification is mailed to you.\n",
             TEXT_ARG(document->owner), TEXT_ARG(document->id), try->challenge,
             TEXT_ARG(document->id), try->challenge);
    snprintf(
        html, sizeof html,
        "<p>Notifications are to be mailed to this address (subscription %.*s).</p><p>If you "
        "want them, give this code to whoever asked, within 72 hours:</p><p><b>%s</b></p><p>or "
        "confirm it yourself: <code>cbm subscription confirm %.*s %s</code></p><p>If you do "
        "not, do nothing: no notification is mailed to you.</p>",
        TEXT_ARG(document->id), try->challenge, TEXT_ARG(document->id), try->challenge);
    bool begun = send_text(try, document, "confirm", "Confirm a subscription", plain, html, fn);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(html, sizeof html);
    return begun;
}
