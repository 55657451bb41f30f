/* See rpc.h. */
#include "common/bus/rpc.h"

#include <stdio.h>
#include <string.h>

#include "common/msg/schema.h"

static bool
as_msgid(const msgpack_object *object, uint32_t *out)
{
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 > UINT32_MAX)
        return false;
    *out = (uint32_t)object->via.u64;
    return true;
}

enum status
rpc_request_parse(const void *data, size_t len, msgpack_zone *zone, struct rpc_request *out,
                  struct error *error)
{
    *out = (struct rpc_request){0};
    msgpack_object object;
    enum status status = mp_unpack(data, len, zone, &object, error);
    if (status != STATUS_OK) {
        out->msgid = rpc_msgid(data, len);
        return status;
    }
    static const char want[] = "want a MessagePack-RPC request [0, msgid, method, [params]]";
    if (object.type != MSGPACK_OBJECT_ARRAY || object.via.array.size != 4)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s", want);
    const msgpack_object *item = object.via.array.ptr;
    int64_t type;
    if (!as_msgid(&item[1], &out->msgid) || !mp_as_int(&item[0], &type) || type != 0)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s; msgid is a uint32", want);
    if (!mp_as_text(&item[2], &out->method))
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s; method is a string", want);
    if (item[3].type != MSGPACK_OBJECT_ARRAY || item[3].via.array.size != 1 ||
        item[3].via.array.ptr[0].type != MSGPACK_OBJECT_MAP)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "%s; params is one map", want);
    out->params = &item[3].via.array.ptr[0];
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

