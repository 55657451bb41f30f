/* See events_ical_read.h. It must not know handlers, stores or clocks. */
#include "services/events/events_ical_read.h"

#include <stdlib.h>
#include <string.h>

#include "services/events/events_ical_entry.h"
#include "services/events/events_ical_rule.h"

#define DEPTH_MAX 8
#define COMPONENTS_MAX 20000
#define TIMES_MAX 100000 /* that recurrences may give, in and out of the span asked for */
#define ZONE_RULES_MAX 100

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
check_text(struct events_ical_reading *reading, struct text ics)
{
    const char *at = ics.ptr, *end = ics.ptr + ics.len;
    unsigned depth = 0, components = 0;
    if (memchr(ics.ptr, '\0', ics.len))
        return events_ical_entry_refuse(reading, "a byte of zero stands in it", NULL);
    if (!begins(at, end, "BEGIN:VCALENDAR"))
        return events_ical_entry_refuse(reading,
                                        "want an iCalendar, which begins with BEGIN:VCALENDAR",
                                        NULL);
    while (at < end) {
        if (begins(at, end, "BEGIN:")) {
            depth++;
            components++;
        } else if (begins(at, end, "END:") && depth-- == 0) {
            return events_ical_entry_refuse(reading, "a component ends that has not begun", NULL);
        }
        if (depth > DEPTH_MAX || components > COMPONENTS_MAX)
            return events_ical_entry_refuse(reading, "its components are too many or too deep",
                                            NULL);
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        at = line_end ? line_end + 1 : end;
    }
    return depth ? events_ical_entry_refuse(reading, "a component has no end", NULL) : STATUS_OK;
}

/* ---- recurrences ----------------------------------------------------------------------------- */

static int64_t
time_of_property(struct events_ical_reading *reading, struct events_ical_entry *entry,
                 icalproperty *property, struct icaltimetype time)
{
    struct events_ical_clock clock = entry->clock;
    if (icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER) &&
        events_ical_entry_clock_of(reading, property, &clock) != STATUS_OK)
        return TIME_NONE;
    return events_ical_entry_sound(time) ? events_ical_entry_instant(&clock, time) : TIME_NONE;
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
find_exceptions(struct events_ical_reading *reading, struct events_ical_entry *entry,
                const struct replacing *others, struct exceptions *out)
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
add_recurrence(struct events_ical_reading *reading, struct events_ical_entry *entry,
               const struct exceptions *exceptions, int64_t start_ms, int64_t length_ms)
{
    if (++reading->times > TIMES_MAX)
        return events_ical_entry_refuse(reading, "its recurrences give too many times", NULL);
    if (start_ms == TIME_NONE || bsearch(&start_ms, exceptions->items, exceptions->count,
                                         sizeof *exceptions->items, by_instant))
        return STATUS_OK;
    return events_ical_entry_add_time(reading, entry, start_ms, length_ms);
}

