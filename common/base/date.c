/* See date.h. The day arithmetic is the well-known era method on the proleptic Gregorian calendar.
 */
#include "common/base/date.h"

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND INT64_C(253402300799)

static bool
digits(const char *s, unsigned count, int *out)
{
    int value = 0;
    for (unsigned i = 0; i < count; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        value = value * 10 + (s[i] - '0');
    }
    *out = value;
    return true;
}

static int
days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

date_day
date_of_civil(int year, int month, int mday)
{
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    int yoe = year - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void
date_civil(date_day day, int *year, int *month, int *mday)
{
    int z = day + 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int doe = z - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    *mday = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 + (*month <= 2);
}

bool
date_parse(struct text t, date_day *out)
{
    int year, month, mday;
    if (!t.ptr || t.len != 10 || t.ptr[4] != '-' || t.ptr[7] != '-' || !digits(t.ptr, 4, &year) ||
        !digits(t.ptr + 5, 2, &month) || !digits(t.ptr + 8, 2, &mday))
        return false;
    if (year < 1 || month < 1 || month > 12 || mday < 1 || mday > days_in_month(year, month))
        return false;
    *out = date_of_civil(year, month, mday);
    return true;
}

/* Two digits, and what stands behind them; printf would cost as much as the rest of a record. */
static inline char *
put_two(char *at, int value, char behind)
{
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
    at[2] = behind;
    return at + 3;
}

void
date_print(date_day day, char out[DATE_TEXT_MAX])
{
    int year, month, mday;
    date_civil(day, &year, &month, &mday);
    put_two(out, year / 100 % 100, '-');
    put_two(put_two(put_two(out + 2, year % 100, '-'), month, '-'), mday, '\0');
}

/* The nearest instant of the years that can be printed. */
static int64_t
clamped(int64_t ms)
{
    if (ms < FIRST_SECOND * 1000)
        return FIRST_SECOND * 1000;
    return ms > LAST_SECOND * 1000 + 999 ? LAST_SECOND * 1000 + 999 : ms;
}

date_day
date_of_time(int64_t ms)
{
    ms = clamped(ms);
    int64_t day = ms / DATE_DAY_MS;
    if (ms % DATE_DAY_MS < 0)
        day--;
    return (date_day)day;
}

/* Parses "+05:30", "-00:00" or "Z" to its end; the offset comes in minutes. */
static bool
offset_parse(const char *s, uint32_t len, int *minutes)
{
    if (len == 1 && (*s == 'Z' || *s == 'z')) {
        *minutes = 0;
        return true;
    }
    int hour, minute;
    if (len != 6 || (*s != '+' && *s != '-') || s[3] != ':' || !digits(s + 1, 2, &hour) ||
        !digits(s + 4, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (*s == '-' ? -1 : 1) * (hour * 60 + minute);
    return true;
}

bool
time_parse(struct text t, int64_t *ms)
{
    date_day day;
    int hour, minute, second, offset, fraction = 0;
    if (!t.ptr || t.len < 20 || !date_parse((struct text){t.ptr, 10}, &day) ||
        (t.ptr[10] != 'T' && t.ptr[10] != 't') || t.ptr[13] != ':' || t.ptr[16] != ':' ||
        !digits(t.ptr + 11, 2, &hour) || !digits(t.ptr + 14, 2, &minute) ||
        !digits(t.ptr + 17, 2, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    uint32_t at = 19;
    if (t.ptr[at] == '.') {
        int scale = 100;
        uint32_t first = ++at;
        for (; at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9'; at++, scale /= 10)
            fraction += (t.ptr[at] - '0') * scale;
        if (at == first)
            return false;
    }
    if (at >= t.len || !offset_parse(t.ptr + at, t.len - at, &offset))
        return false;
    int64_t seconds = (int64_t)day * 86400 + hour * 3600 + minute * 60 + second - offset * 60;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
        return false; /* the offset or a leap second leads out of the years that can be printed */
    *ms = seconds * 1000 + fraction;
    return true;
}

void
time_print(int64_t ms, char out[TIME_TEXT_MAX])
{
    ms = clamped(ms);
    date_day day = date_of_time(ms);
    int rest = (int)(ms - day * DATE_DAY_MS);
    date_print(day, out);
    int seconds = rest / 1000, fraction = rest % 1000;
    char *at = out + DATE_TEXT_MAX - 1;
    *at++ = 'T';
    at = put_two(at, seconds / 3600 % 24, ':');
    at = put_two(at, seconds / 60 % 60, ':');
    at = put_two(at, seconds % 60, 'Z');
    if (fraction) {
        at[-1] = '.';
        at = put_two(at, fraction / 10, (char)('0' + fraction % 10));
        *at++ = 'Z';
    }
    *at = '\0';
}

bool
when_parse(struct text t, struct when *out)
{
    date_day day;
    if (date_parse(t, &day)) {
        *out = (struct when){true, day * DATE_DAY_MS};
        return true;
    }
    out->is_date = false;
    return time_parse(t, &out->ms);
}

void
when_print(struct when when, char out[TIME_TEXT_MAX])
{
    if (when.is_date)
        date_print(date_of_time(when.ms), out);
    else
        time_print(when.ms, out);
}

int64_t
when_end_ms(struct when end)
{
    return end.is_date ? end.ms + DATE_DAY_MS : end.ms;
}

/* Takes a number and its unit from a duration: one of `units` from number `*from` on, which is
 * moved behind it. Adds it to *ms. */
static bool
take_part(struct text t, uint32_t *at, const char *units, const int64_t *lengths, unsigned *from,
          int64_t *ms)
{
    int64_t number = 0;
    uint32_t first = *at;
    for (; *at < t.len && t.ptr[*at] >= '0' && t.ptr[*at] <= '9'; ++*at) {
        number = number * 10 + (t.ptr[*at] - '0');
        if (number > DURATION_MAX_MS / 1000)
            return false;
    }
    if (*at == first || *at == t.len)
        return false;
    while (units[*from] && units[*from] != t.ptr[*at])
        ++*from;
    if (!units[*from] || number > (DURATION_MAX_MS - *ms) / lengths[*from])
        return false;
    *ms += number * lengths[(*from)++];
    ++*at;
    return true;
}

bool
duration_parse(struct text t, int64_t *ms)
{
    static const int64_t week[] = {7 * DATE_DAY_MS}, day[] = {DATE_DAY_MS},
                         times[] = {3600000, 60000, 1000};
    uint32_t at = 1;
    unsigned taken = 0;
    *ms = 0;
    if (!t.ptr || t.len < 3 || t.ptr[0] != 'P')
        return false;
    if (t.ptr[t.len - 1] == 'W') /* stands alone */
        return take_part(t, &at, "W", week, &taken, ms) && at == t.len;
    if (t.ptr[at] != 'T' && !take_part(t, &at, "D", day, &taken, ms))
        return false;
    if (at == t.len)
        return true;
    if (t.ptr[at++] != 'T' || at == t.len)
        return false;
    for (taken = 0; at < t.len;)
        if (!take_part(t, &at, "HMS", times, &taken, ms))
            return false;
    return true;
}

bool
date_is_zone(struct text t)
{
    if (!t.ptr || t.len < 1 || t.len > 64)
        return false;
    char before = '/';
    for (uint32_t i = 0; i < t.len; i++) {
        char c = t.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool inner = letter || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+';
        if (c == '/' ? before == '/' : before == '/' ? !letter : !inner)
            return false;
        before = c;
    }
    return before != '/';
}
