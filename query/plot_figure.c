#include "plot_figure.h"

#include <math.h>
#include <stdio.h>

bool plot_figure_range(const struct plot_figure *figure, double *ret_min, double *ret_max)
{
    bool found = false;
    double min = 0;
    double max = 0;
    for (size_t i = 0; i < figure->lines_count; i++) {
        const struct plot_envelope *envelope = figure->lines[i].envelope;
        if (envelope->finite == 0)
            continue;
        min = found ? fmin(min, envelope->min) : envelope->min;
        max = found ? fmax(max, envelope->max) : envelope->max;
        found = true;
    }
    if (found) {
        *ret_min = min;
        *ret_max = max;
    }
    return found;
}

/* Characters for a number of a row and the gap beside it. */
#define ROW_NUMBER_WIDTH 12

void plot_figure_times(const struct plot_figure *figure, unsigned width, struct axis *ret_axis)
{
    if (!figure->indexed) {
        axis_times(figure->low_ns, figure->high_ns, width, figure->zone, ret_axis);
        return;
    }
    struct axis axis;
    double low = (double)figure->low_ns, high = (double)figure->high_ns;
    axis_values(low, high, width / ROW_NUMBER_WIDTH, &axis);
    ret_axis->count = 0;
    for (size_t i = 0; i < axis.count; i++) {
        double row = low + axis.ticks[i].position * (high - low);
        if (fabs(row - round(row)) > 0.01) /* there is no row 0.5 */
            continue;
        struct axis_tick *tick = &ret_axis->ticks[ret_axis->count++];
        *tick = axis.ticks[i];
        snprintf(tick->label, sizeof tick->label, "%.0f", row);
    }
}

const char *plot_figure_zone(const struct plot_figure *figure, char *buffer, size_t buffer_bytes)
{
    if (!figure->indexed)
        return axis_zone_text(figure->low_ns, figure->zone, buffer, buffer_bytes);
    snprintf(buffer, buffer_bytes, "row");
    return buffer;
}
