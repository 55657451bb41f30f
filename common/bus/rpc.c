/* See rpc.h. */
#include "common/bus/rpc.h"

#include <stdio.h>
#include <string.h>

#include "common/msg/schema.h"

static bool
is_msgid(const struct mp_value *value)
{
    return value->type == MP_INT && value->number >= 0 && value->number <= UINT32_MAX;
}

/* Reads a value that must be an array of `count` items. */
static bool
read_array(const char **at, int64_t count)
{
    struct mp_value value;
    *at = mp_read(*at, &value);
    return value.type == MP_ARRAY && value.number == count;
}

enum status
rpc_request_parse(const void *data, size_t len, struct rpc_request *out, struct error *error)
{
    *out = (struct rpc_request){0};
    enum status status = mp_scan(data, len, error);
    if (status != STATUS_OK) {
        out->msgid = rpc_msgid(data, len);
        return status;
    }
    static const char want[] = "want a MessagePack-RPC request [0, msgid, method, [params]]";
    const char *at = data;
    struct mp_value type, msgid, method, params;
    if (!read_array(&at, 4))
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s", want);
    at = mp_next(at, &type);
    at = mp_next(at, &msgid);
    if (is_msgid(&msgid))
        out->msgid = (uint32_t)msgid.number;
    if (!is_msgid(&msgid) || type.type != MP_INT || type.number != 0)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s; msgid is a uint32", want);
    at = mp_read(at, &method);
    if (method.type != MP_TEXT)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s; method is a string", want);
    bool one = read_array(&at, 1);
    if (one)
        mp_read(at, &params);
    if (!one || params.type != MP_MAP)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s; params is one map", want);
    out->method = method.bytes;
    out->params = (struct text){at, (uint32_t)((const char *)data + len - at)};
    return STATUS_OK;
}

uint32_t
rpc_msgid(const void *data, size_t len)
{
    const uint8_t *at = data;
    static const uint8_t sizes[] = {1, 2, 4};
    if (len < 3 || (at[0] & 0xf0) != 0x90 || at[1] > 0x7f)
        return 0;
    if (at[2] <= 0x7f)
        return at[2];
    if (at[2] < 0xcc || at[2] > 0xce || len < 3U + sizes[at[2] - 0xcc])
        return 0;
    uint32_t msgid = 0;
    for (unsigned i = 0; i < sizes[at[2] - 0xcc]; i++)
        msgid = msgid << 8 | at[3 + i];
    return msgid;
}

void
rpc_request_write(struct buf *buf, uint32_t msgid, const char *method, const void *params,
                  size_t params_len)
{
    mp_array(buf, 4);
    mp_int(buf, 0);
    mp_uint(buf, msgid);
    mp_string(buf, method);
    mp_array(buf, 1);
    if (params_len)
        buf_append(buf, params, params_len);
    else
        mp_map(buf, 0);
}

size_t
rpc_reply_head(uint8_t out[RPC_REPLY_HEAD_MAX], uint32_t msgid)
{
    size_t len = 0;
    out[len++] = 0x94; /* an array of four */
    out[len++] = 0x01;
    if (msgid <= 0x7f) {
        out[len++] = (uint8_t)msgid;
    } else {
        unsigned size = msgid <= UINT8_MAX ? 1 : msgid <= UINT16_MAX ? 2 : 4;
        out[len++] = (uint8_t)(0xcc + size / 2);
        for (unsigned i = size; i-- > 0;)
            out[len++] = (uint8_t)(msgid >> 8 * i);
    }
    out[len++] = 0xc0; /* nil: no error */
    return len;
}

void
rpc_reply_write(struct buf *buf, uint32_t msgid, const void *result, size_t len)
{
    uint8_t head[RPC_REPLY_HEAD_MAX];
    buf_append(buf, head, rpc_reply_head(head, msgid));
    buf_append(buf, result, len);
}

void
rpc_error_write(struct buf *buf, uint32_t msgid, const struct error *error)
{
    mp_array(buf, 4);
    mp_int(buf, 1);
    mp_uint(buf, msgid);
    mp_map(buf, 2U + (error->field[0] != '\0') + (error->details_len != 0));
    mp_string(buf, "code");
    mp_string(buf, status_word(error->code));
    mp_string(buf, "message");
    mp_string(buf, error->message);
    if (error->field[0]) {
        mp_string(buf, "field");
        mp_string(buf, error->field);
    }
    if (error->details_len) {
        mp_string(buf, "details");
        buf_append(buf, error->details, error->details_len);
    }
    mp_nil(buf);
}

