/* library_series.h - what the files of libingest-query share: an open series, and its rows one
 * element at a time. */
#ifndef INGEST_LIBRARY_SERIES_H
#define INGEST_LIBRARY_SERIES_H

#include "ingest_query.h"
#include "range_summary.h"
#include "reader.h"
#include "stats_state.h"

/* Rows that are worked on at once, at most. */
#define LIBRARY_ROWS_MAX ((size_t)4096)

struct ingest_series {
    struct reader *reader;
    struct reader_snapshot snapshot;
    const struct reader_info *info;
    struct range_summary
        *summary; /* of one element; NULL: none was asked for yet, or there is none */
    uint64_t summary_element;
    size_t chunk_rows;
    void *samples; /* chunk_rows x sample_bytes */
    int64_t *times_ns;
    union stats_value *values;
};

struct library_chunk {
    uint64_t first; /* index of its first row */
    size_t count;
    const union stats_value *values;
    const int64_t *times_ns; /* NULL unless they were asked for */
    bool is_cut;             /* rows before it were overwritten */
};

/* Calls `take` for rows [from, to), oldest first; what it returns other than 0 ends it. 0, that, or
 * -EFAULT, -EBADMSG, -ENOMEM. */
int library_for_each_chunk(struct ingest_series *series, uint64_t from, uint64_t to,
                           uint64_t element, bool with_times,
                           int (*take)(void *context, const struct library_chunk *chunk),
                           void *context);

/* -EINVAL: not rows of the snapshot, or no such element. */
int library_check(const struct ingest_series *series, uint64_t from, uint64_t to, uint64_t element);

struct stats_rules library_rules(const struct ingest_rules *rules);

#endif
