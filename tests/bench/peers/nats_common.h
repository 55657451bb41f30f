/* What the peers on NATS share: connecting in either sending mode. */
#ifndef CBM_BENCH_NATS_COMMON_H
#define CBM_BENCH_NATS_COMMON_H

#include <nats/nats.h>
#include <string.h>

#include "tests/bench/bench_run.h"

static inline void
nats_check(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        bench_fail("%s: %s (%s)", what, natsStatus_GetText(status), nats_GetLastError(NULL));
}

/* `mode` is "asap" (every publish is written at once) or "buffered" (libnats' default: a thread of
 * its own writes what was gathered). */
static inline natsConnection *
nats_open(const char *url, const char *mode)
{
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    if (strcmp(mode, "asap") != 0 && strcmp(mode, "buffered") != 0)
        bench_fail("mode %s: want asap or buffered", mode);
    nats_check(natsOptions_Create(&options), "options");
    nats_check(natsOptions_SetURL(options, url), "url");
    nats_check(natsOptions_SetSendAsap(options, strcmp(mode, "asap") == 0), "mode");
    nats_check(natsConnection_Connect(&connection, options), "connect");
    natsOptions_Destroy(options);
    return connection;
}

#endif
