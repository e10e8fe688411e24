/* pooled_stats.h - statistics of all elements of a row together (--over elements), of a bucket of
 * rows, of a window that rolls along them, or of all rows (--over all).
 *
 * Rows that are larger than a chunk are read in parts, so memory does not depend on their size.
 * Where a ring's writer overwrites a row before all of it was read, the row is left out. */
#ifndef INGEST_POOLED_STATS_H
#define INGEST_POOLED_STATS_H

#include "query.h"
#include "series_rows.h"

struct pooled_stats;

/* One set: a row's elements, those of the rows of a bucket (options->every_ns), of a window
 * (options->window, options->step; the first full one is the first, as in window_stats.h; no
 * quantiles), or all (OVER_ALL). Reads from `rows`, which must outlive it and be at its beginning.
 * 0 or an exit code, with its message printed. */
int pooled_stats_open(const struct query_options *options, struct series_rows *rows,
                      struct pooled_stats **ret_pooled);
void pooled_stats_close(struct pooled_stats *pooled); /* NULL is allowed */

struct pooled_set {
    int64_t time_ns; /* of its first row; of a bucket, its start; of a window, its last row */
    int64_t last_ns; /* of its last row */
    const struct stats_state *state;
    const double *quantiles; /* in the order asked */
};

/* The next set; it is good until the next call. 1, 0 at the end, or negative: failed, with the
 * message printed. */
int pooled_stats_next(struct pooled_stats *pooled, struct pooled_set *ret_set);
int pooled_stats_exit_code(const struct pooled_stats *pooled);

#endif
