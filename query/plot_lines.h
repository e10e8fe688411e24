/* plot_lines.h - from the command line of `plot` to the lines of a figure: one for each selected
 * series, element and statistic. */
#ifndef INGEST_PLOT_LINES_H
#define INGEST_PLOT_LINES_H

#include "plot_figure.h"
#include "query.h"

struct plot_lines;

/* Reads every selected series once and reduces it to `columns` columns. 0 or an exit code, with its
 * message printed. Series without rows in the range are told on stderr and have a line without
 * values. */
int plot_lines_read(const struct query_options *options, size_t columns,
                    struct plot_lines **ret_lines);

/* The exit code of the first of several series that could not be read, 0 when all could. Its
 * message is printed, and the others are in the figure. */
int plot_lines_code(const struct plot_lines *lines);
void plot_lines_free(struct plot_lines *lines); /* NULL is allowed */

/* The figure of what was read; it lives as long as `lines`. */
const struct plot_figure *plot_lines_figure(const struct plot_lines *lines);

/* Rows read, of all series. */
uint64_t plot_lines_rows(const struct plot_lines *lines);

#endif
