/* Which sockets of curl's the kernel watches, and for what. What it watches of a webhook's socket
 * is left as it is while the connection is idle: the next attempt over it mostly wants the same,
 * and so costs no call. It must not know attempts. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "services/notify/notify_sender_internal.h"

/* By descriptor. */
struct socket_watch {
    uint32_t events; /* as the kernel has it; 0: not watched */
    bool ours;       /* closed by notify_sender_socket_close, and known until then */
    bool idle;       /* curl does not want to know of it now */
};

static bool
make_room(struct notify_sender *sender, size_t want)
{
    size_t count = sender->socket_count, more = 2 * want;
    if (want <= count)
        return true;
    struct socket_watch *sockets = realloc(sender->sockets, more * sizeof *sockets);
    if (!sockets)
        return false;
    memset(sockets + count, 0, (more - count) * sizeof *sockets);
    sender->sockets = sockets;
    sender->socket_count = more;
    return true;
}

/* NULL if it is not ours: then nothing is kept of it. */
static struct socket_watch *
ours(const struct notify_sender *sender, curl_socket_t fd)
{
    bool known = fd >= 0 && (size_t)fd < sender->socket_count && sender->sockets[fd].ours;
    return known ? &sender->sockets[fd] : NULL;
}

void
notify_sender_socket_open(struct notify_sender *sender, curl_socket_t fd)
{
    if (fd >= 0 && make_room(sender, (size_t)fd + 1))
        sender->sockets[fd] = (struct socket_watch){.ours = true};
}

int
notify_sender_socket_close(void *arg, curl_socket_t fd)
{
    struct socket_watch *watch = ours(arg, fd);
    if (watch)
        *watch = (struct socket_watch){.ours = false}; /* closing ends the watching, too */
    return close(fd);
}

/* Begins or changes the watching; `known`: which of them is likely. */
static bool
watch_for(const struct notify_sender *sender, curl_socket_t fd, uint32_t events, bool known)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(sender->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0 ||
           epoll_ctl(sender->epoll, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0;
}

int
notify_sender_socket_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    (void)easy;
    struct notify_sender *sender = arg;
    struct socket_watch *watch = ours(sender, fd);
    uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                      (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            watch->idle = true;
        else
            epoll_ctl(sender->epoll, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
        return 0;
    }
    if (!watch) {
        if (!known)
            sender_curl.multi_assign(sender->multi, fd, sender);
        return watch_for(sender, fd, events, known) ? 0 : -1;
    }
    watch->idle = false;
    if (watch->events != events && !watch_for(sender, fd, events, watch->events != 0))
        return -1;
    watch->events = events;
    return 0;
}

bool
notify_sender_socket_wanted(struct notify_sender *sender, curl_socket_t fd)
{
    struct socket_watch *watch = ours(sender, fd);
    if (!watch || !watch->idle)
        return true;
    epoll_ctl(sender->epoll, EPOLL_CTL_DEL, fd, NULL);
    watch->events = 0;
    return false;
}
