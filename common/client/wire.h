/* Requests and answers on a link, as MDP frames or, once the bus showed that it speaks it, in the
 * compact framing (common/bus/compact.h). It must not know when a request is sent again. */
#ifndef CBM_CLIENT_WIRE_H
#define CBM_CLIENT_WIRE_H

#include "common/client/link.h"
#include "common/client/request.h"

/* Sends the request, or puts it into the link's next frame (then wire_flush sends it). False if the
 * link takes nothing now. */
bool wire_send(struct link *link, const struct request *request, int64_t now);

/* Sends the frame under construction, if there is one. False if the link does not take it now: it
 * is kept. */
bool wire_flush(struct link *link);

/* Called for each answer; `body` is borrowed. */
typedef void wire_answer_fn(void *arg, struct text body, bool final);

/* Reads what there is, at most `max` messages. */
void wire_receive(struct link *link, int max, wire_answer_fn *fn, void *arg);

#endif
