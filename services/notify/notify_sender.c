/* See notify_sender.h: the loop's side of the sender. It must not know how anything is sent. */
#include "services/notify/notify_sender.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/run.h"
#include "services/notify/notify_mime.h"
#include "services/notify/notify_sender_internal.h"
#include "services/notify/notify_sign.h"

#define RECEIPTS_A_TURN 64
#define DESCRIPTORS_BESIDES 512 /* those of the rest of the process */

/* ---- attempts -------------------------------------------------------------------------------- */

void
attempts_push(struct attempts *attempts, struct attempt *attempt)
{
    attempt->next = NULL;
    *(attempts->first ? attempts->last : &attempts->first) = attempt;
    attempts->last = &attempt->next;
}

struct attempt *
attempts_pop(struct attempts *attempts)
{
    struct attempt *attempt = attempts->first;
    if (attempt)
        attempts->first = attempt->next;
    return attempt;
}

void
attempts_move(struct attempts *from, struct attempts *to)
{
    if (!from->first)
        return;
    *(to->first ? to->last : &to->first) = from->first;
    to->last = from->last;
    from->first = NULL;
}

void
attempt_free(struct attempt *attempt)
{
    free(attempt);
}

void
attempts_free(struct attempts *attempts)
{
    for (struct attempt *attempt; (attempt = attempts_pop(attempts));)
        attempt_free(attempt);
}

static struct attempt *
attempt_new(struct notify_sender *sender, enum attempt_kind kind, size_t room_len)
{
    struct attempt *attempt = malloc(sizeof *attempt + room_len);
    if (!attempt)
        return NULL;
    memset(attempt, 0, sizeof *attempt);
    attempt->sender = sender;
    attempt->kind = kind;
    attempt->room_at = attempt->room;
    attempt->receipt.retry_after_ms = -1;
    attempt->receipt.error = "";
    return attempt;
}

/* Copies a text into the attempt's room, terminated. */
static char *
copy(struct attempt *attempt, struct text text)
{
    char *at = attempt->room_at;
    if (text.len)
        memcpy(at, text.ptr, text.len);
    at[text.len] = '\0';
    attempt->room_at += text.len + 1;
    return at;
}

static void
add_header(struct attempt *attempt, char *line)
{
    struct curl_slist *header = &attempt->headers[attempt->header_count];
    header->data = line;
    if (attempt->header_count++)
        header[-1].next = header;
}

static void
put_header(struct attempt *attempt, struct text name, struct text value)
{
    char *line = copy(attempt, name);
    memcpy(attempt->room_at - 1, ": ", 2);
    attempt->room_at++;
    copy(attempt, value);
    add_header(attempt, line);
}

