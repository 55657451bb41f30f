/* See events_ical_read.h. It must not know handlers, stores or clocks. */
#include "services/events/events_ical_read.h"

#include <libical/ical.h>
#include <stdlib.h>
#include <string.h>

#include "services/events/events_ical_rule.h"

#define DEPTH_MAX 8
#define COMPONENTS_MAX 20000
#define TIMES_MAX 100000 /* that recurrences may give, in and out of the span asked for */
#define ZONE_RULES_MAX 100
#define YEAR_MIN 1583 /* times are of the Gregorian calendar */
#define YEAR_MAX 2500 /* libical looks no further */

/* A calendar being read. */
struct reading {
    const struct events_ical_options *options;
    struct events_ical_spans *out;
    struct error *error;
    icalcomponent *calendar; /* the VCALENDAR at hand */
    struct text zone;        /* of times that name none */
    int64_t from_ms, to_ms;
    unsigned times;
};

static enum status
refuse(struct reading *reading, const char *what, const char *which)
{
    char part[64];
    strncpy(part, which ? which : "", sizeof part - 1);
    part[sizeof part - 1] = '\0';
    text_trim_cut(part);
    return error_set(reading->error, STATUS_INVALID_ARGUMENT, "ics", "ics: %s%s%s", what,
                     *part ? ": " : "", part);
}

/* ---- the text -------------------------------------------------------------------------------- */

static bool
begins(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(end - at) < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((at[i] >= 'a' && at[i] <= 'z' ? at[i] - 32 : at[i]) != word[i])
            return false;
    return true;
}

/* Bounds what libical would put on its stack and in memory. */
static enum status
check_text(struct reading *reading, struct text ics)
{
    const char *at = ics.ptr, *end = ics.ptr + ics.len;
    unsigned depth = 0, components = 0;
    if (memchr(ics.ptr, '\0', ics.len))
        return refuse(reading, "a byte of zero stands in it", NULL);
    if (!begins(at, end, "BEGIN:VCALENDAR"))
        return refuse(reading, "want an iCalendar, which begins with BEGIN:VCALENDAR", NULL);
    while (at < end) {
        if (begins(at, end, "BEGIN:")) {
            depth++;
            components++;
        } else if (begins(at, end, "END:") && depth-- == 0) {
            return refuse(reading, "a component ends that has not begun", NULL);
        }
        if (depth > DEPTH_MAX || components > COMPONENTS_MAX)
            return refuse(reading, "its components are too many or too deep", NULL);
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        at = line_end ? line_end + 1 : end;
    }
    return depth ? refuse(reading, "a component has no end", NULL) : STATUS_OK;
}

/* One line without control characters, cut to its room. */
static void
keep_summary(const char *summary, char out[EVENTS_ICAL_SUMMARY_MAX + 1])
{
    const char *from = summary && *summary ? summary : "busy";
    strncpy(out, from, EVENTS_ICAL_SUMMARY_MAX);
    out[EVENTS_ICAL_SUMMARY_MAX] = '\0';
    text_trim_cut(out);
    for (char *at = out; *at; at++)
        if ((uint8_t)*at < 0x20 || *at == 0x7f)
            *at = ' ';
}

/* ---- times ----------------------------------------------------------------------------------- */

/* How a property's times become instants. */
struct clock {
    const struct events_zone *zone; /* of tzdata; NULL: UTC, or the calendar's own */
    const icaltimezone *own;        /* a VTIMEZONE; NULL for none */
};

/* ms on a clock that knows no zone. */
static int64_t
plain_ms(struct icaltimetype time)
{
    int64_t ms = date_of_civil(time.year, time.month, time.day) * DATE_DAY_MS;
    if (!time.is_date)
        ms += (time.hour * INT64_C(3600) + time.minute * 60 + time.second) * 1000;
    return ms;
}

