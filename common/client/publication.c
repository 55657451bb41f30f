/* See publication.h. */
#include "common/client/publication.h"

#include "common/client/splice.h"
#include "common/log/topic.h"
#include "common/msg/mp.h"

/* Reads the frames of one message; those beyond three are counted and forgotten. False if there is
 * no message. */
static bool
read_frames(void *socket, struct publication *publication)
{
    bool more = true;
    while (more) {
        zmq_msg_t extra;
        zmq_msg_t *frame =
            publication->count < 3 ? &publication->frames[publication->count] : &extra;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            return false;
        }
        more = zmq_msg_more(frame);
        if (publication->count >= 3)
            zmq_msg_close(frame);
        publication->count += publication->count < 4;
    }
    return true;
}

static struct text
frame_text(struct publication *publication, int n)
{
    if (publication->count <= n)
        return TEXT_NONE;
    zmq_msg_t *frame = &publication->frames[n];
    return (struct text){zmq_msg_data(frame), (uint32_t)zmq_msg_size(frame)};
}

bool
publication_receive(void *socket, struct publication *publication)
{
    publication->count = 0;
    publication->more = read_frames(socket, publication);
    if (!publication->more) {
        publication_close(publication);
        return false;
    }
    publication->compact =
        publication->count == 2 && batch_open(frame_text(publication, 1), &publication->batch);
    return true;
}

/* What meta and data say; `data` is absent for a watermark. */
static enum publication_kind
check(struct publication *publication)
{
    static const struct text keys[] = {{"type", 4}, {"seq", 3}, {"prev", 4}, {"prefix", 6}};
    struct text value[4];
    if (mp_scan(publication->meta.ptr, publication->meta.len, NULL) != STATUS_OK ||
        !splice_fields(publication->meta.ptr, keys, value, 4) ||
        !splice_text(value[0], &publication->type) || !splice_int(value[1], &publication->seq) ||
        publication->seq < 0)
        return PUBLICATION_OTHER;
    publication->prev = value[2];
    if (text_is(publication->type, "watermark"))
        return splice_text(value[3], &publication->topic) ? PUBLICATION_WATERMARK
                                                          : PUBLICATION_OTHER;
    if (!topic_valid(publication->topic) ||
        mp_scan(publication->data.ptr, publication->data.len, NULL) != STATUS_OK)
        return PUBLICATION_OTHER;
    return PUBLICATION_RECORD;
}

static enum publication_kind
next_of_batch(struct publication *publication)
{
    struct batch_record record;
    int got = batch_next(&publication->batch, &record);
    if (got == 1) {
        publication->topic = record.topic;
        publication->meta = record.meta;
        publication->data = record.data;
        return check(publication) == PUBLICATION_RECORD ? PUBLICATION_RECORD : PUBLICATION_OTHER;
    }
    publication->more = false;
    if (got < 0)
        return PUBLICATION_OTHER;
    publication->topic = publication->batch.prefix;
    publication->seq = publication->batch.seq;
    return PUBLICATION_WATERMARK;
}

enum publication_kind
publication_next(struct publication *publication)
{
    if (!publication->more)
        return PUBLICATION_NONE;
    if (publication->compact)
        return next_of_batch(publication);
    publication->more = false;
    if (publication->count != 2 && publication->count != 3)
        return PUBLICATION_OTHER;
    publication->topic = frame_text(publication, 0);
    publication->meta = frame_text(publication, 1);
    publication->data = frame_text(publication, 2);
    return check(publication);
}

void
publication_close(struct publication *publication)
{
    for (int i = 0; i < publication->count && i < 3; i++)
        zmq_msg_close(&publication->frames[i]);
    publication->count = 0;
    publication->more = false;
}

bool
publication_prev(const struct publication *publication, unsigned level, int64_t *prev)
{
    struct text items, value;
    uint32_t count;
    if (!splice_array(publication->prev, &count, &items) || level >= count)
        return false;
    const char *at = items.ptr;
    for (unsigned i = 0; i < level; i++)
        at = mp_skip(at);
    value = (struct text){at, (uint32_t)(items.ptr + items.len - at)};
    return splice_int(value, prev);
}
