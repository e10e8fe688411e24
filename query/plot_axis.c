#include "plot_axis.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void axis_pad_range(double *low, double *high)
{
    double span = *high / 2 - *low / 2; /* half the range, which cannot overflow */
    double largest = fmax(fabs(*low), fabs(*high));
    double air = span * 0.08;
    /* Equal values, or so nearly equal that a double has no number between: show them in the
     * middle. */
    if (air < largest * 1e-14 || span < DBL_MIN * 1e6)
        air = largest > DBL_MIN * 1e6 ? largest * 0.1 : 1;
    double low_padded = *low - air;
    double high_padded = *high + air;
    if (*low >= 0 && low_padded < 0 && *high > 0)
        low_padded = 0;
    if (*high <= 0 && high_padded > 0 && *low < 0)
        high_padded = 0;
    *low = fmax(low_padded, -DBL_MAX);
    *high = fmin(high_padded, DBL_MAX);
}

/* A step of `mantissa` (1, 2, 5) times ten to `exponent`. */
struct value_step {
    int mantissa;
    int exponent;
};

static double step_size(struct value_step step, double times)
{
    /* Powers of ten below 1 are not doubles; dividing by one that is rounds once only. */
    if (step.exponent < 0 && step.exponent >= -300)
        return times * step.mantissa / pow(10, -step.exponent);
    return times * step.mantissa * pow(10, step.exponent);
}

static struct value_step step_choose(double low, double high, unsigned wanted)
{
    double raw = high / wanted - low / wanted;
    int exponent = (int)floor(log10(raw));
    double lead = raw / pow(10, exponent);
    /* The geometric means between neighbours, so that the count of ticks is off by a factor of 1.6
     * at most. */
    if (lead <= 1.41)
        return (struct value_step){1, exponent};
    if (lead <= 3.16)
        return (struct value_step){2, exponent};
    if (lead <= 7.07)
        return (struct value_step){5, exponent};
    return (struct value_step){1, exponent + 1};
}

static int decimal_exponent(double value)
{
    return value == 0 ? 0 : (int)floor(log10(fabs(value)));
}

/* Writes "1.5e12": as many digits as the step can tell apart, and none of printf's "e+". */
static void label_scientific(double value, int step_exponent, char label[AXIS_LABEL_BYTES])
{
    int digits = decimal_exponent(value) - step_exponent;
    digits = digits < 0 ? 0 : digits > 16 ? 16 : digits;
    char text[AXIS_LABEL_BYTES];
    snprintf(text, sizeof text, "%.*e", digits, value);
    char *mark = strchr(text, 'e');
    long exponent = 0;
    if (mark != NULL) {
        *mark = '\0';
        exponent = strtol(mark + 1, NULL, 10);
    }
    snprintf(label, AXIS_LABEL_BYTES, "%.22se%ld", text, exponent);
}

/* Plain where people would write it plain, else whichever form is shorter. */
static bool label_is_plain(double largest, int step_exponent)
{
    int exponent = decimal_exponent(largest);
    if (exponent <= 6 && step_exponent >= -4)
        return true;
    int decimals = step_exponent < 0 ? -step_exponent : 0;
    int width_plain = (exponent > 0 ? exponent : 0) + 1 + (decimals > 0 ? 1 + decimals : 0);
    int digits = exponent - step_exponent;
    int width_scientific = 1 + (digits > 0 ? 1 + digits : 0) + (exponent < 0 ? 3 : 2) +
                           (exponent >= 10 || exponent <= -10 ? 1 : 0);
    return width_plain <= width_scientific && width_plain < AXIS_LABEL_BYTES - 2;
}

/* A tick that reads like the one before it says nothing: it goes. */
static void axis_add(struct axis *axis, const struct axis_tick *tick)
{
    if (axis->count == AXIS_TICKS_MAX)
        return;
    if (axis->count > 0) {
        const struct axis_tick *before = &axis->ticks[axis->count - 1];
        if (tick->context[0] == '\0' && strcmp(before->label, tick->label) == 0)
            return;
    }
    axis->ticks[axis->count++] = *tick;
}

/* A range of neighbouring doubles has no round numbers in it: its two ends are named in full. */
static void axis_values_ends(double low, double high, struct axis *ret_axis)
{
    struct axis_tick tick = {.position = 0};
    snprintf(tick.label, sizeof tick.label, "%.17g", low);
    axis_add(ret_axis, &tick);
    tick.position = 1;
    snprintf(tick.label, sizeof tick.label, "%.17g", high);
    axis_add(ret_axis, &tick);
}

void axis_values(double low, double high, unsigned wanted, struct axis *ret_axis)
{
    ret_axis->count = 0;
    wanted = wanted < 2 ? 2 : wanted > 30 ? 30 : wanted;
    double largest = fmax(fabs(low), fabs(high));
    double half = high / 2 - low / 2;
    if (half < DBL_MIN * 1e6 || half < largest * 1e-14) {
        axis_values_ends(low, high, ret_axis);
        return;
    }
    struct value_step step = step_choose(low, high, wanted);
    double size = step_size(step, 1);
    double first = ceil(low / size - 1e-9);
    double last = floor(high / size + 1e-9);
    bool plain = label_is_plain(fmax(fabs(first), fabs(last)) * size, step.exponent);
    int decimals = step.exponent < 0 ? -step.exponent : 0;
    for (unsigned i = 0; first + i <= last && ret_axis->count < AXIS_TICKS_MAX; i++) {
        double number = first + i;
        double value = step_size(step, number);
        struct axis_tick tick = {.position = (value / 2 - low / 2) / half};
        tick.position = fmin(fmax(tick.position, 0), 1);
        if (number == 0)
            snprintf(tick.label, sizeof tick.label, "0");
        else if (plain)
            snprintf(tick.label, sizeof tick.label, "%.*f", decimals, value);
        else
            label_scientific(value, step.exponent, tick.label);
        axis_add(ret_axis, &tick);
    }
}
