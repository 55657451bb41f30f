/* See notify_publisher.h. A slow subscriber loses records at its high-water mark, on purpose: it
 * sees by `prev` and by watermarks what it lost, and reads it back with log.read. */
#include "services/notify/notify_publisher.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/sock.h"
#include "common/log/follow.h"
#include "common/log/topic.h"
#include "common/msg/mp.h"
#include "services/notify/notify_access.h"
#include "services/notify/notify_prefixes.h"

#define FRAMES_MAX 3
#define SUBSCRIPTIONS_A_TURN 256
#define WATERMARKS_A_TURN 1000
#define ASK_AGAIN_MS 100
#define WARN_EVERY_MS 10000
#define GREET_MS 100
/* Subscribers send nothing but subscriptions and the handshake; more cuts the peer. A longer
 * subscription could match no topic, and each of its bytes would cost libzmq a node of its trie. */
#define INBOUND_MAX 1024
#define LISTENERS_MAX 4

struct notify_publisher {
    struct loop *loop;     /* borrowed */
    struct access *access; /* borrowed */
    zsock_t *sock;
    void *handle; /* the same socket as libzmq knows it */
    struct log_follow *follow;
    struct notify_prefixes *prefixes;
    struct notify_batches batches;
    struct buf meta;
    bool untold;      /* records may be wanted in frames by who is not in the table */
    bool astray;      /* libzmq does not tell rightly whose subscriptions are those that wait */
    int64_t open_seq; /* the last open record that was published; -1 while it is not known */
    int64_t greet_by; /* somebody's first watermark of "" is due, at the latest then; 0: nobody's */
    int64_t greet_seq; /* the last open record in the store; -1 while it is not known */
    int64_t published, watermarks, subscriptions, prefix_count, refused, denied, lost; /* gauges */
    int64_t warned_ms;
    unsigned listener_count;
    struct listener {
        log_follow_fn *record;
        log_follow_passed_fn *passed;
        void *arg;
    } listeners[LISTENERS_MAX];
};

static void
warn(struct notify_publisher *publisher, const char *what)
{
    int64_t now = clock_mono_ms();
    if (publisher->warned_ms && now - publisher->warned_ms < WARN_EVERY_MS)
        return;
    publisher->warned_ms = now;
    log_event(LOG_LEVEL_WARN, what, LOG_NUMBER("prefixes", publisher->prefix_count),
              LOG_NUMBER("refused", publisher->refused), LOG_NUMBER("lost", publisher->lost));
}

/* Sends the frames as one message, or nothing of it. XPUB never blocks: it drops for who is slow.
 */
static bool
send_frames(void *handle, const struct text *frames, unsigned count)
{
    zmq_msg_t msgs[FRAMES_MAX];
    unsigned made = 0, sent = 0;
    while (made < count && zmq_msg_init_size(&msgs[made], frames[made].len) == 0) {
        if (frames[made].len)
            memcpy(zmq_msg_data(&msgs[made]), frames[made].ptr, frames[made].len);
        made++;
    }
    if (made == count)
        while (sent < count &&
               zmq_msg_send(&msgs[sent], handle,
                            ZMQ_DONTWAIT | (sent + 1 < count ? ZMQ_SNDMORE : 0)) >= 0)
            sent++;
    for (unsigned i = sent; i < made; i++) /* what is sent belongs to libzmq */
        zmq_msg_close(&msgs[i]);
    return sent == count;
}

static void
send_watermark(struct notify_publisher *publisher, struct text topic, struct text prefix,
               int64_t seq)
{
    struct buf *meta = &publisher->meta;
    buf_clear(meta);
    mp_map(meta, 3);
    mp_string(meta, "type");
    mp_string(meta, "watermark");
    mp_string(meta, "prefix");
    mp_text(meta, prefix);
    mp_string(meta, "seq");
    mp_uint(meta, (uint64_t)seq);
    struct text frames[] = {topic, {(const char *)meta->data, (uint32_t)meta->len}};
    if (!meta->failed && send_frames(publisher->handle, frames, 2))
        publisher->watermarks++;
}

static void answered(void *arg, struct text prefix, int64_t seq);
static void try_greet(struct notify_publisher *publisher, int64_t now_ms);

/* Asks what is not known and sends what is due, both bounded, and the batches. Returns when to go
 * on. */
