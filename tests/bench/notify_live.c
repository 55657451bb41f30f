/* Row 4, ours: from the acknowledgement of a change (and from its sending) to the arrival of its
 * record at a SUB. One at a time (RATE 0) or in an open loop. Prints one JSON object. */
#include "tests/bench/notify_samples.h"

#include "tests/bench/notify_load.h"

#define WAIT_MS 3000

struct live {
    void *dealer, *sub;
    unsigned run;
    uint32_t count, acked, arrived, errors;
    struct instants at;
};

static void
take_acks(struct live *live)
{
    uint32_t number = 0;
    bool good = false;
    while (notify_acknowledged(live->dealer, &number, &good)) {
        live->at.acked[number % CHANGES_MAX] = clock_mono_us();
        live->acked++;
        live->errors += !good;
    }
}

/* "events.economic.tourism.bench-<run>-<number>." */
static void
take_record(struct live *live, struct text topic)
{
    char name[128];
    unsigned run, number;
    if (topic.len >= sizeof name)
        return;
    memcpy(name, topic.ptr, topic.len);
    name[topic.len] = '\0';
    if (sscanf(name, "events.economic.tourism.bench-%u-%u.", &run, &number) != 2 ||
        run != live->run || live->at.arrived[number % CHANGES_MAX])
        return;
    live->at.arrived[number % CHANGES_MAX] = clock_mono_us();
    live->arrived++;
}

static void
take_records(struct live *live)
{
    zmq_msg_t frames[3];
    for (int count; (count = notify_receive(live->sub, frames, 3)) > 0;
         notify_close(frames, count)) {
        struct batch batch;
        struct batch_record record;
        if (count == 2 && batch_open(notify_frame(&frames[1]), &batch))
            while (batch_next(&batch, &record) == 1)
                take_record(live, record.topic);
    }
}

static bool
turn(struct live *live, long wait_ms)
{
    zmq_pollitem_t items[] = {{live->dealer, 0, ZMQ_POLLIN, 0}, {live->sub, 0, ZMQ_POLLIN, 0}};
    if (zmq_poll(items, 2, wait_ms) <= 0)
        return false;
    if (items[0].revents)
        take_acks(live);
    if (items[1].revents)
        take_records(live);
    return true;
}

static void
send_one(struct live *live)
{
    uint32_t number = live->count++;
    live->at.sent[number] = clock_mono_us();
    notify_propose(live->dealer, live->run, number);
}

static void
run_load(struct live *live, unsigned rate, unsigned seconds)
{
    int64_t begin = clock_mono_us(), end = begin + (int64_t)seconds * 1000000, now;
    while ((now = clock_mono_us()) < end && live->count < CHANGES_MAX) {
        if (rate) {
            while ((int64_t)live->count * 1000000 / rate <= now - begin &&
                   live->count < CHANGES_MAX)
                send_one(live);
            turn(live, PACE_US / 1000);
            continue;
        }
        send_one(live);
        while (live->acked < live->count || live->arrived < live->count)
            if (!turn(live, WAIT_MS))
                return;
    }
    while ((live->acked < live->count || live->arrived < live->count) && turn(live, WAIT_MS))
        ;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: notify_live BUS NOTIFY RATE SECONDS\n");
        return 64;
    }
    static struct live live;
    void *context = zmq_ctx_new();
    live.run = (unsigned)(clock_wall_ms() & 0x7fffffff);
    live.dealer = notify_dealer(context, argv[1]);
    live.sub = notify_sub(context, argv[2], NOTIFY_EVENTS);
    if (!live.dealer || !live.sub)
        return 69;
    zmq_pollitem_t first = {live.sub, 0, ZMQ_POLLIN, 0}; /* a watermark: the subscription holds */
    if (zmq_poll(&first, 1, WAIT_MS) <= 0)
        return 69;
    int64_t begin = clock_mono_us();
    run_load(&live, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    int result = instants_print(&live.at, live.count, (double)(clock_mono_us() - begin) / 1e6);
    if (live.errors)
        fprintf(stderr, "%u changes were refused\n", live.errors);
    zmq_close(live.dealer);
    zmq_close(live.sub);
    zmq_ctx_term(context);
    return live.errors ? 1 : result;
}
