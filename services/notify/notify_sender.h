/* What leaves for outside systems: single attempts at webhooks and mails, made by one thread of its
 * own with libcurl's multi interface, so that nothing outside can hold the loop up. Each attempt is
 * copied when it is given and answered once, on the loop. It must not know subscriptions, retries
 * or the log.
 *
 * Webhooks go only where the policy lets them (design section 7): at every attempt the name is
 * resolved, every address judged, and the connection pinned to what was judged; redirects are never
 * followed, plain http only leaves for addresses that the operator listed. They are signed by
 * Standard Webhooks 1.0.0 with every secret that is in force. */
#ifndef CBM_NOTIFY_SENDER_H
#define CBM_NOTIFY_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cfg.h"
#include "common/base/loop.h"
#include "common/base/text.h"

struct notify_sender_config {
    char allow[CFG_TEXT_MAX];         /* CBM_WEBHOOK_ALLOW: CIDRs, by comma */
    char authorities[CFG_TEXT_MAX];   /* CBM_WEBHOOK_CA: a PEM file besides the system's, or "" */
    int64_t timeout_ms;               /* CBM_WEBHOOK_TIMEOUT_MS of an attempt: 15,000 */
    int64_t connections;              /* CBM_WEBHOOK_CONNECTIONS at once: 1,000 */
    char smtp[CFG_TEXT_MAX];          /* CBM_SMTP: smtp://… or smtps://…, "" for no mail */
    char smtp_from[CFG_TEXT_MAX];     /* CBM_SMTP_FROM */
    char smtp_password[CFG_TEXT_MAX]; /* CBM_SMTP_PASSWORD_FILE */
    int64_t smtp_tls;                 /* CBM_SMTP_TLS: enum notify_smtp_tls */
};

/* STARTTLS of smtp://; with a user in the address it is required whatever is said here. */
enum notify_smtp_tls { NOTIFY_SMTP_TLS_OFFERED, NOTIFY_SMTP_TLS_REQUIRED, NOTIFY_SMTP_TLS_NEVER };

/* The rows of a config struct whose member `member` is a struct notify_sender_config. */
#define NOTIFY_SENDER_ROWS(type, member)                                                           \
    {"CBM_WEBHOOK_ALLOW",                                                                          \
     CFG_TEXT,                                                                                     \
     offsetof(type, member.allow),                                                                 \
     "",                                                                                           \
     0,                                                                                            \
     CFG_TEXT_MAX,                                                                                 \
     NULL,                                                                                         \
     "ranges of addresses, by comma, where webhooks may go besides the public internet, and over " \
     "plain http"},                                                                                \
        {"CBM_WEBHOOK_CA",                                                                         \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.authorities),                                                       \
         "",                                                                                       \
         0,                                                                                        \
         CFG_TEXT_MAX,                                                                             \
         NULL,                                                                                     \
         "a PEM file of authorities that receivers may have besides the system's"},                \
        {"CBM_WEBHOOK_TIMEOUT_MS",                                                                 \
         CFG_INT,                                                                                  \
         offsetof(type, member.timeout_ms),                                                        \
         "15000",                                                                                  \
         100,                                                                                      \
         600000,                                                                                   \
         NULL,                                                                                     \
         "how long an attempt at a webhook or mail may take"},                                     \
        {"CBM_WEBHOOK_CONNECTIONS",                                                                \
         CFG_INT,                                                                                  \
         offsetof(type, member.connections),                                                       \
         "1000",                                                                                   \
         1,                                                                                        \
         10000,                                                                                    \
         NULL,                                                                                     \
         "attempts at once"},                                                                      \
        {"CBM_SMTP",                                                                               \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.smtp),                                                              \
         "",                                                                                       \
         0,                                                                                        \
         CFG_TEXT_MAX,                                                                             \
         NULL,                                                                                     \
         "the mail relay: smtp://[user@]host[:port] or smtps://…; none: no mail"},                 \
        {"CBM_SMTP_FROM",                                                                          \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.smtp_from),                                                         \
         "",                                                                                       \
         0,                                                                                        \
         255,                                                                                      \
         NULL,                                                                                     \
         "the address that mails are from"},                                                       \
        {"CBM_SMTP_PASSWORD_FILE",                                                                 \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.smtp_password),                                                     \
         "",                                                                                       \
         0,                                                                                        \
         CFG_TEXT_MAX,                                                                             \
         NULL,                                                                                     \
         "a file with the password of the user of CBM_SMTP"},                                      \
    {                                                                                              \
        "CBM_SMTP_TLS", CFG_WORD, offsetof(type, member.smtp_tls), "offered", 0, 0,                \
            "offered|required|never", "STARTTLS at the relay; always required with a user"         \
    }

enum notify_sent {
    NOTIFY_SENT_TAKEN,     /* 2xx, or the mail relay's 250 */
    NOTIFY_SENT_FAILED,    /* try again later: 3xx, 4xx, 5xx, no connection, too late */
    NOTIFY_SENT_GONE,      /* 410: never again */
    NOTIFY_SENT_FORBIDDEN, /* the policy or the address refuses; a failed try like others */
};

#define NOTIFY_RECEIPT_MAX 1024 /* a handshake may be answered with all that was sent */

struct notify_receipt {
    enum notify_sent outcome;
    int code; /* HTTP status or SMTP reply, 0 without */
    int64_t took_ms;
    int64_t retry_after_ms; /* as the receiver asked, -1 if it did not */
    const char *error;      /* in words, "" without; borrowed like `body` for the call */
    struct text body;       /* the first NOTIFY_RECEIPT_MAX bytes of the answer, printable */
};
typedef void notify_receipt_fn(void *arg, const struct notify_receipt *receipt);

/* A secret in force: `whsec_…` (HMAC-SHA256, `v1`) or `whsk_…` (ed25519, `v1a`), as text. */
#define NOTIFY_SECRETS_MAX 4

struct notify_header {
    struct text name, value;
};
#define NOTIFY_HEADERS_MAX 24

struct notify_post {
    struct text url;
    struct text id;        /* webhook-id: the same at every attempt */
    int64_t time_ms;       /* webhook-timestamp: of this attempt */
    unsigned header_count; /* besides those of Standard Webhooks: content-type, ce-… */
    struct notify_header headers[NOTIFY_HEADERS_MAX];
    struct text body;
    unsigned secret_count;
    struct text secrets[NOTIFY_SECRETS_MAX];
};

struct notify_mail {
    struct text to;      /* the address of the envelope */
    struct text message; /* all of it, CRLF, headers first (notify_mime.h) */
};

struct notify_sender;

/* NULL after a line in the log: a configuration that is none, no memory. The thread and libcurl are
 * there from the first attempt on. */
struct notify_sender *notify_sender_new(struct loop *loop,
                                        const struct notify_sender_config *config);

/* Each begins an attempt; false, and `fn` is never called, if memory is short, there is no thread
 * or no libcurl, or (mail) no relay is configured. */
bool notify_sender_post(struct notify_sender *sender, const struct notify_post *post,
                        notify_receipt_fn *fn, void *arg);
bool notify_sender_mail(struct notify_sender *sender, const struct notify_mail *mail,
                        notify_receipt_fn *fn, void *arg);

/* Whether a webhook may be made for this url: syntax, scheme, and, if its host is an address, the
 * policy. Names are judged when they are resolved. False with `why` (200 bytes) filled. */
bool notify_sender_url_allowed(const struct notify_sender *sender, struct text url, char why[200]);

/* Ends the attempts under way without a receipt, and the thread. */
void notify_sender_destroy(struct notify_sender **sender);

#endif
