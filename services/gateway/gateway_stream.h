/* Streams of records, each from its own place in the log on: what one is sent, and when. Bytes are
 * taken from a stream as its reader takes them; no more than GATEWAY_OUT_MAX and an event wait in
 * it: what is beyond is read from the log when there is room. It must not know HTTP. */
#ifndef CBM_GATEWAY_STREAM_H
#define CBM_GATEWAY_STREAM_H

#include "common/auth/access.h"
#include "services/gateway/gateway_log.h"
#include "services/gateway/gateway_query.h"

#define GATEWAY_OUT_MAX (64 * 1024)

/*  ASKING ──the place is known──→ OPEN ──drained, revoked──→ ENDED
 *     └──no such place, no store──→ REFUSED                          */
enum gateway_stream_state { STREAM_ASKING, STREAM_OPEN, STREAM_REFUSED, STREAM_ENDED };

struct gateway_stream;
struct gateway_streams;

/* There is something to take, or its state is another; called from the loop, never from
 * gateway_stream_take. */
typedef void gateway_stream_wake_fn(void *owner);

struct gateway_streams *gateway_streams_new(struct access *access, struct gateway_log *log,
                                            int64_t heartbeat_ms, gateway_stream_wake_fn *wake);
void gateway_streams_destroy(struct gateway_streams **streams); /* every stream is gone by then */

/* Takes over what is in the query; `who` was authenticated. `owner` is for wake. NULL without
 * memory. */
struct gateway_stream *gateway_stream_new(struct gateway_streams *streams,
                                          struct gateway_query *query, const struct identity *who,
                                          void *owner);
void gateway_stream_destroy(struct gateway_stream **stream);

enum gateway_stream_state gateway_stream_state(const struct gateway_stream *stream);
const struct error *gateway_stream_error(const struct gateway_stream *stream); /* if REFUSED */

/* Fills `to` with at most `max` bytes; 0: there are none now, it wakes its owner when there are. */
size_t gateway_stream_take(struct gateway_stream *stream, char *to, size_t max);

/* There is news: every stream goes on. */
void gateway_streams_news(struct gateway_streams *streams);

/* Heartbeats, revocations, and whatever waits for the store. Returns when to call again. */
int64_t gateway_streams_tick(struct gateway_streams *streams, int64_t now_ms);

/* Ends all of them, each where it is: who reads comes back with its Last-Event-ID. */
void gateway_streams_drain(struct gateway_streams *streams);

struct gateway_stream_counts {
    int64_t open, opened, refused, ended, records, resyncs, heartbeats, revoked;
};
const struct gateway_stream_counts *gateway_streams_counts(const struct gateway_streams *streams);

#endif
