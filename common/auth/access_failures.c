/* See access_failures.h. It must not know sockets. */
#include "common/auth/access_failures.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/metrics.h"

#define LINE_EVERY_MS 1000

static const char *const words[ACCESS_REASONS] = {"unknown",   "revoked",   "role",
                                                  "mechanism", "handshake", "malformed"};

enum access_reason
access_reason_of(const char *word)
{
    enum access_reason reason = 0;
    while (reason < ACCESS_MALFORMED && strcmp(words[reason], word) != 0)
        reason++;
    return reason;
}

void
access_failures_add(struct access_failures *failures, enum access_reason reason, const char *key,
                    const char *address, int64_t now_ms)
{
    failures->counts[reason]++;
    failures->untold++;
    failures->reason = reason;
    snprintf(failures->key, sizeof failures->key, "%s", key);
    snprintf(failures->address, sizeof failures->address, "%s", address);
    access_failures_tick(failures, now_ms);
}

int64_t
access_failures_tick(struct access_failures *failures, int64_t now_ms)
{
    if (!failures->untold)
        return INT64_MAX;
    if (failures->told_ms && now_ms < failures->told_ms + LINE_EVERY_MS)
        return failures->told_ms + LINE_EVERY_MS;
    log_event(LOG_LEVEL_WARN, "refused", LOG_TEXT("reason", words[failures->reason]),
              LOG_TEXT("address", failures->address), LOG_TEXT("key", failures->key),
              LOG_NUMBER("others", failures->untold - 1));
    failures->untold = 0;
    failures->told_ms = now_ms;
    return INT64_MAX;
}

void
access_failures_metrics(const struct access_failures *failures, struct buf *out)
{
    metrics_head(out, "cbm_auth_failures_total", "counter",
                 "Connections refused before their first request.");
    for (unsigned reason = 0; reason < ACCESS_REASONS; reason++) {
        char labels[32];
        snprintf(labels, sizeof labels, "reason=\"%s\"", words[reason]);
        metrics_value(out, "cbm_auth_failures_total", labels, (int64_t)failures->counts[reason]);
    }
}
