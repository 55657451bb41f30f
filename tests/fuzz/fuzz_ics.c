// LINK: services/events/events_ical_read.c services/events/events_ical_entry.c services/events/events_ical_rule.c common/base/zone.c common/base/date.c common/base/text.c common/base/status.c -lical
/* Outside calendars from files: whatever they say, spans in order within what was asked, or a
 * refusal, in bounded time. It must not know stores. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "services/events/events_ical_read.h"

static bool
go_on(void *arg)
{
    unsigned *left = arg;
    return *left && --*left;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct zone_set zones; /* read once, for all inputs */
    unsigned rules = 4;
    struct events_ical_options options = {
        .from = 18628, .to = 18628 + 1095, .zones = &zones, .go_on = go_on, .arg = &rules};
    struct events_ical_spans spans;
    struct error error = {.code = STATUS_OK};
    struct text ics = {(const char *)data, (uint32_t)len};
    enum status status = events_ical_read(ics, &options, &spans, &error);
    PROMISE(status == STATUS_OK || (status == STATUS_INVALID_ARGUMENT && *error.message));
    PROMISE(spans.count <= EVENTS_ICAL_SPANS_MAX);
    for (unsigned i = 0; status == STATUS_OK && i < spans.count; i++) {
        const struct events_ical_span *span = &spans.items[i];
        PROMISE(span->start_ms < span->end_ms);
        PROMISE(span->start_ms >= options.from * DATE_DAY_MS);
        PROMISE(span->end_ms <= (options.to + 1) * DATE_DAY_MS);
        PROMISE(!i || spans.items[i - 1].start_ms <= span->start_ms);
        PROMISE(!memchr(span->summary, '\n', strlen(span->summary)) && *span->summary);
    }
    events_ical_spans_fini(&spans);
    return 0;
}
