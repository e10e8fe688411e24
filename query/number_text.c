#include "number_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* True when it was written: what is not finite, whatever printf() would make of a NaN's sign. */
static bool special_text(double value, char buffer[NUMBER_TEXT_BYTES])
{
    if (isfinite(value))
        return false;
    snprintf(buffer, NUMBER_TEXT_BYTES, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return true;
}

const char *number_text_f8(double value, char buffer[NUMBER_TEXT_BYTES])
{
    if (special_text(value, buffer))
        return buffer;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, NUMBER_TEXT_BYTES, "%.*g", digits, value);
        if (digits == 17 || strtod(buffer, NULL) == value)
            break;
    }
    return buffer;
}

const char *number_text_f4(float value, char buffer[NUMBER_TEXT_BYTES])
{
    if (special_text((double)value, buffer))
        return buffer;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(buffer, NUMBER_TEXT_BYTES, "%.*g", digits, (double)value);
        if (digits == 9 || strtof(buffer, NULL) == value)
            break;
    }
    return buffer;
}

const char *number_text_brief(double value, char buffer[NUMBER_TEXT_BYTES])
{
    if (!special_text(value, buffer))
        snprintf(buffer, NUMBER_TEXT_BYTES, "%.9g", value);
    return buffer;
}

const char *number_text_integer(stats_i128 value, char buffer[NUMBER_TEXT_BYTES])
{
    char digits[NUMBER_TEXT_BYTES];
    size_t count = 0, at = 0;
    stats_u128 rest = value < 0 ? -(stats_u128)value : (stats_u128)value;
    do {
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        buffer[at++] = '-';
    while (count > 0)
        buffer[at++] = digits[--count];
    buffer[at] = '\0';
    return buffer;
}
