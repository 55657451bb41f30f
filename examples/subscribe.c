/* Notifications in C with libcbm: every record under a prefix, once, in order.
 *
 *   cc subscribe.c $(pkg-config --cflags --libs cbm) -o subscribe
 *   ./subscribe PREFIX [COUNT [FROM]]
 *
 * COUNT: end after so many (0: never). FROM: begin with this seq (0: the oldest; without it: now).
 * Where the bus and notify are is in the environment, CBM_BUS and CBM_NOTIFY, and so are the keys,
 * CBM_SERVER_KEY and CBM_CERT. */
#include <cbm.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: subscribe PREFIX [COUNT [FROM]]\n");
        return 64;
    }
    long count = argc > 2 ? atol(argv[2]) : 0;
    const char *prefixes[] = {argv[1]};
    struct cbm_subscriber_options options = {
        .prefixes = prefixes,
        .prefix_count = 1,
        .from = argc > 3 ? atoll(argv[3]) : CBM_FROM_NOW,
    };
    struct cbm_error error;
    struct cbm_subscriber *subscriber = cbm_subscriber_new(&options, &error);
    if (!subscriber) {
        fprintf(stderr, "%s: %s\n", error.code, error.message);
        return 64;
    }
    struct cbm_event event;
    enum cbm_next next;
    for (long shown = 0; (next = cbm_subscriber_next(subscriber, 1000, &event)) >= 0;) {
        if (next == CBM_TIMEOUT)
            continue; /* time for other work; event.data is a MessagePack map */
        printf("%lld %s %s\n", (long long)event.seq, event.type, event.topic);
        fflush(stdout);
        if (++shown == count)
            break;
    }
    if (next < 0)
        fprintf(stderr, "%s\n", cbm_subscriber_error(subscriber)->message);
    cbm_subscriber_destroy(&subscriber);
    return next < 0;
}
