/* reader_internal.h - what the files of the reading side share. */
#ifndef INGEST_READER_INTERNAL_H
#define INGEST_READER_INTERNAL_H

#include "file_system.h"
#include "npy_header.h"
#include "reader.h"

#include <stdatomic.h>

/* One mapped .npy file. No descriptor is kept: thousands of readers fit into one process. */
struct reader_column {
    const char *file;       /* its name in the series' folder */
    char *path;             /* owned */
    struct npy_shape shape; /* as its header said when it was mapped */
    uint64_t row_bytes;
    uint64_t rows; /* the first dimension, all of it mapped */
    void *mapping; /* header and rows */
    size_t mapping_bytes;
    int guard;      /* of sigbus.h; -1 = none */
    uint64_t inode; /* which file is mapped, to see that it was replaced */
    uint64_t device;
};

/* The series' copy of meta.ini. */
struct reader_meta_text {
    bool loaded;
    char *unit;
    char *description;
    char *elements;
};

struct reader {
    struct reader_info info;
    char name[STORE_NAME_BYTES_MAX + 1];
    char *folder; /* of the series, as a path */
    struct reader_column head;
    struct reader_column values;
    struct reader_column times;      /* of times.npy or runs.npy, by the clock */
    struct reader_column *summaries; /* of each level, mapped or not; NULL: none was asked for */
    unsigned summary_levels;         /* that the series may have */
    struct reader_snapshot snapshot; /* the last one taken */
    int64_t epoch;
    bool lost; /* a fault in a mapping that is gone by now */
    struct reader_meta_text meta;
};

/* ---- reader_column.c ---- */

/* What a column must be; a first dimension of 0 is for the file to say. */
struct reader_column_form {
    enum dtype dtype;
    uint8_t rank;
    uint64_t dims[NPY_RANK_MAX];
};

/* Opens, checks and maps a file of the series. Errors as reader_open(); -ENOENT: no such file. */
int reader_column_open(struct reader_column *column, const char *folder, const char *file,
                       const struct reader_column_form *form, struct error_text *error);
void reader_column_close(struct reader_column *column);

/* -ESTALE: another file or none has its name; -ENODATA: it is shorter than what is mapped. */
int reader_column_check(const struct reader_column *column);

/* True when a part of what is mapped is not there any more. A file that was deleted or replaced
 * keeps its rows; that it was cut before cannot be told then. */
bool reader_column_is_lost(const struct reader_column *column);

/* Maps what a growing file has by now, at least rows_min rows, in place of the old mapping.
 * -ESTALE, -ENODATA; -EBADMSG: the file has fewer rows. */
int reader_column_grow(struct reader_column *column, uint64_t rows_min, bool *ret_lost);

/* The rows of a column, behind its header. */
static inline const char *reader_column_rows(const struct reader_column *column)
{
    return (const char *)column->mapping + NPY_HEADER_BYTES;
}

/* Words that the writer changes meanwhile. */
static inline const _Atomic int64_t *reader_column_words(const struct reader_column *column)
{
    return (const _Atomic int64_t *)(const void *)reader_column_rows(column);
}

static inline int64_t reader_head_word(const struct reader *reader, unsigned word)
{
    return atomic_load_explicit(&reader_column_words(&reader->head)[word], memory_order_relaxed);
}

static inline bool reader_is_ring(const struct reader *reader)
{
    return reader->info.capacity > 0;
}

/* The row of a column that holds an index. */
static inline uint64_t reader_slot(const struct reader *reader, uint64_t index)
{
    return reader_is_ring(reader) ? index % reader->info.capacity : index;
}

/* ---- reader_head.c ---- */

/* Reads and checks the head's fixed words into reader->info and reader->epoch. -EBADMSG,
 * -EPROTONOSUPPORT. */
int reader_head_load(struct reader *reader, struct error_text *error);

/* ---- reader_copy.c ---- */

/* The oldest index that the frontier leaves, as it is now: what was read before this call and is
 * not below it was not overwritten while it was read. */
uint64_t reader_frontier_first(const struct reader *reader);

/* ---- reader_runs.c ---- */

/* Run `number`, checked by itself; -ERANGE: overwritten; -EBADMSG: damaged. Asks no snapshot. */
int reader_run_load(const struct reader *reader, uint64_t number, struct reader_run *ret_run);

/* The three words of a run as they are; -ERANGE: overwritten; -EBADMSG: no sane runs count. */
int reader_run_words(const struct reader *reader, uint64_t number, int64_t ret_words[RUN_WORDS]);

/* The oldest run that is there when `runs_count` were written. */
uint64_t reader_runs_first(const struct reader *reader, uint64_t runs_count);

/* Number of the run that holds a row of the snapshot. -ERANGE: it is not there any more; -EBADMSG.
 */
int reader_run_find_index(const struct reader *reader, uint64_t index, uint64_t *ret_number);

/* Time of a row of this run. -EBADMSG: no time that int64 holds. */
int reader_run_time(const struct reader_run *run, uint64_t index, int64_t *ret_time_ns);

/* Times of rows [from, to) from the runs. *ret_first_valid is raised above `from` where runs were
 * overwritten. */
int reader_run_times(const struct reader *reader, uint64_t from, uint64_t to, int64_t *times_ns,
                     uint64_t *ret_first_valid);

/* First row of the snapshot at or after a time. */
int reader_run_find_time(const struct reader *reader, int64_t time_ns, uint64_t *ret_index);

/* ---- reader_summaries.c ---- */

/* Lets go of those whose files were replaced or cut since they were mapped. */
void reader_summaries_renew(struct reader *reader);
/* A page of one that is mapped is not there any more. */
bool reader_summaries_are_lost(const struct reader *reader);
void reader_summaries_close(struct reader *reader);

/* The head's word for a count; 0 where it is nonsense. */
uint64_t reader_summarised(const struct reader *reader, uint64_t count);

/* ---- reader_meta.c ---- */
void reader_meta_free(struct reader_meta_text *meta);

#endif
