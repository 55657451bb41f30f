/* The client as the subscriber sees it, beyond cbm.h: polling together with other sockets.
 * It must not know subscriptions. */
#ifndef CBM_CLIENT_CLIENT_H
#define CBM_CLIENT_CLIENT_H

#include <zmq.h>

#include "common/base/status.h"
#include "common/client/cbm.h"
#include "common/client/link.h"

#define CLIENT_POLL_MAX (2 * LINKS_MAX)

/* Fills what must be polled for input; returns how many. */
int client_poll_items(const struct cbm_client *client, zmq_pollitem_t items[CLIENT_POLL_MAX]);

/* When client_turn wants to be called at the latest (monotonic ms). */
int64_t client_due_ms(const struct cbm_client *client);

/* Reads and sends what can be, without waiting. */
void client_turn(struct cbm_client *client, int64_t now_ms);

/* Hands over the answers that are there. Returns how many. */
int client_deliver(struct cbm_client *client, cbm_reply_fn *fn, void *arg);

/* In a cbm_reply_fn: the result's bytes are the caller's from now on, to be freed. */
void client_keep_result(struct cbm_client *client);

/* Whether every bus refuses our key; then `why` says so. */
bool client_refused(const struct cbm_client *client, struct error *why);

/* Copies an error into the public form. `to` may be NULL. */
void client_error(struct cbm_error *to, const struct error *from);

#endif
