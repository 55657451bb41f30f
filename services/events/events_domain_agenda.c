/* See events_domain_agenda.h: sessions as spans, quarters, and the lines of agendas.
 * It must not know clocks, stores or messages on the wire. */
#include "services/events/events_domain_agenda.h"

#include <endian.h>
#include <string.h>

#include "services/events/events_domain.h"

/* ---- slots ----------------------------------------------------------------------------------- */

void
events_agenda_slots(const struct event *event, const struct zone *zone, struct events_slots *out)
{
    out->count = 0;
    out->dates = event->sessions.count && event->sessions.items[0].start.is_date;
    for (uint32_t i = 0; i < event->sessions.count && i < EVENTS_SLOTS_MAX; i++) {
        const struct span_when *session = &event->sessions.items[i];
        struct events_slot *slot = &out->items[out->count++];
        int64_t start_ms = session->start.ms, end_ms = when_end_ms(session->end);
        if (session->start.is_date)
            *slot = (struct events_slot){zone_utc(zone, start_ms), zone_utc(zone, end_ms), start_ms,
                                         end_ms};
        else
            *slot = (struct events_slot){start_ms, end_ms, zone_local(zone, start_ms),
                                         zone_local(zone, end_ms)};
    }
}

struct events_slot
events_agenda_later(const struct events_slot *slot, int days, const struct zone *zone)
{
    int64_t start_ms = slot->local_start_ms + days * DATE_DAY_MS;
    int64_t end_ms = slot->local_end_ms + days * DATE_DAY_MS;
    return (struct events_slot){zone_utc(zone, start_ms), zone_utc(zone, end_ms), start_ms, end_ms};
}

/* ---- quarters -------------------------------------------------------------------------------- */

int
events_agenda_quarter(int64_t ms)
{
    int year, month, mday;
    date_civil(date_of_time(ms), &year, &month, &mday);
    return year * 4 + (month - 1) / 3;
}

