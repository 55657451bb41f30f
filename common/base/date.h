/* Dates and instants as values: parsing, printing, the calendar. Pure: no clock, no locale, no zone
 * database (a zone is only checked for its form here). It must not know messages or stores. */
#ifndef CBM_BASE_DATE_H
#define CBM_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* A calendar day: days since 1970-01-01 in the proleptic Gregorian calendar. */
typedef int32_t date_day;
#define DATE_NONE INT32_MIN

/* An instant: milliseconds since 1970-01-01T00:00:00Z, without leap seconds. */
#define TIME_NONE INT64_MIN
#define DATE_DAY_MS INT64_C(86400000)

/* The start or end of a span: a day or an instant (design, "Fields": both dates, or both times). */
struct when {
    bool is_date;
    int64_t ms; /* of a date: its midnight UTC. TIME_NONE if absent. */
};

/* "2021-07-13", years 0001 to 9999. False if it is not a date of the calendar. */
bool date_parse(struct text t, date_day *out);

/* Writes "2021-07-13" and a terminator. */
#define DATE_TEXT_MAX 11
void date_print(date_day day, char out[DATE_TEXT_MAX]);

/* The year, month (1..12) and day (1..31) of a day. */
void date_civil(date_day day, int *year, int *month, int *mday);

/* The day of a civil date, which must exist. */
date_day date_of_civil(int year, int month, int mday);

/* RFC 3339 with an offset or Z; a leap second (60) counts as the next second; a fraction is cut to
 * milliseconds. False if the text is no such time, or in UTC lies outside the years 0001 to 9999.
 */
bool time_parse(struct text t, int64_t *ms);

/* Writes RFC 3339 in UTC, "2021-07-13T08:00:00Z", with ".123" only where it is not zero. An
 * instant outside the years 0001 to 9999 is written as the nearest inside. */
#define TIME_TEXT_MAX 28
void time_print(int64_t ms, char out[TIME_TEXT_MAX]);

/* The day in UTC in which an instant lies; the first or last day for one outside the years 0001 to
 * 9999. */
date_day date_of_time(int64_t ms);

/* A date or an RFC 3339 time. */
bool when_parse(struct text t, struct when *out);
void when_print(struct when when, char out[TIME_TEXT_MAX]);

/* The first instant after the span's end: the end of its day for a date (ends are inclusive), the
 * end itself for a time. */
int64_t when_end_ms(struct when end);

/* An ISO 8601 duration of weeks ("P2W") or of days, hours, minutes and seconds ("P14D", "PT72H",
 * "P1DT12H"), whole numbers, at most 100 years; years and months have no fixed length and are none
 * here. False if the text is no such duration. */
#define DURATION_MAX_MS (INT64_C(36525) * DATE_DAY_MS)
bool duration_parse(struct text t, int64_t *ms);

/* Whether the text has the form of an IANA zone name ("Asia/Almaty", "UTC"). */
bool date_is_zone(struct text t);

#endif