static bool
sound(struct icaltimetype time)
{
    static const int lens[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return !icaltime_is_null_time(time) && time.year >= YEAR_MIN && time.year <= YEAR_MAX &&
           time.month >= 1 && time.month <= 12 && time.day >= 1 &&
           time.day <= lens[time.month - 1] && time.hour >= 0 && time.hour <= 23 &&
           time.minute >= 0 && time.minute <= 59 && time.second >= 0 && time.second <= 60;
}

static int64_t
instant(const struct clock *clock, struct icaltimetype time)
{
    if (time.is_date || icaltime_is_utc(time))
        return plain_ms(time);
    if (!clock->own)
        return events_zone_utc(clock->zone, plain_ms(time));
    int is_dst;
    return plain_ms(time) -
           icaltimezone_get_utc_offset((icaltimezone *)clock->own, &time, &is_dst) * INT64_C(1000);
}

/* A zone by its name: tzdata's, also with something before it
 * ("/mozilla.org/20070129_1/Europe/Paris"), else the one that the calendar describes. */
static enum status
find_clock(struct reading *reading, const char *name, struct clock *out)
{
    *out = (struct clock){NULL, NULL};
    if (strcmp(name, "UTC") == 0)
        return STATUS_OK;
    for (const char *at = name; at && *at; at = strchr(at, '/')) {
        at += *at == '/';
        out->zone = events_zones_get(reading->options->zones, text_of(at));
        if (out->zone)
            return STATUS_OK;
    }
    out->own = icalcomponent_get_timezone(reading->calendar, name);
    return out->own ? STATUS_OK
                    : refuse(reading, "there is no such time zone, and the calendar describes none",
                             name);
}

static enum status
clock_of(struct reading *reading, icalproperty *property, struct clock *out)
{
    icalparameter *tzid = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    if (tzid && icalparameter_get_tzid(tzid))
        return find_clock(reading, icalparameter_get_tzid(tzid), out);
    *out = (struct clock){events_zones_get(reading->options->zones, reading->zone), NULL};
    return STATUS_OK;
}

/* ---- spans ----------------------------------------------------------------------------------- */

static enum status
add_span(struct reading *reading, struct events_ical_span *span)
{
    struct events_ical_spans *out = reading->out;
    if (span->end_ms <= reading->from_ms || span->start_ms >= reading->to_ms ||
        span->end_ms <= span->start_ms)
        return STATUS_OK;
    span->start_ms = span->start_ms < reading->from_ms ? reading->from_ms : span->start_ms;
    span->end_ms = span->end_ms > reading->to_ms ? reading->to_ms : span->end_ms;
    if (out->count == EVENTS_ICAL_SPANS_MAX)
        return refuse(reading,
                      "it has more than 5000 spans in this time: take less of it by from and to",
                      NULL);
    if (out->count == out->cap) {
        unsigned cap = out->cap ? out->cap * 2 : 64;
        struct events_ical_span *grown = realloc(out->items, cap * sizeof *grown);
        if (!grown)
            return error_set(reading->error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        out->items = grown;
        out->cap = cap;
    }
    out->items[out->count++] = *span;
    return STATUS_OK;
}

/* An event of the calendar. */
struct entry {
    icalcomponent *component;
    struct clock clock;
    struct icaltimetype start; /* as its clock shows it */
    int64_t length_ms;
    struct events_ical_span span; /* summary and kind */
};

static enum status
add_time(struct reading *reading, struct entry *entry, int64_t start_ms, int64_t length_ms)
{
    entry->span.start_ms = start_ms;
    entry->span.end_ms = start_ms + length_ms;
    return add_span(reading, &entry->span);
}

static enum status
read_end(struct reading *reading, struct entry *entry)
{
    int64_t start_ms = instant(&entry->clock, entry->start);
    icalproperty *end = icalcomponent_get_first_property(entry->component, ICAL_DTEND_PROPERTY);
    icalproperty *lasts =
        icalcomponent_get_first_property(entry->component, ICAL_DURATION_PROPERTY);
    entry->length_ms = entry->span.days ? DATE_DAY_MS : 0;
    if (end) {
        struct icaltimetype time = icalproperty_get_dtend(end);
        struct clock clock;
        enum status status = clock_of(reading, end, &clock);
        if (status != STATUS_OK)
            return status;
        if (!sound(time) || (time.is_date != 0) != entry->span.days)
            return refuse(reading, "an event's end is no time like its start", entry->span.summary);
        entry->length_ms = instant(&clock, time) - start_ms;
    } else if (lasts) {
        entry->length_ms =
            icaldurationtype_as_int(icalproperty_get_duration(lasts)) * INT64_C(1000);
    }
    if (entry->length_ms < 0)
        return refuse(reading, "an event ends before it begins", entry->span.summary);
    return STATUS_OK;
}

static enum status
read_entry(struct reading *reading, icalcomponent *component, struct entry *out)
{
    *out = (struct entry){.component = component};
    keep_summary(icalcomponent_get_summary(component), out->span.summary);
    icalproperty *start = icalcomponent_get_first_property(component, ICAL_DTSTART_PROPERTY);
    if (!start)
        return refuse(reading, "an event has no DTSTART", out->span.summary);
    enum status status = clock_of(reading, start, &out->clock);
    if (status != STATUS_OK)
        return status;
    out->start = icalproperty_get_dtstart(start);
    if (!sound(out->start))
        return refuse(reading, "an event's start is no time from 1583 to 2500", out->span.summary);
    out->span.days = out->start.is_date;
    return read_end(reading, out);
}

static bool
is_cancelled(icalcomponent *component)
{
    return icalcomponent_get_status(component) == ICAL_STATUS_CANCELLED;
}

/* ---- recurrences ----------------------------------------------------------------------------- */

static int64_t
time_of_property(struct reading *reading, struct entry *entry, icalproperty *property,
                 struct icaltimetype time)
{
    struct clock clock = entry->clock;
    if (icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER) &&
        clock_of(reading, property, &clock) != STATUS_OK)
        return TIME_NONE;
    return sound(time) ? instant(&clock, time) : TIME_NONE;
}

/* Components that say what became of times of others. */
struct replacing {
    icalcomponent **items;
    unsigned count;
};

/* The times of an event that are taken out, or of which another component says what became. */
struct exceptions {
    int64_t *items; /* owned; in order */
    unsigned count;
};

static int
by_instant(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static enum status
find_exceptions(struct reading *reading, struct entry *entry, const struct replacing *others,
                struct exceptions *out)
{
    icalcomponent *component = entry->component;
    unsigned dates = (unsigned)icalcomponent_count_properties(component, ICAL_EXDATE_PROPERTY);
    *out = (struct exceptions){calloc((size_t)dates + others->count + 1, sizeof *out->items), 0};
    if (!out->items)
        return error_set(reading->error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    for (icalproperty *at = icalcomponent_get_first_property(component, ICAL_EXDATE_PROPERTY); at;
         at = icalcomponent_get_next_property(component, ICAL_EXDATE_PROPERTY))
        out->items[out->count++] =
            time_of_property(reading, entry, at, icalproperty_get_exdate(at));
    for (unsigned i = 0; i < others->count; i++) {
        icalproperty *at =
            icalcomponent_get_first_property(others->items[i], ICAL_RECURRENCEID_PROPERTY);
        out->items[out->count++] =
            time_of_property(reading, entry, at, icalproperty_get_recurrenceid(at));
    }
    qsort(out->items, out->count, sizeof *out->items, by_instant);
    reading->times += out->count;
    return STATUS_OK;
}

static enum status
add_recurrence(struct reading *reading, struct entry *entry, const struct exceptions *exceptions,
               int64_t start_ms, int64_t length_ms)
{
    if (++reading->times > TIMES_MAX)
        return refuse(reading, "its recurrences give too many times", NULL);
    if (start_ms == TIME_NONE || bsearch(&start_ms, exceptions->items, exceptions->count,
                                         sizeof *exceptions->items, by_instant))
        return STATUS_OK;
    return add_time(reading, entry, start_ms, length_ms);
}

/* The rule's end on the event's own clock: libical compares without zones. */
static struct icaltimetype
local_until(const struct entry *entry, struct icaltimetype until)
{
    if (!icaltime_is_utc(until) || until.is_date || !sound(until))
        return until;
    int64_t ms = events_zone_local(entry->clock.zone, plain_ms(until));
    if (entry->clock.own) {
        struct icaltimetype copy = until;
        int is_dst;
        ms = plain_ms(until) +
             icaltimezone_get_utc_offset_of_utc_time((icaltimezone *)entry->clock.own, &copy,
                                                     &is_dst) *
                 INT64_C(1000);
    }
    int64_t day_ms = date_of_time(ms) * DATE_DAY_MS, rest = (ms - day_ms) / 1000;
    struct icaltimetype local = icaltime_null_time();
    date_civil(date_of_time(ms), &local.year, &local.month, &local.day);
    local.hour = (int)(rest / 3600);
    local.minute = (int)(rest / 60 % 60);
    local.second = (int)(rest % 60);
    return local;
}

static enum status
expand_rule(struct reading *reading, struct entry *entry, const struct exceptions *exceptions,
            struct icalrecurrencetype rule)
{
    const char *refused = events_ical_rule_refused(&rule);
    if (refused)
        return refuse(reading, refused, entry->span.summary);
    if (!reading->options->go_on(reading->options->arg))
        return refuse(reading, "its recurrences take too long to expand", NULL);
    rule.until = local_until(entry, rule.until);
    struct icaltimetype start = entry->start, next;
    start.zone = NULL;
    enum status status = STATUS_OK;
    icalrecur_iterator *iterator = icalrecur_iterator_new(rule, start);
    while (status == STATUS_OK && iterator) {
        next = icalrecur_iterator_next(iterator);
        if (!sound(next) || plain_ms(next) > reading->to_ms + DATE_DAY_MS)
            break;
        next.zone = entry->start.zone;
        status = add_recurrence(reading, entry, exceptions, instant(&entry->clock, next),
                                entry->length_ms);
    }
    if (iterator)
        icalrecur_iterator_free(iterator);
    return status;
}

/* The dates that are given one by one. */
static enum status
expand_dates(struct reading *reading, struct entry *entry, const struct exceptions *exceptions)
{
    enum status status = STATUS_OK;
    icalcomponent *component = entry->component;
    for (icalproperty *at = icalcomponent_get_first_property(component, ICAL_RDATE_PROPERTY);
         at && status == STATUS_OK;
         at = icalcomponent_get_next_property(component, ICAL_RDATE_PROPERTY)) {
        struct icaldatetimeperiodtype date = icalproperty_get_rdate(at);
        bool period = icaltime_is_null_time(date.time);
        struct icaltimetype time = period ? date.period.start : date.time;
        int64_t start_ms = time_of_property(reading, entry, at, time), length_ms = entry->length_ms;
        if (period && start_ms != TIME_NONE) {
            int64_t end_ms = time_of_property(reading, entry, at, date.period.end);
            length_ms = end_ms != TIME_NONE
                            ? end_ms - start_ms
                            : icaldurationtype_as_int(date.period.duration) * INT64_C(1000);
        }
        status = add_recurrence(reading, entry, exceptions, start_ms, length_ms);
    }
    return status;
}

static enum status
expand_all(struct reading *reading, struct entry *entry, const struct exceptions *exceptions)
{
    icalcomponent *component = entry->component;
    enum status status = STATUS_OK;
    if (icalcomponent_get_first_property(component, ICAL_EXRULE_PROPERTY))
        return refuse(reading, "EXRULE is not read", entry->span.summary);
    icalproperty *rule = icalcomponent_get_first_property(component, ICAL_RRULE_PROPERTY);
    if (!rule)
        status = add_recurrence(reading, entry, exceptions, instant(&entry->clock, entry->start),
                                entry->length_ms);
    for (; rule && status == STATUS_OK;
         rule = icalcomponent_get_next_property(component, ICAL_RRULE_PROPERTY))
        status = expand_rule(reading, entry, exceptions, icalproperty_get_rrule(rule));
    return status == STATUS_OK ? expand_dates(reading, entry, exceptions) : status;
}

static enum status
expand(struct reading *reading, struct entry *entry, const struct replacing *others)
{
    struct exceptions exceptions;
    enum status status = find_exceptions(reading, entry, others, &exceptions);
    if (status == STATUS_OK)
        status = expand_all(reading, entry, &exceptions);
    free(exceptions.items);
    return status;
}

/* ---- calendars ------------------------------------------------------------------------------- */

static const char *
uid_of(icalcomponent *component)
{
    const char *uid = icalcomponent_get_uid(component);
    return uid ? uid : "";
}

/* Every component that replaces a time of some event, in the order of their UIDs. */
static int
by_uid(const void *a, const void *b)
{
    return strcmp(uid_of(*(icalcomponent *const *)a), uid_of(*(icalcomponent *const *)b));
}

static bool
find_replacing(struct reading *reading, struct replacing *out)
{
    icalcomponent *calendar = reading->calendar;
    int all = icalcomponent_count_components(calendar, ICAL_VEVENT_COMPONENT);
    out->count = 0;
    out->items = calloc((size_t)all + 1, sizeof *out->items);
    if (!out->items)
        return false;
    for (icalcomponent *at = icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT); at;
         at = icalcomponent_get_next_component(calendar, ICAL_VEVENT_COMPONENT))
        if (icalcomponent_get_first_property(at, ICAL_RECURRENCEID_PROPERTY))
            out->items[out->count++] = at;
    qsort(out->items, out->count, sizeof *out->items, by_uid);
    return true;
}

/* Those of them that have the UID, borrowed. */
static struct replacing
with_uid(const struct replacing *all, const char *uid)
{
    unsigned low = 0, high = all->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (strcmp(uid_of(all->items[middle]), uid) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct replacing found = {all->items + low, 0};
    while (low + found.count < all->count && strcmp(uid_of(found.items[found.count]), uid) == 0)
        found.count++;
    return found;
}

static enum status
read_event(struct reading *reading, icalcomponent *component, const struct replacing *replacing)
{
    struct entry entry;
    if (is_cancelled(component))
        return STATUS_OK;
    enum status status = read_entry(reading, component, &entry);
    if (status != STATUS_OK)
        return status;
    if (icalcomponent_get_first_property(component, ICAL_RECURRENCEID_PROPERTY))
        return add_time(reading, &entry, instant(&entry.clock, entry.start), entry.length_ms);
    struct replacing others = with_uid(replacing, uid_of(component));
    return expand(reading, &entry, &others);
}

/* Whether libical may expand what a part of a VTIMEZONE says, which it does by itself, from the
 * beginning on. Counts its rules. */
static enum status
check_observance(struct reading *reading, icalcomponent *part, unsigned *rules)
{
    icalproperty *start = icalcomponent_get_first_property(part, ICAL_DTSTART_PROPERTY);
    bool dated = start && sound(icalproperty_get_dtstart(start));
    for (icalproperty *at = icalcomponent_get_first_property(part, ICAL_RRULE_PROPERTY); at;
         at = icalcomponent_get_next_property(part, ICAL_RRULE_PROPERTY)) {
        struct icalrecurrencetype rule = icalproperty_get_rrule(at);
        const char *refused = events_ical_rule_refused(&rule);
        if (rule.freq != ICAL_YEARLY_RECURRENCE || refused || !dated || ++*rules > ZONE_RULES_MAX)
            return refuse(reading, "a VTIMEZONE has a rule that is not read", refused);
    }
    return STATUS_OK;
}

static enum status
check_zones(struct reading *reading)
{
    icalcomponent *calendar = reading->calendar;
    enum status status = STATUS_OK;
    unsigned rules = 0;
    for (icalcomponent *zone =
             icalcomponent_get_first_component(calendar, ICAL_VTIMEZONE_COMPONENT);
         zone; zone = icalcomponent_get_next_component(calendar, ICAL_VTIMEZONE_COMPONENT))
        for (icalcomponent *at = icalcomponent_get_first_component(zone, ICAL_ANY_COMPONENT);
             at && status == STATUS_OK;
             at = icalcomponent_get_next_component(zone, ICAL_ANY_COMPONENT))
            status = check_observance(reading, at, &rules);
    return status;
}

static enum status
read_calendar(struct reading *reading, icalcomponent *calendar)
{
    struct replacing replacing;
    reading->calendar = calendar;
    reading->zone = reading->options->zone;
    for (icalproperty *at = icalcomponent_get_first_property(calendar, ICAL_X_PROPERTY);
         at && !reading->zone.ptr; at = icalcomponent_get_next_property(calendar, ICAL_X_PROPERTY))
        if (strcmp(icalproperty_get_x_name(at), "X-WR-TIMEZONE") == 0)
            reading->zone = text_of(icalproperty_get_x(at));
    enum status status = check_zones(reading);
    if (status != STATUS_OK)
        return status;
    if (!find_replacing(reading, &replacing))
        return error_set(reading->error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    icalcompiter events = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);
    for (icalcomponent *at; status == STATUS_OK && (at = icalcompiter_deref(&events));
         icalcompiter_next(&events))
        status = read_event(reading, at, &replacing);
    free(replacing.items);
    return status;
}

static int
by_time(const void *a, const void *b)
{
    const struct events_ical_span *x = a, *y = b;
    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? -1 : 1;
    if (x->end_ms != y->end_ms)
        return x->end_ms < y->end_ms ? -1 : 1;
    return x->days != y->days ? x->days - y->days : strcmp(x->summary, y->summary);
}

static void
sort(struct events_ical_spans *spans)
{
    unsigned kept = 0;
    if (spans->count)
        qsort(spans->items, spans->count, sizeof *spans->items, by_time);
    for (unsigned i = 0; i < spans->count; i++)
        if (!kept || by_time(&spans->items[kept - 1], &spans->items[i]) != 0)
            spans->items[kept++] = spans->items[i];
    spans->count = kept;
}

enum status
events_ical_read(struct text ics, const struct events_ical_options *options,
                 struct events_ical_spans *out, struct error *error)
{
    struct reading reading = {.options = options,
                              .out = out,
                              .error = error,
                              .from_ms = options->from * DATE_DAY_MS,
                              .to_ms = (options->to + 1) * DATE_DAY_MS};
    *out = (struct events_ical_spans){0};
    enum status status = check_text(&reading, ics);
    if (status != STATUS_OK)
        return status;
    char *copy = malloc((size_t)ics.len + 1);
    if (!copy)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    memcpy(copy, ics.ptr, ics.len);
    copy[ics.len] = '\0';
    icalerror_set_errors_are_fatal(0);
    icalcomponent *root = icalparser_parse_string(copy);
    free(copy);
    if (!root)
        return refuse(&reading, "it is no iCalendar", NULL);
    if (icalcomponent_isa(root) == ICAL_VCALENDAR_COMPONENT)
        status = read_calendar(&reading, root);
    else
        for (icalcomponent *at = icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT);
             at && status == STATUS_OK;
             at = icalcomponent_get_next_component(root, ICAL_VCALENDAR_COMPONENT))
            status = read_calendar(&reading, at);
    icalcomponent_free(root);
    sort(out);
    return status;
}

void
events_ical_spans_fini(struct events_ical_spans *spans)
{
    free(spans->items);
    *spans = (struct events_ical_spans){0};
}