int64_t
events_agenda_quarter_start(int quarter)
{
    return date_of_civil(quarter / 4, quarter % 4 * 3 + 1, 1) * DATE_DAY_MS;
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

unsigned
events_agenda_quarters(const struct events_slots *slots, int out[EVENTS_QUARTERS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < slots->count; i++) {
        const struct events_slot *slot = &slots->items[i];
        int first = events_agenda_quarter(least(slot->start_ms, slot->local_start_ms));
        int last = events_agenda_quarter(most(slot->end_ms, slot->local_end_ms) - 1);
        for (int quarter = first; quarter <= last && count < EVENTS_QUARTERS_MAX; quarter++) {
            bool there = false;
            for (unsigned k = 0; k < count && !there; k++)
                there = out[k] == quarter;
            if (!there)
                out[count++] = quarter;
        }
    }
    return count;
}

static char *
append(char *at, struct text text)
{
    if (text.len)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

void
events_agenda_id(const char *scope, struct text name, int quarter, char out[EVENTS_AGENDA_ID_MAX])
{
    char year[TEXT_NUMBER_MAX], *at = out;
    at = append(at, text_of(scope));
    *at++ = '.';
    at = append(at, name);
    *at++ = '.';
    at = append(at, (struct text){year, (uint32_t)text_number(quarter / 4, year)});
    *at++ = '-';
    *at++ = (char)('1' + quarter % 4);
    *at = '\0';
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Takes what stands before the next blank. */
static struct text
take_word(struct text *rest)
{
    const char *blank = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
    struct text word = {rest->ptr, blank ? (uint32_t)(blank - rest->ptr) : rest->len};
    uint32_t taken = word.len + (blank != NULL);
    *rest = (struct text){rest->ptr + taken, rest->len - taken};
    return word;
}

/* The number of up to eight digits that end with the word's last byte, all at once: each byte, then
 * each pair, then each four become one number. */
static int64_t
number_of(uint64_t word)
{
    word = (word & UINT64_C(0x0f0f0f0f0f0f0f0f)) * 2561 >> 8;
    word = (word & UINT64_C(0x00ff00ff00ff00ff)) * 6553601 >> 16;
    return (int64_t)((word & UINT64_C(0x0000ffff0000ffff)) * UINT64_C(42949672960001) >> 32);
}

/* How many bytes from the first on are digits, up to eight. */
static unsigned
digits_of(uint64_t word)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), six = UINT64_C(0x0606060606060606);
    uint64_t other = ((word & high) ^ UINT64_C(0x3030303030303030)) |
                     (((word & ~high) + six) & UINT64_C(0x1010101010101010));
    return other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
}

/* Digits up to `end`, at most 18; behind them stands what is none. */
static const char *
take_digits(const char *at, const char *end, int64_t *out)
{
    static const int64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    const char *most = end - at > 18 ? at + 18 : end;
    int64_t value = 0;
    for (; most - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word = le64toh(word);
        unsigned count = digits_of(word);
        if (count == 0)
            break;
        if (count < 8) {
            value = value * tens[count] + number_of(word << (64 - 8 * count));
            at += count;
            break;
        }
        value = value * 100000000 + number_of(word);
    }
    for (; at < most && (unsigned char)(*at - '0') < 10; at++)
        value = value * 10 + (*at - '0');
    *out = value;
    return at;
}

/* At most 18 digits, behind a minus or not, and the blank behind them. */
static bool
take_ms(struct text *rest, int64_t *out)
{
    const char *at = rest->ptr, *end = at + rest->len;
    bool minus = at < end && *at == '-';
    const char *first = at + minus;
    at = take_digits(first, end, out);
    if (at == first || at == end || *at != ' ')
        return false;
    *out = minus ? -*out : *out;
    *rest = (struct text){at + 1, (uint32_t)(end - at - 1)};
    return true;
}

bool
events_agenda_next_span(struct text *lines, struct events_booking *out)
{
    while (lines->len) {
        const char *end = memchr(lines->ptr, '\n', lines->len);
        struct text line = {lines->ptr, end ? (uint32_t)(end - lines->ptr) : lines->len};
        uint32_t taken = line.len + (end != NULL);
        *lines = (struct text){lines->ptr + taken, lines->len - taken};
        if (!take_ms(&line, &out->start_ms) || !take_ms(&line, &out->end_ms))
            continue;
        if (line.len < 2 || *line.ptr == ' ' || line.ptr[1] != ' ')
            continue;
        out->mark = *line.ptr;
        out->words = (struct text){line.ptr + 2, line.len - 2};
        return true;
    }
    return false;
}

bool
events_agenda_words(struct events_booking *booking)
{
    struct text rest = booking->words;
    booking->who = take_word(&rest);
    booking->what = take_word(&rest);
    booking->name = rest;
    return booking->who.len && booking->what.len;
}

bool
events_agenda_next(struct text *lines, struct events_booking *out)
{
    while (events_agenda_next_span(lines, out))
        if (events_agenda_words(out))
            return true;
    return false;
}

void
events_agenda_put(struct buf *lines, const struct events_booking *booking)
{
    char start[TEXT_NUMBER_MAX], end[TEXT_NUMBER_MAX];
    const struct text parts[] = {{start, (uint32_t)text_number(booking->start_ms, start)},
                                 {end, (uint32_t)text_number(booking->end_ms, end)},
                                 {&booking->mark, 1},
                                 booking->who,
                                 booking->what,
                                 booking->name};
    const size_t count = sizeof parts / sizeof *parts;
    for (size_t i = 0; i < count; i++) {
        buf_append(lines, parts[i].ptr, parts[i].len);
        buf_append(lines, i + 1 < count ? " " : "\n", 1);
    }
}

void
events_agenda_without(struct text lines, struct text event, struct buf *out)
{
    struct events_booking booking;
    while (events_agenda_next(&lines, &booking))
        if (!text_equal(booking.name, event))
            events_agenda_put(out, &booking);
}

void
events_agenda_split(struct text lines, struct text calendar, struct buf *own, struct buf *others)
{
    struct events_booking booking;
    while (events_agenda_next(&lines, &booking))
        events_agenda_put(text_equal(booking.what, calendar) ? own : others, &booking);
}

void
events_agenda_lines(const struct event *event, const struct events_slots *slots, int quarter,
                    struct buf *out)
{
    static const char marks[] = {
        [FORMAT_ONLINE] = 'o', [FORMAT_IN_PERSON] = 'p', [FORMAT_HYBRID] = 'h'};
    bool counted = false;
    for (unsigned i = 0; i < slots->count; i++) {
        const struct events_slot *slot = &slots->items[i];
        if (events_agenda_quarter(least(slot->start_ms, slot->local_start_ms)) > quarter ||
            events_agenda_quarter(most(slot->end_ms, slot->local_end_ms) - 1) < quarter)
            continue;
        char mark = event->format ? marks[event->format] : 'p';
        if (!counted && events_agenda_quarter(slot->local_start_ms) == quarter) {
            counted = true;
            mark = (char)(mark - 'a' + 'A');
        }
        struct events_booking booking = {.start_ms = slot->start_ms,
                                         .end_ms = slot->end_ms,
                                         .mark = mark,
                                         .who = event->host,
                                         .what = event->kind,
                                         .name = event->id};
        events_agenda_put(out, &booking);
    }
}
