/* See events_domain_clash.h: the rules, and what they find.
 * It must not know clocks, stores or messages on the wire. */
#include "services/events/events_domain_clash.h"

#define SHIFT_MAX 92
#define LOWER(mark) ((char)((mark) | 0x20))

/* ---- rules ----------------------------------------------------------------------------------- */

void
events_rules_of(const struct clash_rules *changed, struct events_rules *out)
{
    for (int name = CLASH_HOST_DOUBLE; name <= EVENTS_RULE_COUNT; name++) {
        struct clash_rule *rule = &out->items[name];
        rule->present = true;
        rule->rule = name;
        rule->severity = name == CLASH_HOST_DOUBLE ? CLASH_BLOCK : CLASH_WARN;
        rule->days = rule->count = INT_NONE;
        rule->kinds.count = 0;
        rule->rev = changed ? changed->rev : 0;
    }
    for (uint32_t i = 0; changed && i < changed->rules.count; i++) {
        const struct clash_rule *rule = &changed->rules.items[i];
        out->items[rule->rule] = *rule;
        out->items[rule->rule].rev = changed->rev;
    }
    const struct text kinds[] = {TEXT_LITERAL("summit"), TEXT_LITERAL("ministerial-meeting"),
                                 TEXT_LITERAL("soc-meeting"), TEXT_LITERAL("swg-meeting")};
    struct clash_rule *governing = &out->items[CLASH_GOVERNING_BODY];
    for (unsigned i = 0; i < 4 && governing->kinds.count == i; i++)
        governing->kinds.items[governing->kinds.count++] = kinds[i];
    if (out->items[CLASH_SHORT_NOTICE].days == INT_NONE)
        out->items[CLASH_SHORT_NOTICE].days = 14;
    if (out->items[CLASH_AREA_CROWDED].count == INT_NONE)
        out->items[CLASH_AREA_CROWDED].count = 4;
}

bool
events_rules_put(struct clash_rules *changed, const struct clash_rule *rule)
{
    uint32_t i = 0;
    while (i < changed->rules.count && changed->rules.items[i].rule != rule->rule)
        i++;
    struct clash_rule *at = &changed->rules.items[i];
    if (i == changed->rules.count) {
        changed->rules.count++;
        schema_init(&clash_rule_schema, at);
    }
    struct clash_rule next = *rule;
    next.present = true;
    next.rev = at->rev == INT_NONE ? 0 : at->rev;
    if (schema_same(&clash_rule_schema, at, &next))
        return false;
    *at = next;
    return true;
}

enum status
events_rules_check(const struct clash_rule *rule, struct error *error)
{
    if (rule->days != INT_NONE && rule->rule != CLASH_SHORT_NOTICE)
        return error_set(error, STATUS_INVALID_ARGUMENT, "days", "days: is of short-notice only");
    if (rule->count != INT_NONE && rule->rule != CLASH_AREA_CROWDED)
        return error_set(error, STATUS_INVALID_ARGUMENT, "count", "count: is of area-crowded only");
    if (rule->kinds.count && rule->rule != CLASH_GOVERNING_BODY)
        return error_set(error, STATUS_INVALID_ARGUMENT, "kinds",
                         "kinds: is of governing-body only");
    return STATUS_OK;
}

bool
events_rules_governing(const struct events_rules *rules, struct text kind, struct text area)
{
    const struct clash_rule *rule = &rules->items[CLASH_GOVERNING_BODY];
    for (uint32_t i = 0; !area.ptr && i < rule->kinds.count; i++)
        if (text_equal(rule->kinds.items[i], kind))
            return true;
    return false;
}

/* ---- books ----------------------------------------------------------------------------------- */

/* The same span as read from another quarter; NULL if there is none. */
static struct events_booking *
find_booking(const struct events_book *book, const struct events_booking *booking, int quarter)
{
    for (unsigned i = 0; i < book->count; i++) {
        struct events_booking *item = &book->items[i];
        if (item->quarter != quarter && item->start_ms == booking->start_ms &&
            item->end_ms == booking->end_ms && text_equal(item->words, booking->words))
            return item;
    }
    return NULL;
}

