/* See zone.h. It must not know events or calendars. */
#include "common/base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/date.h"

/* A file is twice "header, data", first with times of 4 bytes, then with times of 8, and a footer
 * "\n<rule>\n". Only the second part is used. The data:
 *
 *   times[timecnt] 8 · types[timecnt] 1 · ttinfo[typecnt] {offset 4, is_dst 1, name 1} · names · …
 */
#define HEADER_LEN 44
#define TTINFO_LEN 6
#define FILE_MAX ((size_t)64 * 1024)

/* A turn of the yearly rule: the week-th (5: the last) weekday of a month, at a time of that day.
 */
struct turn {
    int month, week, weekday;
    int32_t time_s;
};

struct zone {
    uint32_t time_count, type_count, names_len;
    const uint8_t *times, *types, *ttinfos;
    const char *names;
    bool goes_on;               /* by a rule, after the last of the times */
    int32_t winter_s, summer_s; /* the rule, if it does */
    struct turn to_summer, to_winter;
    uint8_t data[];
};

static uint32_t
read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t
time_at(const struct zone *zone, uint32_t index)
{
    const uint8_t *at = zone->times + (size_t)index * 8;
    return (int64_t)((uint64_t)read_u32(at) << 32 | read_u32(at + 4));
}

/* The counts of a header, in its order. */
enum count { ISUT, ISSTD, LEAP, TIMES, TYPES, NAMES, COUNTS };

/* Reads a header, whose data has times of `time_len` bytes; the length of both, 0 if they do not
 * fit. */
static size_t
read_header(const uint8_t *data, size_t len, size_t time_len, uint32_t counts[COUNTS])
{
    if (len < HEADER_LEN || memcmp(data, "TZif", 4) != 0)
        return 0;
    for (unsigned i = 0; i < COUNTS; i++) {
        counts[i] = read_u32(data + 20 + (size_t)i * 4);
        if (counts[i] > FILE_MAX)
            return 0;
    }
    size_t all = HEADER_LEN + counts[TIMES] * (time_len + 1) + (size_t)counts[TYPES] * TTINFO_LEN +
                 counts[NAMES] + counts[LEAP] * (time_len + 4) + counts[ISSTD] + counts[ISUT];
    return all <= len ? all : 0;
}

/* Whether what the arrays point to is there, and the times are in order. */
static bool
sound(const struct zone *zone)
{
    if (!zone->type_count || !zone->names_len || zone->names[zone->names_len - 1])
        return false;
    for (uint32_t i = 0; i < zone->type_count; i++) {
        const uint8_t *ttinfo = zone->ttinfos + (size_t)i * TTINFO_LEN;
        int32_t offset = (int32_t)read_u32(ttinfo);
        if (ttinfo[5] >= zone->names_len || offset < -86399 || offset > 86399)
            return false;
    }
    for (uint32_t i = 0; i < zone->time_count; i++)
        if (zone->types[i] >= zone->type_count || (i && time_at(zone, i - 1) >= time_at(zone, i)))
            return false;
    return true;
}

/* ---- the yearly rule: "EET-2EEST,M3.4.4/50,M10.4.4/50" (RFC 9636, POSIX TZ)
 * ----------------------- */

static bool
take(struct text *rest, char c)
{
    if (!rest->len || *rest->ptr != c)
        return false;
    *rest = (struct text){rest->ptr + 1, rest->len - 1};
    return true;
}

static bool
take_number(struct text *rest, int most, int *out)
{
    uint32_t len = 0;
    for (*out = 0; len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9' && len < 4;
         len++)
        *out = *out * 10 + (rest->ptr[len] - '0');
    *rest = (struct text){rest->ptr + len, rest->len - len};
    return len && *out <= most;
}

/* "EET" or "<+03>". */
static bool
take_name(struct text *rest)
{
    bool quoted = take(rest, '<');
    uint32_t len = 0;
    while (len < rest->len &&
           (quoted ? rest->ptr[len] != '>'
                   : (rest->ptr[len] | 32) >= 'a' && (rest->ptr[len] | 32) <= 'z'))
        len++;
    *rest = (struct text){rest->ptr + len, rest->len - len};
    return len && (!quoted || take(rest, '>'));
}

