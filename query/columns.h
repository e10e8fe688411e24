/* columns.h - the columns of a command's rows, for one series or for several whose samples may have
 * different shapes.
 *
 * With several series `series` comes first; then the columns of time; then for each statistic one
 * column for scalars (if there are any) and one for each element of samples with a shape. A row of
 * a series leaves empty what it does not have. */
#ifndef INGEST_COLUMNS_H
#define INGEST_COLUMNS_H

#include "output.h"
#include "series_rows.h"

/* Of any output. */
#define COLUMNS_MAX 10000

struct columns {
    struct column *list;
    char (*texts)[COLUMN_NAME_BYTES]; /* their names */
    size_t count;
    size_t first_value; /* where the statistics begin */
    size_t names_count; /* statistics */
    size_t per_name;    /* columns of one statistic */
    bool has_scalar;    /* the first of them is for scalars */
    bool has_series;    /* the first column is `series` */
    bool pooled;        /* all elements of a sample together make one (--over) */
    struct cell *cells; /* one row; all CELL_NONE between rows */
};

/* Looks at every selected series; `names` are what the values are called ("mean", "var" or
 * "value"). `before` and `after` are columns beside the values ({"time"}, {"first_time",
 * "last_time"}), NULL-terminated, of times. `has_series`: the first column is `series`. 0 or an
 * exit code, with its message printed (no such series, too many columns). One of several that
 * cannot be opened is dropped from the selection, which notes it; an error when none is left. */
int columns_make(const struct query_options *options, struct series_selection *selection,
                 bool has_series, const char *const *before, const char *const *after,
                 const char *const *names, size_t names_count, struct columns *ret_columns);
void columns_free(struct columns *columns);

/* The same columns for the rows of one series, which may be another thread's: cells of its own
 * (the caller's to free), all CELL_NONE but its name, where several series are shown. 0 or an exit
 * code, with its message printed; NULL cells then. */
int columns_of_series(const struct columns *columns, const char *name, struct columns *ret_columns);

/* The cell of statistic `name`, selected element `element` of a series. */
struct cell *columns_cell(const struct columns *columns, const struct series_rows *rows,
                          size_t name, size_t element);

#endif
