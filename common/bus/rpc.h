/* The bodies of requests and replies: MessagePack-RPC, the context and the principal (design, 3).
 * It must not know sockets. */
#ifndef CBM_BUS_RPC_H
#define CBM_BUS_RPC_H

#include "common/msg/mp.h"

/* A request `[0, msgid, method, [params]]`. All borrows from the message. */
struct rpc_request {
    uint32_t msgid;
    struct text method;
    struct text params; /* the encoded map */
};

/* Parses; on STATUS_INVALID_ARGUMENT `msgid` is set if it could still be read, else 0. */
enum status rpc_request_parse(const void *data, size_t len, struct rpc_request *out,
                              struct error *error);

/* The msgid of a request, read without unpacking; 0 if it cannot be read. For whoever must answer a
 * request it does not understand. */
uint32_t rpc_msgid(const void *data, size_t len);

/* Writes `[0, msgid, method, [params]]`; `params` is an encoded map (empty: an empty map). */
void rpc_request_write(struct buf *buf, uint32_t msgid, const char *method, const void *params,
                       size_t params_len);

/* Writes `[1, msgid, nil, result]` with an encoded result. */
void rpc_reply_write(struct buf *buf, uint32_t msgid, const void *result, size_t len);

/* Writes what stands in front of the result in such a reply; returns its length. */
#define RPC_REPLY_HEAD_MAX 8
size_t rpc_reply_head(uint8_t out[RPC_REPLY_HEAD_MAX], uint32_t msgid);

/* Writes `[1, msgid, {code, message, field?, details?}, nil]`. */
void rpc_error_write(struct buf *buf, uint32_t msgid, const struct error *error);

/* A reply `[1, msgid, error, result]`: `result` is the encoded result inside `data` (borrowed);
 * `error` is filled when the reply is one (the function's own return says only whether the reply
 * could be read). */
struct rpc_reply {
    uint32_t msgid;
    bool failed;
    struct text result;
};

enum status rpc_reply_parse(const void *data, size_t len, struct rpc_reply *out,
                            struct error *error);

/* The context map; what the client did not send is absent. */
#define RPC_KEY_MAX 64
struct rpc_context {
    struct text key;     /* idempotency key */
    int64_t deadline_ms; /* ms left when sent, INT64_MIN if none */
    int64_t min_seq;     /* INT64_MIN if none */
    bool safe;
    struct text traceparent;
    struct text framing; /* the framing that the client reads (common/bus/compact.h) */
};

/* Parses a context frame (len 0 is an empty context). Unknown keys are passed over: the map may
 * grow. */
enum status rpc_context_parse(const void *data, size_t len, struct rpc_context *out,
                              struct error *error);
void rpc_context_write(struct buf *buf, const struct rpc_context *context);

/* Who asks, as the bus authenticated it: `{id, roles, member}`. */
#define PRINCIPAL_ID_MAX 64
struct principal {
    char id[PRINCIPAL_ID_MAX + 1];
    unsigned roles;  /* bits of enum permission (common/msg/schema.h) */
    char member[17]; /* the state a member speaks for; empty if none */
};

/* Parses a principal frame; without one (len 0) the principal is the local Secretariat, as long as
 * access control does not exist. Unknown roles give no bit. */
enum status rpc_principal_parse(const void *data, size_t len, struct principal *out,
                                struct error *error);
void rpc_principal_write(struct buf *buf, const struct principal *principal);

#endif
