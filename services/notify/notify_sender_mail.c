/* One mail by curl to the relay. The relay is the operator's: its address is not judged. It must
 * not know queues or threads. */
#include <stdio.h>
#include <string.h>

#include "services/notify/notify_sender_internal.h"

#define RELAY_CONNECT_MS 5000

static size_t
give_message(char *out, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t len = size * count, left = attempt->body.len - attempt->taken;
    len = len < left ? len : left;
    memcpy(out, attempt->body.ptr + attempt->taken, len);
    attempt->taken += len;
    return len;
}

/* Each line of the relay's side. The last one is what it said of this mail, but for the farewell
 * after a refusal. */
static size_t
take_reply(char *data, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    if (attempt->kept[0] == '4' || attempt->kept[0] == '5')
        return size * count;
    attempt->kept_len = 0;
    memset(attempt->kept, 0, sizeof attempt->kept);
    attempt_keep(attempt, data, size * count);
    return size * count;
}

bool
notify_sender_mail_set_up(struct notify_sender *sender, CURL *easy)
{
    const struct notify_sender_config *config = &sender->config;
    bool has_user = strchr(config->smtp, '@') != NULL;
    long tls = has_user || config->smtp_tls == NOTIFY_SMTP_TLS_REQUIRED ? CURLUSESSL_ALL
               : config->smtp_tls == NOTIFY_SMTP_TLS_OFFERED            ? CURLUSESSL_TRY
                                                                        : CURLUSESSL_NONE;
    char from[sizeof config->smtp_from + 2];
    snprintf(from, sizeof from, "<%s>", config->smtp_from);
    return sender_curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms) ==
               CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)RELAY_CONNECT_MS) ==
               CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_USE_SSL, tls) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_CAINFO,
                                   *config->authorities ? config->authorities : NULL) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_URL, config->smtp) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_MAIL_FROM, from) == CURLE_OK &&
           (!*sender->password ||
            sender_curl.easy_setopt(easy, CURLOPT_PASSWORD, sender->password) == CURLE_OK) &&
           sender_curl.easy_setopt(easy, CURLOPT_READFUNCTION, give_message) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_reply) == CURLE_OK;
}

bool
notify_sender_mail_begin(struct attempt *attempt)
{
    CURL *easy = attempt->easy;
    attempt->headers[0].data = attempt->to;
    return sender_curl.easy_setopt(easy, CURLOPT_MAIL_RCPT, attempt->headers) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_INFILESIZE, (long)attempt->body.len) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_READDATA, attempt) == CURLE_OK &&
           sender_curl.easy_setopt(easy, CURLOPT_HEADERDATA, attempt) == CURLE_OK;
}

void
notify_sender_mail_end(struct attempt *attempt, CURLcode result)
{
    struct notify_receipt *receipt = &attempt->receipt;
    long code = 0;
    if (attempt->easy)
        sender_curl.easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &code);
    receipt->code = (int)code;
    receipt->outcome = result == CURLE_OK ? NOTIFY_SENT_TAKEN : NOTIFY_SENT_FAILED;
    if (result != CURLE_OK)
        receipt->error = *attempt->error ? attempt->error : sender_curl.easy_strerror(result);
    text_trim_cut(attempt->kept);
    receipt->body = text_of(text_utf8_valid(attempt->kept, strlen(attempt->kept)) ? attempt->kept
                                                                                  : "(not UTF-8)");
}