/* "-2", "3:30", "26:15:00". */
static bool
take_time(struct text *rest, int32_t *out)
{
    bool minus = take(rest, '-');
    int hours, minutes = 0, seconds = 0;
    if ((!minus && take(rest, '+')) || !take_number(rest, 167, &hours))
        return false;
    if (take(rest, ':') && !take_number(rest, 59, &minutes))
        return false;
    if (take(rest, ':') && !take_number(rest, 59, &seconds))
        return false;
    *out = (hours * 3600 + minutes * 60 + seconds) * (minus ? -1 : 1);
    return true;
}

static bool
take_turn(struct text *rest, struct turn *out)
{
    out->time_s = 7200;
    return take(rest, ',') && take(rest, 'M') && take_number(rest, 12, &out->month) &&
           out->month > 0 && take(rest, '.') && take_number(rest, 5, &out->week) && out->week > 0 &&
           take(rest, '.') && take_number(rest, 6, &out->weekday) &&
           (!take(rest, '/') || take_time(rest, &out->time_s));
}

static bool
take_rule(struct zone *zone, struct text rest)
{
    int32_t west;
    if (!take(&rest, '\n') || !take_name(&rest) || !take_time(&rest, &west))
        return false;
    zone->winter_s = -west;
    zone->summer_s = 3600 - west;
    if (!take_name(&rest))
        return false;
    if (rest.len && *rest.ptr != ',') {
        if (!take_time(&rest, &west))
            return false;
        zone->summer_s = -west;
    }
    return take_turn(&rest, &zone->to_summer) && take_turn(&rest, &zone->to_winter);
}

/* When a turn comes, on a clock that does not know of it. */
static int64_t
turn_s(const struct turn *turn, int year)
{
    date_day day = date_of_civil(year, turn->month, 1);
    int64_t last = turn->month == 12 ? 31 : date_of_civil(year, turn->month + 1, 1) - day;
    int64_t weekday = ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t ahead = (turn->weekday - weekday + 7) % 7 + (turn->week - 1) * 7;
    while (ahead >= last)
        ahead -= 7;
    return (day + ahead) * (DATE_DAY_MS / 1000) + turn->time_s;
}

static int32_t
offset_by_rule(const struct zone *zone, int64_t at_s)
{
    int year, month, mday;
    date_civil(date_of_time((at_s + zone->winter_s) * 1000), &year, &month, &mday);
    int64_t summer = turn_s(&zone->to_summer, year) - zone->winter_s;
    int64_t winter = turn_s(&zone->to_winter, year) - zone->summer_s;
    bool is_summer =
        summer < winter ? at_s >= summer && at_s < winter : at_s >= summer || at_s < winter;
    return is_summer ? zone->summer_s : zone->winter_s;
}

/* ---- files ------------------------------------------------------------------------------------
 */

struct zone *
zone_new(const void *data, size_t len)
{
    uint32_t counts[COUNTS];
    size_t first = read_header(data, len, 4, counts);
    size_t second = first ? read_header((const uint8_t *)data + first, len - first, 8, counts) : 0;
    if (!second)
        return NULL;
    const uint8_t *from = (const uint8_t *)data + first;
    size_t rest = len - first;
    struct zone *zone = malloc(sizeof *zone + rest);
    if (!zone)
        return NULL;
    memcpy(zone->data, from, rest);
    zone->time_count = counts[TIMES];
    zone->type_count = counts[TYPES];
    zone->names_len = counts[NAMES];
    zone->times = zone->data + HEADER_LEN;
    zone->types = zone->times + (size_t)counts[TIMES] * 8;
    zone->ttinfos = zone->types + counts[TIMES];
    zone->names = (const char *)zone->ttinfos + (size_t)counts[TYPES] * TTINFO_LEN;
    /* "\nCET-1CEST,M3.5.0,M10.5.0/3\n": only a rule with daylight saving has a comma */
    zone->goes_on = rest > second && memchr(zone->data + second, ',', rest - second);
    struct text rule = {(const char *)zone->data + second, (uint32_t)(rest - second)};
    if (!sound(zone) || (zone->goes_on && !take_rule(zone, rule)))
        zone_destroy(&zone);
    return zone;
}

