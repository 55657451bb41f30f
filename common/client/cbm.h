/* libcbm: CBM Bus for programs outside it, in plain C. Requests with retries that are safe, many in
 * flight; notifications without a gap.
 *
 * License: Apache-2.0. Link with `pkg-config --cflags --libs cbm`.
 *
 * Parameters, results, meta and data are MessagePack maps as bytes: use any MessagePack library.
 * A client or a subscriber belongs to the thread that uses it; several may exist. The library
 * catches no signals (it turns czmq's handlers off); a signal ends a wait of cbm_poll and
 * cbm_subscriber_next.
 *
 * Environment, read where an option is NULL: CBM_BUS (tcp://127.0.0.1:5550) and CBM_NOTIFY
 * (tcp://127.0.0.1:5560), lists of ZeroMQ endpoints by comma; CBM_SERVER_KEY, the server's public
 * key in Z85 or a file that has it, and CBM_CERT, the file of one's own certificate: with both,
 * connections are encrypted. A key that the server does not know, or knows no more, is the error
 * `unauthenticated`; the next request tries again. */
#ifndef CBM_H
#define CBM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this library, "0.1.0". */
const char *cbm_version(void);

/* What went wrong. `code` is a canonical gRPC name in lower case ("not_found", "unavailable", …;
 * empty for no error), `message` says what was wrong and what would be right, `field` is the path
 * of the bad value (may be empty). All terminated. */
struct cbm_error {
    char code[24];
    char message[400];
    char field[96];
};

/* ---- requests ---------------------------------------------------------------------------------
 */

struct cbm_client;

/* A client of the buses at `endpoints` (a list by comma; NULL: from the environment); all of them
 * are used. It connects in the background: a bus that is not there yet is no error. NULL with
 * `error` filled (it may be NULL) if the endpoints or the certificate are unusable. */
struct cbm_client *cbm_client_new(const char *endpoints, struct cbm_error *error);
void cbm_client_destroy(struct cbm_client **client); /* forgets what is in flight */

/* How a request is made; zeroed is right for nearly all. */
struct cbm_options {
    const char *key;     /* idempotency key, at most 64 bytes; NULL: a change gets a random one */
    int64_t deadline_ms; /* give up after so long; 0: 5000 */
    int64_t min_seq;     /* answer from a state at least this new; 0: any */
    bool safe;           /* may be done twice (set by itself for methods known to only read) */
    bool no_key;         /* make no key: such a request is never sent twice */
    const char *traceparent; /* W3C trace context, or NULL */
};

/* An answer. `error.code` is empty if the request was done, and then `result` is its result; else
 * `details` is the map of the error's details (len 0 if none). In a callback the bytes are borrowed
 * for the call; from cbm_call they are owned and freed by cbm_reply_free. */
struct cbm_reply {
    uint32_t id; /* what cbm_send returned */
    struct cbm_error error;
    const uint8_t *result, *details;
    size_t result_len, details_len;
    void *memory;
};

/* Sends a request and waits for its answer. `params` is an encoded map, NULL for an empty one.
 * Returns 0 if it was done, -1 with reply->error filled. While the deadline lasts, requests that
 * are safe or have a key are sent again after `unavailable`, `resource_exhausted` and a lost bus.
 * Answers to other requests that arrive meanwhile are kept for cbm_poll. */
int cbm_call(struct cbm_client *client, const char *service, const char *method, const void *params,
             size_t params_len, const struct cbm_options *options, struct cbm_reply *reply);
void cbm_reply_free(struct cbm_reply *reply); /* of a zeroed or freed reply does nothing */

/* Sends a request without waiting. Requests that follow one another go together: they leave with
 * the next cbm_poll or cbm_call at the latest, the only one in flight at once. Returns its id, or 0
 * with `error` filled (it may be NULL) if it can never be sent: names or parameters are unusable,
 * or CBM_IN_FLIGHT_MAX are in flight. */
#define CBM_IN_FLIGHT_MAX 65535
uint32_t cbm_send(struct cbm_client *client, const char *service, const char *method,
                  const void *params, size_t params_len, const struct cbm_options *options,
                  struct cbm_error *error);

