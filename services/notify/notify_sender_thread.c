/* The sender's thread: libcurl's multi interface over epoll, so that what a turn costs goes by what
 * happened and not by how many attempts hang. It must not know what is sent. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "services/notify/notify_sender_internal.h"

#define EVENTS_A_TURN 64

static int
set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct notify_sender *sender = arg;
    sender->timer_at_ms = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
    return 0;
}

/* What ended in this turn goes to the loop at once. */
static void
answer(struct notify_sender *sender)
{
    uint64_t one = 1;
    if (!sender->ended.first)
        return;
    pthread_mutex_lock(&sender->mutex);
    bool first = !sender->answered.first;
    attempts_move(&sender->ended, &sender->answered);
    while (first && write(sender->answer_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_mutex_unlock(&sender->mutex);
}

static void
end(struct attempt *attempt, CURLcode result)
{
    struct notify_sender *sender = attempt->sender;
    attempt->receipt.took_ms = clock_mono_ms() - attempt->began_ms;
    if (attempt->kind == ATTEMPT_POST)
        notify_sender_http_end(attempt, result);
    else
        notify_sender_mail_end(attempt, result);
    if (attempt->easy)
        sender->idle[attempt->kind][sender->idle_count[attempt->kind]++] = attempt->easy;
    attempts_push(&sender->ended, attempt);
}

static CURL *
take_handle(struct notify_sender *sender, enum attempt_kind kind)
{
    if (sender->idle_count[kind])
        return sender->idle[kind][--sender->idle_count[kind]];
    CURL *easy = sender_curl.easy_init();
    if (easy && !(kind == ATTEMPT_POST ? notify_sender_http_set_up(sender, easy)
                                       : notify_sender_mail_set_up(sender, easy))) {
        sender_curl.easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

static void
begin(struct notify_sender *sender, struct attempt *attempt)
{
    attempt->began_ms = clock_mono_ms();
    attempt->easy = take_handle(sender, attempt->kind);
    if (!attempt->easy ||
        sender_curl.easy_setopt(attempt->easy, CURLOPT_PRIVATE, attempt) != CURLE_OK ||
        sender_curl.easy_setopt(attempt->easy, CURLOPT_ERRORBUFFER, attempt->error) != CURLE_OK ||
        !(attempt->kind == ATTEMPT_POST ? notify_sender_http_begin(attempt)
                                        : notify_sender_mail_begin(attempt)) ||
        sender_curl.multi_add_handle(sender->multi, attempt->easy) != CURLM_OK) {
        end(attempt, CURLE_OUT_OF_MEMORY);
        return;
    }
    attempt->slot = sender->active;
    sender->under_way[sender->active++] = attempt;
}

/* What curl has finished, then as many of the waiting as there is room for. */
static void
move_on(struct notify_sender *sender)
{
    int left;
    for (CURLMsg *message; (message = sender_curl.multi_info_read(sender->multi, &left));) {
        struct attempt *attempt;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result; /* gone with the handle */
        sender_curl.easy_getinfo(easy, CURLINFO_PRIVATE, &attempt);
        sender_curl.multi_remove_handle(sender->multi, easy);
        sender->under_way[attempt->slot] = sender->under_way[--sender->active];
        sender->under_way[attempt->slot]->slot = attempt->slot;
        end(attempt, result);
    }
    while (sender->active < (size_t)sender->config.connections && sender->waiting.first)
        begin(sender, attempts_pop(&sender->waiting));
    answer(sender);
}

/* False: it is over. */
static bool
take_given(struct notify_sender *sender)
{
    uint64_t count;
    pthread_mutex_lock(&sender->mutex);
    while (read(sender->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    attempts_move(&sender->given, &sender->waiting);
    bool goes_on = !sender->stopping;
    pthread_mutex_unlock(&sender->mutex);
    return goes_on;
}

static int
patience_ms(const struct notify_sender *sender)
{
    if (sender->timer_at_ms < 0)
        return -1;
    int64_t left = sender->timer_at_ms - clock_mono_ms();
    return left < 0 ? 0 : left < 60000 ? (int)left : 60000;
}

void *
notify_sender_thread(void *arg)
{
    struct notify_sender *sender = arg;
    struct epoll_event events[EVENTS_A_TURN];
    for (bool goes_on = true; goes_on;) {
        int running, count = epoll_wait(sender->epoll, events, EVENTS_A_TURN, patience_ms(sender));
        for (int i = 0; i < count; i++) {
            uint32_t what = events[i].events;
            if (events[i].data.fd == sender->wake_fd)
                goes_on = take_given(sender);
            else if (notify_sender_socket_wanted(sender, events[i].data.fd))
                sender_curl.multi_socket_action(sender->multi, events[i].data.fd,
                                                (what & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                                    (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                                    (what & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR
                                                                                  : 0),
                                                &running);
        }
        if (patience_ms(sender) == 0) {
            sender->timer_at_ms = -1; /* curl arms it again */
            sender_curl.multi_socket_action(sender->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        if (goes_on)
            move_on(sender);
    }
    return NULL;
}

bool
notify_sender_thread_init(struct notify_sender *sender)
{
    struct epoll_event wake = {.events = EPOLLIN, .data.fd = sender->wake_fd};
    sender->timer_at_ms = -1;
    sender->epoll = epoll_create1(EPOLL_CLOEXEC);
    sender->multi = sender_curl.multi_init();
    size_t most = (size_t)sender->config.connections;
    sender->under_way = calloc(most, sizeof(struct attempt *));
    for (unsigned kind = 0; kind < ATTEMPT_KINDS; kind++)
        if (!(sender->idle[kind] = calloc(most, sizeof(CURL *))))
            return false;
    return sender->under_way && sender->epoll >= 0 && sender->multi &&
           epoll_ctl(sender->epoll, EPOLL_CTL_ADD, sender->wake_fd, &wake) == 0 &&
           sender_curl.multi_setopt(sender->multi, CURLMOPT_SOCKETFUNCTION,
                                    notify_sender_socket_watch) == CURLM_OK &&
           sender_curl.multi_setopt(sender->multi, CURLMOPT_SOCKETDATA, sender) == CURLM_OK &&
           sender_curl.multi_setopt(sender->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           sender_curl.multi_setopt(sender->multi, CURLMOPT_TIMERDATA, sender) == CURLM_OK &&
           sender_curl.multi_setopt(sender->multi, CURLMOPT_MAXCONNECTS,
                                    (long)sender->config.connections) == CURLM_OK;
}

/* The thread has ended, or never began, which it may do once more. */
void
notify_sender_thread_fini(struct notify_sender *sender)
{
    while (sender->active) {
        struct attempt *attempt = sender->under_way[--sender->active];
        sender_curl.multi_remove_handle(sender->multi, attempt->easy);
        sender_curl.easy_cleanup(attempt->easy);
        attempt_free(attempt);
    }
    free(sender->under_way);
    sender->under_way = NULL;
    attempts_free(&sender->waiting);
    attempts_free(&sender->ended);
    for (unsigned kind = 0; kind < ATTEMPT_KINDS; kind++) {
        while (sender->idle_count[kind])
            sender_curl.easy_cleanup(sender->idle[kind][--sender->idle_count[kind]]);
        free(sender->idle[kind]);
        sender->idle[kind] = NULL;
    }
    if (sender->multi)
        sender_curl.multi_cleanup(sender->multi);
    sender->multi = NULL;
    free(sender->sockets); /* curl closes sockets until here */
    sender->sockets = NULL;
    sender->socket_count = 0;
    if (sender->epoll >= 0)
        close(sender->epoll);
    sender->epoll = -1;
}
