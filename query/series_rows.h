/* series_rows.h - the rows of one series, or of the array file of --file, within the range that was
 * asked for, a chunk at a time. An array that has no times has the numbers of its rows in their
 * place.
 *
 *     series_rows_open -> series_rows_next ... -> series_rows_close
 *
 * The range is fixed when it is opened. Rows that a ring's writer overwrote before they were copied
 * are left out, counted, and reported on stderr by series_rows_close(). Messages are printed here;
 * callers only pass the exit code on. */
#ifndef INGEST_SERIES_ROWS_H
#define INGEST_SERIES_ROWS_H

#include "query.h"
#include "reader.h"
#include "stats_state.h"

/* ---- which series ---- */

struct series_selection {
    char **names; /* without repetitions: names as given, a glob's matches by bytes */
    size_t count;
    bool has_named; /* some were given by name and not by a glob */
    bool several;   /* several were selected: the first column is `series` */
    int code;       /* of the first of several that failed, 0 = none: the command's, in the end */
};

/* Names and globs to names; without any names: all series. 0, or EX_NOINPUT when a glob matches
 * nothing (names without a wildcard are not looked up here), with its message printed. */
int series_select(const struct query_options *options, struct series_selection *ret_selection);
/* The same, but a glob may match nothing. */
int series_select_any(const struct query_options *options, struct series_selection *ret_selection);
void series_selection_free(struct series_selection *selection);

/* A series failed with that exit code, and its message is printed. Where it is the only one, or a
 * name that was given is wrong, the command has failed: returns the code. Damage of one of several
 * does not hide the others: it is noted, 0. */
int series_selection_failed(struct series_selection *selection, int code);
/* Takes one out that failed. */
void series_selection_drop(struct series_selection *selection, size_t i);

/* ---- its rows ---- */

struct series_rows;

/* 0 or an exit code (EX_NOINPUT, EX_DATAERR, EX_USAGE for an element that the samples do not have,
 * ...). */
int series_rows_open(const struct query_options *options, const char *name,
                     struct series_rows **ret_rows);
void series_rows_close(struct series_rows *rows); /* NULL is allowed */

const struct reader_info *series_rows_info(const struct series_rows *rows);
struct reader *series_rows_reader(struct series_rows *rows); /* NULL for an array file */
const struct reader_snapshot *series_rows_snapshot(const struct series_rows *rows);

/* Text of a key of meta.ini, or "". */
const char *series_rows_meta(struct series_rows *rows, const char *key);

/* The shape of a row: its rank, and that many dims. */
uint8_t series_rows_shape(const struct series_rows *rows, uint64_t ret_dims[NPY_RANK_MAX]);

/* The time of one row of the range. 0 or a negative errno, as reader_time_ns(). */
int series_rows_time_ns(struct series_rows *rows, uint64_t index, int64_t *ret_time_ns);

/* True when the rows have no times, and their numbers stand in their place. */
bool series_rows_are_indexed(const struct query_options *options);
/* What the column is called: "time" or "index". */
const char *series_rows_time_name(const struct query_options *options);

/* Rows [from, to), 64-bit indices of the series. */
uint64_t series_rows_from(const struct series_rows *rows);
uint64_t series_rows_to(const struct series_rows *rows);

/* Elements of a sample that were selected, in the order asked: 1 for a scalar. */
size_t series_rows_elements(const struct series_rows *rows);

/* "mean" for a scalar, else "mean[5]" with the flat index of selected element i. Returns `buffer`.
 */
#define COLUMN_NAME_BYTES 40
const char *series_rows_column_name(const struct series_rows *rows, const char *name, size_t i,
                                    char buffer[COLUMN_NAME_BYTES]);

enum stats_kind series_rows_kind(const struct series_rows *rows);

#define SERIES_ROWS_CHUNK_MAX 16384

struct rows_chunk {
    uint64_t first;      /* index of its first row */
    size_t count;        /* rows, 1 to SERIES_ROWS_CHUNK_MAX */
    size_t from_element; /* of each row: all selected elements, from 0 on, unless rows are split */
    size_t width;
    const void *values;      /* count x width, of the series' dtype, C order */
    const int64_t *times_ns; /* NULL after series_rows_without_times() */
    uint64_t lost; /* rows right before it that were overwritten before they could be read */
    bool anew;     /* while following: these rows do not go on what was before */
};

/* The next chunk; it is good until the next call. 1: there is one; 0: the end; negative: failed,
 * and the message is printed (exit QUERY_FAILED or EX_DATAERR: series_rows_exit_code()). */
int series_rows_next(struct series_rows *rows, struct rows_chunk *ret_chunk);
int series_rows_exit_code(const struct series_rows *rows);

/* No chunk is longer than that many rows, which saves memory; before the first chunk. */
void series_rows_limit_chunks(struct series_rows *rows, size_t rows_max);

/* Nobody wants the times of the rows: they are not read. Before the first chunk. */
void series_rows_without_times(struct series_rows *rows);

struct rows_summary {
    uint64_t first; /* index of its first row */
    uint64_t count; /* rows, at least 1 */
    int64_t first_ns, last_ns;
    const double *records; /* of stats_block.h, one a selected element */
};

/* What the rows from series_rows_at() on and below `to` (at most series_rows_to()) come to, from
 * the series' block summaries; go on behind them with series_rows_skip_to(). Rows that were
 * overwritten first are passed over, as by series_rows_next(). Good until the next call.
 * `extremes`: minimum and maximum of integers must be exact. 1: there it is; 0: these rows are to
 * be read; negative: failed, as series_rows_next(). */
int series_rows_summary(struct series_rows *rows, uint64_t to, bool extremes,
                        struct rows_summary *ret_summary);

/* The selected elements of one row as doubles. False: it is not there any more. */
bool series_rows_row_f8(struct series_rows *rows, uint64_t index, double *ret_values);

/* Where series_rows_next() goes on. */
uint64_t series_rows_at(const struct series_rows *rows);
void series_rows_skip_to(struct series_rows *rows, uint64_t index);

/* From now on rows that are larger than a chunk come in parts: one after the other, each in order.
 * `blocks`: parts of several rows may come together, the first ones of all of them first, where
 * that is how they lie in the file; then a chunk's first part has the same rows as its last. */
void series_rows_split(struct series_rows *rows, bool blocks);

/* Begins again at series_rows_from(). */
void series_rows_rewind(struct series_rows *rows);

/* Rows handed out or lost until now, for a progress meter. */
uint64_t series_rows_done(const struct series_rows *rows);

/* Selected element i of every row of a chunk, as the kernels want it (float widened, integers to 64
 * bits); room for chunk->count. */
void series_rows_column(const struct series_rows *rows, const struct rows_chunk *chunk, size_t i,
                        union stats_value *ret_values);

/* Elements [from, from + count) of what the chunk has of its row number `row`, as the kernels want
 * them. */
void series_rows_flat(const struct series_rows *rows, const struct rows_chunk *chunk, size_t row,
                      size_t from, size_t count, union stats_value *ret_values);

/* The same as series_rows_column() as double, also for integers (rounded beyond 2^53). */
void series_rows_column_f8(const struct series_rows *rows, const struct rows_chunk *chunk, size_t i,
                           double *ret_values);

#endif