/* The error in a reply. Details that are no map, or too large for the struct, are left out. */
static void
read_error(const char *at, struct error *error)
{
    struct mp_value map, key, value;
    struct text code = TEXT_NONE, field = TEXT_NONE, details = TEXT_NONE;
    struct text message = TEXT_LITERAL("the error has no message");
    at = mp_read(at, &map);
    for (int64_t left = map.type == MP_MAP ? map.number : 0; left > 0; left--) {
        const char *begin = mp_next(at, &key), *end = mp_next(begin, &value);
        at = end;
        if (key.type != MP_TEXT)
            continue;
        if (value.type == MP_MAP && text_is(key.bytes, "details"))
            details = (struct text){begin, (uint32_t)(end - begin)};
        if (value.type != MP_TEXT)
            continue;
        if (text_is(key.bytes, "code"))
            code = value.bytes;
        else if (text_is(key.bytes, "message"))
            message = value.bytes;
        else if (text_is(key.bytes, "field"))
            field = value.bytes;
    }
    char name[ERROR_FIELD_MAX];
    snprintf(name, sizeof name, "%.*s", TEXT_ARG(field));
    error_set(error, status_of_word(code), name, "%.*s", TEXT_ARG(message));
    if (error && details.ptr && details.len <= sizeof error->details) {
        memcpy(error->details, details.ptr, details.len);
        error->details_len = details.len;
    }
}

/* Whether the bytes begin as `[1, msgid, nil, …`, in the shortest form that everybody writes. */
static bool
is_result(const void *data, size_t len, struct rpc_reply *out)
{
    const uint8_t *bytes = data;
    if (len < 5 || bytes[0] != 0x94 || bytes[1] != 0x01)
        return false;
    static const uint8_t sizes[] = {1, 2, 4};
    uint8_t lead = bytes[2];
    size_t at = lead <= 0x7f ? 3 : lead >= 0xcc && lead <= 0xce ? 3U + sizes[lead - 0xcc] : len;
    if (at >= len || bytes[at] != 0xc0)
        return false;
    out->msgid = rpc_msgid(data, len);
    out->result = (struct text){(const char *)bytes + at + 1, (uint32_t)(len - at - 1)};
    return true;
}

enum status
rpc_reply_parse(const void *data, size_t len, struct rpc_reply *out, struct error *error)
{
    *out = (struct rpc_reply){0};
    enum status status = mp_scan(data, len, error);
    if (status != STATUS_OK || is_result(data, len, out)) /* nearly all are */
        return status;
    const char *at = data;
    struct mp_value type = {0}, msgid = {0};
    bool good = read_array(&at, 4);
    if (good)
        at = mp_read(at, &type);
    good = good && type.type == MP_INT && type.number == 1;
    if (good)
        at = mp_read(at, &msgid);
    if (!good || !is_msgid(&msgid))
        return error_set(error, STATUS_INTERNAL, NULL, "the reply is no MessagePack-RPC reply");
    out->msgid = (uint32_t)msgid.number;
    const char *result = mp_skip(at);
    if ((uint8_t)*at != 0xc0) {
        out->failed = true;
        read_error(at, error);
    } else {
        out->result = (struct text){result, (uint32_t)((const char *)data + len - result)};
    }
    return STATUS_OK;
}

/* Takes one pair of the context. */
static enum status
take_pair(struct text key, const struct mp_value *value, struct rpc_context *out,
          struct error *error)
{
    bool is_text = value->type == MP_TEXT, is_count = value->type == MP_INT && value->number >= 0;
    uint32_t len = is_text ? value->bytes.len : 0;
    if (text_is(key, "deadline")) {
        if (!is_count)
            return error_set(error, STATUS_INVALID_ARGUMENT, "context.deadline",
                             "context.deadline: want the milliseconds left");
        out->deadline_ms = value->number;
    } else if (text_is(key, "safe")) {
        if (value->type != MP_BOOL)
            return error_set(error, STATUS_INVALID_ARGUMENT, "context.safe",
                             "context.safe: want true or false");
        out->safe = value->number;
    } else if (text_is(key, "key")) {
        if (len < 1 || len > RPC_KEY_MAX)
            return error_set(error, STATUS_INVALID_ARGUMENT, "context.key",
                             "context.key: want 1 to %d bytes of text", RPC_KEY_MAX);
        out->key = value->bytes;
    } else if (text_is(key, "min_seq")) {
        if (!is_count)
            return error_set(error, STATUS_INVALID_ARGUMENT, "context.min_seq",
                             "context.min_seq: want a seq");
        out->min_seq = value->number;
    } else if (text_is(key, "traceparent")) {
        if (!is_text || len > 128)
            return error_set(error, STATUS_INVALID_ARGUMENT, "context.traceparent",
                             "context.traceparent: want a W3C traceparent");
        out->traceparent = value->bytes;
    } else if (is_text && text_is(key, "framing")) {
        out->framing = value->bytes; /* one that is not ours: MDP then */
    }
    return STATUS_OK;
}

