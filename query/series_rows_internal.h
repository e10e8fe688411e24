/* series_rows_internal.h - what the files behind series_rows.h share. */
#ifndef INGEST_SERIES_ROWS_INTERNAL_H
#define INGEST_SERIES_ROWS_INTERNAL_H

#include "array_rows.h"
#include "range_summary.h"
#include "series_rows.h"

struct series_rows {
    const struct query_options *options;
    struct reader *reader;           /* NULL for an array file */
    struct array_rows *array;        /* NULL for a series */
    struct reader_snapshot snapshot; /* the one that the range lies in */
    char *name;
    uint64_t from, to;        /* the range */
    uint64_t at;              /* next row to read */
    bool anew;                /* the next rows do not go on what was before */
    uint64_t lost;            /* rows lost that no chunk has told of */
    uint64_t lost_total;      /* of all that series_rows_report_lost() has not told of */
    size_t elements_count;    /* selected */
    const uint64_t *elements; /* their flat indices; NULL = all, in order */
    size_t row_bytes;         /* of the selected elements */
    bool without_times;       /* series_rows_without_times() */
    bool split, blocks;       /* series_rows_split() */
    size_t element_at;        /* of row `at`, when rows come in parts */
    size_t chunk_rows;
    size_t chunk_width; /* elements; less than all: in parts */
    void *values;       /* chunk_rows x chunk_width; NULL until the first chunk */
    int64_t *times_ns;
    bool has_no_summaries;
    struct range_summary *summary; /* made at its first use */
    int exit_code;                 /* after a failure */
};

/* Opens the reader and takes a snapshot, again when the writer changes meanwhile. Exit code, with
 * its message printed. */
int series_rows_attach(struct series_rows *rows);

/* The next part of a row, where rows come in parts; as series_rows_next(). */
int series_rows_next_part(struct series_rows *rows, struct rows_chunk *ret_chunk);

/* Room for a chunk. An exit code, with its message printed. */
int series_rows_make_buffers(struct series_rows *rows);

/* EX_USAGE with its message when the samples do not have the elements that were asked for, else 0.
 */
int series_check_elements(const struct query_options *options, const struct reader_info *info);

/* Notes that rows from where it stands to `valid` were overwritten, and goes on there. */
void series_rows_lose(struct series_rows *rows, uint64_t valid);

/* Tells on stderr what was lost since it was last asked. */
void series_rows_report_lost(struct series_rows *rows);

/* For --follow: makes the rows that came since the range's end the new range. 0, or an exit code
 * with its message printed. A series that was made anew under its name begins at its first row; one
 * that is gone has no new rows until it is back. */
int series_rows_advance(struct series_rows *rows);

#endif
