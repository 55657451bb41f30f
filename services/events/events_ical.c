/* See events_ical.h. It must not know handlers, stores or clocks. */
#include "services/events/events_ical.h"

#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/zone.h"

#define UID_MAX (TEXT_ID_MAX + 24)
#define YEAR_MAX 3000 /* libical takes later ones for mistakes and writes zeroes */
#define PRODID "-//CICA Secretariat//CBM Bus//EN"

/* A zone that was named, and the instants it was needed for. */
struct events_ical_zone {
    char name[64 + 1];
    struct zone *zone; /* owned; NULL: there is no such zone */
    bool used;
    int64_t first_s, last_s;
};

void
events_ical_fini(struct events_ical *ical)
{
    for (unsigned i = 0; i < ical->zone_count; i++)
        zone_destroy(&ical->zones[i].zone);
    free(ical->zones);
    buf_fini(&ical->events);
    buf_fini(&ical->text);
    *ical = (struct events_ical){.failed = false};
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Appends text without what iCalendar has no place for: control characters become blanks, and every
 * end of a line that some reader knows (CR, NEL, LS, PS) a line feed, which libical escapes. */
static void
put_text(struct buf *out, struct text text)
{
    const uint8_t *from = (const uint8_t *)text.ptr, *end = from + text.len;
    uint8_t *to = buf_reserve(out, text.len);
    for (; to && from < end; from++) {
        size_t left = (size_t)(end - from);
        if (*from == '\r' && left > 1 && from[1] == '\n')
            continue; /* its line feed follows */
        if (left > 1 && from[0] == 0xc2 && from[1] == 0x85) {
            *to = '\n';
            from++;
        } else if (left > 2 && from[0] == 0xe2 && from[1] == 0x80 && (from[2] & 0xfe) == 0xa8) {
            *to = '\n';
            from += 2;
        } else if (*from < 0x20 || *from == 0x7f) {
            *to = *from == '\n' || *from == '\r' ? '\n' : ' ';
        } else {
            *to = *from;
        }
        to++;
        out->len++;
    }
}

static void
put_string(struct buf *out, const char *string)
{
    buf_append(out, string, strlen(string));
}

/* The scratch text, terminated, until the next use of it. */
static const char *
finish_text(struct events_ical *ical)
{
    buf_append(&ical->text, "", 1);
    ical->failed = ical->failed || ical->text.failed;
    return ical->text.failed ? "" : (const char *)ical->text.data;
}

static const char *
string_of(struct events_ical *ical, struct text text)
{
    buf_clear(&ical->text);
    put_text(&ical->text, text);
    return finish_text(ical);
}

/* Whether it has the form of a language tag (RFC 5646), and so may be a parameter's value. */
static bool
is_language(struct text tag)
{
    uint32_t part = 0;
    for (uint32_t i = 0; i < tag.len; i++) {
        char c = tag.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (c == '-' ? part == 0 : !letter && (i == part || c < '0' || c > '9'))
            return false;
        part = c == '-' ? 0 : part + 1;
        if (part > 8)
            return false;
    }
    return part > 0;
}

/* ---- components ------------------------------------------------------------------------------ */

static void
add(struct events_ical *ical, icalcomponent *component, icalproperty *property)
{
    if (component && property)
        icalcomponent_add_property(component, property);
    else
        ical->failed = true;
}

static void
add_language(struct events_ical *ical, icalproperty *property, struct text language)
{
    if (is_language(language))
        icalproperty_add_parameter(property, icalparameter_new_language(string_of(ical, language)));
}

/* Appends the written component and frees it. */
static void
finish_component(struct events_ical *ical, icalcomponent *component, struct buf *out)
{
    char *written = component ? icalcomponent_as_ical_string_r(component) : NULL;
    if (written)
        put_string(out, written);
    ical->failed = ical->failed || !written || out->failed;
    free(written);
    if (component)
        icalcomponent_free(component);
}

/* ---- times ----------------------------------------------------------------------------------- */

/* Seconds on a clock that is `offset_s` ahead of UTC. */
static struct icaltimetype
time_of(int64_t at_s, int32_t offset_s)
{
    int64_t local_s = at_s + offset_s;
    date_day day = date_of_time(local_s * 1000);
    int rest = (int)(local_s - day * (DATE_DAY_MS / 1000));
    struct icaltimetype time = icaltime_null_time();
    date_civil(day, &time.year, &time.month, &time.day);
    time.hour = rest / 3600;
    time.minute = rest / 60 % 60;
    time.second = rest % 60;
    return time;
}

static struct icaltimetype
utc_of(int64_t at_s)
{
    struct icaltimetype time = time_of(at_s, 0);
    time.zone = icaltimezone_get_utc_timezone();
    return time;
}

/* The zone of this name as noted, absent ones too; NULL when out of memory or for no name. */
static struct events_ical_zone *
find_zone(struct events_ical *ical, struct text name)
{
    if (!name.ptr || text_is(name, "UTC") || name.len >= sizeof ical->zones->name)
        return NULL;
    for (unsigned i = 0; i < ical->zone_count; i++)
        if (text_is(name, ical->zones[i].name))
            return &ical->zones[i];
    struct events_ical_zone *grown =
        realloc(ical->zones, (ical->zone_count + 1) * sizeof *ical->zones);
    if (!grown) {
        ical->failed = true;
        return NULL;
    }
    ical->zones = grown;
    struct events_ical_zone *zone = &grown[ical->zone_count++];
    *zone = (struct events_ical_zone){.zone = zone_open(name)};
    snprintf(zone->name, sizeof zone->name, "%.*s", TEXT_ARG(name));
    return zone;
}

/* The offset at an instant. False where the zone cannot tell, or where its clock shows the same
 * time twice: readers would take it for the first. */
static bool
offset_at(const struct zone *zone, int64_t at_s, int32_t *offset_s)
{
    struct zone_span span, other;
    if (!zone_at(zone, at_s, &span))
        return false;
    *offset_s = span.offset_s;
    if (span.since_s != INT64_MIN && zone_at(zone, span.since_s - 1, &other) &&
        at_s + span.offset_s < span.since_s + other.offset_s)
        return false;
    return span.until_s == INT64_MAX || !zone_at(zone, span.until_s, &other) ||
           at_s + span.offset_s < span.until_s + other.offset_s;
}

static void
add_times(struct events_ical *ical, icalcomponent *vevent, struct text zone_name,
          const struct span_when *session)
{
    int64_t start_s = session->start.ms / 1000, end_s = (session->end.ms + 999) / 1000;
    int32_t start_offset, end_offset;
    struct events_ical_zone *zone = find_zone(ical, zone_name);
    if (!zone || !zone->zone || !offset_at(zone->zone, start_s, &start_offset) ||
        !offset_at(zone->zone, end_s, &end_offset)) {
        add(ical, vevent, icalproperty_new_dtstart(utc_of(start_s)));
        add(ical, vevent, icalproperty_new_dtend(utc_of(end_s)));
        return;
    }
    zone->first_s = !zone->used || start_s < zone->first_s ? start_s : zone->first_s;
    zone->last_s = !zone->used || end_s > zone->last_s ? end_s : zone->last_s;
    zone->used = true;
    icalproperty *start = icalproperty_new_dtstart(time_of(start_s, start_offset));
    icalproperty *end = icalproperty_new_dtend(time_of(end_s, end_offset));
    icalproperty_add_parameter(start, icalparameter_new_tzid(zone->name));
    icalproperty_add_parameter(end, icalparameter_new_tzid(zone->name));
    add(ical, vevent, start);
    add(ical, vevent, end);
}

static void
add_days(struct events_ical *ical, icalcomponent *vevent, const struct span_when *session)
{
    struct icaltimetype start = time_of(session->start.ms / 1000, 0);
    struct icaltimetype end = time_of(when_end_ms(session->end) / 1000, 0); /* exclusive */
    start.is_date = end.is_date = 1;
    add(ical, vevent, icalproperty_new_dtstart(start));
    add(ical, vevent, icalproperty_new_dtend(end));
}

/* One VTIMEZONE: what held at the first instant, and every change up to the last. */
static void
write_zone(struct events_ical *ical, const struct events_ical_zone *zone, struct buf *out)
{
    icalcomponent *vtimezone = icalcomponent_new(ICAL_VTIMEZONE_COMPONENT);
    struct zone_span span, before;
    bool known = zone_at(zone->zone, zone->first_s, &span);
    add(ical, vtimezone, icalproperty_new_tzid(zone->name));
    while (known && vtimezone) {
        icalcomponent *part =
            icalcomponent_new(span.is_dst ? ICAL_XDAYLIGHT_COMPONENT : ICAL_XSTANDARD_COMPONENT);
        int32_t offset_before = span.offset_s;
        int64_t since_s = 0; /* local times before 1970 had odd offsets that few readers know */
        if (span.since_s > 0 && zone_at(zone->zone, span.since_s - 1, &before)) {
            offset_before = before.offset_s;
            since_s = span.since_s;
        }
        add(ical, part, icalproperty_new_dtstart(time_of(since_s, offset_before)));
        add(ical, part, icalproperty_new_tzoffsetfrom(offset_before));
        add(ical, part, icalproperty_new_tzoffsetto(span.offset_s));
        add(ical, part, icalproperty_new_tzname(span.name));
        if (part)
            icalcomponent_add_component(vtimezone, part);
        if (span.until_s > zone->last_s)
            break;
        known = zone_at(zone->zone, span.until_s, &span);
    }
    if (known && span.until_s != INT64_MAX) /* RFC 7808: later changes are left out */
        add(ical, vtimezone, icalproperty_new_tzuntil(utc_of(span.until_s)));
    finish_component(ical, vtimezone, out);
}

/* ---- the description ------------------------------------------------------------------------- */

static void
begin_line(struct buf *out, const char *label)
{
    if (out->len)
        put_string(out, "\n");
    put_string(out, label);
}

static void
put_line(struct buf *out, const char *label, struct text text)
{
    if (!text.ptr)
        return;
    begin_line(out, label);
    put_text(out, text);
}

static void
put_list(struct buf *out, const char *label, const char *between, uint32_t count,
         const struct text *items)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            put_string(out, between);
        else
            begin_line(out, label);
        put_text(out, items[i]);
    }
}

