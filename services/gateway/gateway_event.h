/* What a stream of server-sent events consists of (WHATWG HTML, section 9.2). It must not know who
 * is sent what. */
#ifndef CBM_GATEWAY_EVENT_H
#define CBM_GATEWAY_EVENT_H

#include "common/log/record.h"

/* A record: `id` is its seq, `event` its type, `data` the CloudEvent that a webhook would get in
 * structured mode. False, and nothing is appended, if the record cannot be said in JSON, or if
 * memory is short, which sticks in the buf. */
bool gateway_event_write(struct buf *out, const struct log_record *record, bool thin);

/* How a stream begins: after what time to come again, and the place to come back to. */
void gateway_event_hello(struct buf *out, int64_t retry_ms, int64_t seq);

/* A comment, and, unless `seq` is -1, an id without data: the client's place moves, and it
 * dispatches nothing. */
void gateway_event_alive(struct buf *out, int64_t seq);

/* What was not sent, since the log does not keep all of it any more: from `from` to `first` - 1. */
void gateway_event_resync(struct buf *out, int64_t from, int64_t first);

#endif
