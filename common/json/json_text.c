/* See json_text.h. */
#include "common/json/json_text.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>

#include "common/msg/mp.h"

/* What stands for a byte in a string: 0 itself, 'u' its number, else this letter after a \. */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b',         't',           'n', 'u',
    'f', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',         'u',           'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

void
json_text_string(struct buf *out, struct text string)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *at = (const uint8_t *)string.ptr, *end = at + string.len, *run;
    uint8_t *to = buf_reserve(out, 6 * (size_t)string.len + 2);
    if (!to)
        return;
    uint8_t *begin = to;
    *to++ = '"';
    while (at < end) {
        for (run = at; at < end && !escapes[*at];)
            at++;
        memcpy(to, run, (size_t)(at - run));
        to += at - run;
        if (at == end)
            break;
        *to++ = '\\';
        *to++ = (uint8_t)escapes[*at];
        if (escapes[*at] == 'u') {
            to[0] = to[1] = '0';
            to[2] = (uint8_t)hex[*at >> 4];
            to[3] = (uint8_t)hex[*at & 15];
            to += 4;
        }
        at++;
    }
    *to++ = '"';
    out->len += (size_t)(to - begin);
}

static void
put_number(struct buf *out, const struct mp_value *value, bool quoted)
{
    char text[32];
    int len = value->big
                  ? snprintf(text, sizeof text, "\"%llu\"", (unsigned long long)value->number)
              : quoted ? snprintf(text, sizeof text, "\"%lld\"", (long long)value->number)
                       : (int)text_number(value->number, text);
    buf_append(out, text, (size_t)len);
}

/* With a point or an exponent, so that it stays no whole number; what JSON cannot say is null. */
static void
put_real(struct buf *out, const char *head)
{
    double value;
    uint64_t bits = 0;
    unsigned bytes = (uint8_t)*head == 0xca ? 4 : 8;
    for (unsigned i = 1; i <= bytes; i++)
        bits = bits << 8 | (uint8_t)head[i];
    if (bytes == 4) {
        uint32_t half = (uint32_t)bits;
        float narrow;
        memcpy(&narrow, &half, sizeof narrow);
        value = (double)narrow;
    } else {
        memcpy(&value, &bits, sizeof value);
    }
    char text[40] = "null";
    if (isfinite(value)) {
        snprintf(text, sizeof text, "%.17g", value);
        if (!strpbrk(text, ".e"))
            strcat(text, ".0");
    }
    buf_append(out, text, strlen(text));
}

static void
put_bytes(struct buf *out, struct text bytes)
{
    size_t size = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *to = buf_reserve(out, size + 2);
    if (!to)
        return;
    *to = '"';
    sodium_bin2base64((char *)to + 1, size, (const unsigned char *)bytes.ptr, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    to[size] = '"'; /* where the terminator was */
    out->len += size + 1;
}

static const char *put_value(struct buf *out, const char *at);

/* The key of a map must be a string in JSON. */
static const char *
put_key(struct buf *out, const char *at)
{
    struct mp_value key;
    const char *behind = mp_next(at, &key);
    if (key.type == MP_TEXT)
        json_text_string(out, key.bytes);
    else if (key.type == MP_INT && !key.big)
        put_number(out, &key, true);
    else
        buf_append(out, "\"-1\"", 4);
    return behind;
}

/* The items or pairs of an array or map. */
static const char *
put_members(struct buf *out, const char *at, const struct mp_value *head)
{
    bool is_map = head->type == MP_MAP;
    buf_append(out, is_map ? "{" : "[", 1);
    for (int64_t i = 0; i < head->number; i++) {
        if (i)
            buf_append(out, ",", 1);
        if (is_map) {
            at = put_key(out, at);
            buf_append(out, ":", 1);
        }
        at = put_value(out, at);
    }
    buf_append(out, is_map ? "}" : "]", 1);
    return at;
}

static const char *
put_value(struct buf *out, const char *at)
{
    struct mp_value value;
    const char *behind = mp_read(at, &value);
    switch (value.type) {
    case MP_NIL: buf_append(out, "null", 4); break;
    case MP_BOOL: json_text_put(out, text_of(value.number ? "true" : "false")); break;
    case MP_INT: put_number(out, &value, false); break;
    case MP_FLOAT: put_real(out, at); break;
    case MP_TEXT: json_text_string(out, value.bytes); break;
    case MP_BIN: put_bytes(out, value.bytes); break;
    case MP_EXT: /* behind its type */
        put_bytes(out, (struct text){value.bytes.ptr + 1, value.bytes.len - 1});
        break;
    case MP_ARRAY:
    case MP_MAP: return put_members(out, behind, &value);
    }
    return behind;
}

bool
json_text_of_msgpack(struct buf *out, struct text encoded)
{
    if (mp_scan(encoded.ptr, encoded.len, NULL) != STATUS_OK)
        return false;
    put_value(out, encoded.ptr);
    return true;
}
