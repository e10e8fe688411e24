/* terminal_plot.h - draws a figure with characters. */
#ifndef INGEST_TERMINAL_PLOT_H
#define INGEST_TERMINAL_PLOT_H

#include "plot_figure.h"

#include <stdbool.h>
#include <stdio.h>

#define TERMINAL_PLOT_WIDTH_MIN  20
#define TERMINAL_PLOT_WIDTH_MAX  2000
#define TERMINAL_PLOT_HEIGHT_MIN 6
#define TERMINAL_PLOT_HEIGHT_MAX 500

struct terminal_plot_style {
    unsigned width;  /* characters, all told */
    unsigned height; /* lines, all told */
    bool ascii;      /* nothing but ASCII */
    bool colour;
};

/* Columns of dots that an envelope must have, known before the values are: the values' labels take
 * the same room in every plot of that width. */
size_t terminal_plot_columns(const struct terminal_plot_style *style);

/* Writes the whole picture, with a line feed at its end. 0 or -ENOMEM. */
int terminal_plot_write(const struct plot_figure *figure, const struct terminal_plot_style *style,
                        FILE *file);

#endif
