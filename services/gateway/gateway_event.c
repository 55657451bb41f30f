/* See gateway_event.h. It must not know who is sent what. */
#include "services/gateway/gateway_event.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json_text.h"
#include "common/log/cloudevent.h"

static void
put_id(struct buf *out, int64_t seq)
{
    char number[TEXT_NUMBER_MAX];
    uint32_t len = (uint32_t)text_number(seq, number);
    json_text_put(out, TEXT_LITERAL("id: "));
    json_text_put(out, (struct text){number, len});
    json_text_put(out, TEXT_LITERAL("\n"));
}

static bool
put_record(struct buf *out, const struct log_record *record, bool thin)
{
    struct buf meta = {0};
    bool good = log_record_meta(record, &meta) == STATUS_OK && !meta.failed;
    put_id(out, record->seq);
    json_text_put(out, TEXT_LITERAL("event: "));
    json_text_put(out, log_record_type(record));
    json_text_put(out, TEXT_LITERAL("\ndata: "));
    good = good && cloudevent_write(out, record->topic,
                                    (struct text){(char *)meta.data, (uint32_t)meta.len},
                                    thin ? TEXT_NONE : record->data);
    json_text_put(out, TEXT_LITERAL("\n\n"));
    out->failed = out->failed || meta.failed;
    buf_fini(&meta);
    return good && !out->failed;
}

bool
gateway_event_write(struct buf *out, const struct log_record *record, bool thin)
{
    size_t begin = out->len;
    if (put_record(out, record, thin))
        return true;
    out->len = begin;
    return false;
}

void
gateway_event_hello(struct buf *out, int64_t retry_ms, int64_t seq)
{
    char text[80];
    int len = snprintf(text, sizeof text, "retry: %" PRId64 "\nid: %" PRId64 "\n\n", retry_ms, seq);
    buf_append(out, text, (size_t)len);
}

void
gateway_event_alive(struct buf *out, int64_t seq)
{
    json_text_put(out, TEXT_LITERAL(": keep-alive\n"));
    if (seq >= 0)
        put_id(out, seq);
    json_text_put(out, TEXT_LITERAL("\n"));
}

void
gateway_event_resync(struct buf *out, int64_t from, int64_t first)
{
    char text[256];
    int len = snprintf(text, sizeof text,
                       "id: %" PRId64 "\nevent: resync\ndata: {\"first\":%" PRId64
                       ",\"missed\":{\"from\":%" PRId64 ",\"to\":%" PRId64
                       "},\"snapshot\":\"registry/snapshot.export\"}\n\n",
                       first - 1, first, from, first - 1);
    buf_append(out, text, (size_t)len);
}