/* Called once for every request sent by cbm_send, in the order of the answers. It may call cbm_send
 * but not cbm_poll. */
typedef void cbm_reply_fn(void *arg, const struct cbm_reply *reply);

/* Waits up to `timeout_ms` (0: not at all, -1: for ever) until there is an answer, and hands over
 * all that are there. Returns how many; 0 also when nothing is in flight or a signal came. */
int cbm_poll(struct cbm_client *client, int timeout_ms, cbm_reply_fn *fn, void *arg);

/* How many requests have not been handed over yet. */
size_t cbm_in_flight(const struct cbm_client *client);

/* ---- notifications ----------------------------------------------------------------------------
 */

struct cbm_subscriber;

#define CBM_FROM_START 0
#define CBM_FROM_NOW (-1)
#define CBM_PREFIXES_MAX 32

struct cbm_subscriber_options {
    const char *notify; /* endpoints of all notify replicas, by comma; NULL: from the environment */
    const char *bus; /* endpoints of the buses, for what was missed; NULL: from the environment */
    const char *const *prefixes; /* topic prefixes that end at a level: "", "events.", …; one that
                                  * another covers is left out */
    size_t prefix_count;
    int64_t from;            /* the first seq wanted, CBM_FROM_START or CBM_FROM_NOW */
    const char *cursor_file; /* NULL, or where the place is kept: a file that is there wins over
                              * `from` */
    int rcvhwm;      /* messages kept by the socket (0: 10000); few force overflow, for tests */
    int pending_max; /* records kept while a gap is filled (0: 10000); more are read again */
};

/* A notification. All is borrowed until the next call. `meta` and `data` are MessagePack maps. */
struct cbm_event {
    int64_t seq;
    const char *topic, *type;
    const uint8_t *meta, *data;
    size_t meta_len, data_len;
};

enum cbm_next {
    CBM_EVENT = 1,   /* here is one */
    CBM_TIMEOUT = 0, /* nothing yet, or a signal came */
    CBM_LOST = -1,   /* records that were asked for are no longer kept: see cbm_subscriber_first */
    CBM_FAILED = -2, /* refused for good: see cbm_subscriber_error */
};

/* Starts to subscribe; connects in the background. NULL with `error` filled (it may be NULL) if an
 * option is unusable. */
struct cbm_subscriber *cbm_subscriber_new(const struct cbm_subscriber_options *options,
                                          struct cbm_error *error);

/* The next record: of each prefix every record from its start on, once, in order, whatever was lost
 * on the way or restarted. Waits up to `timeout_ms` (-1: for ever). Calling it says that the event
 * before was dealt with: that is what the cursor file then remembers. */
enum cbm_next cbm_subscriber_next(struct cbm_subscriber *subscriber, int timeout_ms,
                                  struct cbm_event *event);

/* Says that the last event was dealt with and puts the cursor on disk. 0, or -1 if that failed. */
int cbm_subscriber_save(struct cbm_subscriber *subscriber);

/* Whether the start of every prefix is known: from now on nothing new can be missed. */
bool cbm_subscriber_joined(const struct cbm_subscriber *subscriber);

/* The last seq passed under the first prefix. */
int64_t cbm_subscriber_seq(const struct cbm_subscriber *subscriber);

/* The trouble at hand, its code empty if there is none; after CBM_LOST and CBM_FAILED the reason.
 */
const struct cbm_error *cbm_subscriber_error(const struct cbm_subscriber *subscriber);

/* After CBM_LOST: the oldest seq that is kept, 0 if unknown. */
int64_t cbm_subscriber_first(const struct cbm_subscriber *subscriber);

/* How many gaps were found and filled so far, and how many records came by filling. */
void cbm_subscriber_counts(const struct cbm_subscriber *subscriber, int64_t *gaps, int64_t *filled);

void cbm_subscriber_destroy(struct cbm_subscriber **subscriber);

#ifdef __cplusplus
}
#endif

#endif
