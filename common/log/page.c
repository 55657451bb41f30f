/* See page.h. It trusts no length. */
#include "common/log/page.h"

#define ENTRY_BYTES_MIN 13 /* [id, [8 texts]] with nothing in them */
#define ENTRY_FIELDS 8

struct reader {
    const uint8_t *at, *end;
};

/* A number of `bytes` bytes, most significant first. */
static bool
take_number(struct reader *from, unsigned bytes, uint32_t *out)
{
    if ((size_t)(from->end - from->at) < bytes)
        return false;
    uint32_t value = 0;
    while (bytes--)
        value = value << 8 | *from->at++;
    *out = value;
    return true;
}

static bool
take_array(struct reader *from, uint32_t *count)
{
    if (from->at == from->end)
        return false;
    uint8_t lead = *from->at++;
    if ((lead & 0xf0) == 0x90) {
        *count = lead & 0x0f;
        return true;
    }
    return (lead == 0xdc || lead == 0xdd) && take_number(from, lead == 0xdc ? 2 : 4, count);
}

static bool
take_text(struct reader *from, struct text *out)
{
    if (from->at == from->end)
        return false;
    uint8_t lead = *from->at++;
    uint32_t len = lead & 0x1f;
    if ((lead & 0xe0) != 0xa0 &&
        (lead < 0xd9 || lead > 0xdb || !take_number(from, 1U << (lead - 0xd9), &len)))
        return false;
    if ((size_t)(from->end - from->at) < len)
        return false;
    *out = (struct text){(const char *)from->at, len};
    from->at += len;
    return true;
}

static bool
take_entry(struct reader *from, struct log_record *out)
{
    uint32_t count;
    struct text id, name, *const fields[] = {&out->topic, &out->prev, &out->attributes, &out->data};
    if (!take_array(from, &count) || count != 2 || !take_text(from, &id) ||
        !log_id_parse(id, &out->seq, &out->time_ms) || !take_array(from, &count) ||
        count != ENTRY_FIELDS)
        return false;
    for (unsigned i = 0; i < ENTRY_FIELDS / 2; i++)
        if (!take_text(from, &name) || !take_text(from, fields[i]))
            return false;
    return true;
}

static bool
open_page(struct text packed, struct reader *from, uint32_t *count)
{
    if (!packed.ptr)
        return false;
    from->at = (const uint8_t *)packed.ptr;
    from->end = from->at + packed.len;
    return take_array(from, count) && *count <= (size_t)(from->end - from->at) / ENTRY_BYTES_MIN;
}

int64_t
log_page_count(struct text packed)
{
    struct reader from;
    uint32_t count;
    return open_page(packed, &from, &count) ? (int64_t)count : -1;
}

bool
log_page_records(struct text packed, struct log_record *records)
{
    struct reader from;
    uint32_t count;
    if (!open_page(packed, &from, &count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!take_entry(&from, &records[i]))
            return false;
    return from.at == from.end;
}
