/* Requests to the buses and their answers: choice of a bus, repeats, deadlines.
 * It must not know what a request asks for. */
#include "common/client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/run.h"
#include "common/client/request.h"
#include "common/client/wire.h"

#define GRACE_MS 250 /* the bus answers at the deadline: its answer may still arrive */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_MAX_MS 500
#define FULL_RETRY_MS 5 /* a socket that takes no more, or is not quite attached yet */
#define TURN_MAX 1000
#define NEVER INT64_MAX

struct cbm_client {
    struct link links[LINKS_MAX];
    unsigned link_count, turn;
    struct request_table table;
    struct request *done, **done_end; /* in order of their answers */
    int64_t due;                      /* the scan of the table is due */
    struct request *delivering;       /* its answer is being handed over */
};

const char *
cbm_version(void)
{
    return CBM_VERSION;
}

void
client_error(struct cbm_error *to, const struct error *from)
{
    if (!to)
        return;
    *to = (struct cbm_error){0};
    if (from->code == STATUS_OK)
        return;
    snprintf(to->code, sizeof to->code, "%s", status_word(from->code));
    snprintf(to->message, sizeof to->message, "%s", from->message);
    snprintf(to->field, sizeof to->field, "%s", from->field);
}

static enum status
open_links(struct cbm_client *client, const char *endpoints, struct error *error)
{
    char one[CFG_TEXT_MAX];
    for (const char *at = endpoints; (at = cfg_next_endpoint(at, one, sizeof one));) {
        if (client->link_count == LINKS_MAX)
            return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "more than %d buses", LINKS_MAX);
        enum status status = link_open(&client->links[client->link_count], ZMQ_DEALER, one, error);
        if (status != STATUS_OK)
            return status;
        client->link_count++;
    }
    if (client->link_count == 0)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "no endpoint of a bus is given");
    return STATUS_OK;
}

