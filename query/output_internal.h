/* output_internal.h - what the formats share. */
#ifndef INGEST_OUTPUT_INTERNAL_H
#define INGEST_OUTPUT_INTERNAL_H

#include "npy_stream.h"
#include "number_text.h"
#include "output.h"
#include "sink.h"

/* A format is four functions; `state` is its own. */
struct output_format {
    int (*begin)(struct output *output); /* 0 or an exit code, with its message printed */
    void (*row)(struct output *output, const struct cell *cells);
    void (*flush)(struct output *output);         /* before sink_flush(); may be NULL */
    int (*end)(struct output *output, bool good); /* frees the state; may be NULL */
    bool is_stateless;                            /* a row is the same bytes wherever it stands */
};

struct output {
    const struct query_options *options;
    const struct column *columns;
    size_t columns_count;
    const struct output_format *format;
    struct sink *sink; /* NULL for npy, which has its streams */
    bool colour;
    void *state;
};

extern const struct output_format output_table;
extern const struct output_format output_csv;
extern const struct output_format output_json;
extern const struct output_format output_npy;

/* Of the npy format, whose state `state` is. */
bool output_npy_failed(const void *state);
void output_npy_numbers(void *state, const double *numbers, const int64_t *times_ns, size_t count);

/* Enough for any cell but text. */
#define CELL_TEXT_BYTES 64

/* The cell as text: a number exactly (`exact`) or for people; a time as the options say; "" for
 * nothing. May return the cell's own text instead of `buffer`. */
const char *cell_text(const struct output *output, const struct cell *cell, bool exact,
                      char buffer[CELL_TEXT_BYTES]);

#endif
