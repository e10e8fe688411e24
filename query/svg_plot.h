/* svg_plot.h - draws a figure as an SVG file: light or dark as the viewer prefers, the same bytes
 * for the same figure. */
#ifndef INGEST_SVG_PLOT_H
#define INGEST_SVG_PLOT_H

#include "plot_figure.h"

#include <stdio.h>

/* In pixels, which a viewer may scale. */
#define SVG_PLOT_WIDTH_DEFAULT  960
#define SVG_PLOT_HEIGHT_DEFAULT 400
#define SVG_PLOT_WIDTH_MIN      240
#define SVG_PLOT_WIDTH_MAX      20000
#define SVG_PLOT_HEIGHT_MIN     160
#define SVG_PLOT_HEIGHT_MAX     20000

/* Columns that the envelopes must have: two for three pixels, so that edges and mean of a line
 * together have no more than two points a pixel. */
size_t svg_plot_columns(unsigned width);

/* Writes the whole file; it becomes higher than asked where a long legend would leave no room for
 * the lines. The caller looks at ferror(). */
void svg_plot_write(const struct plot_figure *figure, unsigned width, unsigned height, FILE *file);

#endif
