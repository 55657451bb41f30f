/* See http.h. A connection reads a head, writes an answer, and then reads to the end of the other
 * side, so that closing does not take the answer back (RFC 9112, 9.6). */
#include "common/base/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"

#define CONNECTIONS_MAX 16
#define PATIENCE_MS 10000
#define RETRY_MS 100
#define HEAD_MAX 4096

/* One that is free has begun_ms 0. */
struct connection {
    int fd;
    int64_t begun_ms;
    size_t sent;
    struct buf head, answer; /* the answer is empty until the head is complete */
};

struct http {
    struct loop *loop;
    http_answer_fn *answer;
    void *arg;
    int listener, epoll;
    unsigned count;
    struct connection connections[CONNECTIONS_MAX];
};

static bool
wait_for(struct http *http, int operation, int fd, uint32_t events, struct connection *connection)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    return epoll_ctl(http->epoll, operation, fd, &event) == 0;
}

/* While all places are taken, who knocks waits in the kernel's queue. */
static void
listen_on(struct http *http, bool on)
{
    wait_for(http, EPOLL_CTL_MOD, http->listener, on ? (uint32_t)EPOLLIN : 0, NULL);
}

static void
end(struct http *http, struct connection *connection)
{
    close(connection->fd);
    buf_fini(&connection->head);
    buf_fini(&connection->answer);
    *connection = (struct connection){0};
    if (http->count-- == CONNECTIONS_MAX)
        listen_on(http, true);
}

/* ---- the request ----------------------------------------------------------------------------- */

/* Up to the next space; what follows it remains. */
static struct text
take_word(struct text *line)
{
    const char *space = memchr(line->ptr, ' ', line->len);
    struct text word = {line->ptr, space ? (uint32_t)(space - line->ptr) : line->len};
    uint32_t used = word.len + (space ? 1 : 0);
    *line = (struct text){line->ptr + used, line->len - used};
    return word;
}

/* The head is complete; NULL if its first line is none. */
static unsigned
answer_head(struct http *http, const struct buf *head, struct text *method, struct buf *body)
{
    const char *first = (const char *)head->data;
    const char *line_end = memchr(first, '\n', head->len);
    struct text line = {first, (uint32_t)(line_end - first)};
    *method = take_word(&line);
    struct text path = take_word(&line);
    if (!method->len || !path.len || path.ptr[0] != '/' || line.len < sizeof "HTTP/1.0" - 1 ||
        memcmp(line.ptr, "HTTP/1.", sizeof "HTTP/1." - 1) != 0)
        return 400;
    const char *query = memchr(path.ptr, '?', path.len);
    if (query)
        path.len = (uint32_t)(query - path.ptr);
    return http->answer(http->arg, *method, path, body);
}

static const char *
reason(unsigned status)
{
    return status == 200   ? "OK"
           : status == 400 ? "Bad Request"
           : status == 404 ? "Not Found"
           : status == 405 ? "Method Not Allowed\r\nAllow: GET, HEAD"
                           : "Request Header Fields Too Large";
}

/* `status` 0: what the head asks for. False without memory. */
static bool
make_answer(struct http *http, struct connection *connection, unsigned status)
{
    struct text method = {0};
    struct buf body = {0}, *answer = &connection->answer;
    char head[256];
    if (!status)
        status = answer_head(http, &connection->head, &method, &body);
    int len =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %u %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                 "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                 status, reason(status), body.len);
    buf_append(answer, head, (size_t)len);
    if (!text_is(method, "HEAD"))
        buf_append(answer, body.data, body.len);
    bool made = !body.failed && !answer->failed;
    buf_fini(&body);
    return made;
}

/* ---- a connection ---------------------------------------------------------------------------- */

/* Whether an empty line is in it. */
static bool
is_complete(const struct buf *head)
{
    bool empty = false;
    for (size_t i = 0; i < head->len; i++) {
        if (head->data[i] == '\n' && empty)
            return true;
        empty = head->data[i] == '\n' || (empty && head->data[i] == '\r');
    }
    return false;
}

