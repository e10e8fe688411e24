#include "csv_cells.h"

#include "checked.h"
#include "clock_ns.h"
#include "time_text.h"
#include "value_convert.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Also the longest way to write a double that anybody uses. */
#define NUMBER_BYTES_MAX 400
/* int64 ends there. */
#define NS_LIMIT 9223372036854775808.0

/* Digits with an optional sign that fit 64 bits: the usual integer, without the detour over a
 * double. */
static bool parse_integer(const char *text, size_t length, bool *ret_is_negative,
                          uint64_t *ret_magnitude)
{
    bool is_negative = *text == '-';
    const char *end = text + length;
    if (*text == '-' || *text == '+')
        text++;
    if (text == end)
        return false;
    uint64_t magnitude = 0;
    for (; text < end; text++) {
        if (!isdigit((unsigned char)*text) || !checked_multiply_u64(magnitude, 10, &magnitude) ||
            !checked_add_u64(magnitude, (uint64_t)(*text - '0'), &magnitude))
            return false;
    }
    *ret_is_negative = is_negative;
    *ret_magnitude = magnitude;
    return true;
}

/* strtod() also takes hexadecimal and blanks, which no CSV file means. */
static bool parse_double(const char *text, size_t length, double *ret_value)
{
    if (length == 0 || length > NUMBER_BYTES_MAX || isspace((unsigned char)*text) ||
        memchr(text, 'x', length) != NULL || memchr(text, 'X', length) != NULL ||
        memchr(text, '(', length) != NULL)
        return false;
    char *end;
    *ret_value = strtod(text, &end);
    return end == text + length;
}

static bool store_integer(bool is_negative, uint64_t magnitude, enum dtype dtype, void *to)
{
    if (!is_negative)
        return value_convert(DTYPE_U8, &magnitude, dtype, to, 1) == 1;
    if (magnitude > (uint64_t)INT64_MAX + 1)
        return false;
    int64_t value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    return value_convert(DTYPE_I8, &value, dtype, to, 1) == 1;
}

bool csv_parse_number(const char *text, size_t length, enum dtype dtype, void *to)
{
    double value;
    bool is_negative;
    uint64_t magnitude;
    if (dtype == DTYPE_F8)
        return parse_double(text, length, to);
    if (dtype == DTYPE_F4) {
        /* By way of a double a few numbers would be rounded twice. */
        if (!parse_double(text, length, &value))
            return false;
        float narrow = strtof(text, NULL);
        memcpy(to, &narrow, sizeof narrow);
        return true;
    }
    if (length > 0 && parse_integer(text, length, &is_negative, &magnitude))
        return store_integer(is_negative, magnitude, dtype, to);
    return parse_double(text, length, &value) && value_convert(DTYPE_F8, &value, dtype, to, 1) == 1;
}

enum send_time_unit csv_guess_unit(const char *text, size_t length)
{
    double value;
    if (!parse_double(text, length, &value))
        return TIME_UNIT_GUESS;
    if (value < 0)
        value = -value;
    if (value < 1e11)
        return TIME_UNIT_S;
    if (value < 1e14)
        return TIME_UNIT_MS;
    if (value < 1e17)
        return TIME_UNIT_US;
    return TIME_UNIT_NS;
}

/* A decimal number times `unit_ns`, exact to the nanosecond: a double would not hold today's. */
static bool parse_decimal_time(const char *text, size_t length, int64_t unit_ns, int64_t *ret_ns)
{
    const char *point = memchr(text, '.', length);
    size_t whole_length = point != NULL ? (size_t)(point - text) : length;
    bool is_negative = false;
    uint64_t whole = 0;
    int64_t ns;
    if (whole_length == 0 || !parse_integer(text, whole_length, &is_negative, &whole) ||
        whole > INT64_MAX || !checked_multiply_i64((int64_t)whole, unit_ns, &ns))
        return false;
    if (point != NULL) {
        int64_t place_ns = unit_ns;
        for (const char *digit = point + 1; digit < text + length; digit++) {
            if (!isdigit((unsigned char)*digit))
                return false;
            place_ns /= 10;
            if (!checked_add_i64(ns, (*digit - '0') * place_ns, &ns))
                return false;
        }
    }
    *ret_ns = is_negative ? -ns : ns;
    return true;
}

bool csv_parse_time(const char *text, size_t length, enum send_time_unit unit, int64_t *ret_ns)
{
    static const int64_t unit_ns[] = {[TIME_UNIT_GUESS] = 0,
                                      [TIME_UNIT_S] = NS_PER_S,
                                      [TIME_UNIT_MS] = NS_PER_MS,
                                      [TIME_UNIT_US] = NS_PER_US,
                                      [TIME_UNIT_NS] = 1};
    if (unit != TIME_UNIT_GUESS) {
        if (parse_decimal_time(text, length, unit_ns[unit], ret_ns))
            return true;
        double value;
        if (parse_double(text, length, &value)) { /* 1.7e9 */
            value *= (double)unit_ns[unit];
            if (!(fabs(value) < NS_LIMIT))
                return false;
            *ret_ns = (int64_t)value;
            return true;
        }
    }
    return time_parse_absolute(text, TIME_ZONE_UTC, ret_ns);
}

bool csv_is_time_header(const char *text)
{
    static const char *const names[] = {"time", "timestamp", "ts", "date", "datetime"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(text, names[i]) == 0)
            return true;
    return false;
}