struct zone *
zone_open(struct text name)
{
    /* tzdata's own names begin with a capital; "right/…", "posixrules" and the like do not */
    if (!date_is_zone(name) || name.ptr[0] < 'A' || name.ptr[0] > 'Z')
        return NULL;
    char path[sizeof ZONE_DIRECTORY + 80];
    snprintf(path, sizeof path, ZONE_DIRECTORY "/%.*s", TEXT_ARG(name));
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    struct zone *zone = NULL;
    uint8_t *data = malloc(FILE_MAX);
    if (data)
        zone = zone_new(data, fread(data, 1, FILE_MAX, file));
    free(data);
    fclose(file);
    return zone;
}

void
zone_destroy(struct zone **zone)
{
    free(*zone);
    *zone = NULL;
}

/* What holds after `count` of the times. */
static const uint8_t *
ttinfo_after(const struct zone *zone, uint32_t count)
{
    return zone->ttinfos + (size_t)(count ? zone->types[count - 1] : 0) * TTINFO_LEN;
}

/* Whether nothing changes at a time: some are only kept for old readers. */
static bool
idle(const struct zone *zone, uint32_t index)
{
    return memcmp(ttinfo_after(zone, index), ttinfo_after(zone, index + 1), TTINFO_LEN) == 0;
}

bool
zone_at(const struct zone *zone, int64_t at_s, struct zone_span *out)
{
    uint32_t low = 0, high = zone->time_count; /* how many times are at or before the instant */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (time_at(zone, middle) <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->time_count && zone->goes_on)
        return false;
    high = low;
    while (low && idle(zone, low - 1))
        low--;
    while (high < zone->time_count && idle(zone, high))
        high++;
    const uint8_t *ttinfo = ttinfo_after(zone, low);
    *out = (struct zone_span){
        .since_s = low ? time_at(zone, low - 1) : INT64_MIN,
        .until_s = high < zone->time_count ? time_at(zone, high) : INT64_MAX,
        .offset_s = (int32_t)read_u32(ttinfo),
        .is_dst = ttinfo[4],
        .name = zone->names + ttinfo[5],
    };
    return true;
}

/* ---- clocks -----------------------------------------------------------------------------------
 */

/* In seconds; what holds at an instant. */
static int64_t
offset_at(const struct zone *zone, int64_t at_s)
{
    struct zone_span span;
    if (zone_at(zone, at_s, &span))
        return span.offset_s;
    return offset_by_rule(zone, at_s);
}

static int64_t
seconds_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

int64_t
zone_local(const struct zone *zone, int64_t utc_ms)
{
    return zone ? utc_ms + offset_at(zone, seconds_of(utc_ms)) * 1000 : utc_ms;
}

int64_t
zone_utc(const struct zone *zone, int64_t local_ms)
{
    if (!zone)
        return local_ms;
    int64_t local_s = seconds_of(local_ms), day_s = DATE_DAY_MS / 1000;
    int64_t before = offset_at(zone, local_s - day_s), after = offset_at(zone, local_s + day_s);
    bool is_after =
        offset_at(zone, local_s - before) != before && offset_at(zone, local_s - after) == after;
    return local_ms - (is_after ? after : before) * 1000;
}

/* ---- those that were asked for ----------------------------------------------------------------
 */

struct zone_set_item {
    char name[64 + 1];
    struct zone *zone; /* owned */
};

void
zone_set_fini(struct zone_set *zones)
{
    for (unsigned i = 0; i < zones->count; i++)
        zone_destroy(&zones->items[i].zone);
    free(zones->items);
    *zones = (struct zone_set){0};
}

const struct zone *
zone_set_get(struct zone_set *zones, struct text name)
{
    if (!name.ptr || name.len >= sizeof zones->items->name)
        return NULL;
    for (unsigned i = 0; i < zones->count; i++)
        if (text_is(name, zones->items[i].name))
            return zones->items[i].zone;
    struct zone *zone = zone_open(name);
    struct zone_set_item *grown =
        zone ? realloc(zones->items, (zones->count + 1) * sizeof *grown) : NULL;
    if (!grown) {
        zone_destroy(&zone);
        return NULL;
    }
    zones->items = grown;
    struct zone_set_item *item = &grown[zones->count++];
    snprintf(item->name, sizeof item->name, "%.*s", TEXT_ARG(name));
    return item->zone = zone;
}
