/* plot_figure.h - what a plot shows, apart from how it is drawn: terminal_plot.h and svg_plot.h
 * draw it. */
#ifndef INGEST_PLOT_FIGURE_H
#define INGEST_PLOT_FIGURE_H

#include "plot_axis.h"
#include "plot_envelope.h"
#include "time_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLOT_LINES_MAX 8

/* Every envelope is finished and spans the figure's times. */
struct plot_line {
    const char *name; /* for the legend */
    const struct plot_envelope *envelope;
};

struct plot_figure {
    const char *title;    /* the series, or the pattern that several were asked by */
    const char *subtitle; /* what of it is shown ("var over 200 samples"), or "" */
    const char *unit;     /* of the values, or "" */
    enum time_zone zone;
    bool indexed;   /* times are numbers of rows */
    int64_t low_ns; /* first and last time, both included */
    int64_t high_ns;
    size_t lines_count; /* 1 to PLOT_LINES_MAX */
    struct plot_line lines[PLOT_LINES_MAX];
};

/* The ticks of its times along `width` characters: axis_times(), or numbers of rows. */
void plot_figure_times(const struct plot_figure *figure, unsigned width, struct axis *ret_axis);

/* What its times are in: a zone, or "row". Returns `buffer`. */
const char *plot_figure_zone(const struct plot_figure *figure, char *buffer, size_t buffer_bytes);

/* The smallest and the largest finite value of all lines; false when there is none. */
bool plot_figure_range(const struct plot_figure *figure, double *ret_min, double *ret_max);

#endif
