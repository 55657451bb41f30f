/* See batch.h. It must not know sockets, nor what the records say. */
#include "common/log/batch.h"

#include <string.h>

#define HEAD "\x84\xa4type\xa9watermark\xa6prefix\xda"
#define SEQ "\xa3seq\xcf"
#define RECORDS "\xa7records\xdd"

/* Behind the prefix. */
#define TAIL_LEN (sizeof SEQ - 1 + 8 + sizeof RECORDS - 1 + 4)

#define PARTS 3        /* of a record */
#define LEAD_TEXT 0xda /* str 16 */
#define LEAD_BIN 0xc6  /* bin 32 */

size_t
batch_key(struct text prefix, char out[BATCH_KEY_MAX])
{
    size_t head = sizeof BATCH_KEY_HEAD - 1;
    memcpy(out, BATCH_KEY_HEAD, head);
    if (prefix.len)
        memcpy(out + head, prefix.ptr, prefix.len);
    out[head + prefix.len] = '/';
    return head + prefix.len + 1;
}

bool
batch_key_prefix(struct text key, struct text *prefix)
{
    uint32_t head = sizeof BATCH_KEY_HEAD - 1;
    if (key.len <= head || memcmp(key.ptr, BATCH_KEY_HEAD, head) != 0 ||
        key.ptr[key.len - 1] != '/')
        return false;
    *prefix = (struct text){key.ptr + head, key.len - head - 1};
    return true;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static uint8_t *
put_number(uint8_t *at, uint64_t value, unsigned bytes)
{
    while (bytes--)
        *at++ = (uint8_t)(value >> (8 * bytes));
    return at;
}

static uint8_t *
put_bytes(uint8_t *at, const void *data, size_t len)
{
    if (len)
        memcpy(at, data, len);
    return at + len;
}

void
batch_begin(struct buf *buf, struct text prefix)
{
    uint8_t *begin = buf_reserve(buf, sizeof HEAD + 2 + prefix.len + TAIL_LEN);
    if (!begin)
        return;
    uint8_t *at = put_bytes(begin, HEAD, sizeof HEAD - 1);
    at = put_number(at, prefix.len, 2);
    at = put_bytes(at, prefix.ptr, prefix.len);
    at = put_number(put_bytes(at, SEQ, sizeof SEQ - 1), 0, 8);
    at = put_number(put_bytes(at, RECORDS, sizeof RECORDS - 1), 0, 4);
    buf->len += (size_t)(at - begin);
}

void
batch_add(struct buf *buf, struct text topic, struct text meta, struct text data)
{
    size_t len = 3 + (size_t)topic.len + 5 + meta.len + 5 + data.len;
    uint8_t *at = buf_reserve(buf, len);
    if (!at)
        return;
    *at++ = LEAD_TEXT;
    at = put_bytes(put_number(at, topic.len, 2), topic.ptr, topic.len);
    *at++ = LEAD_BIN;
    at = put_bytes(put_number(at, meta.len, 4), meta.ptr, meta.len);
    *at++ = LEAD_BIN;
    put_bytes(put_number(at, data.len, 4), data.ptr, data.len);
    buf->len += len;
}

void
batch_end(struct buf *buf, int64_t seq, uint32_t count)
{
    if (buf->failed)
        return;
    size_t prefix_at = sizeof HEAD - 1;
    size_t prefix_len = (size_t)buf->data[prefix_at] << 8 | buf->data[prefix_at + 1];
    uint8_t *tail = buf->data + prefix_at + 2 + prefix_len;
    put_number(tail + sizeof SEQ - 1, (uint64_t)seq, 8);
    put_number(tail + TAIL_LEN - 4, (uint64_t)count * PARTS, 4);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool
take_literal(struct text *rest, const char *literal, size_t len)
{
    if (rest->len < len || memcmp(rest->ptr, literal, len) != 0)
        return false;
    rest->ptr += len;
    rest->len -= (uint32_t)len;
    return true;
}

#define TAKE(rest, literal) take_literal((rest), (literal), sizeof(literal) - 1)

static bool
take_number(struct text *rest, unsigned bytes, uint64_t *out)
{
    if (rest->len < bytes)
        return false;
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | (uint8_t)rest->ptr[i];
    rest->ptr += bytes;
    rest->len -= bytes;
    *out = value;
    return true;
}

/* What has its length in so many bytes in front. */
static bool
take_sized(struct text *rest, unsigned bytes, struct text *out)
{
    uint64_t len;
    if (!take_number(rest, bytes, &len) || len > rest->len)
        return false;
    *out = (struct text){rest->ptr, (uint32_t)len};
    rest->ptr += len;
    rest->len -= (uint32_t)len;
    return true;
}

static bool
take_part(struct text *rest, uint8_t lead, unsigned bytes, struct text *out)
{
    uint64_t first;
    return take_number(rest, 1, &first) && first == lead && take_sized(rest, bytes, out);
}

bool
batch_open(struct text frame, struct batch *batch)
{
    struct text rest = frame;
    uint64_t seq, count;
    if (!TAKE(&rest, HEAD) || !take_sized(&rest, 2, &batch->prefix) || !TAKE(&rest, SEQ) ||
        !take_number(&rest, 8, &seq) || seq > INT64_MAX || !TAKE(&rest, RECORDS) ||
        !take_number(&rest, 4, &count) || count % PARTS)
        return false;
    batch->seq = (int64_t)seq;
    batch->rest = rest;
    batch->left = (uint32_t)count / PARTS;
    return true;
}

int
batch_next(struct batch *batch, struct batch_record *record)
{
    if (batch->left == 0)
        return batch->rest.len ? -1 : 0;
    batch->left--;
    return take_part(&batch->rest, LEAD_TEXT, 2, &record->topic) &&
                   take_part(&batch->rest, LEAD_BIN, 4, &record->meta) &&
                   take_part(&batch->rest, LEAD_BIN, 4, &record->data)
               ? 1
               : -1;
}
