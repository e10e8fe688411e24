/* bucket_join.h - the buckets of several series side by side, one bucket of all of them after the
 * other, and what stands where a series has none: options->fill.
 *
 * Memory is in proportion to the series, not to the range. */
#ifndef INGEST_BUCKET_JOIN_H
#define INGEST_BUCKET_JOIN_H

#include "columns.h"

struct bucket_join;

/* For at most `room` series. 0 or an exit code, with its message printed. */
int bucket_join_open(const struct query_options *options, size_t room,
                     struct bucket_join **ret_join);
void bucket_join_close(struct bucket_join *join); /* NULL is allowed */

/* Adds the next series; `columns`, whose cells are used, and `rows` must outlive the join. 0 or an
 * exit code, with its message printed. */
int bucket_join_add(struct bucket_join *join, struct series_rows *rows,
                    const struct columns *columns);

/* Goes on to the next bucket: with FILL_NONE one that a series has samples in; else the next of the
 * range, which begins with the first that has samples, or with --from, and ends likewise. False at
 * the end; without any samples at once. A series that fails has no more buckets. */
bool bucket_join_next(struct bucket_join *join, int64_t *ret_start_ns);

/* The cells of series i in this bucket, columns->count of them. */
const struct cell *bucket_join_cells(const struct bucket_join *join, size_t i);

/* Why series i failed: an exit code whose message is printed, or 0. */
int bucket_join_code(const struct bucket_join *join, size_t i);

#endif
