/* reader.h - the reading side: any number of processes, no locks, no daemon needed.
 *
 * A reader maps the files of one series, takes a snapshot, copies or looks at rows, and then asks
 * what was overwritten meanwhile. It never blocks the writer. Threads: one thread a reader; readers
 * are independent.
 *
 *     reader_open -> reader_snapshot -> reader_copy / reader_spans + reader_first_valid -> ... ->
 * reader_close
 *
 * A file that is truncated under a mapping would be SIGBUS: call reader_install_sigbus_handler()
 * once in main(); then the lost pages read as zeros and reader_fault() says so: check it before
 * results are shown. */
#ifndef INGEST_READER_H
#define INGEST_READER_H

#include "error_text.h"
#include "series_type.h"
#include "store_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;

/* Installs the process's SIGBUS handler (a fault outside our mappings gets the default action). 0
 * or -errno. */
int reader_install_sigbus_handler(void);

/* Whether the arrays can be read as they are: 0; -EAGAIN: power was lost, or a recovery is under
 * way, and what they hold may be false: start the daemon, or wait for it. -ENOENT and others: there
 * is no store that can be opened. Asked once, before the first series is opened. */
int reader_store_ready(const char *store_path, struct error_text *error);

/* Opens one series of the store in folder `store_path`. -ENOENT: no such series; -EBADMSG: a
 * damaged header or head; -ENODATA: a file is shorter than its header says; -EPROTONOSUPPORT: a
 * format version or incompatible flag that we do not know; -EINVAL: name. */
int reader_open(const char *store_path, const char *name, struct reader **ret_reader,
                struct error_text *error);
void reader_close(struct reader *reader); /* NULL is allowed */

struct reader_info {
    const char *name;
    struct series_type type;
    uint64_t id;
    uint64_t capacity; /* 0 = grow */
    uint64_t sample_bytes;
    uint64_t elements; /* of a sample: product of dims, 1 for a scalar */
    int64_t created_ns;
    uint64_t runs_capacity; /* regular only, else 0 */
};
const struct reader_info *reader_info(const struct reader *reader);

/* Text of a key of meta.ini ("unit", "description", "elements"), or "" ; owned by the reader. */
const char *reader_meta(struct reader *reader, const char *key);

/* One consistent view. Rows [first, count) are there. */
struct reader_snapshot {
    uint64_t first; /* index of the oldest row that is there (also by the runs kept) */
    uint64_t count; /* one past the newest */
    uint64_t durable;
    uint64_t runs_first; /* runs [runs_first, runs_count) are there; regular only */
    uint64_t runs_count;
    uint64_t summarised;  /* rows below are in reader_summaries(), whole blocks of them */
    int64_t last_time_ns; /* INT64_MIN when empty */
    int64_t last_update_ns;
    int64_t epoch;
};

/* Takes a snapshot; maps more of a growing file where it grew. -ESTALE: the writer's epoch changed
 * or the files were replaced or unlinked: close and open again. -ENODATA: a file was truncated, or
 * a page of it cannot be read. -EBADMSG: the head's live words, or the newest run, are nonsense.
 * After an error the snapshot before must not be used. */
int reader_snapshot(struct reader *reader, struct reader_snapshot *ret_snapshot);

/* A window across a ring's seam is two spans; the second may be empty. Values point into the
 * mapping. */
struct reader_span {
    const void *values;
    const int64_t *times_ns; /* explicit series, else NULL */
    uint64_t first;          /* index of its first row */
    uint64_t count;          /* rows */
};
/* Rows [from, to) of the snapshot last taken: first <= from <= to <= count. Zero-copy: after using
 * them, ask reader_first_valid() and drop what lies below. The spans hold until the next snapshot
 * or reader_close(). */
void reader_spans(const struct reader *reader, uint64_t from, uint64_t to,
                  struct reader_span ret_spans[2]);

/* The first index of the snapshot that has not been overwritten until now (acquire fence, then the
 * frontier again); the snapshot's count when none is left. */
uint64_t reader_first_valid(const struct reader *reader);

/* Copies rows [from, to) and re-checks: *ret_first_valid > from means that rows below it were
 * overwritten while they were copied and must be dropped; it is at most `to`. `values`
 * (sample_bytes a row) and `times_ns` may be NULL. -EFAULT: a page could not be read (truncated
 * file); -EINVAL: not rows of the snapshot; -EBADMSG: damaged runs. Times of a regular series are
 * computed from its runs. */
int reader_copy(struct reader *reader, uint64_t from, uint64_t to, void *values, int64_t *times_ns,
                uint64_t *ret_first_valid);

/* Time of one row of the snapshot. -ERANGE: it is not there any more; -EFAULT; -EBADMSG: damaged
 * runs. */
int reader_time_ns(struct reader *reader, uint64_t index, int64_t *ret_time_ns);

/* The first row of the snapshot with time >= time_ns, or snapshot.count. Binary search over runs or
 * times. -EFAULT; -EBADMSG: damaged runs. */
int reader_find_time(struct reader *reader, int64_t time_ns, uint64_t *ret_index);

/* Neighbouring records of one level; SUMMARY_WORDS doubles an element, as in store_format.h. They
 * point into the mapping; the second span, across the seam of a ring, may be empty. */
struct reader_summary_span {
    const double *records;
    uint64_t first; /* block of the first record */
    uint64_t count;
};

/* Levels that the series may have summaries of, 0 where its samples are too large; blocks of level
 * k are of SUMMARY_BLOCK_ROWS x 16^k rows (summary_form.h). */
unsigned reader_summary_levels(const struct reader *reader);

/* The records of blocks [first, first + count) of a level, zero-copy; blocks that the snapshot does
 * not have as a whole (first row below snapshot.first, or end above snapshot.summarised) are
 * -ERANGE. The level is mapped at its first use, and again where its file grew. After using them
 * ask reader_first_valid(): a block that begins below it is void; and reader_fault(). The spans
 * hold until the next snapshot, the next call or reader_close(). -ENOENT, -EBADMSG, -ENODATA and
 * others: they cannot be had, and the rows themselves say all that they would. */
int reader_summaries(struct reader *reader, unsigned level, uint64_t first, uint64_t count,
                     struct reader_summary_span ret_spans[2]);

struct reader_run {
    uint64_t first_index;
    int64_t t0_ns;
    int64_t period_ps;
};
/* Run `number` in [runs_first, runs_count) of the snapshot (regular). -ERANGE when it was
 * overwritten. */
int reader_run(struct reader *reader, uint64_t number, struct reader_run *ret_run);

/* True when a part of this reader's files is not there any more (a page could not be read, or a
 * file is shorter than what is mapped): what was computed from it is void. Asks the file system. */
bool reader_fault(const struct reader *reader);

/* ---- the store as a whole ---- */

/* Every name in the store that matches the glob (NULL = all), sorted by bytes. Free each and the
 * array with reader_names_free(). -ENOENT: no such store (or a folder without "series"). */
int reader_list(const char *store_path, const char *glob, char ***ret_names, size_t *ret_count,
                struct error_text *error);
void reader_names_free(char **names, size_t count);

/* True (1) when a daemon holds the store's LOCK, false (0) when not; *ret_pid is its pid where it
 * can be told, else 0. Negative errno. */
int reader_store_is_locked(const char *store_path, long *ret_pid);

#endif
