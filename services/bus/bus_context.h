/* What the bus reads of a request's context, and the context with another deadline.
 * It must not know sockets or requests. */
#ifndef CBM_SERVICES_BUS_CONTEXT_H
#define CBM_SERVICES_BUS_CONTEXT_H

#include "common/bus/rpc.h"

struct bus_context {
    int64_t deadline_ms; /* left when it was received, INT64_MIN if none */
    bool compact;        /* the client reads the compact framing */
    bool may_repeat;     /* it has a key or is safe */
};

/* Reads a context frame. STATUS_OK, or an error filled. */
enum status bus_context_read(const void *data, size_t len, struct bus_context *out,
                             struct error *error);

/* Writes the context, which bus_context_read accepted, with `deadline_ms` in place of its own
 * deadline. All else is copied as it is, also keys that the bus does not know. */
void bus_context_rewrite(struct buf *buf, const void *data, size_t len, int64_t deadline_ms);

#endif