/* Each returns false when the connection is over. */
static bool
write_answer(struct http *http, struct connection *connection)
{
    const struct buf *answer = &connection->answer;
    ssize_t len = send(connection->fd, answer->data + connection->sent,
                       answer->len - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->sent += (size_t)len;
    if (connection->sent < answer->len)
        return true;
    shutdown(connection->fd, SHUT_WR);
    return wait_for(http, EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
}

static bool
read_head(struct http *http, struct connection *connection)
{
    struct buf *head = &connection->head;
    uint8_t *at = buf_reserve(head, HEAD_MAX - head->len);
    ssize_t len = at ? recv(connection->fd, at, HEAD_MAX - head->len, MSG_DONTWAIT) : 0;
    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    head->len += (size_t)len;
    if (len == 0)
        return false;
    bool complete = is_complete(head);
    if (!complete && head->len < HEAD_MAX)
        return true;
    return make_answer(http, connection, complete ? 0 : 431) &&
           wait_for(http, EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection) &&
           write_answer(http, connection);
}

/* What comes after the answer is of no interest. */
static bool
read_rest(struct connection *connection)
{
    char rest[HEAD_MAX];
    ssize_t len = recv(connection->fd, rest, sizeof rest, MSG_DONTWAIT);
    return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void
move_on(struct http *http, struct connection *connection)
{
    bool goes_on = !connection->answer.len                     ? read_head(http, connection)
                   : connection->sent < connection->answer.len ? write_answer(http, connection)
                                                               : read_rest(connection);
    if (!goes_on)
        end(http, connection);
}

static void
accept_one(struct http *http)
{
    struct connection *free = http->connections;
    while (free->begun_ms)
        free++;
    int64_t now_ms = clock_mono_ms();
    int fd = accept(http->listener, NULL, NULL);
    if (fd < 0) { /* nobody any more, or no descriptor: not again before the next tick */
        listen_on(http, false);
        loop_tick_by(http->loop, now_ms + RETRY_MS);
        return;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    *free = (struct connection){.fd = fd, .begun_ms = now_ms};
    if (++http->count == CONNECTIONS_MAX)
        listen_on(http, false);
    if (wait_for(http, EPOLL_CTL_ADD, fd, EPOLLIN, free))
        loop_tick_by(http->loop, now_ms + PATIENCE_MS);
    else
        end(http, free);
}

static void
on_ready(void *arg, short revents)
{
    (void)revents;
    struct http *http = arg;
    struct epoll_event events[CONNECTIONS_MAX + 1];
    int count = epoll_wait(http->epoll, events, CONNECTIONS_MAX + 1, 0);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr)
            move_on(http, events[i].data.ptr);
        else
            accept_one(http);
}

static int64_t
http_tick(void *arg, int64_t now_ms)
{
    struct http *http = arg;
    int64_t next_ms = LOOP_NEVER;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &http->connections[i];
        int64_t over_ms = connection->begun_ms + PATIENCE_MS;
        if (connection->begun_ms && over_ms <= now_ms)
            end(http, connection);
        else if (connection->begun_ms && over_ms < next_ms)
            next_ms = over_ms;
    }
    if (http->count < CONNECTIONS_MAX)
        listen_on(http, true);
    return next_ms;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

/* "127.0.0.1:9100" or "[::1]:9100" */
static socklen_t
parse_bind(const char *bind, struct sockaddr_storage *out)
{
    char host[64];
    const char *colon = strrchr(bind, ':');
    if (!colon || colon == bind || (size_t)(colon - bind) >= sizeof host)
        return 0;
    long port = strtol(colon + 1, NULL, 10);
    if (port < 1 || port > 65535)
        return 0;
    memset(out, 0, sizeof *out);
    snprintf(host, sizeof host, "%.*s", (int)(colon - bind), bind);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    size_t len = strlen(host);
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
}

static bool
start(struct http *http, const struct sockaddr_storage *address, socklen_t len)
{
    int on = 1;
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->listener = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return http->epoll >= 0 && http->listener >= 0 &&
           setsockopt(http->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           bind(http->listener, (const struct sockaddr *)address, len) == 0 &&
           listen(http->listener, CONNECTIONS_MAX) == 0 &&
           wait_for(http, EPOLL_CTL_ADD, http->listener, EPOLLIN, NULL) &&
           loop_watch_fd(http->loop, http->epoll, POLLIN, on_ready, http) == 0 &&
           loop_add_tick(http->loop, http_tick, http) == 0;
}

struct http *
http_new(struct loop *loop, const char *bind, http_answer_fn *answer, void *arg)
{
    struct sockaddr_storage address;
    socklen_t len = parse_bind(bind, &address);
    struct http *http = len ? calloc(1, sizeof *http) : NULL;
    if (!http) {
        errno = len ? ENOMEM : EINVAL;
        return NULL;
    }
    *http = (struct http){.loop = loop, .answer = answer, .arg = arg, .listener = -1, .epoll = -1};
    if (!start(http, &address, len)) {
        int error = errno;
        http_destroy(&http);
        errno = error;
    }
    return http;
}

void
http_destroy(struct http **http)
{
    struct http *self = *http;
    if (!self)
        return;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (self->connections[i].begun_ms)
            end(self, &self->connections[i]);
    loop_remove_tick(self->loop, http_tick, self);
    if (self->epoll >= 0) {
        loop_watch_fd(self->loop, self->epoll, 0, on_ready, self);
        close(self->epoll);
    }
    if (self->listener >= 0)
        close(self->listener);
    free(self);
    *http = NULL;
}