static void
signal_fd(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void
clear_fd(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

static void
give(struct attempt *attempt, notify_receipt_fn *fn, void *arg)
{
    struct notify_sender *sender = attempt->sender;
    attempt->fn = fn;
    attempt->arg = arg;
    pthread_mutex_lock(&sender->mutex);
    bool first = !sender->given.first;
    attempts_push(&sender->given, attempt);
    if (first)
        signal_fd(sender->wake_fd);
    pthread_mutex_unlock(&sender->mutex);
}

/* It is answered without being sent. */
static void
refuse(struct attempt *attempt, notify_receipt_fn *fn, void *arg, const char *why)
{
    struct notify_sender *sender = attempt->sender;
    attempt->fn = fn;
    attempt->arg = arg;
    attempt->receipt.outcome = NOTIFY_SENT_FORBIDDEN;
    attempt->receipt.error = why;
    pthread_mutex_lock(&sender->mutex);
    if (!sender->answered.first)
        signal_fd(sender->answer_fd);
    attempts_push(&sender->answered, attempt);
    pthread_mutex_unlock(&sender->mutex);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* The process reads its signals from a descriptor of the loop: none is for this thread. */
static bool
start_thread(struct notify_sender *sender)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    sender->running = pthread_create(&sender->thread, NULL, notify_sender_thread, sender) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sender->running;
}

/* What sends is there from the first attempt on. */
static bool
start(struct notify_sender *sender)
{
    if (sender->running)
        return true;
    if (!sender->sign && !(sender->sign = notify_sign_new()))
        log_event(LOG_LEVEL_ERROR, "nothing can be signed",
                  LOG_TEXT("error", "no libcrypto, or no memory"));
    if (sender->sign && sender_curl_load() && notify_sender_thread_init(sender) &&
        start_thread(sender))
        return true;
    notify_sender_thread_fini(sender);
    return false;
}

/* ---- what is given --------------------------------------------------------------------------- */

/* Whether it may stand in a header: nothing that ends the line or the text. */
static bool
is_line(struct text text)
{
    for (uint32_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool
is_token(struct text text)
{
    for (uint32_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= 'a' && text.ptr[i] <= 'z') || text.ptr[i] == '-' ||
              (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z') ||
              (text.ptr[i] >= '0' && text.ptr[i] <= '9')))
            return false;
    return text.len > 0;
}

static size_t
room_of(const struct notify_post *post)
{
    size_t len = (size_t)post->url.len + post->id.len + post->body.len + 160 +
                 post->secret_count * NOTIFY_SIGNATURE_MAX;
    for (unsigned i = 0; i < post->header_count; i++)
        len += (size_t)post->headers[i].name.len + post->headers[i].value.len + 3;
    return len;
}

/* Those of Standard Webhooks, the given ones, and none that curl would make up. */
static const char *
put_headers(struct attempt *attempt, const struct notify_post *post)
{
    char signature[NOTIFY_SECRETS_MAX * NOTIFY_SIGNATURE_MAX], time[TEXT_NUMBER_MAX];
    bool has_type = false;
    if (post->id.len == 0 || !is_line(post->id))
        return "the id is none";
    for (unsigned i = 0; i < post->header_count; i++) {
        const struct notify_header *header = &post->headers[i];
        if (!is_token(header->name) || !is_line(header->value))
            return "a header is none";
        has_type = has_type || (header->name.len == sizeof "content-type" - 1 &&
                                text_contains_nocase(header->name, TEXT_LITERAL("content-type")));
        put_header(attempt, header->name, header->value);
    }
    int64_t time_s = post->time_ms / 1000;
    struct text time_text = {time, (uint32_t)text_number(time_s, time)};
    put_header(attempt, TEXT_LITERAL("webhook-id"), post->id);
    put_header(attempt, TEXT_LITERAL("webhook-timestamp"), time_text);
    if (post->secret_count) {
        size_t len = notify_sign(attempt->sender->sign, post->id, time_s, post->body,
                                 post->secret_count, post->secrets, signature);
        if (!len)
            return "a secret is none";
        put_header(attempt, TEXT_LITERAL("webhook-signature"),
                   (struct text){signature, (uint32_t)len});
    }
    add_header(attempt, (char *)(uintptr_t) "User-Agent: cbm-notify/" CBM_VERSION);
    add_header(attempt, (char *)(uintptr_t) "Expect:");
    if (!has_type)
        add_header(attempt, (char *)(uintptr_t) "Content-Type:");
    return NULL;
}

bool
notify_sender_post(struct notify_sender *sender, const struct notify_post *post,
                   notify_receipt_fn *fn, void *arg)
{
    struct attempt *attempt =
        start(sender) ? attempt_new(sender, ATTEMPT_POST, room_of(post)) : NULL;
    if (!attempt)
        return false;
    const char *wrong = put_headers(attempt, post);
    if (wrong) {
        refuse(attempt, fn, arg, wrong);
        return true;
    }
    attempt->url = copy(attempt, post->url);
    attempt->body = (struct text){copy(attempt, post->body), post->body.len};
    give(attempt, fn, arg);
    return true;
}

bool
notify_sender_mail(struct notify_sender *sender, const struct notify_mail *mail,
                   notify_receipt_fn *fn, void *arg)
{
    if (!*sender->config.smtp || !start(sender))
        return false;
    struct attempt *attempt =
        attempt_new(sender, ATTEMPT_MAIL, (size_t)mail->to.len + mail->message.len + 2);
    if (!attempt)
        return false;
    if (!notify_mail_address_valid(mail->to)) {
        refuse(attempt, fn, arg, "the address is none");
        return true;
    }
    attempt->to = copy(attempt, mail->to);
    attempt->body = (struct text){copy(attempt, mail->message), mail->message.len};
    give(attempt, fn, arg);
    return true;
}

/* ---- receipts -------------------------------------------------------------------------------- */

static void
take_answers(void *arg, short revents)
{
    (void)revents;
    struct notify_sender *sender = arg;
    pthread_mutex_lock(&sender->mutex);
    attempts_move(&sender->answered, &sender->ready);
    pthread_mutex_unlock(&sender->mutex);
    for (unsigned i = 0; i < RECEIPTS_A_TURN && sender->ready.first; i++) {
        struct attempt *attempt = attempts_pop(&sender->ready);
        attempt->fn(attempt->arg, &attempt->receipt);
        attempt_free(attempt);
    }
    pthread_mutex_lock(&sender->mutex);
    if (!sender->ready.first && !sender->answered.first)
        clear_fd(sender->answer_fd);
    pthread_mutex_unlock(&sender->mutex);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static bool
complain(const char *message, const char *name, const char *what)
{
    log_event(LOG_LEVEL_ERROR, message, LOG_TEXT("setting", name), LOG_TEXT("what", what));
    return false;
}

static bool
read_password(struct notify_sender *sender)
{
    const char *path = sender->config.smtp_password;
    if (!*path)
        return true;
    FILE *file = fopen(path, "re");
    bool read = file && fgets(sender->password, sizeof sender->password, file);
    if (file)
        fclose(file);
    sender->password[strcspn(sender->password, "\r\n")] = '\0';
    return (read && *sender->password) ||
           complain("the password cannot be read", "CBM_SMTP_PASSWORD_FILE", path);
}

/* A relay's address without its user, who belongs into the settings of their own. */
static bool
check_relay(const struct notify_sender_config *config)
{
    CURLU *url = sender_curl_load() ? sender_curl.url() : NULL;
    char *scheme = NULL;
    if (!url)
        return false;
    bool known = sender_curl.url_set(url, CURLUPART_URL, config->smtp, CURLU_NON_SUPPORT_SCHEME) ==
                     CURLUE_OK &&
                 sender_curl.url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 (strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0);
    sender_curl.free(scheme);
    sender_curl.url_cleanup(url);
    if (!known)
        return complain("this is no mail relay: want smtp://[user@]host[:port] or smtps://…",
                        "CBM_SMTP", "");
    return notify_mail_address_valid(text_of(config->smtp_from)) ||
           complain("mail needs an address that it is from", "CBM_SMTP_FROM", config->smtp_from);
}

static bool
check(struct notify_sender *sender)
{
    const struct notify_sender_config *config = &sender->config;
    char why[200];
    if (!notify_cidrs_parse(text_of(config->allow), &sender->allow, why))
        return complain("the list of addresses is wrong", "CBM_WEBHOOK_ALLOW", why);
    if (*config->authorities && access(config->authorities, R_OK) != 0)
        return complain("the file cannot be read", "CBM_WEBHOOK_CA", config->authorities);
    return (!*config->smtp || check_relay(config)) && read_password(sender);
}

/* Each connection is a descriptor; the usual limit of 1,024 is a soft one. */
static void
raise_limit(int64_t connections)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)connections + DESCRIPTORS_BESIDES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want)
        log_event(LOG_LEVEL_WARN, "fewer descriptors than CBM_WEBHOOK_CONNECTIONS may need",
                  LOG_NUMBER("descriptors", limit.rlim_cur));
}

struct notify_sender *
notify_sender_new(struct loop *loop, const struct notify_sender_config *config)
{
    struct notify_sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return NULL;
    sender->loop = loop;
    sender->config = *config;
    sender->epoll = -1;
    sender->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sender->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sender->has_mutex = pthread_mutex_init(&sender->mutex, NULL) == 0;
    bool begun = sodium_init() >= 0;
    if (begun && !check(sender)) {
        notify_sender_destroy(&sender);
        return NULL;
    }
    raise_limit(config->connections);
    if (!begun || !sender->has_mutex || sender->wake_fd < 0 || sender->answer_fd < 0 ||
        loop_watch_fd(loop, sender->answer_fd, POLLIN, take_answers, sender) != 0) {
        log_event(LOG_LEVEL_ERROR, "nothing can be sent", LOG_TEXT("error", strerror(errno)));
        notify_sender_destroy(&sender);
        return NULL;
    }
    sender->watched = true;
    return sender;
}

void
notify_sender_destroy(struct notify_sender **sender)
{
    struct notify_sender *gone = *sender;
    if (!gone)
        return;
    if (gone->running) {
        pthread_mutex_lock(&gone->mutex);
        gone->stopping = true;
        signal_fd(gone->wake_fd);
        pthread_mutex_unlock(&gone->mutex);
        pthread_join(gone->thread, NULL);
    }
    if (gone->watched)
        loop_watch_fd(gone->loop, gone->answer_fd, 0, NULL, NULL);
    notify_sender_thread_fini(gone);
    attempts_free(&gone->given);
    attempts_free(&gone->answered);
    attempts_free(&gone->ready);
    if (gone->wake_fd >= 0)
        close(gone->wake_fd);
    if (gone->answer_fd >= 0)
        close(gone->answer_fd);
    if (gone->has_mutex)
        pthread_mutex_destroy(&gone->mutex);
    notify_sign_destroy(&gone->sign);
    sodium_memzero(gone, sizeof *gone);
    free(gone);
    *sender = NULL;
}