static int64_t
work(void *arg, int64_t now_ms)
{
    struct notify_publisher *publisher = arg;
    struct text prefix;
    struct notify_due mark;
    int64_t next = INT64_MAX;
    while (notify_prefixes_next_ask(publisher->prefixes, now_ms, &prefix))
        if (log_follow_last(publisher->follow, prefix, answered, publisher) != 0) {
            notify_prefixes_unasked(publisher->prefixes, prefix);
            next = now_ms + ASK_AGAIN_MS;
            break;
        }
    for (unsigned i = 0; i < WATERMARKS_A_TURN; i++) {
        if (!notify_prefixes_next_due(publisher->prefixes, now_ms, &mark))
            break;
        if (mark.frames)
            send_watermark(publisher,
                           mark.prefix.len ? mark.prefix : TEXT_LITERAL(NOTIFY_ACCESS_MARKS),
                           mark.prefix, mark.seq);
        if (mark.batch)
            notify_batches_watermark(&publisher->batches, mark.batch, mark.seq);
    }
    notify_batches_flush(&publisher->batches);
    try_greet(publisher, now_ms);
    if (publisher->greet_by && publisher->greet_by < next)
        next = publisher->greet_by;
    int64_t due = notify_prefixes_next_ms(publisher->prefixes);
    return due < next ? due : next;
}

static void
work_now(struct notify_publisher *publisher, int64_t now_ms)
{
    publisher->prefix_count = notify_prefixes_count(publisher->prefixes);
    loop_tick_by(publisher->loop, work(publisher, now_ms));
}

static void
answered(void *arg, struct text prefix, int64_t seq)
{
    struct notify_publisher *publisher = arg;
    int64_t now = clock_mono_ms(), passed = log_follow_seq(publisher->follow);
    if (!prefix.len && seq > publisher->open_seq && seq <= passed)
        publisher->open_seq = seq;
    if (!prefix.len && publisher->greet_by)
        publisher->greet_seq = seq;
    notify_prefixes_answered(publisher->prefixes, prefix, seq, passed, now);
    work_now(publisher, now);
}

static void
passed(void *arg, int64_t seq)
{
    struct notify_publisher *publisher = arg;
    int64_t now = clock_mono_ms();
    if (publisher->open_seq < 0)
        log_follow_last(publisher->follow, TEXT_LITERAL(""), answered, publisher);
    notify_prefixes_passed(publisher->prefixes, seq, now);
    for (unsigned i = 0; i < publisher->listener_count; i++)
        if (publisher->listeners[i].passed)
            publisher->listeners[i].passed(publisher->listeners[i].arg, seq);
    work_now(publisher, now);
}

/* Subscribers see the hole by `prev` and read it back. */
static void
lost(struct notify_publisher *publisher)
{
    publisher->lost++;
    warn(publisher, "record not published: damaged, or no memory");
}

static void
publish(struct notify_publisher *publisher, const struct log_record *record)
{
    struct buf *meta = &publisher->meta;
    buf_clear(meta);
    if (log_record_meta(record, meta) != STATUS_OK || meta->failed) {
        lost(publisher);
        return;
    }
    struct text frames[] = {record->topic,
                            {(const char *)meta->data, (uint32_t)meta->len},
                            record->data};
    if (!topic_private(record->topic))
        publisher->open_seq = record->seq;
    struct notify_wanted wanted;
    notify_prefixes_published(publisher->prefixes, record->topic, record->seq, clock_mono_ms(),
                              &wanted);
    /* frames before batches: who has both must not read of a record before it came */
    if ((wanted.frames || publisher->untold) && !send_frames(publisher->handle, frames, 3))
        lost(publisher);
    else
        publisher->published++;
    for (unsigned i = 0; i < wanted.count; i++)
        notify_batches_add(&publisher->batches, wanted.batches[i], record->seq, frames[0],
                           frames[1], frames[2]);
}

static void
on_record(void *arg, const struct log_record *record)
{
    struct notify_publisher *publisher = arg;
    publish(publisher, record);
    for (unsigned i = 0; i < publisher->listener_count; i++)
        publisher->listeners[i].record(publisher->listeners[i].arg, record);
}

/* Whose connection the message came from, and which; the fd is -1 where libzmq only tells that one
 * ended. NULL if it is nobody's (any more). */
static const struct principal *
sender(struct notify_publisher *publisher, zmq_msg_t *msg, struct notify_peer *peer)
{
    peer->fd = zmq_msg_get(msg, ZMQ_SRCFD);
    peer->connection = peer->fd < 0 ? 0 : access_connection(msg);
    const struct identity *identity = peer->fd < 0 ? NULL : access_of(publisher->access, msg);
    return identity ? &identity->principal : NULL;
}

