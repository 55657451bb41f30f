/* An event to try the rules on, for the unit tests of the events' domain. */
#ifndef CBM_TESTS_UNIT_EVENTS_CASE_H
#define CBM_TESTS_UNIT_EVENTS_CASE_H

#include "tests/unit/check.h"

#include <string.h>

#include "services/events/events_domain.h"

static struct event event;
static struct error error;

#define DAY(text) ((date_day)(when(text).ms / DATE_DAY_MS))

static inline struct when
when(const char *printed)
{
    struct when value;
    assert_true(when_parse(text_of(printed), &value));
    return value;
}

static inline void
add_session(const char *start, const char *end)
{
    event.sessions.items[event.sessions.count++] = (struct span_when){true, when(start), when(end)};
}

static inline void
fresh(void)
{
    schema_init(&event_schema, &event);
    event.present = true;
    event.id = TEXT_LITERAL("e");
    event.title = TEXT_LITERAL("Smart Agriculture");
    event.kind = TEXT_LITERAL("seminar");
    event.host = TEXT_LITERAL("CN");
    event.author = TEXT_LITERAL("CN");
    event.year = 2021;
    event.status = EVENT_PROPOSED;
    event.additional = 0;
    memset(&error, 0, sizeof error);
}

#endif
