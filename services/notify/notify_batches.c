/* See notify_batches.h. What libzmq does not take is lost, on purpose: subscribers see it by `prev`
 * and by the next watermark. */
#include "services/notify/notify_batches.h"

#include <stdlib.h>
#include <zmq.h>

static void
free_frame(void *data, void *hint)
{
    (void)hint;
    free(data);
}

/* Gives the frame's memory to libzmq: nothing is copied, and nothing stays with an idle prefix. */
static void
send_begun(struct notify_batches *batches, struct notify_batch *batch)
{
    char key[BATCH_KEY_MAX];
    zmq_msg_t frame;
    batch_end(&batch->buf, batch->seq, batch->count);
    size_t key_len = batch_key(batch->prefix, key);
    if (!batch->buf.failed &&
        zmq_msg_init_data(&frame, batch->buf.data, batch->buf.len, free_frame, NULL) == 0) {
        batch->buf = (struct buf){0};
        if (zmq_send(batches->socket, key, key_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0 &&
            zmq_msg_send(&frame, batches->socket, ZMQ_DONTWAIT) >= 0)
            batches->sent++;
        zmq_msg_close(&frame); /* of a sent one does nothing */
    }
    buf_fini(&batch->buf);
    batch->count = 0;
}

static void
begin(struct notify_batches *batches, struct notify_batch *batch)
{
    if (!batch->begun) {
        batch->begun = true;
        batch->next = batches->first;
        batches->first = batch;
    }
    if (!batch->buf.len)
        batch_begin(&batch->buf, batch->prefix);
}

void
notify_batches_add(struct notify_batches *batches, struct notify_batch *batch, int64_t seq,
                   struct text topic, struct text meta, struct text data)
{
    begin(batches, batch);
    batch_add(&batch->buf, topic, meta, data);
    batch->seq = seq;
    batch->count++;
    if (batch->buf.len >= NOTIFY_BATCH_BYTES)
        send_begun(batches, batch);
}

void
notify_batches_watermark(struct notify_batches *batches, struct notify_batch *batch, int64_t seq)
{
    batch->seq = seq;
    begin(batches, batch);
}

void
notify_batches_flush(struct notify_batches *batches)
{
    for (struct notify_batch *batch; (batch = batches->first);) {
        batches->first = batch->next;
        batch->begun = false;
        if (batch->buf.len || batch->buf.failed)
            send_begun(batches, batch);
    }
}
