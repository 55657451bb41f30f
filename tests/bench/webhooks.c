// LINK: services/notify/notify_sender.c services/notify/notify_sender_http.c
// LINK: services/notify/notify_sender_mail.c services/notify/notify_sender_thread.c
// LINK: services/notify/notify_sender_url.c services/notify/notify_domain_address.c
// LINK: services/notify/notify_sender_curl.c services/notify/notify_sign.c
// LINK: services/notify/notify_mime.c services/notify/notify_cloudevent.c
// LINK: services/notify/notify_sender_socket.c
/* Webhooks by notify's sender: each is a record made into a CloudEvent, signed, handed to the
 * sender's thread, posted, and its receipt taken on the loop. It must not know the bus. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/msg/mp.h"
#include "services/notify/notify_cloudevent.h"
#include "services/notify/notify_sender.h"
#include "tests/bench/bench_receiver.h"

struct bench {
    struct loop *loop;
    struct notify_sender *sender;
    struct notify_cloudevent event;
    struct log_record record;
    struct text url;
    int64_t end_us, posted, taken, failed;
};

static void receipt(void *arg, const struct notify_receipt *its);

static void
post_one(struct bench *bench)
{
    static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    char id[40];
    bench->record.seq++;
    if (!notify_cloudevent_write(&bench->event, &bench->record, false, false))
        abort();
    struct notify_post post = {.url = bench->url,
                               .id = {id, (uint32_t)snprintf(id, sizeof id, "newsroom.%lld",
                                                             (long long)bench->record.seq)},
                               .time_ms = clock_wall_ms(),
                               .header_count = bench->event.header_count,
                               .body = bench->event.body,
                               .secret_count = 1,
                               .secrets = {TEXT_LITERAL(secret)}};
    memcpy(post.headers, bench->event.headers, post.header_count * sizeof *post.headers);
    bench->posted += notify_sender_post(bench->sender, &post, receipt, bench);
}

static void
receipt(void *arg, const struct notify_receipt *its)
{
    struct bench *bench = arg;
    bench->taken += its->outcome == NOTIFY_SENT_TAKEN;
    bench->failed += its->outcome != NOTIFY_SENT_TAKEN;
    if (clock_mono_us() < bench->end_us)
        post_one(bench);
    else if (bench->taken + bench->failed == bench->posted)
        loop_stop(bench->loop);
}

/* A scheduled event as the log has it, about 600 bytes. */
static void
make_record(struct bench *bench, struct buf *attributes, struct buf *data)
{
    static const char *const pairs[][2] = {
        {"id", "smart-agriculture-2021"},
        {"title", "Seminar on smart agriculture and the internet of things"},
        {"kind", "seminar"},
        {"dimension", "economic"},
        {"area", "agriculture"},
        {"host", "KZ"},
        {"format", "hybrid"},
        {"place", "Алматы"},
        {"zone", "Asia/Almaty"},
        {"status", "scheduled"},
        {"changed", "2021-06-01T09:30:00Z"},
    };
    log_attributes_write(attributes, "event.scheduled", "cbm:cica/events", "officer",
                         TEXT_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    mp_map(data, sizeof pairs / sizeof *pairs + 3);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        mp_string(data, pairs[i][0]);
        mp_string(data, pairs[i][1]);
    }
    mp_string(data, "year");
    mp_int(data, 2021);
    mp_string(data, "rev");
    mp_int(data, 7);
    mp_string(data, "sessions");
    mp_array(data, 1);
    mp_map(data, 2);
    mp_string(data, "start");
    mp_string(data, "2021-07-13T08:00:00Z");
    mp_string(data, "end");
    mp_string(data, "2021-07-13T10:30:00Z");
    bench->record =
        (struct log_record){.time_ms = 1626163200000,
                            .topic =
                                TEXT_LITERAL("events.economic.agriculture.smart-agriculture-2021."),
                            .prev = TEXT_LITERAL("41 40 12 3 0"),
                            .attributes = {(char *)attributes->data, (uint32_t)attributes->len},
                            .data = {(char *)data->data, (uint32_t)data->len}};
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: webhooks IN_FLIGHT SECONDS\n");
        return 64;
    }
    struct bench bench = {.loop = loop_new()};
    struct buf attributes = {0}, data = {0};
    struct notify_sender_config config = {.allow = "127.0.0.1",
                                          .timeout_ms = 15000,
                                          .connections = 1000};
    char url[80];
    uint16_t port = bench_receiver_start();
    bench.sender = port ? notify_sender_new(bench.loop, &config) : NULL;
    if (!bench.sender)
        return 69;
    bench.url =
        (struct text){url, (uint32_t)snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", port)};
    make_record(&bench, &attributes, &data);
    int64_t begin = clock_mono_us();
    bench.end_us = begin + atoll(argv[2]) * 1000000;
    for (int i = atoi(argv[1]); i > 0; i--)
        post_one(&bench);
    loop_run(bench.loop);
    double seconds = (double)(clock_mono_us() - begin) / 1e6;
    printf("{\"rate\":%.0f,\"failed\":%lld,\"bytes\":%u}\n", (double)bench.taken / seconds,
           (long long)bench.failed, bench.event.body.len);
    notify_sender_destroy(&bench.sender);
    loop_destroy(&bench.loop);
    notify_cloudevent_fini(&bench.event);
    buf_fini(&attributes);
    buf_fini(&data);
    return bench.failed ? 1 : 0;
}