/* Tells the socket what to match for the peer that the last message came from. */
static void
grant_all(struct notify_publisher *publisher, const struct notify_grant *grant, int option)
{
    for (unsigned i = 0; i < grant->count; i++)
        zmq_setsockopt(publisher->handle, option, grant->prefixes[i].ptr, grant->prefixes[i].len);
}

/* Whoever subscribes to "" is matched for the open roots, not for an empty topic (notify_access.h);
 * but the first watermark can be for its socket alone, and so have the very topic that was asked
 * for. libzmq holds to that socket until the next subscription is read, so none is until it is
 * known what the watermark must say, or it takes too long. The loop tells of what waits again. */
static void
begin_greeting(struct notify_publisher *publisher, int64_t now_ms)
{
    publisher->greet_by = now_ms + GREET_MS;
    publisher->greet_seq = -1;
    if (log_follow_last(publisher->follow, TEXT_LITERAL(""), answered, publisher) != 0)
        publisher->greet_by = now_ms;
}

static void
try_greet(struct notify_publisher *publisher, int64_t now_ms)
{
    bool known =
        publisher->greet_seq >= 0 && publisher->greet_seq <= log_follow_seq(publisher->follow);
    if (!publisher->greet_by || (!known && now_ms < publisher->greet_by))
        return;
    publisher->greet_by = 0;
    if (publisher->open_seq >= 0) {
        zmq_setsockopt(publisher->handle, ZMQ_SUBSCRIBE, "", 0);
        send_watermark(publisher, TEXT_LITERAL(""), TEXT_LITERAL(""), publisher->open_seq);
        zmq_setsockopt(publisher->handle, ZMQ_UNSUBSCRIBE, "", 0);
    }
}

static void
count_subscription(struct notify_publisher *publisher, struct text prefix, enum notify_form form,
                   struct notify_peer peer, bool begins, int64_t now_ms)
{
    if (!topic_prefix_valid(prefix)) {
        publisher->untold |= form == NOTIFY_FRAMES;
    } else if (!begins) {
        notify_batches_flush(&publisher->batches);
        if (peer.fd >= 0)
            notify_prefixes_unsubscribe(publisher->prefixes, prefix, form, peer);
        else
            notify_prefixes_gone(publisher->prefixes, prefix, form);
    } else if (!notify_prefixes_subscribe(publisher->prefixes, prefix, form, peer, now_ms)) {
        publisher->refused++;
        publisher->untold |= form == NOTIFY_FRAMES;
        warn(publisher, "subscription without watermarks: too many prefixes (CBM_PREFIXES_MAX)");
    }
}

/* A peer sent something else, which only an XSUB can. libzmq (4.3) then takes the pipe of the next
 * subscription for that of this message, and so on, until none waits: what is granted meanwhile
 * would be another peer's. So nothing is, and whoever asks for something is cut: he connects again
 * by himself, and asks again. */
static void
go_astray(struct notify_publisher *publisher, zmq_msg_t *msg)
{
    publisher->astray = true;
    access_drop(publisher->access, msg);
    warn(publisher, "a subscriber sent what is no subscription, and was cut");
}

/* One frame from a subscriber: 1 or 0, and a prefix or the key of its batches. A refused one is
 * counted too, for its end will be told as well: the table holds what is asked for, the socket
 * what is granted. */
static void
take_subscription(struct notify_publisher *publisher, zmq_msg_t *msg, int64_t now_ms)
{
    const char *data = zmq_msg_data(msg);
    size_t size = zmq_msg_size(msg);
    if (size < 1 || (data[0] != 0 && data[0] != 1)) {
        go_astray(publisher, msg);
        return;
    }
    if (size - 1 > BATCH_KEY_MAX)
        return;
    struct text asked = {data + 1, (uint32_t)size - 1}, prefix = asked;
    enum notify_form form = batch_key_prefix(asked, &prefix) ? NOTIFY_COMPACT : NOTIFY_FRAMES;
    struct notify_peer peer;
    const struct principal *principal = sender(publisher, msg, &peer);
    struct notify_grant grant = {0};
    if (publisher->astray)
        access_drop(publisher->access, msg);
    else if (principal)
        notify_access_narrow(principal, asked, &grant);
    grant_all(publisher, &grant, data[0] ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE);
    publisher->subscriptions += data[0];
    publisher->denied += data[0] && !grant.count;
    count_subscription(publisher, prefix, form, peer, data[0], now_ms);
    if (data[0] && grant.count && !asked.len)
        begin_greeting(publisher, now_ms);
}