void
events_book_put(struct events_book *book, const struct events_booking *booking, int quarter)
{
    struct events_booking *same = NULL;
    if (book->count == book->cap)
        return;
    if (book->count && book->items[0].quarter != quarter &&
        (booking->start_ms < events_agenda_quarter_start(quarter) + DATE_DAY_MS ||
         booking->end_ms > events_agenda_quarter_start(quarter + 1) - DATE_DAY_MS))
        same = find_booking(book, booking, quarter);
    if (same && booking->mark >= 'a')
        return; /* it counts in the other quarter, or in none of these */
    struct events_booking *at = same ? same : &book->items[book->count++];
    *at = *booking;
    at->quarter = quarter;
}

void
events_book_add(struct events_book *book, struct text lines, int quarter)
{
    struct events_booking booking;
    while (events_agenda_next_span(&lines, &booking))
        events_book_put(book, &booking, quarter);
}

/* ---- what a rule looks at -------------------------------------------------------------------- */

/* The books of each rule, and which of their lines count. */
struct look {
    enum clash_rule_name rule;
    size_t book; /* offset in struct events_clash_case */
};
static const struct look looks[] = {
    {CLASH_HOST_DOUBLE, offsetof(struct events_clash_case, host)},
    {CLASH_AREA_DOUBLE, offsetof(struct events_clash_case, area)},
    {CLASH_GOVERNING_BODY, offsetof(struct events_clash_case, meetings)},
    {CLASH_GOVERNING_BODY, offsetof(struct events_clash_case, areas)},
    {CLASH_OUTSIDE_CALENDAR, offsetof(struct events_clash_case, outside)},
};
#define LOOK_COUNT (sizeof looks / sizeof *looks)

static const struct events_book *
book_of(const struct events_clash_case *asked, const struct look *look)
{
    return (const struct events_book *)((const char *)asked + look->book);
}

static enum clash_severity
severity_of(const struct events_clash_case *asked, const struct look *look,
            const struct events_booking *booking)
{
    if (look->rule == CLASH_OUTSIDE_CALENDAR)
        for (int i = CLASH_BLOCK; i <= CLASH_IGNORE; i++)
            if (text_is(booking->who, clash_severity_words[i - 1]))
                return (enum clash_severity)i;
    return (enum clash_severity)asked->rules->items[look->rule].severity;
}

static bool
is_own(const struct events_clash_case *asked, const struct events_booking *booking)
{
    return text_equal(booking->name, asked->event->id);
}

/* Takes its words apart, too. */
static bool
counts(const struct events_clash_case *asked, const struct look *look,
       struct events_booking *booking)
{
    if (!events_agenda_words(booking))
        return false;
    if (severity_of(asked, look, booking) == CLASH_IGNORE)
        return false;
    if (look->rule == CLASH_OUTSIDE_CALENDAR)
        return true;
    if (is_own(asked, booking))
        return false;
    if (look->rule == CLASH_HOST_DOUBLE)
        return LOWER(booking->mark) != 'o' && asked->event->format != FORMAT_ONLINE;
    if (look->book == offsetof(struct events_clash_case, meetings))
        return events_rules_governing(asked->rules, booking->what, TEXT_NONE);
    return true;
}

/* Days of an outside calendar are days wherever the event is. */
static bool
overlap(const struct events_slot *slot, const struct events_booking *booking)
{
    if (booking->mark == 'd')
        return slot->local_start_ms < booking->end_ms && booking->start_ms < slot->local_end_ms;
    return slot->start_ms < booking->end_ms && booking->start_ms < slot->end_ms;
}

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct events_slot
both_of(const struct events_slot *slot, const struct events_booking *booking,
        const struct zone *zone)
{
    struct events_slot both;
    if (booking->mark == 'd') {
        both.local_start_ms = later(slot->local_start_ms, booking->start_ms);
        both.local_end_ms = earlier(slot->local_end_ms, booking->end_ms);
        both.start_ms = zone_utc(zone, both.local_start_ms);
        both.end_ms = zone_utc(zone, both.local_end_ms);
    } else {
        both.start_ms = later(slot->start_ms, booking->start_ms);
        both.end_ms = earlier(slot->end_ms, booking->end_ms);
        both.local_start_ms = zone_local(zone, both.start_ms);
        both.local_end_ms = zone_local(zone, both.end_ms);
    }
    return both;
}

