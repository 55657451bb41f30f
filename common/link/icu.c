/* What libical asks ICU for, and only where a rule recurs: ICU is loaded by the first of its calls,
 * not with the program, of which it would be a quarter of the memory. Linked with static libraries
 * only. It must not know why it is asked. */
#include <stddef.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>
#include <unicode/uvernum.h>

#include "common/base/library.h"

#define LIBRARY "libicui18n.so." U_ICU_VERSION_SHORT

/* Their names end with the version. */
#define NAMED(name) #name
#define NAME(name) NAMED(name)
#define ROW(member, name)                                                                          \
    {                                                                                              \
        NAME(name), offsetof(struct icu, member)                                                   \
    }

static struct icu {
    __typeof__(ucal_open) *open;
    __typeof__(ucal_close) *close;
    __typeof__(ucal_set) *set;
    __typeof__(ucal_get) *get;
    __typeof__(ucal_add) *add;
    __typeof__(ucal_getLimit) *limit;
    __typeof__(ucal_getMillis) *millis;
    __typeof__(ucal_setMillis) *set_millis;
    __typeof__(ucal_setDate) *set_date;
    __typeof__(ucal_setDateTime) *set_date_time;
    __typeof__(ucal_setAttribute) *set_attribute;
    __typeof__(ucal_getKeywordValuesForLocale) *values;
    __typeof__(uenum_next) *next;
    __typeof__(uenum_close) *end;
    __typeof__(uloc_setKeywordValue) *set_keyword;
    __typeof__(u_strFromUTF8Lenient) *from_utf8;
} icu;

static const struct library_function functions[] = {
    ROW(open, ucal_open),
    ROW(close, ucal_close),
    ROW(set, ucal_set),
    ROW(get, ucal_get),
    ROW(add, ucal_add),
    ROW(limit, ucal_getLimit),
    ROW(millis, ucal_getMillis),
    ROW(set_millis, ucal_setMillis),
    ROW(set_date, ucal_setDate),
    ROW(set_date_time, ucal_setDateTime),
    ROW(set_attribute, ucal_setAttribute),
    ROW(values, ucal_getKeywordValuesForLocale),
    ROW(next, uenum_next),
    ROW(end, uenum_close),
    ROW(set_keyword, uloc_setKeywordValue),
    ROW(from_utf8, u_strFromUTF8Lenient),
};

/* Those that need nothing of ICU's yet come first, and fail where it cannot be loaded. */
static bool
load(UErrorCode *status)
{
    if (icu.open || !library_load(LIBRARY, functions, sizeof functions / sizeof *functions, &icu))
        return true;
    *status = U_UNSUPPORTED_ERROR;
    return false;
}

UCalendar *
ucal_open(const UChar *zone, int32_t len, const char *locale, UCalendarType type,
          UErrorCode *status)
{
    return load(status) ? icu.open(zone, len, locale, type, status) : NULL;
}

UEnumeration *
ucal_getKeywordValuesForLocale(const char *key, const char *locale, UBool common,
                               UErrorCode *status)
{
    return load(status) ? icu.values(key, locale, common, status) : NULL;
}

int32_t
uloc_setKeywordValue(const char *name, const char *value, char *buffer, int32_t capacity,
                     UErrorCode *status)
{
    return load(status) ? icu.set_keyword(name, value, buffer, capacity, status) : 0;
}

UChar *
u_strFromUTF8Lenient(UChar *to, int32_t capacity, int32_t *used, const char *from, int32_t len,
                     UErrorCode *status)
{
    return load(status) ? icu.from_utf8(to, capacity, used, from, len, status) : NULL;
}

/* These are given what those above gave. */
void
ucal_close(UCalendar *calendar)
{
    if (calendar)
        icu.close(calendar);
}

void
ucal_set(UCalendar *calendar, UCalendarDateFields field, int32_t value)
{
    icu.set(calendar, field, value);
}

int32_t
ucal_get(const UCalendar *calendar, UCalendarDateFields field, UErrorCode *status)
{
    return icu.get(calendar, field, status);
}

void
ucal_add(UCalendar *calendar, UCalendarDateFields field, int32_t amount, UErrorCode *status)
{
    icu.add(calendar, field, amount, status);
}

int32_t
ucal_getLimit(const UCalendar *calendar, UCalendarDateFields field, UCalendarLimitType type,
              UErrorCode *status)
{
    return icu.limit(calendar, field, type, status);
}

UDate
ucal_getMillis(const UCalendar *calendar, UErrorCode *status)
{
    return icu.millis(calendar, status);
}

void
ucal_setMillis(UCalendar *calendar, UDate time, UErrorCode *status)
{
    icu.set_millis(calendar, time, status);
}

void
ucal_setDate(UCalendar *calendar, int32_t year, int32_t month, int32_t date, UErrorCode *status)
{
    icu.set_date(calendar, year, month, date, status);
}

void
ucal_setDateTime(UCalendar *calendar, int32_t year, int32_t month, int32_t date, int32_t hour,
                 int32_t minute, int32_t second, UErrorCode *status)
{
    icu.set_date_time(calendar, year, month, date, hour, minute, second, status);
}

void
ucal_setAttribute(UCalendar *calendar, UCalendarAttribute attribute, int32_t value)
{
    icu.set_attribute(calendar, attribute, value);
}

const char *
uenum_next(UEnumeration *values, int32_t *len, UErrorCode *status)
{
    return values ? icu.next(values, len, status) : NULL;
}

void
uenum_close(UEnumeration *values)
{
    if (values)
        icu.end(values);
}
