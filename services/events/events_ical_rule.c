/* See events_ical_rule.h. It must not know events or spans. */
#include "services/events/events_ical_rule.h"

static unsigned
count(const short *part, unsigned max)
{
    unsigned n = 0;
    while (n < max && part[n] != ICAL_RECURRENCE_ARRAY_MAX)
        n++;
    return n;
}
#define COUNT(rule, part) count((rule)->part, sizeof(rule)->part / sizeof *(rule)->part)

static bool
within(const short *part, unsigned n, int most)
{
    for (unsigned i = 0; i < n; i++)
        if (part[i] == 0 || part[i] > most || part[i] < -most)
            return false;
    return true;
}

/* Whether a day has a position, "the second Monday". */
static bool
has_positions(const struct icalrecurrencetype *rule)
{
    for (unsigned i = 0; i < COUNT(rule, by_day); i++)
        if (icalrecurrencetype_day_position(rule->by_day[i]))
            return true;
    return false;
}

static bool
positions_within(const struct icalrecurrencetype *rule, int most)
{
    for (unsigned i = 0; i < COUNT(rule, by_day); i++) {
        int position = icalrecurrencetype_day_position(rule->by_day[i]);
        if (position > most || position < -most)
            return false;
    }
    return true;
}

/* Whether every month of the rule has every day of the month that it names. */
static bool
months_have_days(const struct icalrecurrencetype *rule)
{
    static const int lens[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned months = COUNT(rule, by_month);
    int most = 31;
    for (unsigned i = 0; i < months; i++) {
        int month = rule->by_month[i];
        if (month < 1 || month > 12)
            return false;
        most = lens[month - 1] < most ? lens[month - 1] : most;
    }
    return within(rule->by_month_day, COUNT(rule, by_month_day), most);
}

static bool
weekly_fits(const struct icalrecurrencetype *rule)
{
    return !has_positions(rule) && !COUNT(rule, by_month_day) &&
           (rule->interval == 1 || !COUNT(rule, by_month)) &&
           within(rule->by_set_pos, COUNT(rule, by_set_pos), (int)COUNT(rule, by_day));
}

static bool
daily_fits(const struct icalrecurrencetype *rule)
{
    bool filtered = COUNT(rule, by_day) || COUNT(rule, by_month_day) || COUNT(rule, by_month);
    return !has_positions(rule) && months_have_days(rule) && !COUNT(rule, by_set_pos) &&
           (rule->interval == 1 || !filtered);
}

/* Of a month, or of the months of a year. */
static bool
monthly_fits(const struct icalrecurrencetype *rule)
{
    unsigned days = COUNT(rule, by_day), month_days = COUNT(rule, by_month_day);
    unsigned most = days ? days * 4 : month_days;
    if (!months_have_days(rule) || !positions_within(rule, 5) ||
        (has_positions(rule) && (month_days || COUNT(rule, by_set_pos))))
        return false;
    return (!days || !month_days || !COUNT(rule, by_set_pos)) &&
           within(rule->by_set_pos, COUNT(rule, by_set_pos), (int)most);
}

static bool
yearly_fits(const struct icalrecurrencetype *rule)
{
    unsigned year_days = COUNT(rule, by_year_day), weeks = COUNT(rule, by_week_no);
    bool months = COUNT(rule, by_month) || COUNT(rule, by_month_day);
    if (year_days)
        return !weeks && !months && !COUNT(rule, by_day) && !COUNT(rule, by_set_pos) &&
               within(rule->by_year_day, year_days, 366);
    if (weeks)
        return !months && !has_positions(rule) && !COUNT(rule, by_set_pos) &&
               within(rule->by_week_no, weeks, 52);
    if (!months && has_positions(rule))
        return positions_within(rule, 52) && !COUNT(rule, by_set_pos);
    return monthly_fits(rule);
}

const char *
events_ical_rule_refused(const struct icalrecurrencetype *rule)
{
    static const char *const no_days = "its parts together might leave no days";
    bool fits;
    if (rule->rscale || COUNT(rule, by_hour) > 1 || COUNT(rule, by_minute) > 1 ||
        COUNT(rule, by_second) > 1)
        return "RSCALE, and more than one time of a day, are not read";
    if (rule->interval < 1)
        return "its interval is none";
    bool year_parts = COUNT(rule, by_year_day) || COUNT(rule, by_week_no);
    switch (rule->freq) {
    case ICAL_DAILY_RECURRENCE: fits = daily_fits(rule); break;
    case ICAL_WEEKLY_RECURRENCE: fits = weekly_fits(rule); break;
    case ICAL_MONTHLY_RECURRENCE:
        fits = monthly_fits(rule) && (rule->interval == 1 || !COUNT(rule, by_month)) &&
               rule->interval < 12;
        break;
    case ICAL_YEARLY_RECURRENCE: return yearly_fits(rule) ? NULL : no_days;
    default: return "only days, weeks, months and years are expanded";
    }
    return fits && !year_parts ? NULL : no_days;
}
