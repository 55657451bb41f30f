/* See bench_receiver.h. One thread, epoll. */
#define _GNU_SOURCE /* memmem */
#include "tests/bench/bench_receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 65536

struct connection {
    int fd;
    size_t len;
    char data[REQUEST_MAX];
};

/* The length of the first request in the buffer, 0 if it is not all there. */
static size_t
request_len(const char *data, size_t len)
{
    static const char name[] = "\nContent-Length:";
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    for (const char *at = data; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        if (strncasecmp(at, name, sizeof name - 1) == 0) {
            size_t all = (size_t)(end + 4 - data) + (size_t)atol(at + sizeof name - 1);
            return all <= len ? all : 0;
        }
    return (size_t)(end + 4 - data);
}

static void
answer(struct connection *connection)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    ssize_t got =
        recv(connection->fd, connection->data + connection->len, REQUEST_MAX - connection->len, 0);
    if (got <= 0) {
        close(connection->fd);
        free(connection);
        return;
    }
    connection->len += (size_t)got;
    for (size_t len; (len = request_len(connection->data, connection->len));) {
        connection->len -= len;
        memmove(connection->data, connection->data + len, connection->len);
        (void)!write(connection->fd, ok, sizeof ok - 1);
    }
}

static void
serve(int listener)
{
    int epoll = epoll_create1(0), yes = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[64];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                answer(events[i].data.ptr);
                continue;
            }
            struct connection *connection = malloc(sizeof *connection);
            connection->len = 0;
            connection->fd = accept(listener, NULL, NULL);
            setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            event.data.ptr = connection;
            epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
        }
    }
}

uint16_t
bench_receiver_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        return 0;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener);
    }
    close(listener);
    return child > 0 ? ntohs(at.sin_port) : 0;
}
