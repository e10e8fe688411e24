#include "units.h"

#include "checked.h"
#include "clock_ns.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Products of a number and a unit do not fit in 64 bits before they are divided by the fraction's
 * scale. */
__extension__ typedef unsigned __int128 wide_u128;

#define FRACTION_DIGITS_MAX 18

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", UINT64_C(1000)},
    {"ms", UINT64_C(1000000)},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {"d", UINT64_C(86400000000000)},
    {"w", UINT64_C(604800000000000)},
    {"min", UINT64_C(60000000000)},
    {NULL, 0},
};

static const struct unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {"kB", UINT64_C(1000)},
    {"MB", UINT64_C(1000000)},
    {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)},
    {NULL, 0},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *text)
{
    while (is_digit(*text))
        text++;
    return text;
}

/* Digits from `text` to `end`; false when there are none or they do not fit. */
static bool digits_to_u64(const char *text, const char *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text == end)
        return false;
    for (; text < end; text++)
        if (!checked_multiply_u64(value, 10, &value) ||
            !checked_add_u64(value, (uint64_t)(*text - '0'), &value))
            return false;
    *ret_value = value;
    return true;
}

static const struct unit *unit_find(const struct unit *units, const char *name)
{
    for (const struct unit *unit = units; unit->name != NULL; unit++)
        if (strcmp(unit->name, name) == 0)
            return unit;
    return NULL;
}

/* "12.5unit": exact, so that "0.3s" is 300,000,000 ns; what is no whole number of the smallest unit
 * is refused. */
static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *ret_value)
{
    uint64_t whole;
    uint64_t fraction = 0;
    uint64_t scale = 1;
    const char *end = skip_digits(text);
    if (!digits_to_u64(text, end, &whole))
        return false;
    if (*end == '.') {
        const char *digits = end + 1;
        end = skip_digits(digits);
        if (end - digits > FRACTION_DIGITS_MAX || !digits_to_u64(digits, end, &fraction))
            return false;
        for (const char *digit = digits; digit < end; digit++)
            scale *= 10;
    }
    const struct unit *unit = unit_find(units, end);
    if (unit == NULL)
        return false;

    wide_u128 scaled = (wide_u128)fraction * unit->size;
    uint64_t value;
    if (scaled % scale != 0 || !checked_multiply_u64(whole, unit->size, &value) ||
        !checked_add_u64(value, (uint64_t)(scaled / scale), &value))
        return false;
    *ret_value = value;
    return true;
}

bool units_parse_duration_ns(const char *text, int64_t *ret_ns)
{
    uint64_t value;
    if (strcmp(text, "0") == 0)
        value = 0;
    else if (!parse_with_unit(text, duration_units, &value))
        return false;
    if (value > INT64_MAX)
        return false;
    *ret_ns = (int64_t)value;
    return true;
}

bool units_parse_bytes(const char *text, uint64_t *ret_bytes)
{
    return parse_with_unit(text, byte_units, ret_bytes);
}

bool units_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value;
    const char *end = skip_digits(text);
    if (*end != '\0' || !digits_to_u64(text, end, &value) || value > max)
        return false;
    *ret_value = value;
    return true;
}

bool units_parse_i64(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    uint64_t magnitude;
    if (!units_parse_u64(text, (uint64_t)INT64_MAX + (negative ? 1 : 0), &magnitude))
        return false;
    /* Negated as an unsigned number, since INT64_MIN has no positive twin. */
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit on at least one side of the point. */
static bool is_decimal_number(const char *text)
{
    if (*text == '-' || *text == '+')
        text++;
    const char *end = skip_digits(text);
    bool has_digits = end > text;
    if (*end == '.') {
        text = end + 1;
        end = skip_digits(text);
        has_digits = has_digits || end > text;
    }
    if (has_digits && (*end == 'e' || *end == 'E')) {
        text = end + 1;
        if (*text == '-' || *text == '+')
            text++;
        end = skip_digits(text);
        has_digits = end > text;
    }
    return has_digits && *end == '\0';
}

bool units_parse_double(const char *text, double *ret_value)
{
    if (!is_decimal_number(text))
        return false;
    /* A program that uses our library may have set a locale whose numbers have commas. glibc keeps
     * "C" as a static object: this neither allocates nor fails. */
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale == (locale_t)0)
        return false;
    double value = strtod_l(text, NULL, locale);
    freelocale(locale);
    if (!isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

const char *units_format_bytes(uint64_t bytes, char *buffer, size_t buffer_bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    const size_t last = sizeof names / sizeof names[0] - 1;
    double value = (double)bytes;
    size_t unit = 0;
    /* 1023.95 would be shown as 1024.0: the next unit says it better. */
    while (unit < last && value >= (unit == 0 ? 1024.0 : 1023.95)) {
        value /= 1024.0;
        unit++;
    }
    unsigned tenths = (unsigned)(value * 10.0 + 0.5);
    if (unit == 0 || tenths % 10 == 0)
        snprintf(buffer, buffer_bytes, "%u %s", tenths / 10, names[unit]);
    else
        snprintf(buffer, buffer_bytes, "%u.%u %s", tenths / 10, tenths % 10, names[unit]);
    return buffer;
}

/* Below a minute: one unit, up to three decimals, cut rather than rounded so that 59.9999 s never
 * reads 60 s. */
static void format_short_duration(uint64_t ns, const char *sign, char *buffer, size_t buffer_bytes)
{
    size_t unit = 0;
    while (unit < 3 && ns >= duration_units[unit + 1].size)
        unit++;
    uint64_t size = duration_units[unit].size;
    char fraction[24];
    int length = snprintf(fraction, sizeof fraction, ".%03llu",
                          (unsigned long long)(ns % size * 1000 / size));
    while (length > 0 && (fraction[length - 1] == '0' || fraction[length - 1] == '.'))
        fraction[--length] = '\0';
    snprintf(buffer, buffer_bytes, "%s%llu%s %s", sign, (unsigned long long)(ns / size), fraction,
             duration_units[unit].name);
}

const char *units_format_duration(int64_t duration_ns, char *buffer, size_t buffer_bytes)
{
    const char *sign = duration_ns < 0 ? "-" : "";
    uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    if (ns < UINT64_C(60) * (uint64_t)NS_PER_S) {
        format_short_duration(ns, sign, buffer, buffer_bytes);
        return buffer;
    }
    size_t unit = 4; /* minutes; weeks are left to the eye, days are counted on */
    while (unit < 6 && ns >= duration_units[unit + 1].size)
        unit++;
    unsigned long long large = ns / duration_units[unit].size;
    unsigned long long small = ns % duration_units[unit].size / duration_units[unit - 1].size;
    if (small == 0)
        snprintf(buffer, buffer_bytes, "%s%llu %s", sign, large, duration_units[unit].name);
    else
        snprintf(buffer, buffer_bytes, "%s%llu %s %llu %s", sign, large, duration_units[unit].name,
                 small, duration_units[unit - 1].name);
    return buffer;
}
