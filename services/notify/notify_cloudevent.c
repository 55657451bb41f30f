/* See notify_cloudevent.h. It must not know how it is sent or to whom. */
#include "services/notify/notify_cloudevent.h"

#include "common/log/cloudevent.h"
#include "common/json/json_text.h"

#define NAME_MAX_LEN 32

static void
add_header(struct notify_cloudevent *event, struct text name, struct text value)
{
    if (event->header_count < NOTIFY_HEADERS_MAX)
        event->headers[event->header_count++] = (struct notify_header){name, value};
}

/* What is printable but for space, quote and percent stands for itself. */
static struct text
put_encoded(struct buf *out, struct text text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = (char *)buf_reserve(out, 3 * (size_t)text.len), *begin = to;
    for (uint32_t i = 0; to && i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        if (byte > 0x20 && byte < 0x7f && byte != '"' && byte != '%') {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    struct text put = {begin, (uint32_t)(to - begin)};
    out->len += put.len;
    return put;
}

/* There is room: the texts that were put before must not move. */
static void
put_attribute(void *arg, struct text name, struct text value)
{
    struct notify_cloudevent *event = arg;
    char *to = (char *)buf_reserve(&event->text, NAME_MAX_LEN);
    if (!to || name.len > NAME_MAX_LEN - 3)
        return;
    to[0] = 'c';
    to[1] = 'e';
    to[2] = '-';
    memcpy(to + 3, name.ptr, name.len);
    event->text.len += name.len + 3;
    add_header(event, (struct text){to, name.len + 3}, put_encoded(&event->text, value));
}

static bool
write_binary(struct notify_cloudevent *event, const struct log_record *record, struct text meta,
             bool thin)
{
    struct buf *text = &event->text;
    size_t room = 3 * ((size_t)meta.len + 2 * (size_t)record->topic.len) + 1024;
    if (!buf_reserve(text, room) || !cloudevent_each(record->topic, meta, put_attribute, event))
        return false;
    if (thin) {
        size_t begin = text->len;
        cloudevent_dataref(text, record->topic, record->seq);
        add_header(event, TEXT_LITERAL("ce-dataref"),
                   (struct text){(char *)text->data + begin, (uint32_t)(text->len - begin)});
        event->body = TEXT_LITERAL("");
        return true;
    }
    /* the headers point into `text`: the data go where nothing else is any more */
    buf_clear(&event->meta);
    if (!json_text_of_msgpack(&event->meta, record->data))
        return false;
    add_header(event, TEXT_LITERAL("content-type"), TEXT_LITERAL("application/json"));
    event->body = (struct text){(char *)event->meta.data, (uint32_t)event->meta.len};
    return true;
}

static bool
write_structured(struct notify_cloudevent *event, const struct log_record *record, struct text meta,
                 bool thin)
{
    if (!cloudevent_write(&event->text, record->topic, meta, thin ? TEXT_NONE : record->data))
        return false;
    add_header(event, TEXT_LITERAL("content-type"), TEXT_LITERAL("application/cloudevents+json"));
    event->body = (struct text){(char *)event->text.data, (uint32_t)event->text.len};
    return true;
}

bool
notify_cloudevent_write(struct notify_cloudevent *event, const struct log_record *record,
                        bool binary, bool thin)
{
    event->header_count = 0;
    buf_clear(&event->meta);
    buf_clear(&event->text);
    if (log_record_meta(record, &event->meta) != STATUS_OK || event->meta.failed)
        return false;
    struct text meta = {(char *)event->meta.data, (uint32_t)event->meta.len};
    bool written = binary ? write_binary(event, record, meta, thin)
                          : write_structured(event, record, meta, thin);
    return written && !event->meta.failed && !event->text.failed;
}

void
notify_cloudevent_fini(struct notify_cloudevent *event)
{
    buf_fini(&event->meta);
    buf_fini(&event->text);
    *event = (struct notify_cloudevent){0};
}