/* "Report: more than 510 participants; 10 states; named: KZ, CN", and the summary. */
static void
put_report(struct buf *out, const struct event_report *report)
{
    static const char *const qualifiers[] = {
        [COUNT_EXACT] = "", [COUNT_ABOUT] = "about ", [COUNT_MORE_THAN] = "more than "};
    char number[80];
    if (report->participants_count != INT_NONE) {
        snprintf(number, sizeof number, "Participants: %s%lld",
                 report->participants_qualifier ? qualifiers[report->participants_qualifier] : "",
                 (long long)report->participants_count);
        begin_line(out, number);
    }
    if (report->member_states_count != INT_NONE) {
        snprintf(number, sizeof number, "States: %lld", (long long)report->member_states_count);
        begin_line(out, number);
    }
    put_list(out, "States named: ", ", ", report->member_states.count, report->member_states.items);
    put_line(out, "Report: ", report->summary);
}

static const char *
description(struct events_ical *ical, const struct event *event, uint32_t session)
{
    struct buf *out = &ical->text;
    char label[40];
    buf_clear(out);
    for (uint32_t i = 0; i < event->titles.count; i++) {
        const struct text_pair *title = &event->titles.items[i];
        if (text_equal(title->value, event->title))
            continue;
        snprintf(label, sizeof label, "%.*s: ", TEXT_ARG(title->key));
        put_line(out, label, title->value);
    }
    if (event->sessions.count > 1) {
        snprintf(label, sizeof label, "Session: %u of %u", session + 1, event->sessions.count);
        begin_line(out, label);
    }
    put_line(out, "Kind: ", event->kind);
    put_line(out, "Host: ", event->host);
    put_list(out, "Co-hosts: ", ", ", event->co_hosts.count, event->co_hosts.items);
    put_list(out, "Institutions: ", "; ", event->institutions.count, event->institutions.items);
    if (event->format)
        put_line(out, "Format: ", text_of(event_format_words[event->format - 1]));
    put_line(out, "Status: ", text_of(event_status_words[event->status - 1]));
    put_line(out, "Reason: ", event->reason);
    if (event->report.present)
        put_report(out, &event->report);
    return finish_text(ical);
}

