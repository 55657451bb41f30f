/* See peers.h. It must not know who is allowed.
 *
 * The monitor tells of a connection when it is accepted, before the handshake, and when it is
 * closed; each message tells its descriptor and its identity. The two ways are not in step, so a
 * message of a connection that is gone may be read when its descriptor belongs to the next one. A
 * descriptor with more than one identity is therefore marked as mixed, and what is mixed or unknown
 * is cut whoever is meant. */
#include "common/auth/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/log.h"

#define TURN_MAX 256
#define TABLE_MAX (1U << 20)
#define EVENTS                                                                                     \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |          \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

void
peers_init(struct peers *peers, struct loop *loop, peers_failed_fn *failed, void *arg)
{
    *peers = (struct peers){.loop = loop, .failed = failed, .arg = arg};
}

uint64_t
peers_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static void
print_address(int fd, char *out, size_t size)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    out[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&address, &len) != 0)
        return;
    if (address.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, out, (socklen_t)size);
    else if (address.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr, out, (socklen_t)size);
}

/* The entry of a descriptor; NULL if it can have none. */
static struct peer *
entry_of(struct peers *peers, int fd)
{
    if (fd < 0 || (unsigned)fd >= TABLE_MAX)
        return NULL;
    if ((unsigned)fd >= peers->size) {
        unsigned size = peers->size ? peers->size : 64;
        while (size <= (unsigned)fd)
            size *= 2;
        struct peer *grown = realloc(peers->table, size * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + peers->size, 0, (size - peers->size) * sizeof *grown);
        peers->table = grown;
        peers->size = size;
    }
    return &peers->table[fd];
}

static void
on_accepted(struct peers *peers, int fd)
{
    struct peer *peer = entry_of(peers, fd);
    if (!peer)
        return;
    *peer = (struct peer){.cookie = peers_cookie(fd)};
    print_address(fd, peer->address, sizeof peer->address);
}

static void
on_gone(struct peers_socket *socket, int fd)
{
    struct peer *peer = entry_of(socket->peers, fd);
    if (socket->reason) /* the failure and this were told one after the other */
        socket->peers->failed(socket->peers->arg, socket->reason, peer ? peer->address : "");
    socket->reason = NULL;
    if (peer)
        *peer = (struct peer){0};
}

/* Reads one event: its number and value in a frame, the endpoint in another. False if there is
 * none. */
static bool
next_event(struct peers_socket *socket)
{
    uint8_t event[6];
    char endpoint[256];
    uint16_t number;
    uint32_t value;
    if (zmq_recv(socket->monitor, event, sizeof event, ZMQ_DONTWAIT) < (int)sizeof event)
        return false;
    zmq_recv(socket->monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
    memcpy(&number, event, sizeof number);
    memcpy(&value, event + sizeof number, sizeof value);
    switch (number) {
    case ZMQ_EVENT_ACCEPTED: on_accepted(socket->peers, (int)value); break;
    case ZMQ_EVENT_DISCONNECTED: on_gone(socket, (int)value); break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        socket->reason =
            value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? "mechanism" : "handshake";
        break;
    default: socket->reason = "handshake";
    }
    return true;
}

static void
on_events(void *arg, short revents)
{
    (void)revents;
    struct peers_socket *socket = arg;
    for (unsigned i = 0; i < TURN_MAX && next_event(socket); i++)
        continue;
}

int
peers_watch(struct peers *peers, zsock_t *sock)
{
    char address[64];
    if (peers->socket_count == PEERS_SOCKETS_MAX)
        return -1;
    struct peers_socket *socket = &peers->sockets[peers->socket_count];
    *socket = (struct peers_socket){.peers = peers, .socket = zsock_resolve(sock)};
    snprintf(address, sizeof address, "inproc://cbm-peers-%p", socket->socket);
    if (zmq_socket_monitor(socket->socket, address, EVENTS) != 0)
        return -1;
    socket->monitor = zmq_socket(zsys_init(), ZMQ_PAIR);
    int unlimited = 0, linger = 0; /* an event that is lost would be a connection not known */
    if (!socket->monitor ||
        zmq_setsockopt(socket->monitor, ZMQ_RCVHWM, &unlimited, sizeof unlimited) != 0 ||
        zmq_setsockopt(socket->monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_connect(socket->monitor, address) != 0 ||
        loop_add_socket(peers->loop, socket->monitor, on_events, socket) != 0) {
        zmq_socket_monitor(socket->socket, NULL, 0);
        if (socket->monitor)
            zmq_close(socket->monitor);
        return -1;
    }
    peers->socket_count++;
    return 0;
}

static void
end_watch(struct peers_socket *socket)
{
    if (!socket->monitor)
        return;
    loop_remove_socket(socket->peers->loop, socket->monitor);
    zmq_socket_monitor(socket->socket, NULL, 0);
    zmq_close(socket->monitor);
    socket->monitor = NULL;
}

void
peers_unwatch(struct peers *peers, zsock_t *sock)
{
    for (unsigned i = 0; i < peers->socket_count; i++)
        if (sock && peers->sockets[i].socket == zsock_resolve(sock))
            end_watch(&peers->sockets[i]);
}

void
peers_note(struct peers *peers, int fd, const struct identity *identity)
{
    struct peer *peer = entry_of(peers, fd);
    if (!peer || peer->identity == identity)
        return;
    if (!peer->cookie) /* its message was faster than its event */
        peer->cookie = peers_cookie(fd);
    peer->mixed |= peer->identity != NULL;
    peer->identity = identity;
}

/* Between the look at the cookie and the cut another thread may close the descriptor and somebody
 * else be given it: then his connection is cut, and he makes another. */
static unsigned
cut(struct peers *peers, unsigned fd)
{
    uint64_t cookie = peers->table[fd].cookie;
    unsigned count = cookie && peers_cookie((int)fd) == cookie && shutdown((int)fd, SHUT_RDWR) == 0;
    peers->cut += count;
    return count;
}

void
peers_drop(struct peers *peers, int fd)
{
    if (fd >= 0 && (unsigned)fd < peers->size)
        cut(peers, (unsigned)fd);
}

unsigned
peers_cut(struct peers *peers, uint64_t since)
{
    unsigned count = 0;
    for (unsigned i = 0; i < peers->socket_count; i++) /* all that were let in are known then */
        while (peers->sockets[i].monitor && next_event(&peers->sockets[i]))
            continue;
    for (unsigned fd = 0; fd < peers->size; fd++) {
        const struct peer *peer = &peers->table[fd];
        bool meant = !peer->identity || peer->mixed || peer->identity->changed_at > since;
        count += meant ? cut(peers, fd) : 0;
    }
    return count;
}

void
peers_fini(struct peers *peers)
{
    for (unsigned i = 0; i < peers->socket_count; i++)
        end_watch(&peers->sockets[i]);
    free(peers->table);
    *peers = (struct peers){0};
}
