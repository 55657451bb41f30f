/* See link.h. The monitor is libzmq's: frames of an event number and an address. */
#include "common/client/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/auth/cert.h"

const char *
link_endpoints(const char *given, const char *variable, const char *fallback)
{
    if (given && *given)
        return given;
    const char *set = getenv(variable);
    return set && *set ? set : fallback;
}

static enum status
secure(zsock_t *sock, struct error *error)
{
    const char *server = getenv("CBM_SERVER_KEY"), *path = getenv("CBM_CERT");
    if (!server || !*server)
        return STATUS_OK;
    return cert_client(sock, server, path, error);
}

zsock_t *
link_socket(int type, struct error *error)
{
    zsys_handler_set(NULL); /* a library does not take its host's signals */
    zsock_t *sock = sock_new(type);
    if (!sock) {
        error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "cannot make a socket: %s",
                  zmq_strerror(zmq_errno()));
        return NULL;
    }
    zsock_set_linger(sock, 0);
    if (secure(sock, error) != STATUS_OK)
        zsock_destroy(&sock);
    return sock;
}

static int
watch(struct link *link)
{
    char address[64];
    void *handle = zsock_resolve(link->sock);
    snprintf(address, sizeof address, "inproc://cbm-link-%p", handle);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_DISCONNECTED;
    if (zmq_socket_monitor(handle, address, events))
        return -1;
    link->monitor = zmq_socket(zsys_init(), ZMQ_PAIR);
    if (!link->monitor)
        return -1;
    int linger = 0;
    zmq_setsockopt(link->monitor, ZMQ_LINGER, &linger, sizeof linger);
    return zmq_connect(link->monitor, address);
}

enum status
link_open(struct link *link, int type, const char *endpoint, struct error *error)
{
    *link = (struct link){0};
    snprintf(link->endpoint, sizeof link->endpoint, "%s", endpoint);
    link->sock = link_socket(type, error);
    if (!link->sock)
        return error->code;
    enum status status = STATUS_OK;
    if (watch(link))
        status = error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "cannot watch a socket: %s",
                           zmq_strerror(zmq_errno()));
    else if (zsock_connect(link->sock, "%s", endpoint))
        status = error_set(error, STATUS_INVALID_ARGUMENT, NULL,
                           "\"%.200s\" is not an endpoint such as tcp://host:5550", endpoint);
    if (status != STATUS_OK)
        link_close(link);
    return status;
}

int
link_changes(struct link *link)
{
    int changes = 0;
    while (true) {
        uint8_t event[6];
        int size = zmq_recv(link->monitor, event, sizeof event, ZMQ_DONTWAIT);
        if (size < 0)
            return changes;
        char address[256];
        zmq_recv(link->monitor, address, sizeof address, ZMQ_DONTWAIT);
        uint16_t number;
        memcpy(&number, event, sizeof number);
        switch (number) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            link->up = true;
            link->refused = link->broken_off = false;
            changes |= LINK_CAME_UP;
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            link->refused = true;
            changes |= LINK_REFUSED;
            break;
        case ZMQ_EVENT_DISCONNECTED:
            changes |= link->up ? LINK_WENT_DOWN : 0;
            link->up = false;
            break;
        default: link->broken_off = true; /* another mechanism or key, or no server of ours */
        }
    }
}

void
link_again(struct link *link)
{
    link->refused = false;
    zsock_disconnect(link->sock, "%s", link->endpoint);
    zsock_connect(link->sock, "%s", link->endpoint);
}

void
link_close(struct link *link)
{
    if (link->monitor) {
        zmq_socket_monitor(zsock_resolve(link->sock), NULL, 0);
        zmq_close(link->monitor);
    }
    zsock_destroy(&link->sock);
    buf_fini(&link->out);
    buf_fini(&link->context);
    link->monitor = NULL;
    link->up = link->compact = false;
}
