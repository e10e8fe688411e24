#include "plot_figure.h"

#include <math.h>

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
