/* See events_domain_clash.h: a clash in words. It must not know how clashes are found. */
#include <stdarg.h>
#include <stdio.h>

#include "services/events/events_domain_clash.h"

/* Texts one after the other in the caller's memory. */
struct sheet {
    char *at;
    size_t room;
};

static struct text __attribute__((format(printf, 2, 3)))
say(struct sheet *sheet, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(sheet->at, sheet->room, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sheet->room) {
        text_trim_cut(sheet->at);
        len = (int)strlen(sheet->at);
    }
    struct text said = {sheet->at, (uint32_t)len};
    sheet->at += len;
    sheet->room -= (size_t)len;
    return said;
}

/* Days where the event's sessions are days. */
static struct span_when
span_of(const struct events_clash_case *asked, const struct events_slot *slot)
{
    if (!asked->slots->dates)
        return (struct span_when){true, {false, slot->start_ms}, {false, slot->end_ms}};
    date_day first = date_of_time(slot->local_start_ms),
             last = date_of_time(slot->local_end_ms - 1);
    return (struct span_when){true,
                              {true, first * DATE_DAY_MS},
                              {true, (last < first ? first : last) * DATE_DAY_MS}};
}

static const char *
ordinal(int quarter)
{
    static const char *const words[] = {"first", "second", "third", "fourth"};
    return words[quarter % 4];
}

static struct text
explain(const struct events_clash_case *asked, const struct events_clash *clash,
        struct sheet *sheet)
{
    struct span_when span = span_of(asked, &clash->both);
    char start[TIME_TEXT_MAX], end[TIME_TEXT_MAX];
    when_print(span.start, start);
    when_print(span.end, end);
    switch (clash->rule) {
    case CLASH_HOST_DOUBLE:
        return say(sheet, "%.*s hosts %.*s with people present at the same time, from %s to %s",
                   TEXT_ARG(clash->party), TEXT_ARG(clash->id), start, end);
    case CLASH_AREA_DOUBLE:
        return say(
            sheet,
            "%.*s, hosted by %.*s, is of the same area, %.*s, at the same time, from %s to %s",
            TEXT_ARG(clash->id), TEXT_ARG(clash->party), TEXT_ARG(asked->event->area), start, end);
    case CLASH_GOVERNING_BODY:
        if (events_rules_governing(asked->rules, clash->name, TEXT_NONE))
            return say(sheet, "a governing body meets at the same time: %.*s (%.*s), from %s to %s",
                       TEXT_ARG(clash->id), TEXT_ARG(clash->name), start, end);
        return say(sheet,
                   "%.*s, hosted by %.*s, is at the same time as this meeting of a governing body, "
                   "from %s to %s",
                   TEXT_ARG(clash->id), TEXT_ARG(clash->party), start, end);
    case CLASH_DELEGATE_DOUBLE:
        return say(sheet,
                   "a delegate of %.*s is registered for %.*s at the same time, from %s to %s",
                   TEXT_ARG(clash->party), TEXT_ARG(clash->id), start, end);
    case CLASH_OUTSIDE_CALENDAR:
        return say(sheet, "%.*s (calendar %.*s) is at the same time, from %s to %s",
                   TEXT_ARG(clash->name), TEXT_ARG(clash->id), start, end);
    case CLASH_SHORT_NOTICE:
        if (clash->number < 0)
            return say(sheet, "it begins on a day that is past, %s", start);
        return say(sheet, "it begins in %lld days, %s, and the notice is %lld days",
                   (long long)clash->number, start,
                   (long long)asked->rules->items[CLASH_SHORT_NOTICE].days);
    case CLASH_AREA_CROWDED: {
        int quarter = events_agenda_quarter(clash->both.local_start_ms);
        return say(sheet,
                   "with it the area %.*s has %lld events in the %s quarter of %d, more than %lld",
                   TEXT_ARG(clash->id), (long long)clash->number, ordinal(quarter), quarter / 4,
                   (long long)asked->rules->items[CLASH_AREA_CROWDED].count);
    }
    default: return say(sheet, "they are at the same time");
    }
}

struct text
events_clash_say(const struct events_clash_case *asked, const struct events_clash *clash,
                 char *text)
{
    struct sheet sheet = {text, EVENTS_CLASH_TEXT};
    return explain(asked, clash, &sheet);
}

void
events_clash_explain(const struct events_clash_case *asked, const struct events_clash *clash,
                     struct clash *out, char *text)
{
    struct sheet sheet = {text, EVENTS_CLASH_TEXT};
    schema_init(&clash_schema, out);
    out->present = true;
    out->rule = (int)clash->rule;
    out->severity = (int)clash->severity;
    out->with = (struct clash_with){true, (int)clash->kind, clash->id};
    out->span = span_of(asked, &clash->both);
    out->party = clash->party;
    out->explanation = explain(asked, clash, &sheet);
    int days = events_clash_shift(asked, clash);
    bool online = clash->rule == CLASH_HOST_DOUBLE;
    if (!days && !online)
        return;
    char begin[DATE_TEXT_MAX];
    date_print(date_of_time(asked->slots->items[0].local_start_ms) + days, begin);
    out->change.present = true;
    if (days) {
        out->change.days = days;
        out->repair = say(&sheet, "%sbegin on %s%s", online ? "hold it online, or " : "", begin,
                          clash->rule == CLASH_SHORT_NOTICE ? " or later" : "");
    } else {
        out->repair = say(&sheet, "hold it online");
    }
    if (online)
        out->change.format = FORMAT_ONLINE;
}
