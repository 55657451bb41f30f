/* See json.h. */
#include "common/json/json.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/mp.h"

/* No message of ours has fractions, but a method of others may. */
static void
write_real(struct buf *buf, double value)
{
    uint64_t bits;
    uint8_t bytes[9] = {0xcb};
    memcpy(&bits, &value, sizeof bits);
    for (int i = 8; i > 0; i--, bits >>= 8)
        bytes[i] = (uint8_t)bits;
    buf_append(buf, bytes, sizeof bytes);
}

static bool
write_value(const json_t *json, struct buf *buf, unsigned depth)
{
    if (depth > MP_DEPTH_MAX)
        return false;
    const char *key;
    json_t *value;
    size_t i;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        mp_map(buf, json_object_size(json));
        json_object_foreach((json_t *)json, key, value)
        {
            mp_string(buf, key);
            if (!write_value(value, buf, depth + 1))
                return false;
        }
        break;
    case JSON_ARRAY:
        mp_array(buf, json_array_size(json));
        json_array_foreach(json, i, value) if (!write_value(value, buf, depth + 1)) return false;
        break;
    case JSON_STRING:
        mp_text(buf, (struct text){json_string_value(json), (uint32_t)json_string_length(json)});
        break;
    case JSON_INTEGER: mp_int(buf, json_integer_value(json)); break;
    case JSON_REAL: write_real(buf, json_real_value(json)); break;
    case JSON_TRUE: mp_bool(buf, true); break;
    case JSON_FALSE: mp_bool(buf, false); break;
    default: mp_nil(buf); break;
    }
    return !buf->failed;
}

bool
json_to_msgpack(const json_t *json, struct buf *buf)
{
    return write_value(json, buf, 0);
}

static json_t *
base64(const char *data, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    if (!text)
        return NULL;
    sodium_bin2base64(text, size, (const unsigned char *)data, len, sodium_base64_VARIANT_ORIGINAL);
    json_t *json = json_stringn(text, size - 1);
    free(text);
    return json;
}

static json_t *read_value(const msgpack_object *object);

static json_t *
read_map(const msgpack_object *object)
{
    json_t *json = json_object();
    for (uint32_t i = 0; json && i < object->via.map.size; i++) {
        const msgpack_object_kv *pair = &object->via.map.ptr[i];
        char number[32];
        const char *key = number;
        size_t len;
        int64_t n;
        if (pair->key.type == MSGPACK_OBJECT_STR) {
            key = pair->key.via.str.size ? pair->key.via.str.ptr : "";
            len = pair->key.via.str.size;
        } else {
            len = (size_t)snprintf(number, sizeof number, "%lld",
                                   mp_as_int(&pair->key, &n) ? (long long)n : -1LL);
        }
        json_t *value = read_value(&pair->val);
        if (!value || json_object_setn_new(json, key, len, value)) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static json_t *
read_array(const msgpack_object *object)
{
    json_t *json = json_array();
    for (uint32_t i = 0; json && i < object->via.array.size; i++) {
        json_t *value = read_value(&object->via.array.ptr[i]);
        if (!value || json_array_append_new(json, value)) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static json_t *
read_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
read_value(const msgpack_object *object)
{
    char text[32];
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN: return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return json_integer(object->via.i64);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (object->via.u64 <= INT64_MAX)
            return json_integer((json_int_t)object->via.u64);
        snprintf(text, sizeof text, "%llu", (unsigned long long)object->via.u64);
        return json_string(text);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return read_real(object->via.f64);
    case MSGPACK_OBJECT_STR: /* of an empty one msgpack-c gives no pointer, which jansson refuses */
        return object->via.str.size ? json_stringn(object->via.str.ptr, object->via.str.size)
                                    : json_string("");
    case MSGPACK_OBJECT_BIN: return base64(object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_EXT: return base64(object->via.ext.ptr, object->via.ext.size);
    case MSGPACK_OBJECT_ARRAY: return read_array(object);
    case MSGPACK_OBJECT_MAP: return read_map(object);
    default: return json_null();
    }
}

json_t *
json_of_msgpack(const void *data, size_t len)
{
    /* an answer joined from parts is larger than one message: its parts were scanned */
    if (len == 0 || len > JSON_BYTES_MAX || (len <= MP_BYTES_MAX && mp_scan(data, len, NULL)))
        return NULL;
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return NULL;
    msgpack_object object;
    size_t at = 0;
    json_t *json = NULL;
    if (msgpack_unpack(data, len, &at, &zone, &object) == MSGPACK_UNPACK_SUCCESS)
        json = read_value(&object);
    msgpack_zone_destroy(&zone);
    return json;
}

json_t *
json_object_of_text(const char *text, size_t len, char why[200])
{
    json_error_t error;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json) {
        snprintf(why, 200, "not JSON: %s (column %d)", error.text, error.column);
        return NULL;
    }
    if (!json_is_object(json)) {
        snprintf(why, 200, "not a JSON object: want {…}");
        json_decref(json);
        return NULL;
    }
    return json;
}
