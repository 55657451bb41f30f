/* See events_domain_clash.h: a clash in words. It must not know how clashes are found. */
#include "services/events/events_domain_clash.h"

/* Texts one after the other in the caller's memory. */
struct sheet {
    char *at;
    size_t room;
};

/* Joins the texts up to an absent one; what does not fit is cut. printf would cost the most of a
 * clash. */
static struct text
say(struct sheet *sheet, const struct text *parts)
{
    struct text said = {sheet->at, 0};
    for (; parts->ptr; parts++) {
        uint32_t len = parts->len < sheet->room ? parts->len : (uint32_t)sheet->room;
        memcpy(sheet->at, parts->ptr, len);
        sheet->at += len;
        sheet->room -= len;
        said.len += len;
    }
    return said;
}
#define SAY(sheet, ...) say(sheet, (const struct text[]){__VA_ARGS__, TEXT_NONE})
#define T(literal) TEXT_LITERAL(literal)

static struct text
number(int64_t value, char out[TEXT_NUMBER_MAX])
{
    return (struct text){out, (uint32_t)text_number(value, out)};
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

static struct text
ordinal(int quarter)
{
    static const char *const words[] = {"first", "second", "third", "fourth"};
    return text_of(words[quarter % 4]);
}

/* ", from 2021-07-13 to 2021-07-15" behind what is at the same time. */
static struct text
explain_overlap(const struct events_clash_case *asked, const struct events_clash *clash,
                struct sheet *sheet, struct text from, struct text to)
{
    struct text same = T(" at the same time, from "), until = T(" to ");
    switch (clash->rule) {
    case CLASH_HOST_DOUBLE:
        return SAY(sheet, clash->party, T(" hosts "), clash->id, T(" with people present"), same,
                   from, until, to);
    case CLASH_AREA_DOUBLE:
        return SAY(sheet, clash->id, T(", hosted by "), clash->party, T(", is of the same area, "),
                   asked->event->area, T(","), same, from, until, to);
    case CLASH_GOVERNING_BODY:
        if (events_rules_governing(asked->rules, clash->name, TEXT_NONE))
            return SAY(sheet, T("a governing body meets at the same time: "), clash->id, T(" ("),
                       clash->name, T("), from "), from, until, to);
        return SAY(sheet, clash->id, T(", hosted by "), clash->party,
                   T(", is at the same time as this meeting of a governing body, from "), from,
                   until, to);
    case CLASH_DELEGATE_DOUBLE:
        return SAY(sheet, T("a delegate of "), clash->party, T(" is registered for "), clash->id,
                   same, from, until, to);
    default:
        return SAY(sheet, clash->name, T(" (calendar "), clash->id, T(") is"), same, from, until,
                   to);
    }
}

static struct text
explain(const struct events_clash_case *asked, const struct events_clash *clash,
        struct sheet *sheet)
{
    struct span_when span = span_of(asked, &clash->both);
    char start[TIME_TEXT_MAX], end[TIME_TEXT_MAX], digits[3][TEXT_NUMBER_MAX];
    when_print(span.start, start);
    if (clash->rule == CLASH_SHORT_NOTICE && clash->number < 0)
        return SAY(sheet, T("it begins on a day that is past, "), text_of(start));
    if (clash->rule == CLASH_SHORT_NOTICE)
        return SAY(sheet, T("it begins in "), number(clash->number, digits[0]), T(" days, "),
                   text_of(start), T(", and the notice is "),
                   number(asked->rules->items[CLASH_SHORT_NOTICE].days, digits[1]), T(" days"));
    if (clash->rule == CLASH_AREA_CROWDED) {
        int quarter = events_agenda_quarter(clash->both.local_start_ms);
        return SAY(sheet, T("with it the area "), clash->id, T(" has "),
                   number(clash->number, digits[0]), T(" events in the "), ordinal(quarter),
                   T(" quarter of "), number(quarter / 4, digits[1]), T(", more than "),
                   number(asked->rules->items[CLASH_AREA_CROWDED].count, digits[2]));
    }
    when_print(span.end, end);
    return explain_overlap(asked, clash, sheet, text_of(start), text_of(end));
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
        out->repair =
            SAY(&sheet, online ? T("hold it online, or begin on ") : T("begin on "), text_of(begin),
                clash->rule == CLASH_SHORT_NOTICE ? T(" or later") : T(""));
    } else {
        out->repair = SAY(&sheet, T("hold it online"));
    }
    if (online)
        out->change.format = FORMAT_ONLINE;
}
