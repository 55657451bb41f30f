/* See notify_retry.h. It must not know what is delivered, or where to. */
#include "services/notify/notify_retry.h"

#include "common/base/date.h"

#define PAUSE_MAX_MS ((int64_t)30 * 24 * 60 * 60 * 1000)

/* "12", "0.25": seconds with at most three digits behind the point. */
static bool
read_seconds(struct text text, int64_t *ms)
{
    int64_t value = 0;
    int places = -1; /* digits behind the point, -1 before it */
    if (!text.len || text.len > 12 || text.ptr[0] == '.' || text.ptr[text.len - 1] == '.')
        return false;
    for (uint32_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && places < 0) {
            places = 0;
            continue;
        }
        if (c < '0' || c > '9' || places == 3)
            return false;
        value = value * 10 + (c - '0');
        places += places >= 0;
    }
    for (int i = places < 0 ? 0 : places; i < 3; i++)
        value *= 10;
    *ms = value;
    return true;
}

bool
notify_retry_read(struct text text, struct notify_retry *out)
{
    out->count = 0;
    for (;;) {
        const char *comma = text.len ? memchr(text.ptr, ',', text.len) : NULL;
        struct text item = {text.ptr, comma ? (uint32_t)(comma - text.ptr) : text.len};
        int64_t *pause = &out->pauses_ms[out->count];
        if (out->count == NOTIFY_RETRY_MAX ||
            (!read_seconds(item, pause) && !duration_parse(item, pause)) || *pause > PAUSE_MAX_MS)
            return false;
        out->count++;
        if (!comma)
            return true;
        text = (struct text){comma + 1, text.len - item.len - 1};
    }
}

int64_t
notify_retry_pause(const struct notify_retry *retry, unsigned tries, int64_t asked_ms,
                   uint32_t random)
{
    if (tries >= retry->count)
        return -1;
    int64_t pause = retry->pauses_ms[tries];
    pause += pause / 5 * (int64_t)(random % 1024) / 1024;
    if (asked_ms > NOTIFY_RETRY_AFTER_MAX_MS)
        asked_ms = NOTIFY_RETRY_AFTER_MAX_MS;
    return asked_ms > pause ? asked_ms : pause;
}

bool
notify_circuit_open(const struct notify_circuit *circuit)
{
    return circuit->failures >= NOTIFY_CIRCUIT_FAILURES;
}

void
notify_circuit_failing(struct notify_circuit *circuit, int64_t since_ms)
{
    if (!circuit->failures)
        circuit->failures = 1;
    circuit->failing_since = since_ms;
}

bool
notify_circuit_may(const struct notify_circuit *circuit, int64_t now_ms)
{
    return !notify_circuit_open(circuit) || (!circuit->probing && now_ms >= circuit->open_until);
}

void
notify_circuit_begin(struct notify_circuit *circuit)
{
    circuit->probing = notify_circuit_open(circuit);
}

void
notify_circuit_end(struct notify_circuit *circuit, bool taken, const struct notify_retry *retry,
                   int64_t now_ms)
{
    circuit->probing = false;
    if (taken) {
        *circuit = (struct notify_circuit){0};
        return;
    }
    if (!circuit->failures++)
        circuit->failing_since = now_ms;
    if (!notify_circuit_open(circuit))
        return;
    unsigned step = circuit->failures - NOTIFY_CIRCUIT_FAILURES + 1;
    int64_t pause = retry->pauses_ms[step < retry->count ? step : retry->count - 1];
    circuit->open_until =
        now_ms + (pause < NOTIFY_CIRCUIT_PAUSE_MS ? pause : NOTIFY_CIRCUIT_PAUSE_MS);
}
