/* plot_names.h - what a plot calls things: title, unit, and the names of lines. */
#ifndef INGEST_PLOT_NAMES_H
#define INGEST_PLOT_NAMES_H

#include "plot_figure.h"
#include "query.h"
#include "series_rows.h"

/* Owned texts that a figure refers to. All NULL at first. */
struct plot_names {
    char *title;
    char *subtitle;
    char *unit;
    char *lines[PLOT_LINES_MAX];
};

/* Whether lines are of statistics: over a window, or over a sample's elements. */
bool plot_has_statistics(const struct query_options *options);
/* Elements of a sample that have a line each; --over elements: one for all. */
size_t plot_elements(const struct query_options *options, const struct series_rows *rows);

/* Names the lines, in the order of series, statistics, elements, and the figure. `rows` are the
 * open series of the selection. 0 or an exit code, with its message printed. */
int plot_names_make(const struct query_options *options, const struct series_selection *selection,
                    struct series_rows *const *rows, struct plot_names *names,
                    struct plot_figure *figure);
void plot_names_free(struct plot_names *names);

/* The unit of a statistic of values in `unit` ("" = none): a variance has its square, a count none.
 * Returns `buffer`. */
#define PLOT_UNIT_BYTES 128
const char *plot_unit_text(enum stats_name name, const char *unit, char buffer[PLOT_UNIT_BYTES]);

/* Word `number` of a text of words with blanks between, cut to the buffer; false when it has fewer.
 */
bool plot_word(const char *text, size_t number, char *buffer, size_t buffer_bytes);

#endif
