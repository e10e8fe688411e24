/* output.h - rows of cells in any of the formats. */
#ifndef INGEST_OUTPUT_H
#define INGEST_OUTPUT_H

#include "query.h"
#include "stats_state.h"

enum cell_kind {
    CELL_NONE,  /* nothing: this row has no such column */
    CELL_EMPTY, /* it has the column, and nothing stands there: null in json, NaN in npy */
    CELL_TEXT,
    CELL_TIME, /* INT64_MIN = no time */
    CELL_F8,
    CELL_F4,
    CELL_INTEGER
};

struct cell {
    enum cell_kind kind;
    union {
        const char *text;
        int64_t time_ns;
        double real; /* CELL_F4: a float, widened */
        stats_i128 integer;
    };
};

struct column {
    const char *name;    /* must outlive the output */
    enum cell_kind kind; /* what its cells mostly are: text stands left, numbers right */
};

struct output;

/* Opens the output that the options ask for and announces the columns (kept by reference). With npy
 * the numbers of a row are written as float64 and the first column of times goes to --times; other
 * cells are left out. 0 or an exit code, with its message printed. */
int output_open(const struct query_options *options, const struct column *columns, size_t count,
                struct output **ret_output);

/* As many cells as columns. */
void output_row(struct output *output, const struct cell *cells);

/* For npy, many rows at once: the numbers of each, in the order of the columns, and their times
 * (NULL where --times was not given). */
void output_numbers(struct output *output, const double *numbers, const int64_t *times_ns,
                    size_t count);

/* An output whose rows are handed to `take`, in pieces, for output_take() of `output`. Not more
 * than one thread an output. 0 or an exit code, with its message printed. */
typedef int output_taker(void *context, const void *bytes, size_t count);
int output_gather_open(const struct output *output, output_taker *take, void *context,
                       struct output **ret_output);
/* Returns `code` if that is not 0, else 0 or an exit code, with its message printed; that `take`
 * gave -ECANCELED is no failure. NULL is allowed. */
int output_gather_close(struct output *output, int code);
void output_take(struct output *output, const void *bytes, size_t count);

/* Shows all rows until now. */
void output_flush(struct output *output);

/* True when nothing more can be written: stop working. */
bool output_failed(const struct output *output);

/* Waits that long, or until a signal comes; false as soon as nobody is left to read (a closed pipe,
 * a terminal that hung up). Not for npy. */
bool output_wait(const struct output *output, int time_ms);

/* True when data goes to the terminal: no progress meter then. */
bool output_is_terminal(const struct output *output);

/* Ends and frees it; not `good`: leaves no file behind. Returns `code` if that is not 0, else 0 or
 * an exit code, with its message printed. NULL is allowed. */
int output_close(struct output *output, int code);

#endif
