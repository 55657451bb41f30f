/* One connection to Redis on the loop: pipelined, reconnecting, never blocking. The only place that
 * knows hiredis' event hooks. It must not know what the commands mean. */
#ifndef CBM_STORE_REDIS_H
#define CBM_STORE_REDIS_H

#include <hiredis/async.h>

#include "common/base/buf.h"
#include "common/base/loop.h"
#include "common/base/text.h"

struct redis_link;

/* A reply, NULL when the connection was lost before it came. Freed after the call. */
typedef void redis_reply_fn(void *arg, const redisReply *reply);

struct redis_events {
    void (*up)(void *arg);   /* connected and authenticated: commands may be sent */
    void (*down)(void *arg); /* after every outstanding reply function got NULL */
    void (*turn)(void *arg); /* all replies at hand were given (NULL: nobody needs to know) */
};

/* Connects to `url` and again whenever the connection is lost (after 20 ms to 1 s):
 *     redis://[user[:password]@]host[:port][?password_file=PATH]
 *     unix://[user[:password]@]/path[?password_file=PATH]
 * The password's file is read at each connection attempt, so a new one needs no restart; a password
 * that Redis refuses is tried again. NULL after a line in the log if the url is none. A host name
 * is resolved by a blocking look-up at each attempt, nowhere else. */
struct redis_link *redis_link_new(struct loop *loop, const char *url,
                                  const struct redis_events *events, void *arg);
void redis_link_destroy(struct redis_link **link);

bool redis_link_up(const struct redis_link *link);

/* A command under construction, as bytes of the protocol: an embedded value, zeroed is empty. */
struct redis_command {
    struct buf bytes;
    unsigned count;
};
void redis_command_add(struct redis_command *command, const void *ptr, size_t len); /* copies */
void redis_command_add_pair(struct redis_command *command, struct text first,
                            struct text second); /* one argument of two parts */
void redis_command_add_string(struct redis_command *command, const char *string);
void redis_command_add_number(struct redis_command *command, int64_t number);
void redis_command_fini(struct redis_command *command);

/* Queues the command, which is empty afterwards; `fn` NULL ignores the reply. It leaves with the
 * next redis_link_flush. -1 if not connected or out of memory (fn is not called then). */
int redis_link_send(struct redis_link *link, redis_reply_fn *fn, void *arg,
                    struct redis_command *command);

/* The same for a printf-like command without spaces in its values (%s, %b as in hiredis). */
int redis_link_sendf(struct redis_link *link, redis_reply_fn *fn, void *arg, const char *format,
                     ...);

/* Subscribes to a channel: from then on the link takes no other command. `fn` gets the
 * confirmation, every message, and NULL when the connection is lost (subscribe again when it is
 * up). -1 as above. */
int redis_link_subscribe(struct redis_link *link, const char *channel, redis_reply_fn *fn,
                         void *arg);

/* Writes what is queued. Called at the end of a turn; inside a reply function it is put off. */
void redis_link_flush(struct redis_link *link);

/* Drops the connection and connects anew. */
void redis_link_reset(struct redis_link *link);

#endif