/* ---- events ---------------------------------------------------------------------------------- */

static icalproperty_status
status_of(const struct event *event)
{
    switch (event->status) {
    case EVENT_SCHEDULED:
    case EVENT_HELD:
    case EVENT_REPORTED: return ICAL_STATUS_CONFIRMED;
    case EVENT_CANCELLED:
    case EVENT_WITHDRAWN: return ICAL_STATUS_CANCELLED;
    default: return ICAL_STATUS_TENTATIVE;
    }
}

static void
print_uid(const struct event *event, uint32_t session, char out[UID_MAX])
{
    char number[16] = "";
    if (event->sessions.count > 1)
        snprintf(number, sizeof number, ".%u", session + 1);
    snprintf(out, UID_MAX, "%.*s%s@cbm", TEXT_ARG(event->id), number);
}

static void
add_titles(struct events_ical *ical, icalcomponent *vevent, const struct event *event)
{
    icalproperty *summary = icalproperty_new_summary(string_of(ical, event->title));
    add(ical, vevent, summary);
    for (uint32_t i = 0; i < event->titles.count; i++) {
        const struct text_pair *title = &event->titles.items[i];
        icalproperty *property = summary;
        if (!text_equal(title->value, event->title)) {
            property = icalproperty_new_comment(string_of(ical, title->value));
            add(ical, vevent, property);
        } else if (icalproperty_get_first_parameter(summary, ICAL_LANGUAGE_PARAMETER)) {
            continue;
        }
        add_language(ical, property, title->key);
    }
}