void
rpc_reply_write(struct buf *buf, uint32_t msgid, const void *result, size_t len)
{
    mp_array(buf, 4);
    mp_int(buf, 1);
    mp_uint(buf, msgid);
    mp_nil(buf);
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

/* Details that are no map, or too large for the struct, are left out. */
static void
copy_details(struct error *error, const msgpack_object *details)
{
    if (!error || !details || details->type != MSGPACK_OBJECT_MAP)
        return;
    msgpack_sbuffer packed;
    msgpack_packer to;
    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&to, &packed, msgpack_sbuffer_write);
    if (msgpack_pack_object(&to, *details) == 0 && packed.size <= sizeof error->details) {
        memcpy(error->details, packed.data, packed.size);
        error->details_len = (uint32_t)packed.size;
    }
    msgpack_sbuffer_destroy(&packed);
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
rpc_reply_parse(const void *data, size_t len, msgpack_zone *zone, struct rpc_reply *out,
                struct error *error)
{
    *out = (struct rpc_reply){0};
    if (is_result(data, len, out)) /* nearly all are: nothing needs to be unpacked */
        return mp_scan(data, len, error);
    msgpack_object object;
    enum status status = mp_unpack(data, len, zone, &object, error);
    if (status != STATUS_OK)
        return status;
    int64_t type;
    if (object.type != MSGPACK_OBJECT_ARRAY || object.via.array.size != 4 ||
        !mp_as_int(&object.via.array.ptr[0], &type) || type != 1 ||
        !as_msgid(&object.via.array.ptr[1], &out->msgid))
        return error_set(error, STATUS_INTERNAL, NULL, "the reply is no MessagePack-RPC reply");
    const msgpack_object *failure = &object.via.array.ptr[2];
    struct text text = TEXT_NONE;
    if (failure->type != MSGPACK_OBJECT_NIL) {
        out->failed = true;
        mp_as_text(mp_map_get(failure, "code"), &text);
        enum status code = status_of_word(text);
        text = TEXT_LITERAL("the error has no message");
        mp_as_text(mp_map_get(failure, "message"), &text);
        struct text field = TEXT_NONE;
        mp_as_text(mp_map_get(failure, "field"), &field);
        char name[ERROR_FIELD_MAX];
        snprintf(name, sizeof name, "%.*s", TEXT_ARG(field));
        error_set(error, code, name, "%.*s", TEXT_ARG(text));
        copy_details(error, mp_map_get(failure, "details"));
        return STATUS_OK;
    }
    /* the result is what follows the header: array, type, msgid, nil */
    const uint8_t *bytes = data;
    size_t at = bytes[0] == 0xdc ? 3 : bytes[0] == 0xdd ? 5 : 1;
    for (unsigned i = 0; i < 3; i++)
        at += mp_object_len(bytes + at, len - at);
    out->result = (struct text){(const char *)bytes + at, (uint32_t)(len - at)};
    return STATUS_OK;
}

enum status
rpc_context_parse(const void *data, size_t len, msgpack_zone *zone, struct rpc_context *out,
                  struct error *error)
{
    *out = (struct rpc_context){.deadline_ms = INT64_MIN, .min_seq = INT64_MIN};
    const uint8_t *bytes = data;
    if (len == 0 || (len == 1 && bytes[0] == 0x80))
        return STATUS_OK;
    msgpack_object object;
    enum status status = mp_unpack(data, len, zone, &object, error);
    if (status != STATUS_OK)
        return status;
    if (object.type != MSGPACK_OBJECT_MAP)
        return error_set(error, STATUS_INVALID_ARGUMENT, "context", "the context is not a map");
    const msgpack_object *value;
    if ((value = mp_map_get(&object, "key")) &&
        (!mp_as_text(value, &out->key) || out->key.len < 1 || out->key.len > RPC_KEY_MAX))
        return error_set(error, STATUS_INVALID_ARGUMENT, "context.key",
                         "context.key: want 1 to %d bytes of text", RPC_KEY_MAX);
    if ((value = mp_map_get(&object, "deadline")) &&
        (!mp_as_int(value, &out->deadline_ms) || out->deadline_ms < 0))
        return error_set(error, STATUS_INVALID_ARGUMENT, "context.deadline",
                         "context.deadline: want the milliseconds left");
    if ((value = mp_map_get(&object, "min_seq")) &&
        (!mp_as_int(value, &out->min_seq) || out->min_seq < 0))
        return error_set(error, STATUS_INVALID_ARGUMENT, "context.min_seq",
                         "context.min_seq: want a seq");
    if ((value = mp_map_get(&object, "safe"))) {
        if (value->type != MSGPACK_OBJECT_BOOLEAN)
            return error_set(error, STATUS_INVALID_ARGUMENT, "context.safe",
                             "context.safe: want true or false");
        out->safe = value->via.boolean;
    }
    if ((value = mp_map_get(&object, "traceparent")) &&
        (!mp_as_text(value, &out->traceparent) || out->traceparent.len > 128))
        return error_set(error, STATUS_INVALID_ARGUMENT, "context.traceparent",
                         "context.traceparent: want a W3C traceparent");
    mp_as_text(mp_map_get(&object, "framing"), &out->framing); /* another is not ours: MDP then */
    return STATUS_OK;
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

static const struct {
    const char *word;
    enum permission bit;
} roles[] = {
    {"secretariat", PERMIT_SECRETARIAT}, {"chair", PERMIT_CHAIR},
    {"member", PERMIT_MEMBER},           {"observer", PERMIT_OBSERVER},
    {"subscriber", PERMIT_SUBSCRIBER},   {"service", PERMIT_SERVICE},
};
#define ROLE_COUNT (sizeof roles / sizeof *roles)

enum status
rpc_principal_parse(const void *data, size_t len, msgpack_zone *zone, struct principal *out,
                    struct error *error)
{
    *out = (struct principal){.id = "local", .roles = PERMIT_SECRETARIAT};
    if (len == 0)
        return STATUS_OK;
    msgpack_object object;
    enum status status = mp_unpack(data, len, zone, &object, error);
    if (status != STATUS_OK)
        return status;
    struct text id, member = TEXT_NONE;
    const msgpack_object *list = mp_map_get(&object, "roles");
    if (!mp_as_text(mp_map_get(&object, "id"), &id) || id.len < 1 || id.len > PRINCIPAL_ID_MAX ||
        !list || list->type != MSGPACK_OBJECT_ARRAY)
        return error_set(error, STATUS_INVALID_ARGUMENT, "principal",
                         "principal: want {id, roles, member?}");
    mp_as_text(mp_map_get(&object, "member"), &member);
    out->roles = 0;
    snprintf(out->id, sizeof out->id, "%.*s", TEXT_ARG(id));
    snprintf(out->member, sizeof out->member, "%.*s", TEXT_ARG(member));
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        struct text word = TEXT_NONE;
        mp_as_text(&list->via.array.ptr[i], &word);
        for (size_t r = 0; r < ROLE_COUNT; r++)
            if (text_is(word, roles[r].word))
                out->roles |= roles[r].bit;
    }
    return STATUS_OK;
}

void
rpc_principal_write(struct buf *buf, const struct principal *principal)
{
    unsigned count = 0;
    for (size_t r = 0; r < ROLE_COUNT; r++)
        count += (principal->roles & roles[r].bit) != 0;
    mp_map(buf, principal->member[0] ? 3 : 2);
    mp_string(buf, "id");
    mp_string(buf, principal->id);
    mp_string(buf, "roles");
    mp_array(buf, count);
    for (size_t r = 0; r < ROLE_COUNT; r++)
        if (principal->roles & roles[r].bit)
            mp_string(buf, roles[r].word);
    if (principal->member[0]) {
        mp_string(buf, "member");
        mp_string(buf, principal->member);
    }
}