/* The rule's end on the event's own clock: libical compares without zones. */
static struct icaltimetype
local_until(const struct events_ical_entry *entry, struct icaltimetype until)
{
    if (!icaltime_is_utc(until) || until.is_date || !events_ical_entry_sound(until))
        return until;
    int64_t ms = zone_local(entry->clock.zone, events_ical_entry_plain_ms(until));
    if (entry->clock.own) {
        struct icaltimetype copy = until;
        int is_dst;
        ms = events_ical_entry_plain_ms(until) +
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
expand_rule(struct events_ical_reading *reading, struct events_ical_entry *entry,
            const struct exceptions *exceptions, struct icalrecurrencetype rule)
{
    const char *refused = events_ical_rule_refused(&rule);
    if (refused)
        return events_ical_entry_refuse(reading, refused, entry->span.summary);
    if (!reading->options->go_on(reading->options->arg))
        return events_ical_entry_refuse(reading, "its recurrences take too long to expand", NULL);
    rule.until = local_until(entry, rule.until);
    struct icaltimetype start = entry->start, next;
    start.zone = NULL;
    enum status status = STATUS_OK;
    icalrecur_iterator *iterator = icalrecur_iterator_new(rule, start);
    if (!iterator)
        return events_ical_entry_refuse(reading, "its recurrences cannot be expanded", NULL);
    while (status == STATUS_OK) {
        next = icalrecur_iterator_next(iterator);
        if (!events_ical_entry_sound(next) ||
            events_ical_entry_plain_ms(next) > reading->to_ms + DATE_DAY_MS)
            break;
        next.zone = entry->start.zone;
        status = add_recurrence(reading, entry, exceptions,
                                events_ical_entry_instant(&entry->clock, next), entry->length_ms);
    }
    icalrecur_iterator_free(iterator);
    return status;
}

/* The dates that are given one by one. */
static enum status
expand_dates(struct events_ical_reading *reading, struct events_ical_entry *entry,
             const struct exceptions *exceptions)
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
expand_all(struct events_ical_reading *reading, struct events_ical_entry *entry,
           const struct exceptions *exceptions)
{
    icalcomponent *component = entry->component;
    enum status status = STATUS_OK;
    if (icalcomponent_get_first_property(component, ICAL_EXRULE_PROPERTY))
        return events_ical_entry_refuse(reading, "EXRULE is not read", entry->span.summary);
    icalproperty *rule = icalcomponent_get_first_property(component, ICAL_RRULE_PROPERTY);
    if (!rule)
        status = add_recurrence(reading, entry, exceptions,
                                events_ical_entry_instant(&entry->clock, entry->start),
                                entry->length_ms);
    for (; rule && status == STATUS_OK;
         rule = icalcomponent_get_next_property(component, ICAL_RRULE_PROPERTY))
        status = expand_rule(reading, entry, exceptions, icalproperty_get_rrule(rule));
    return status == STATUS_OK ? expand_dates(reading, entry, exceptions) : status;
}

static enum status
expand(struct events_ical_reading *reading, struct events_ical_entry *entry,
       const struct replacing *others)
{
    struct exceptions exceptions;
    enum status status = find_exceptions(reading, entry, others, &exceptions);
    if (status == STATUS_OK)
        status = expand_all(reading, entry, &exceptions);
    free(exceptions.items);
    return status;
}

static bool
is_cancelled(icalcomponent *component)
{
    return icalcomponent_get_status(component) == ICAL_STATUS_CANCELLED;
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
find_replacing(struct events_ical_reading *reading, struct replacing *out)
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
read_event(struct events_ical_reading *reading, icalcomponent *component,
           const struct replacing *replacing)
{
    struct events_ical_entry entry;
    if (is_cancelled(component))
        return STATUS_OK;
    enum status status = events_ical_entry_read(reading, component, &entry);
    if (status != STATUS_OK)
        return status;
    if (icalcomponent_get_first_property(component, ICAL_RECURRENCEID_PROPERTY))
        return events_ical_entry_add_time(reading, &entry,
                                          events_ical_entry_instant(&entry.clock, entry.start),
                                          entry.length_ms);
    struct replacing others = with_uid(replacing, uid_of(component));
    return expand(reading, &entry, &others);
}

/* Whether libical may expand what a part of a VTIMEZONE says, which it does by itself, from the
 * beginning on. Counts its rules. */
static enum status
check_observance(struct events_ical_reading *reading, icalcomponent *part, unsigned *rules)
{
    icalproperty *start = icalcomponent_get_first_property(part, ICAL_DTSTART_PROPERTY);
    bool dated = start && events_ical_entry_sound(icalproperty_get_dtstart(start));
    for (icalproperty *at = icalcomponent_get_first_property(part, ICAL_RRULE_PROPERTY); at;
         at = icalcomponent_get_next_property(part, ICAL_RRULE_PROPERTY)) {
        struct icalrecurrencetype rule = icalproperty_get_rrule(at);
        const char *refused = events_ical_rule_refused(&rule);
        if (rule.freq != ICAL_YEARLY_RECURRENCE || refused || !dated || ++*rules > ZONE_RULES_MAX)
            return events_ical_entry_refuse(reading, "a VTIMEZONE has a rule that is not read",
                                            refused);
    }
    return STATUS_OK;
}

static enum status
check_zones(struct events_ical_reading *reading)
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
read_calendar(struct events_ical_reading *reading, icalcomponent *calendar)
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
    struct events_ical_reading reading = {.options = options,
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
        return events_ical_entry_refuse(&reading, "it is no iCalendar", NULL);
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