/* ---- finding --------------------------------------------------------------------------------- */

struct found {
    struct events_clash *items;
    unsigned count, max;
};

static void
add(struct found *found, const struct events_clash *clash)
{
    if (found->count < found->max)
        found->items[found->count] = *clash;
    found->count++;
}

static void
find_in_book(const struct events_clash_case *asked, const struct look *look, struct found *found)
{
    const struct events_book *book = book_of(asked, look);
    const struct events_slots *slots = asked->slots;
    for (unsigned i = 0; i < book->count; i++) {
        struct events_booking *booking = &book->items[i];
        unsigned k = 0;
        while (k < slots->count && !overlap(&slots->items[k], booking))
            k++;
        if (k == slots->count || !counts(asked, look, booking))
            continue;
        bool outside = look->rule == CLASH_OUTSIDE_CALENDAR;
        struct events_clash clash = {
            .rule = look->rule,
            .severity = severity_of(asked, look, booking),
            .kind = outside ? CLASH_WITH_CALENDAR : CLASH_WITH_EVENT,
            .id = outside ? booking->what : booking->name,
            .party = outside ? TEXT_NONE : booking->who,
            .name = outside ? booking->name : booking->what,
            .both = both_of(&slots->items[k], booking, asked->zone),
        };
        add(found, &clash);
    }
}

static void
find_delegates(const struct events_clash_case *asked, struct found *found)
{
    for (unsigned i = 0; i < asked->delegate_count; i++) {
        const struct events_delegate *delegate = &asked->delegates[i];
        struct events_booking booking = {.start_ms = delegate->start_ms,
                                         .end_ms = delegate->end_ms};
        for (unsigned k = 0; k < asked->slots->count; k++) {
            if (!overlap(&asked->slots->items[k], &booking))
                continue;
            struct events_clash clash = {
                .rule = CLASH_DELEGATE_DOUBLE,
                .severity =
                    (enum clash_severity)asked->rules->items[CLASH_DELEGATE_DOUBLE].severity,
                .kind = CLASH_WITH_EVENT,
                .id = delegate->event,
                .party = delegate->member,
                .both = both_of(&asked->slots->items[k], &booking, asked->zone),
            };
            add(found, &clash);
            break;
        }
    }
}

static void
find_notice(const struct events_clash_case *asked, struct found *found)
{
    const struct clash_rule *rule = &asked->rules->items[CLASH_SHORT_NOTICE];
    const struct events_slot *first = &asked->slots->items[0];
    int64_t days = date_of_time(first->local_start_ms) - asked->today;
    if (days >= rule->days)
        return;
    struct events_clash clash = {
        .rule = CLASH_SHORT_NOTICE,
        .severity = (enum clash_severity)rule->severity,
        .kind = CLASH_WITH_RULE,
        .id = text_of(clash_rule_name_words[CLASH_SHORT_NOTICE - 1]),
        .both = *first,
        .number = days,
    };
    add(found, &clash);
}