/* ORGANIZER would need an address, and is only for meetings that are scheduled by mail: the host is
 * the CONTACT. */
static void
add_content(struct events_ical *ical, icalcomponent *vevent, const struct event *event)
{
    add_titles(ical, vevent, event);
    if (event->place.ptr)
        add(ical, vevent, icalproperty_new_location(string_of(ical, event->place)));
    add(ical, vevent, icalproperty_new_contact(string_of(ical, event->host)));
    char categories[2 * TEXT_ID_MAX + 2];
    snprintf(categories, sizeof categories, "%.*s%s%.*s", TEXT_ARG(event->dimension),
             event->dimension.ptr && event->area.ptr ? "," : "", TEXT_ARG(event->area));
    if (*categories)
        add(ical, vevent, icalproperty_new_categories(categories));
}

static void
add_session(struct events_ical *ical, const struct event *event, uint32_t index)
{
    const struct span_when *session = &event->sessions.items[index];
    icalcomponent *vevent = icalcomponent_new(ICAL_VEVENT_COMPONENT);
    char uid[UID_MAX];
    print_uid(event, index, uid);
    struct icaltimetype changed = utc_of(event->changed == TIME_NONE ? 0 : event->changed / 1000);
    int64_t sequence = event->rev > INT32_MAX ? INT32_MAX : event->rev > 0 ? event->rev - 1 : 0;
    add(ical, vevent, icalproperty_new_uid(uid));
    add(ical, vevent, icalproperty_new_dtstamp(changed));
    add(ical, vevent, icalproperty_new_lastmodified(changed));
    add(ical, vevent, icalproperty_new_sequence((int)sequence));
    if (session->start.is_date)
        add_days(ical, vevent, session);
    else
        add_times(ical, vevent, event->zone, session);
    add_content(ical, vevent, event);
    add(ical, vevent, icalproperty_new_description(description(ical, event, index)));
    add(ical, vevent, icalproperty_new_status(status_of(event)));
    if (index) {
        print_uid(event, 0, uid);
        icalproperty *related = icalproperty_new_relatedto(uid);
        icalproperty_add_parameter(related, icalparameter_new_reltype(ICAL_RELTYPE_SIBLING));
        add(ical, vevent, related);
    }
    finish_component(ical, vevent, &ical->events);
}

void
events_ical_add(struct events_ical *ical, const struct event *event)
{
    const int64_t end_ms = date_of_civil(YEAR_MAX, 12, 31) * DATE_DAY_MS;
    for (uint32_t i = 0; i < event->sessions.count && !ical->failed; i++)
        if (when_end_ms(event->sessions.items[i].end) < end_ms)
            add_session(ical, event, i);
}

bool
events_ical_write(struct events_ical *ical, struct text name, struct buf *out)
{
    static const char end[] = "END:VCALENDAR\r\n";
    icalcomponent *head = icalcomponent_new(ICAL_VCALENDAR_COMPONENT);
    add(ical, head, icalproperty_new_version("2.0"));
    add(ical, head, icalproperty_new_prodid(PRODID));
    add(ical, head, icalproperty_new_name(string_of(ical, name)));
    icalproperty *x_name = icalproperty_new_x(string_of(ical, name));
    icalproperty_set_x_name(x_name, "X-WR-CALNAME");
    add(ical, head, x_name);
    finish_component(ical, head, out);
    if (ical->failed)
        return false;
    out->len -= sizeof end - 1; /* what it holds comes before its end */
    for (unsigned i = 0; i < ical->zone_count; i++)
        if (ical->zones[i].used)
            write_zone(ical, &ical->zones[i], out);
    buf_append(out, ical->events.data, ical->events.len);
    put_string(out, end);
    return !ical->failed && !out->failed;
}
