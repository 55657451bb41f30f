/* See compact.h. */
#include "common/bus/compact.h"

#include <string.h>

#define HEAD_LEN 2
#define ITEM_HEAD_LEN 5

static const uint8_t head[HEAD_LEN] = {0xc1, 0x01};

static uint32_t
read_number(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static uint8_t *
put_number(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *
put(uint8_t *at, struct text part)
{
    if (part.len)
        memcpy(at, part.ptr, part.len);
    return at + part.len;
}

bool
compact_is(const void *data, size_t len)
{
    return len >= HEAD_LEN && memcmp(data, head, HEAD_LEN) == 0;
}

/* What is left of an item's body. */
struct rest {
    const uint8_t *at;
    uint32_t left;
};

static bool
take(struct rest *rest, uint32_t len, struct text *out)
{
    if (len > rest->left)
        return false;
    *out = (struct text){(const char *)rest->at, len};
    rest->at += len;
    rest->left -= len;
    return true;
}

/* A part with its length in front. */
static bool
take_sized(struct rest *rest, unsigned bytes, struct text *out)
{
    struct text number;
    return take(rest, bytes, &number) &&
           take(rest, read_number((const uint8_t *)number.ptr, bytes), out);
}

static bool
parse_body(struct rest *rest, struct compact_item *out)
{
    switch (out->kind) {
    case COMPACT_REQUEST:
        if (!take_sized(rest, 1, &out->service) || !take_sized(rest, 2, &out->context))
            return false;
        break;
    case COMPACT_PARTIAL:
    case COMPACT_FINAL:
        if (!take_sized(rest, 1, &out->service))
            return false;
        break;
    case COMPACT_WORK:
        if (!take(rest, COMPACT_ADDRESS_LEN, &out->address) ||
            !take_sized(rest, 2, &out->context) || !take_sized(rest, 2, &out->principal))
            return false;
        break;
    case COMPACT_PART:
    case COMPACT_DONE:
        if (!take(rest, COMPACT_ADDRESS_LEN, &out->address))
            return false;
        break;
    default: return false;
    }
    return take(rest, rest->left, &out->body);
}

int
compact_next(const void *data, size_t len, size_t *at, struct compact_item *out)
{
    const uint8_t *bytes = data;
    if (*at == 0) {
        if (!compact_is(data, len))
            return -1;
        *at = HEAD_LEN;
    }
    if (*at == len)
        return 0;
    if (len - *at < ITEM_HEAD_LEN)
        return -1;
    uint32_t body_len = read_number(bytes + *at + 1, 4);
    if (body_len > len - *at - ITEM_HEAD_LEN)
        return -1;
    struct rest rest = {bytes + *at + ITEM_HEAD_LEN, body_len};
    *out = (struct compact_item){.kind = (enum compact_kind)bytes[*at]};
    *at += ITEM_HEAD_LEN + body_len;
    return parse_body(&rest, out) ? 1 : -1;
}

/* The length of an item's body, which is all behind its kind and length. */
static uint32_t
length_of(const struct compact_item *item)
{
    uint32_t len = item->head.len + item->body.len;
    len += item->kind >= COMPACT_WORK ? COMPACT_ADDRESS_LEN : 1 + item->service.len;
    if (item->kind == COMPACT_REQUEST || item->kind == COMPACT_WORK)
        len += 2 + item->context.len;
    if (item->kind == COMPACT_WORK)
        len += 2 + item->principal.len;
    return len;
}

bool
compact_add(struct buf *buf, const struct compact_item *item)
{
    if (item->service.len > UINT8_MAX || item->context.len > UINT16_MAX ||
        item->principal.len > UINT16_MAX || item->head.len > UINT16_MAX ||
        item->body.len > UINT32_MAX / 2)
        return false;
    uint32_t len = length_of(item);
    uint8_t *at = buf_reserve(buf, HEAD_LEN + ITEM_HEAD_LEN + len);
    if (!at)
        return true; /* the failure sticks in the buf */
    if (buf->len == 0)
        at = put(at, (struct text){(const char *)head, HEAD_LEN});
    *at++ = (uint8_t)item->kind;
    at = put_number(at, len, 4);
    if (item->kind >= COMPACT_WORK)
        at = put(at, (struct text){item->address.ptr, COMPACT_ADDRESS_LEN});
    else
        at = put(put_number(at, item->service.len, 1), item->service);
    if (item->kind == COMPACT_REQUEST || item->kind == COMPACT_WORK)
        at = put(put_number(at, item->context.len, 2), item->context);
    if (item->kind == COMPACT_WORK)
        at = put(put_number(at, item->principal.len, 2), item->principal);
    at = put(put(at, item->head), item->body);
    buf->len = (size_t)(at - buf->data);
    return true;
}
