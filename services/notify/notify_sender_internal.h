/* What the files of the sender share. Nothing else includes it.
 *
 *     loop's thread                                     sender's thread
 *     notify_sender_post ──▶ given ──▶ (wake_fd) ──▶ waiting ──▶ curl, at most `connections`
 *     receipts ◀── (answer_fd) ◀── answered ◀───────────────────────┘
 *
 * An attempt belongs to whoever holds it: the two queues under the mutex are the only things that
 * both threads touch. */
#ifndef CBM_NOTIFY_SENDER_INTERNAL_H
#define CBM_NOTIFY_SENDER_INTERNAL_H

#include <pthread.h>

#include "services/notify/notify_domain_address.h"
#include "services/notify/notify_sender.h"
#include "services/notify/notify_sender_curl.h"

enum attempt_kind { ATTEMPT_POST, ATTEMPT_MAIL, ATTEMPT_KINDS };

/* Its own headers besides the given: three of Standard Webhooks, our name, which costs curl less
 * here than as its option, and two that are curl's taken back. */
#define ATTEMPT_HEADERS_MAX (NOTIFY_HEADERS_MAX + 6)

struct attempt {
    struct attempt *next; /* in the queue that it is in */
    struct notify_sender *sender;
    enum attempt_kind kind;
    notify_receipt_fn *fn;
    void *arg;

    char *url, *to; /* in `room`, terminated; `to` of mail */
    struct text body;
    struct curl_slist headers[ATTEMPT_HEADERS_MAX]; /* linked by hand: none is allocated */
    unsigned header_count;
    char *room_at; /* the end of what is used of `room` */

    /* while curl has it */
    CURL *easy;
    size_t slot; /* in `under_way` */
    int64_t began_ms;
    bool plain;        /* http: only for listed addresses */
    bool has_answered; /* the head of its final answer is complete */
    bool refused;      /* an address was refused; then `error` says which */
    size_t seen_len;   /* of head or body */
    size_t taken;      /* of `body`, by a mail relay */
    char error[CURL_ERROR_SIZE];
    char kept[NOTIFY_RECEIPT_MAX + 1];
    uint32_t kept_len;

    struct notify_receipt receipt;
    char room[];
};

struct attempts {
    struct attempt *first, **last; /* zeroed is empty */
};

struct notify_sender {
    struct loop *loop;
    struct notify_sender_config config;
    struct notify_sign *sign; /* the loop's */
    struct notify_cidrs allow;
    char password[256];
    bool watched; /* by the loop */

    pthread_t thread;
    bool running, has_mutex;
    pthread_mutex_t mutex;
    struct attempts given, answered; /* under the mutex */
    bool stopping;                   /* under the mutex */
    int wake_fd, answer_fd;

    struct attempts ready; /* the loop's: answered, and not told yet */

    /* the sender's thread's */
    CURLM *multi;
    int epoll;
    int64_t timer_at_ms;          /* when curl wants to be called, -1 for not */
    struct socket_watch *sockets; /* owned, `socket_count` of them */
    size_t socket_count;
    struct attempts waiting, ended;
    struct attempt **under_way; /* `active` of at most `connections` */
    size_t active;
    CURL **idle[ATTEMPT_KINDS]; /* handles that are set up, to be used again */
    size_t idle_count[ATTEMPT_KINDS];
};

void attempts_push(struct attempts *attempts, struct attempt *attempt);
struct attempt *attempts_pop(struct attempts *attempts);        /* NULL if empty */
void attempts_move(struct attempts *from, struct attempts *to); /* all, behind those of `to` */
void attempts_free(struct attempts *attempts);
void attempt_free(struct attempt *attempt); /* wipes it */

/* The thread: until `stopping`. */
void *notify_sender_thread(void *arg);
bool notify_sender_thread_init(struct notify_sender *sender);
void notify_sender_thread_fini(struct notify_sender *sender);

/* What is told to curl once for a handle, and what for each attempt. False without memory. */
bool notify_sender_http_set_up(struct notify_sender *sender, CURL *easy);
bool notify_sender_http_begin(struct attempt *attempt);
void notify_sender_http_end(struct attempt *attempt, CURLcode result);
bool notify_sender_mail_set_up(struct notify_sender *sender, CURL *easy);
bool notify_sender_mail_begin(struct attempt *attempt);
void notify_sender_mail_end(struct attempt *attempt, CURLcode result);

/* The multi's socket function. A socket that is told of when it is opened is closed by ours only.
 */
int notify_sender_socket_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *known);
void notify_sender_socket_open(struct notify_sender *sender, curl_socket_t fd);
int notify_sender_socket_close(void *arg, curl_socket_t fd);
/* Whether curl wants to know that something happened; if not, it is no longer watched. */
bool notify_sender_socket_wanted(struct notify_sender *sender, curl_socket_t fd);

/* Keeps the printable beginning of what the other side said. */
void attempt_keep(struct attempt *attempt, const char *data, size_t len);

#endif
