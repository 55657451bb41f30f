/* What comes live, in batches; from a publisher that knows none, in frames. It must not know the
 * log. */
#include <string.h>

#include "common/base/clock.h"
#include "common/client/subscriber_internal.h"

#define READ_MAX 256 /* messages read in one go */
/* A publisher that knows batches sends one for every prefix at least once a second. */
#define UNHEARD_MS 2000

static void
subscribe(struct cbm_subscriber *subscriber, int option, bool compact)
{
    void *socket = zsock_resolve(subscriber->sub);
    for (unsigned i = 0; i < subscriber->feed_count; i++) {
        struct text prefix = text_of(subscriber->feeds[i].stream.prefix);
        char key[BATCH_KEY_MAX];
        if (compact)
            zmq_setsockopt(socket, option, key, batch_key(prefix, key));
        else
            zmq_setsockopt(socket, option, prefix.ptr, prefix.len);
    }
}

void
subscriber_live_begin(struct cbm_subscriber *subscriber)
{
    subscribe(subscriber, ZMQ_SUBSCRIBE, true);
    subscriber->heard_at = clock_mono_ms();
}

int64_t
subscriber_live_check(struct cbm_subscriber *subscriber, int64_t now_ms)
{
    if (subscriber->frames)
        return SUBSCRIBER_NEVER;
    if (now_ms - subscriber->heard_at < UNHEARD_MS)
        return subscriber->heard_at + UNHEARD_MS;
    subscribe(subscriber, ZMQ_SUBSCRIBE, false);
    subscriber->frames = true;
    return SUBSCRIBER_NEVER;
}

static void
heard(struct cbm_subscriber *subscriber)
{
    subscriber->heard_at = clock_mono_ms();
    if (subscriber->frames)
        subscribe(subscriber, ZMQ_UNSUBSCRIBE, false);
    subscriber->frames = false;
}

static struct feed *
feed_of(struct cbm_subscriber *subscriber, struct text topic)
{
    for (unsigned i = 0; i < subscriber->feed_count; i++)
        if (stream_covers(&subscriber->feeds[i].stream, topic))
            return &subscriber->feeds[i];
    return NULL;
}

static void
take_watermark(struct cbm_subscriber *subscriber, const struct publication *publication)
{
    for (unsigned i = 0; i < subscriber->feed_count; i++)
        if (text_is(publication->topic, subscriber->feeds[i].stream.prefix))
            stream_exists(&subscriber->feeds[i].stream, publication->seq);
}

/* A record that came: its feed if it is to be shown now. What comes too early is kept. */
static struct feed *
take_record(struct cbm_subscriber *subscriber, const struct publication *publication)
{
    struct feed *feed = feed_of(subscriber, publication->topic);
    int64_t prev;
    if (!feed || !publication_prev(publication, feed->stream.level, &prev))
        return NULL;
    if (stream_next(&feed->stream, publication->seq, prev))
        return feed;
    struct stream_record *record = stream_record_new(publication->seq, prev, publication->topic,
                                                     publication->meta, publication->data);
    if (record)
        stream_add(&feed->stream, record);
    else
        stream_exists(&feed->stream, publication->seq); /* no memory: it is read again later */
    return NULL;
}

/* What is left in the message being read. What is not one of ours is passed over (if it was one, it
 * shows as a gap). */
static struct feed *
read_on(struct cbm_subscriber *subscriber, struct feed_record *record)
{
    struct publication *live = &subscriber->live;
    enum publication_kind kind;
    while ((kind = publication_next(live)) != PUBLICATION_NONE) {
        if (kind == PUBLICATION_WATERMARK)
            take_watermark(subscriber, live);
        struct feed *feed = kind == PUBLICATION_RECORD ? take_record(subscriber, live) : NULL;
        if (!feed)
            continue;
        *record = (struct feed_record){live->seq, live->topic, live->type, live->meta, live->data};
        return feed;
    }
    publication_close(live);
    return NULL;
}

struct feed *
subscriber_live_next(struct cbm_subscriber *subscriber, struct feed_record *record)
{
    struct feed *feed = read_on(subscriber, record);
    for (int i = 0; !feed && i < READ_MAX; i++) {
        if (!publication_receive(zsock_resolve(subscriber->sub), &subscriber->live))
            break;
        if (subscriber->live.compact)
            heard(subscriber);
        feed = read_on(subscriber, record);
    }
    return feed;
}
