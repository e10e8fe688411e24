/* window_stats.h - statistics over a window that rolls along the rows of a series.
 *
 * A row's window is the N rows, or the span (t - D, t], that end at it. Rows come out from the
 * first full window on: with N rows, from the N-th row; with a span, from the first row at or after
 * (time of the first row) + D. Where rows were lost to overwriting the windows begin anew, so none
 * spans a hole. With options->follow, which says so on stderr then, window_stats_next() may be
 * called again after the end when series_rows_advance() found more rows: windows go on. */
#ifndef INGEST_WINDOW_STATS_H
#define INGEST_WINDOW_STATS_H

#include "query.h"
#include "series_rows.h"

struct window_stats;

/* Reads from `rows` (which must outlive it) with options->window, step, statistics and rules. 0 or
 * an exit code, with its message printed. */
int window_stats_open(const struct query_options *options, struct series_rows *rows,
                      struct window_stats **ret_windows);
void window_stats_close(struct window_stats *windows); /* NULL is allowed */

/* Columns of a row: statistics_count x selected elements; column s x elements + e is statistic s of
 * element e. */
size_t window_stats_columns(const struct window_stats *windows);

struct window_chunk {
    size_t count;               /* rows, at least 1 */
    const int64_t *times_ns;    /* NULL after series_rows_without_times() */
    const double *values;       /* count x columns */
    const stats_i128 *integers; /* the same places, exact, where window_stats_is_integer() */
};

/* The next rows; good until the next call. 1: there are some; 0: the end; negative: failed, and the
 * message is printed: exit with window_stats_exit_code(). */
int window_stats_next(struct window_stats *windows, struct window_chunk *ret_chunk);
int window_stats_exit_code(const struct window_stats *windows);

/* True for a column whose values are whole numbers that `integers` holds exactly. */
bool window_stats_is_integer(const struct window_stats *windows, size_t column);

#endif