static void
find_crowd(const struct events_clash_case *asked, struct found *found)
{
    const struct clash_rule *rule = &asked->rules->items[CLASH_AREA_CROWDED];
    const struct events_slots *slots = asked->slots;
    int last = -1;
    for (unsigned i = 0; asked->event->area.ptr && i < slots->count; i++) {
        int quarter = events_agenda_quarter(slots->items[i].local_start_ms);
        if (quarter == last)
            continue; /* sessions are in order */
        last = quarter;
        int64_t number = 1;
        for (unsigned k = 0; k < asked->area.count; k++) {
            struct events_booking *booking = &asked->area.items[k];
            number += booking->quarter == quarter && booking->mark < 'a' &&
                      events_agenda_words(booking) && !is_own(asked, booking);
        }
        if (number <= rule->count)
            continue;
        int64_t start_ms = events_agenda_quarter_start(quarter);
        int64_t end_ms = events_agenda_quarter_start(quarter + 1);
        struct events_clash clash = {
            .rule = CLASH_AREA_CROWDED,
            .severity = (enum clash_severity)rule->severity,
            .kind = CLASH_WITH_AREA,
            .id = asked->event->area,
            .both = {zone_utc(asked->zone, start_ms), zone_utc(asked->zone, end_ms), start_ms,
                     end_ms},
            .number = number,
        };
        add(found, &clash);
    }
}

unsigned
events_clash_find(const struct events_clash_case *asked, struct events_clash *out, unsigned max)
{
    const struct clash_rule *rules = asked->rules->items;
    struct found found = {out, 0, max};
    if (!asked->slots->count)
        return 0;
    for (size_t i = 0; i < LOOK_COUNT; i++)
        find_in_book(asked, &looks[i], &found);
    if (rules[CLASH_DELEGATE_DOUBLE].severity != CLASH_IGNORE)
        find_delegates(asked, &found);
    if (rules[CLASH_SHORT_NOTICE].severity != CLASH_IGNORE)
        find_notice(asked, &found);
    if (rules[CLASH_AREA_CROWDED].severity != CLASH_IGNORE)
        find_crowd(asked, &found);
    return found.count;
}

/* ---- the smallest change --------------------------------------------------------------------- */

/* Whether the rule finds something in its books with the sessions so many days later. */
static bool
finds(const struct events_clash_case *asked, enum clash_rule_name rule,
      const struct events_slots *moved)
{
    for (size_t i = 0; i < LOOK_COUNT; i++) {
        const struct events_book *book = book_of(asked, &looks[i]);
        for (unsigned k = 0; looks[i].rule == rule && k < book->count; k++)
            for (unsigned s = 0; s < moved->count; s++)
                if (overlap(&moved->items[s], &book->items[k]) &&
                    counts(asked, &looks[i], &book->items[k]))
                    return true;
    }
    return false;
}

static bool
finds_delegates(const struct events_clash_case *asked, const struct events_slots *moved)
{
    for (unsigned i = 0; i < asked->delegate_count; i++)
        for (unsigned s = 0; s < moved->count; s++)
            if (moved->items[s].start_ms < asked->delegates[i].end_ms &&
                asked->delegates[i].start_ms < moved->items[s].end_ms)
                return true;
    return false;
}

static bool
clears(const struct events_clash_case *asked, enum clash_rule_name rule, int days)
{
    struct events_slots moved = {.count = asked->slots->count};
    for (unsigned i = 0; i < moved.count; i++)
        moved.items[i] = events_agenda_later(&asked->slots->items[i], days, asked->zone);
    return rule == CLASH_DELEGATE_DOUBLE ? !finds_delegates(asked, &moved)
                                         : !finds(asked, rule, &moved);
}

int
events_clash_shift(const struct events_clash_case *asked, const struct events_clash *clash)
{
    date_day first = date_of_time(asked->slots->items[0].local_start_ms);
    if (clash->rule == CLASH_SHORT_NOTICE)
        return (int)(asked->rules->items[CLASH_SHORT_NOTICE].days - clash->number);
    if (clash->rule == CLASH_AREA_CROWDED)
        return (int)(clash->both.local_end_ms / DATE_DAY_MS - first);
    for (int days = 1; days <= SHIFT_MAX; days++) {
        if (clears(asked, clash->rule, days))
            return days;
        if ((first < asked->today || first - days >= asked->today) &&
            clears(asked, clash->rule, -days))
            return -days;
    }
    return 0;
}
