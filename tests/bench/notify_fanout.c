/* Row 5, ours: deliveries a second of a burst of records to N subscribers, each checking its own
 * stream for gaps. notify is stopped (SIGSTOP) while the records are committed, so that the rate of
 * commits does not bound what it publishes; the time runs from SIGCONT to the last delivery of all.
 */
#define _GNU_SOURCE
#include "tests/bench/notify_receivers.h"

#include <signal.h>

#define IN_FLIGHT 256
#define WAIT_MS 5000

static bool
commit(void *dealer, unsigned records)
{
    unsigned run = (unsigned)(clock_wall_ms() & 0x7fffffff), sent = 0, acked = 0;
    while (acked < records) {
        for (; sent < records && sent - acked < IN_FLIGHT; sent++)
            notify_propose(dealer, run, sent);
        zmq_pollitem_t item = {dealer, 0, ZMQ_POLLIN, 0};
        uint32_t number;
        bool good;
        if (zmq_poll(&item, 1, WAIT_MS) <= 0)
            return false;
        while (notify_acknowledged(dealer, &number, &good)) {
            if (!good)
                return false;
            acked++;
        }
    }
    return true;
}

int
main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: notify_fanout BUS NOTIFY NOTIFY-PID SUBSCRIBERS RECORDS\n");
        return 64;
    }
    pid_t notify = atoi(argv[3]);
    unsigned subscribers = (unsigned)atoi(argv[4]), records = (unsigned)atoi(argv[5]);
    struct receivers all;
    if (notify <= 1 || !receivers_open(&all, argv[2], subscribers, NOTIFY_EVENTS))
        return 69;
    void *context = zmq_ctx_new(), *dealer = notify_dealer(context, argv[1]);
    kill(notify, SIGSTOP);
    bool committed = dealer && commit(dealer, records);
    int64_t begin = clock_mono_us();
    kill(notify, SIGCONT);
    if (!committed) {
        fprintf(stderr, "the records could not be committed\n");
        return 1;
    }
    uint64_t want = (uint64_t)subscribers * records;
    receivers_run(&all, want);
    int result = receivers_print(&all, want, begin);
    zmq_close(dealer);
    zmq_ctx_term(context);
    receivers_close(&all);
    return result;
}