struct cbm_client *
cbm_client_new(const char *endpoints, struct cbm_error *failure)
{
    struct error error = {0};
    struct cbm_client *client = calloc(1, sizeof *client);
    if (client) {
        client->done_end = &client->done;
        client->due = NEVER;
        open_links(client, link_endpoints(endpoints, "CBM_BUS", LINK_BUS_DEFAULT), &error);
    } else {
        error_set(&error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    }
    client_error(failure, &error);
    if (error.code != STATUS_OK)
        cbm_client_destroy(&client);
    return client;
}

void
cbm_client_destroy(struct cbm_client **pointer)
{
    struct cbm_client *client = *pointer;
    *pointer = NULL;
    if (!client)
        return;
    for (unsigned i = 0; i < client->link_count; i++)
        link_close(&client->links[i]);
    request_table_fini(&client->table);
    free(client);
}

/* ---- the life of a request --------------------------------------------------------------------
 */

static void
wake(struct cbm_client *client, int64_t at)
{
    if (at < client->due)
        client->due = at;
}

static void
finish(struct cbm_client *client, struct request *request)
{
    request->state = REQUEST_DONE;
    if (request->waited)
        return;
    request->next = NULL;
    *client->done_end = request;
    client->done_end = &request->next;
}

static int64_t
expiry(const struct request *request)
{
    return request->deadline_at + (request->state == REQUEST_SENT ? GRACE_MS : 0);
}

static void
expire(struct cbm_client *client, struct request *request)
{
    struct error *error = &request->error;
    if (request->state == REQUEST_SENT) {
        error_set(error, STATUS_DEADLINE_EXCEEDED, NULL, "%s did not answer in time%s",
                  request->service, request->again ? "" : "; it may have done the request or not");
    } else if (error->code == STATUS_OK) {
        error_set(error, STATUS_UNAVAILABLE, NULL, "no bus is reachable at %s%s%s",
                  client->links[0].endpoint, client->link_count > 1 ? " and the others" : "",
                  client->links[0].broken_off
                      ? "; it ended the handshake: is CBM_SERVER_KEY its public key?"
                      : "");
    }
    request->failed = true;
    finish(client, request);
}

static void
retry_at(struct cbm_client *client, struct request *request, int64_t at)
{
    request->state = REQUEST_WAITING;
    request->retry_at = at;
    request->partial_count = 0;
    buf_clear(&request->partial);
    wake(client, at < request->deadline_at ? at : request->deadline_at);
}

/* When to try again after `tries`: doubled each time, with jitter so that many do not come at once.
 */
static int64_t
backoff_ms(const struct request *request)
{
    unsigned doublings = request->tries < 6 ? request->tries : 6;
    int64_t wait = (int64_t)BACKOFF_FIRST_MS << doublings;
    if (wait > BACKOFF_MAX_MS)
        wait = BACKOFF_MAX_MS;
    return wait / 2 + (int64_t)(request->id * 2654435761U >> 16) % (wait / 2 + 1);
}

static void
try_send(struct cbm_client *client, struct request *request, int64_t now)
{
    bool any_up = false;
    for (unsigned i = 0; i < client->link_count; i++)
        if (client->links[i].refused)
            link_again(&client->links[i]);
    for (unsigned i = 0; i < client->link_count; i++) {
        unsigned n = client->turn++ % client->link_count;
        struct link *link = &client->links[n];
        any_up |= link->up;
        if (link->up && wire_send(link, request, now)) {
            request->state = REQUEST_SENT;
            request->link = n;
            wake(client, expiry(request));
            return;
        }
    }
    request->state = REQUEST_WAITING;
    request->retry_at = any_up ? now + FULL_RETRY_MS : NEVER; /* else when a bus comes up */
    wake(client, any_up ? request->retry_at : request->deadline_at);
}

/* Sends the frames under construction; what a link does not take now is tried again soon. */
static void
flush_links(struct cbm_client *client, int64_t now)
{
    for (unsigned i = 0; i < client->link_count; i++)
        if (!wire_flush(&client->links[i]))
            wake(client, now + FULL_RETRY_MS);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static struct request *
start(struct cbm_client *client, const char *service, const char *method, struct text params,
      const struct cbm_options *options, struct error *error)
{
    static const struct cbm_options plain;
    if (!options)
        options = &plain;
    if (request_check(service, method, params, options, error) != STATUS_OK)
        return NULL;
    int64_t now = clock_mono_ms();
    struct request *request = request_new(&client->table);
    if (request &&
        request_fill(&client->table, request, service, method, params, options, now) != STATUS_OK)
        request_destroy(&client->table, &request);
    if (!request) {
        error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL,
                  "too many requests are in flight, or memory is short");
        return NULL;
    }
    try_send(client, request, now);
    return request;
}

uint32_t
cbm_send(struct cbm_client *client, const char *service, const char *method, const void *params,
         size_t params_len, const struct cbm_options *options, struct cbm_error *failure)
{
    struct error error = {0};
    struct text bytes = {params, params_len <= UINT32_MAX ? (uint32_t)params_len : UINT32_MAX};
    struct request *request = start(client, service, method, bytes, options, &error);
    client_error(failure, &error);
    if (cbm_in_flight(client) <= 1) /* nobody to go together with */
        flush_links(client, clock_mono_ms());
    return request ? request->id : 0;
}

/* ---- receiving --------------------------------------------------------------------------------
 */

static void
take_answer(void *arg, struct text body, bool final)
{
    struct cbm_client *client = arg;
    struct request *request = request_of(&client->table, rpc_msgid(body.ptr, body.len));
    if (!request || request->state != REQUEST_SENT)
        return; /* a late answer to what was sent again or given up */
    if (!request_answer(request, body.ptr, body.len, final))
        return;
    enum status code = request->failed ? request->error.code : STATUS_OK;
    if ((code == STATUS_UNAVAILABLE || code == STATUS_RESOURCE_EXHAUSTED) && request->again) {
        int64_t again_at = clock_mono_ms() + backoff_ms(request);
        if (again_at < request->deadline_at) {
            request->tries++;
            retry_at(client, request, again_at);
            return;
        }
    }
    finish(client, request);
}

/* What was sent by a link that is lost: to another bus if it may be done twice, else the caller
 * must be told that nobody knows. */
static void
fail_over(struct cbm_client *client, unsigned link, int64_t now)
{
    for (uint32_t i = 1; i < client->table.slot_count; i++) {
        struct request *request = client->table.slots[i];
        if (!request || request->state != REQUEST_SENT || request->link != link)
            continue;
        error_set(&request->error, STATUS_UNAVAILABLE, NULL,
                  "the connection to the bus at %s was lost%s", client->links[link].endpoint,
                  request->again ? "" : "; the request may have been done or not");
        if (request->again) {
            request->tries++;
            retry_at(client, request, now);
        } else {
            request->failed = true;
            finish(client, request);
        }
    }
}

static void
scan_table(struct cbm_client *client, int64_t now)
{
    client->due = NEVER;
    for (uint32_t i = 1; i < client->table.slot_count; i++) {
        struct request *request = client->table.slots[i];
        if (!request || request->state == REQUEST_DONE)
            continue;
        if (now >= expiry(request)) {
            expire(client, request);
            continue;
        }
        if (request->state == REQUEST_WAITING && now >= request->retry_at) {
            try_send(client, request, now);
            continue;
        }
        wake(client, expiry(request));
        if (request->state == REQUEST_WAITING)
            wake(client, request->retry_at);
    }
}

/* Requests that wait for a bus have no time to be tried again: give them one. */
static void
release_waiting(struct cbm_client *client, int64_t now)
{
    for (uint32_t i = 1; i < client->table.slot_count; i++) {
        struct request *request = client->table.slots[i];
        if (request && request->state == REQUEST_WAITING && request->retry_at == NEVER)
            retry_at(client, request, now);
    }
}

bool
client_refused(const struct cbm_client *client, struct error *why)
{
    for (unsigned i = 0; i < client->link_count; i++)
        if (!client->links[i].refused)
            return false;
    error_set(why, STATUS_UNAUTHENTICATED, NULL,
              "the bus at %s does not know your key (CBM_CERT), or it was revoked; "
              "principal.enroll lets a key in",
              client->links[0].endpoint);
    return true;
}

/* What waits for a bus, when the last one that might have come refused our key. */
static void
give_up_waiting(struct cbm_client *client)
{
    struct error why;
    if (!client_refused(client, &why))
        return;
    for (uint32_t i = 1; i < client->table.slot_count; i++) {
        struct request *request = client->table.slots[i];
        if (!request || request->state != REQUEST_WAITING)
            continue;
        request->error = why;
        request->failed = true;
        finish(client, request);
    }
}

void
client_turn(struct cbm_client *client, int64_t now)
{
    flush_links(client, now);
    for (unsigned i = 0; i < client->link_count; i++)
        wire_receive(&client->links[i], TURN_MAX, take_answer, client);
    for (unsigned i = 0; i < client->link_count; i++) {
        int changes = link_changes(&client->links[i]);
        if (changes & LINK_WENT_DOWN) {
            /* answers that came before the end; the bus that comes may be another */
            wire_receive(&client->links[i], TURN_MAX, take_answer, client);
            client->links[i].compact = false;
            buf_clear(&client->links[i].out);
            fail_over(client, i, now);
        }
        if (changes & LINK_CAME_UP)
            release_waiting(client, now);
        if (changes & LINK_REFUSED)
            give_up_waiting(client);
    }
    if (now >= client->due)
        scan_table(client, now);
    flush_links(client, now); /* what was sent again */
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

int
client_poll_items(const struct cbm_client *client, zmq_pollitem_t items[CLIENT_POLL_MAX])
{
    int count = 0;
    for (unsigned i = 0; i < client->link_count; i++) {
        const struct link *link = &client->links[i];
        items[count++] = (zmq_pollitem_t){zsock_resolve(link->sock), 0, ZMQ_POLLIN, 0};
        items[count++] = (zmq_pollitem_t){link->monitor, 0, ZMQ_POLLIN, 0};
    }
    return count;
}

int64_t
client_due_ms(const struct cbm_client *client)
{
    return client->due;
}

/* Waits for input or until `until`; -1 if a signal came. */
static int
wait_until(struct cbm_client *client, int64_t until)
{
    zmq_pollitem_t items[CLIENT_POLL_MAX];
    int count = client_poll_items(client, items);
    int64_t at = until < client->due ? until : client->due;
    int64_t wait = at == NEVER ? -1 : at - clock_mono_ms();
    if (at != NEVER && wait < 0)
        wait = 0;
    return zmq_poll(items, count, wait) < 0 && zmq_errno() == EINTR ? -1 : 0;
}

static void
show(const struct request *request, struct cbm_reply *reply)
{
    *reply = (struct cbm_reply){.id = request->id};
    if (request->failed) {
        client_error(&reply->error, &request->error);
        reply->details = request->result.data;
        reply->details_len = request->result.len;
    } else {
        reply->result = request->result.data;
        reply->result_len = request->result.len;
    }
}

int
client_deliver(struct cbm_client *client, cbm_reply_fn *fn, void *arg)
{
    int count = 0;
    if (client->delivering)
        return 0;
    while (client->done) {
        struct request *request = client->done;
        client->done = request->next;
        if (!client->done)
            client->done_end = &client->done;
        struct cbm_reply reply;
        show(request, &reply);
        client->delivering = request;
        fn(arg, &reply);
        client->delivering = NULL;
        request_destroy(&client->table, &request);
        count++;
    }
    return count;
}

void
client_keep_result(struct cbm_client *client)
{
    client->delivering->result = (struct buf){0};
}

int
cbm_poll(struct cbm_client *client, int timeout_ms, cbm_reply_fn *fn, void *arg)
{
    int64_t until = timeout_ms < 0 ? NEVER : clock_mono_ms() + timeout_ms;
    while (true) {
        int64_t now = clock_mono_ms();
        client_turn(client, now);
        int count = client_deliver(client, fn, arg);
        if (count || now >= until || cbm_in_flight(client) == 0)
            return count;
        if (wait_until(client, until) < 0)
            return 0;
    }
}

size_t
cbm_in_flight(const struct cbm_client *client)
{
    return client->table.used;
}

int
cbm_call(struct cbm_client *client, const char *service, const char *method, const void *params,
         size_t params_len, const struct cbm_options *options, struct cbm_reply *reply)
{
    struct error error = {0};
    *reply = (struct cbm_reply){0};
    struct text bytes = {params, params_len <= UINT32_MAX ? (uint32_t)params_len : UINT32_MAX};
    struct request *request = start(client, service, method, bytes, options, &error);
    if (!request) {
        client_error(&reply->error, &error);
        return -1;
    }
    request->waited = true;
    while (request->state != REQUEST_DONE) {
        client_turn(client, clock_mono_ms());
        if (request->state != REQUEST_DONE)
            wait_until(client, NEVER); /* bounded by the request's own deadline */
    }
    show(request, reply);
    int result = request->failed ? -1 : 0;
    reply->memory = request->result.data; /* the bytes go to the caller */
    request->result = (struct buf){0};
    request_destroy(&client->table, &request);
    return result;
}

void
cbm_reply_free(struct cbm_reply *reply)
{
    free(reply->memory);
    *reply = (struct cbm_reply){0};
}