enum status
rpc_context_parse(const void *data, size_t len, struct rpc_context *out, struct error *error)
{
    *out = (struct rpc_context){.deadline_ms = INT64_MIN, .min_seq = INT64_MIN};
    const char *at = data;
    if (len == 0 || (len == 1 && (uint8_t)*at == 0x80))
        return STATUS_OK;
    enum status status = mp_scan(data, len, error);
    if (status != STATUS_OK)
        return status;
    struct mp_value map, key, value;
    at = mp_read(at, &map);
    if (map.type != MP_MAP)
        return error_set(error, STATUS_INVALID_ARGUMENT, "context", "the context is not a map");
    for (int64_t left = map.number; left > 0 && status == STATUS_OK; left--) {
        at = mp_next(at, &key);
        at = mp_next(at, &value);
        if (key.type == MP_TEXT)
            status = take_pair(key.bytes, &value, out, error);
    }
    return status;
}

void
rpc_context_write(struct buf *buf, const struct rpc_context *context)
{
    int pairs = (context->key.ptr != NULL) + (context->deadline_ms != INT64_MIN) +
                (context->min_seq != INT64_MIN) + context->safe +
                (context->traceparent.ptr != NULL) + (context->framing.ptr != NULL);
    mp_map(buf, (size_t)pairs);
    if (context->key.ptr) {
        mp_string(buf, "key");
        mp_text(buf, context->key);
    }
    if (context->deadline_ms != INT64_MIN) {
        mp_string(buf, "deadline");
        mp_int(buf, context->deadline_ms);
    }
    if (context->min_seq != INT64_MIN) {
        mp_string(buf, "min_seq");
        mp_int(buf, context->min_seq);
    }
    if (context->safe) {
        mp_string(buf, "safe");
        mp_bool(buf, true);
    }
    if (context->traceparent.ptr) {
        mp_string(buf, "traceparent");
        mp_text(buf, context->traceparent);
    }
    if (context->framing.ptr) {
        mp_string(buf, "framing");
        mp_text(buf, context->framing);
    }
}

static unsigned
read_roles(const char *at, int64_t count)
{
    struct mp_value word;
    unsigned bits = 0;
    for (; count > 0; count--, at = mp_skip(at)) {
        mp_read(at, &word);
        bits |= word.type == MP_TEXT ? permission_of_word(word.bytes) : 0;
    }
    return bits;
}

enum status
rpc_principal_parse(const void *data, size_t len, struct principal *out, struct error *error)
{
    *out = (struct principal){.id = "local", .roles = PERMIT_SECRETARIAT};
    if (len == 0)
        return STATUS_OK;
    enum status status = mp_scan(data, len, error);
    if (status != STATUS_OK)
        return status;
    struct text id = TEXT_NONE, member = TEXT_NONE;
    bool has_roles = false;
    struct mp_value map, key, value;
    const char *at = mp_read(data, &map);
    for (int64_t left = map.type == MP_MAP ? map.number : 0; left > 0; left--) {
        const char *begin = mp_next(at, &key);
        const char *inside = mp_read(begin, &value);
        at = mp_skip(begin);
        if (key.type != MP_TEXT)
            continue;
        if (value.type == MP_TEXT && text_is(key.bytes, "id")) {
            id = value.bytes;
        } else if (value.type == MP_TEXT && text_is(key.bytes, "member")) {
            member = value.bytes;
        } else if (value.type == MP_ARRAY && text_is(key.bytes, "roles")) {
            has_roles = true;
            out->roles = read_roles(inside, value.number);
        }
    }
    if (id.len < 1 || id.len > PRINCIPAL_ID_MAX || !has_roles)
        return error_set(error, STATUS_INVALID_ARGUMENT, "principal",
                         "principal: want {id, roles, member?}");
    snprintf(out->id, sizeof out->id, "%.*s", TEXT_ARG(id));
    snprintf(out->member, sizeof out->member, "%.*s", TEXT_ARG(member));
    return STATUS_OK;
}

void
rpc_principal_write(struct buf *buf, const struct principal *principal)
{
    unsigned count = 0;
    for (unsigned r = 0; r < PERMISSION_ROLES; r++)
        count += principal->roles >> r & 1;
    mp_map(buf, principal->member[0] ? 3 : 2);
    mp_string(buf, "id");
    mp_string(buf, principal->id);
    mp_string(buf, "roles");
    mp_array(buf, count);
    for (unsigned r = 0; r < PERMISSION_ROLES; r++)
        if (principal->roles >> r & 1)
            mp_string(buf, permission_words[r]);
    if (principal->member[0]) {
        mp_string(buf, "member");
        mp_string(buf, principal->member);
    }
}
