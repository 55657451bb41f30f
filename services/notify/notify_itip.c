/* See notify_itip.h. It must not know how anything is sent. */
#include "services/notify/notify_itip.h"

#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/msg/schema_mp.h"

#define PRODID "-//CICA Secretariat//CBM Bus//EN"
#define YEAR_MAX 3000
#define TEXT_MAX 2100 /* the longest field, with what stands before it */

static const char *
method_of(struct text type)
{
    if (text_is(type, "event.scheduled") || text_is(type, "event.rescheduled"))
        return "REQUEST";
    return text_is(type, "event.cancelled") ? "CANCEL" : NULL;
}

bool
notify_itip_read(const struct log_record *record, struct notify_itip *out)
{
    out->method = method_of(log_record_type(record));
    out->time_ms = record->time_ms;
    return out->method &&
           schema_decode_bytes(&event_schema, record->data.ptr, record->data.len, &out->event,
                               SCHEMA_STORED, NULL) == STATUS_OK &&
           out->event.sessions.count > 0;
}

/* What libical escapes; controls, which iCalendar has no place for, become blanks. */
static const char *
clean(char room[TEXT_MAX], const char *before, struct text text)
{
    int len = snprintf(room, TEXT_MAX, "%s%.*s", before, TEXT_ARG(text));
    for (int i = 0; i < len && room[i]; i++)
        if ((unsigned char)room[i] < 0x20 || room[i] == 0x7f)
            room[i] = ' ';
    text_trim_cut(room);
    return room;
}

static struct icaltimetype
time_of(int64_t at_ms, bool is_date)
{
    date_day day = date_of_time(at_ms);
    int rest = (int)((at_ms - day * DATE_DAY_MS) / 1000);
    struct icaltimetype time = icaltime_null_time();
    date_civil(day, &time.year, &time.month, &time.day);
    time.is_date = is_date;
    if (!is_date) {
        time.hour = rest / 3600;
        time.minute = rest / 60 % 60;
        time.second = rest % 60;
        time.zone = icaltimezone_get_utc_timezone();
    }
    return time;
}

static void
add_people(icalcomponent *vevent, struct text organizer, struct text attendee)
{
    char room[TEXT_MAX];
    icalproperty *who = icalproperty_new_attendee(clean(room, "mailto:", attendee));
    icalproperty_add_parameter(who, icalparameter_new_role(ICAL_ROLE_OPTPARTICIPANT));
    icalproperty_add_parameter(who, icalparameter_new_rsvp(ICAL_RSVP_FALSE));
    icalcomponent_add_property(vevent,
                               icalproperty_new_organizer(clean(room, "mailto:", organizer)));
    icalcomponent_add_property(vevent, who);
}

static void
add_content(icalcomponent *vevent, const struct event *event, bool cancelled)
{
    char room[TEXT_MAX];
    icalcomponent_add_property(vevent, icalproperty_new_summary(clean(room, "", event->title)));
    if (event->place.ptr)
        icalcomponent_add_property(vevent,
                                   icalproperty_new_location(clean(room, "", event->place)));
    if (event->reason.ptr)
        icalcomponent_add_property(vevent,
                                   icalproperty_new_comment(clean(room, "", event->reason)));
    icalcomponent_add_property(vevent, icalproperty_new_contact(clean(room, "", event->host)));
    icalcomponent_add_property(vevent, icalproperty_new_status(cancelled ? ICAL_STATUS_CANCELLED
                                                                         : ICAL_STATUS_CONFIRMED));
}

static icalcomponent *
session_of(const struct notify_itip *itip, uint32_t index)
{
    const struct event *event = &itip->event;
    const struct span_when *session = &event->sessions.items[index];
    char uid[TEXT_ID_MAX + 24], number[16] = "";
    if (event->sessions.count > 1)
        snprintf(number, sizeof number, ".%u", index + 1);
    snprintf(uid, sizeof uid, "%.*s%s@cbm", TEXT_ARG(event->id), number);
    bool is_date = session->start.is_date;
    int64_t sequence = event->rev > INT32_MAX ? INT32_MAX : event->rev > 0 ? event->rev - 1 : 0;
    return icalcomponent_vanew(ICAL_VEVENT_COMPONENT, icalproperty_new_uid(uid),
                               icalproperty_new_dtstamp(time_of(itip->time_ms, false)),
                               icalproperty_new_sequence((int)sequence),
                               icalproperty_new_dtstart(time_of(session->start.ms, is_date)),
                               icalproperty_new_dtend(time_of(
                                   is_date ? when_end_ms(session->end) : session->end.ms, is_date)),
                               (void *)0);
}

bool
notify_itip_write(struct buf *out, const struct notify_itip *itip, uint32_t session,
                  struct text organizer, struct text attendee)
{
    bool cancelled = itip->method[0] == 'C';
    if (when_end_ms(itip->event.sessions.items[session].end) >=
        date_of_civil(YEAR_MAX, 12, 31) * DATE_DAY_MS)
        return false;
    icalcomponent *vevent = session_of(itip, session);
    icalcomponent *calendar = icalcomponent_vanew(
        ICAL_VCALENDAR_COMPONENT, icalproperty_new_version("2.0"), icalproperty_new_prodid(PRODID),
        icalproperty_new_method(cancelled ? ICAL_METHOD_CANCEL : ICAL_METHOD_REQUEST), (void *)0);
    if (!vevent || !calendar) {
        icalcomponent_free(vevent);
        icalcomponent_free(calendar);
        return false;
    }
    add_people(vevent, organizer, attendee);
    add_content(vevent, &itip->event, cancelled);
    icalcomponent_add_component(calendar, vevent);
    char *written = icalcomponent_as_ical_string_r(calendar);
    if (written)
        buf_append(out, written, strlen(written));
    icalcomponent_free(calendar);
    bool done = written && !out->failed;
    free(written);
    return done;
}