static void
on_subscriptions(void *arg, short revents)
{
    (void)revents;
    struct notify_publisher *publisher = arg;
    int64_t now = clock_mono_ms();
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    for (unsigned i = 0; i < SUBSCRIPTIONS_A_TURN && !publisher->greet_by; i++) {
        if (zmq_msg_recv(&msg, publisher->handle, ZMQ_DONTWAIT) < 0) {
            publisher->astray = false;
            break;
        }
        take_subscription(publisher, &msg, now);
    }
    zmq_msg_close(&msg);
    work_now(publisher, now);
}

static int
open_socket(struct notify_publisher *publisher, const struct notify_publisher_config *config)
{
    publisher->sock = sock_new(ZMQ_XPUB);
    if (!publisher->sock) {
        log_write(LOG_LEVEL_ERROR, "no socket", NULL);
        return -1;
    }
    zsock_set_xpub_manual(publisher->sock, 1); /* every subscription is judged by whose it is */
    zsock_set_sndhwm(publisher->sock, (int)config->hwm);
    zsock_set_maxmsgsize(publisher->sock, INBOUND_MAX);
    publisher->handle = publisher->batches.socket = zsock_resolve(publisher->sock);
    if (access_secure(publisher->access, publisher->sock, ACCESS_SUBSCRIBERS) != 0)
        return -1;
    return sock_bind_all(publisher->sock, config->bind);
}

struct notify_publisher *
notify_publisher_new(struct loop *loop, const struct notify_publisher_config *config,
                     struct access *access, const char *redis, const char *org)
{
    uint64_t key[2];
    struct notify_publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher || getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        goto fail;
    publisher->loop = loop;
    publisher->access = access;
    publisher->open_seq = -1;
    publisher->prefixes = notify_prefixes_new((uint32_t)config->prefixes_max, key);
    if (!publisher->prefixes || open_socket(publisher, config) != 0)
        goto fail;
    publisher->follow = log_follow_new(loop, redis, org, TEXT_LITERAL(""), LOG_FOLLOW_NEW,
                                       on_record, passed, publisher);
    if (!publisher->follow || loop_add_tick(loop, work, publisher) != 0 ||
        loop_add_socket(loop, publisher->sock, on_subscriptions, publisher) != 0)
        goto fail;
    log_event(LOG_LEVEL_INFO, "publishing", LOG_TEXT("bind", config->bind),
              LOG_NUMBER("hwm", config->hwm));
    return publisher;
fail:
    log_write(LOG_LEVEL_ERROR, "cannot publish", NULL);
    notify_publisher_destroy(&publisher);
    return NULL;
}

void
notify_publisher_add_gauges(struct notify_publisher *publisher, struct service *service)
{
    service_add_gauge(service, "records_published", &publisher->published);
    service_add_gauge(service, "records_lost", &publisher->lost);
    service_add_gauge(service, "batches_sent", &publisher->batches.sent);
    service_add_gauge(service, "watermarks_sent", &publisher->watermarks);
    service_add_gauge(service, "subscriptions_received", &publisher->subscriptions);
    service_add_gauge(service, "prefixes", &publisher->prefix_count);
    service_add_gauge(service, "prefixes_refused", &publisher->refused);
    service_add_gauge(service, "subscriptions_denied", &publisher->denied);
}

bool
notify_publisher_listen(struct notify_publisher *publisher, log_follow_fn *record,
                        log_follow_passed_fn *passed_fn, void *arg)
{
    if (publisher->listener_count == LISTENERS_MAX)
        return false;
    publisher->listeners[publisher->listener_count++] = (struct listener){record, passed_fn, arg};
    return true;
}

bool
notify_publisher_ready(const struct notify_publisher *publisher)
{
    return log_follow_current(publisher->follow);
}

/* There is no unbind before: libzmq would cut the subscribers with it. So records go out until the
 * end; then the subscribers connect to another replica. */
void
notify_publisher_destroy(struct notify_publisher **publisher)
{
    struct notify_publisher *self = *publisher;
    if (!self)
        return;
    loop_remove_tick(self->loop, work, self);
    if (self->sock)
        loop_remove_socket(self->loop, self->sock);
    access_release(self->access, self->sock);
    log_follow_destroy(&self->follow);
    notify_prefixes_destroy(&self->prefixes);
    zsock_destroy(&self->sock);
    buf_fini(&self->meta);
    free(self);
    *publisher = NULL;
}
