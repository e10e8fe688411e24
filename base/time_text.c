#include "time_text.h"

#include "checked.h"
#include "clock_ns.h"
#include "units.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY INT64_C(86400)

struct civil {
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int64_t fraction_ns;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here, so that the
 * leap day is the last of its year and every 400 years are the same. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = year - (month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int64_t civil_to_seconds(const struct civil *civil)
{
    return days_from_civil(civil->year, civil->month, civil->day) * SECONDS_PER_DAY +
           civil->hour * INT64_C(3600) + civil->minute * INT64_C(60) + civil->second;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `digits` digits at *text, which then moves behind them. */
static bool take_number(const char **text, int digits, int min, int max, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!is_digit((*text)[i]))
            return false;
        value = value * 10 + ((*text)[i] - '0');
    }
    if (value < min || value > max)
        return false;
    *text += digits;
    *ret_value = value;
    return true;
}

static bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* One to nine digits behind a point. */
static bool take_fraction(const char **text, int64_t *ret_ns)
{
    int64_t ns = 0;
    int digits = 0;
    for (; is_digit(**text); (*text)++) {
        if (++digits > 9)
            return false;
        ns = ns * 10 + (**text - '0');
    }
    if (digits == 0)
        return false;
    for (; digits < 9; digits++)
        ns *= 10;
    *ret_ns = ns;
    return true;
}

static bool take_date(const char **text, struct civil *civil)
{
    return take_number(text, 4, 0, 9999, &civil->year) && take_char(text, '-') &&
           take_number(text, 2, 1, 12, &civil->month) && take_char(text, '-') &&
           take_number(text, 2, 1, days_in_month(civil->year, civil->month), &civil->day);
}

/* HH:MM[:SS[.fraction]]. Unix time has no leap seconds, so a second of 60 names no point in it. */
static bool take_clock(const char **text, struct civil *civil)
{
    if (!take_number(text, 2, 0, 23, &civil->hour) || !take_char(text, ':') ||
        !take_number(text, 2, 0, 59, &civil->minute))
        return false;
    if (!take_char(text, ':'))
        return true;
    if (!take_number(text, 2, 0, 59, &civil->second))
        return false;
    return !take_char(text, '.') || take_fraction(text, &civil->fraction_ns);
}

/* 'Z', 'z' or +HH:MM; false leaves *ret_seconds alone. */
static bool take_offset(const char **text, int64_t *ret_seconds)
{
    if (take_char(text, 'Z') || take_char(text, 'z')) {
        *ret_seconds = 0;
        return true;
    }
    bool negative = **text == '-';
    int hours;
    int minutes;
    if ((!take_char(text, '+') && !take_char(text, '-')) || !take_number(text, 2, 0, 23, &hours) ||
        !take_char(text, ':') || !take_number(text, 2, 0, 59, &minutes))
        return false;
    int64_t seconds = hours * INT64_C(3600) + minutes * INT64_C(60);
    *ret_seconds = negative ? -seconds : seconds;
    return true;
}

static bool join_ns(int64_t seconds, int64_t fraction_ns, int64_t *ret_ns)
{
    int64_t ns;
    if (seconds < 0 && fraction_ns > 0) {
        /* Counted back from the next second: the first whole second of the range may lie just
         * outside of it. */
        seconds++;
        fraction_ns -= NS_PER_S;
    }
    return checked_multiply_i64(seconds, NS_PER_S, &ns) && checked_add_i64(ns, fraction_ns, ret_ns);
}

static bool local_offset_at(int64_t seconds, int64_t *ret_offset)
{
    time_t when = (time_t)seconds;
    struct tm local;
    if (localtime_r(&when, &local) == NULL)
        return false;
    *ret_offset = local.tm_gmtoff;
    return true;
}

/* mktime() leaves open what it makes of a time that does not exist or exists twice. Here the
 * offsets of the day before and the day after are tried: of two times the earlier is meant, and a
 * time that is left out is read with the offset before the change, which moves it forward by the
 * gap. */
static bool local_to_seconds(int64_t civil_seconds, int64_t *ret_seconds)
{
    int64_t before;
    int64_t after;
    int64_t offset;
    tzset();
    if (!local_offset_at(civil_seconds - SECONDS_PER_DAY, &before) ||
        !local_offset_at(civil_seconds + SECONDS_PER_DAY, &after))
        return false;
    *ret_seconds = civil_seconds - before;
    if (!local_offset_at(civil_seconds - before, &offset))
        return false;
    if (offset == before)
        return true;
    if (!local_offset_at(civil_seconds - after, &offset))
        return false;
    if (offset == after)
        *ret_seconds = civil_seconds - after;
    return true;
}

static bool civil_to_ns(const struct civil *civil, enum time_zone zone, int64_t *ret_ns)
{
    int64_t seconds = civil_to_seconds(civil);
    if (zone == TIME_ZONE_LOCAL && !local_to_seconds(seconds, &seconds))
        return false;
    return join_ns(seconds, civil->fraction_ns, ret_ns);
}

/* "@-1.5": the sign is that of the whole number. */
static bool parse_unix(const char *text, int64_t *ret_ns)
{
    bool negative = take_char(&text, '-');
    const char *digits = text;
    int64_t seconds = 0;
    int64_t fraction_ns = 0;
    for (; is_digit(*text); text++)
        if (!checked_multiply_i64(seconds, 10, &seconds) ||
            !checked_add_i64(seconds, *text - '0', &seconds))
            return false;
    if (text == digits || (take_char(&text, '.') && !take_fraction(&text, &fraction_ns)) ||
        *text != '\0')
        return false;
    if (negative) {
        seconds = -seconds;
        fraction_ns = -fraction_ns;
    }
    int64_t ns;
    return checked_multiply_i64(seconds, NS_PER_S, &ns) && checked_add_i64(ns, fraction_ns, ret_ns);
}

bool time_parse_absolute(const char *text, enum time_zone zone, int64_t *ret_ns)
{
    if (take_char(&text, '@'))
        return parse_unix(text, ret_ns);

    struct civil civil = {0};
    if (!take_date(&text, &civil))
        return false;
    if (*text == '\0')
        return civil_to_ns(&civil, zone, ret_ns);
    if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
        return false;
    if (!take_clock(&text, &civil))
        return false;
    if (*text == '\0')
        return civil_to_ns(&civil, zone, ret_ns);

    int64_t offset_seconds;
    if (!take_offset(&text, &offset_seconds) || *text != '\0')
        return false;
    return join_ns(civil_to_seconds(&civil) - offset_seconds, civil.fraction_ns, ret_ns);
}

/* The date, in `zone`, that is `days_back` days before that of `now_ns`; its clock is at midnight.
 */
static bool date_of(int64_t now_ns, enum time_zone zone, int days_back, struct civil *ret_civil)
{
    int64_t seconds = now_ns / NS_PER_S - (now_ns % NS_PER_S < 0 ? 1 : 0);
    int64_t offset_seconds = 0;
    if (zone == TIME_ZONE_LOCAL) {
        tzset();
        if (!local_offset_at(seconds, &offset_seconds))
            return false;
    }
    time_t noon = (time_t)(seconds + offset_seconds - days_back * SECONDS_PER_DAY);
    struct tm date;
    if (gmtime_r(&noon, &date) == NULL)
        return false;
    *ret_civil =
        (struct civil){.year = date.tm_year + 1900, .month = date.tm_mon + 1, .day = date.tm_mday};
    return true;
}

bool time_parse(const char *text, enum time_zone zone, int64_t now_ns, int64_t *ret_ns)
{
    struct civil civil;
    if (strcmp(text, "now") == 0) {
        *ret_ns = now_ns;
        return true;
    }
    if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0)
        return date_of(now_ns, zone, *text == 'y' ? 1 : 0, &civil) &&
               civil_to_ns(&civil, zone, ret_ns);
    if (*text == '-' || *text == '+') {
        int64_t duration_ns;
        if (!units_parse_duration_ns(text + 1, &duration_ns))
            return false;
        return *text == '-' ? checked_subtract_i64(now_ns, duration_ns, ret_ns)
                            : checked_add_i64(now_ns, duration_ns, ret_ns);
    }
    if (strlen(text) > 2 && text[2] == ':')
        return date_of(now_ns, zone, 0, &civil) && take_clock(&text, &civil) && *text == '\0' &&
               civil_to_ns(&civil, zone, ret_ns);
    return time_parse_absolute(text, zone, ret_ns);
}

const char *time_format_iso(int64_t time_ns, char buffer[TIME_TEXT_BYTES])
{
    int64_t fraction_ns = time_ns % NS_PER_S;
    int64_t seconds = time_ns / NS_PER_S;
    if (fraction_ns < 0) {
        fraction_ns += NS_PER_S;
        seconds--;
    }
    /* Every int64 of nanoseconds lies between 1677 and 2262: the calendar cannot refuse it. */
    time_t when = (time_t)seconds;
    struct tm utc = {0};
    gmtime_r(&when, &utc);
    snprintf(buffer, TIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
             (unsigned)(utc.tm_year + 1900) % 10000u, (unsigned)(utc.tm_mon + 1) % 100u,
             (unsigned)utc.tm_mday % 100u, (unsigned)utc.tm_hour % 100u,
             (unsigned)utc.tm_min % 100u, (unsigned)utc.tm_sec % 100u,
             (unsigned)fraction_ns % 1000000000u);
    return buffer;
}
