/* array_rows.h - the rows of an array file, for series_rows.h: what --file and the options that go
 * with it describe. Row numbers count the rows of the view that --slice leaves.
 *
 * Messages are printed here. */
#ifndef INGEST_ARRAY_ROWS_H
#define INGEST_ARRAY_ROWS_H

#include "array_view.h"
#include "query.h"
#include "reader.h"

struct array_rows;

/* Opens options->array. 0 or an exit code: EX_NOINPUT no such file, EX_DATAERR a dtype, shape or
 * length that is not the file's, EX_USAGE slices or times that do not fit. */
int array_rows_open(const struct query_options *options, struct array_rows **ret_array);
void array_rows_close(struct array_rows *array); /* NULL is allowed */

/* As of a series: name, dtype, elements; type.rank is 0 or 1, the shape is the view's. */
const struct reader_info *array_rows_info(const struct array_rows *array);
const struct array_view *array_rows_view(const struct array_rows *array);

/* Copies elements [element, element + width) of rows [row, row + count), or those of the list
 * `elements` (not NULL: `width` of them), and the rows' times, or without times their
 * numbers (times_ns NULL: neither). 0 or an exit code. */
int array_rows_copy(struct array_rows *array, uint64_t row, size_t count, uint64_t element,
                    size_t width, const uint64_t *elements, void *values, int64_t *times_ns);

/* The time of one row, or without times its number. */
int64_t array_rows_time_ns(const struct array_rows *array, uint64_t row);

/* The first row with time >= time_ns, or the number of rows. */
uint64_t array_rows_find_time(const struct array_rows *array, int64_t time_ns);

#endif
