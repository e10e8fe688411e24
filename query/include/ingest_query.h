/* ingest_query.h - libingest-query: the series of an ingestd store, for readers in other programs.
 *
 *     struct ingest_series *series;
 *     struct ingest_snapshot snapshot;
 *     struct ingest_statistics all;
 *     ingest_series_open("/var/lib/ingestd", "plant1/boiler/temp", &series, NULL);
 *     ingest_series_snapshot(series, &snapshot);
 *     ingest_series_statistics(series, snapshot.first, snapshot.count, 0, NULL, &all);
 *     printf("%g +- %g\n", all.mean, all.std);
 *     ingest_series_close(series);
 *
 * The files are mapped read-only while the daemon writes them, or with no daemon at all; nobody is
 * asked, and nobody waits. Rows have 64-bit indices that count from 0 and are never used again; a
 * ring keeps the newest `capacity` of them. Rows that its writer overwrites while they are read are
 * never shown: the functions say which they left out.
 *
 * Threads: a series belongs to one thread at a time; any number of them may be open. Errors: 0 or a
 * negative errno. Nothing is printed, and no signal handler is installed unasked. Depends on libc
 * alone. */
#ifndef INGEST_QUERY_LIBRARY_H
#define INGEST_QUERY_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INGEST_QUERY_API __attribute__((visibility("default")))

struct ingest_series;

/* What went wrong, for a person: the thing, the place and the remedy. */
struct ingest_query_error {
    char text[512];
};

/* A file that is cut while it is mapped raises SIGBUS. With this handler the lost pages read as
 * zeros instead, and the functions below return -EFAULT; faults outside of our mappings get the
 * default action. Once a process, before the first series is opened. 0 or a negative errno. */
INGEST_QUERY_API int ingest_query_catch_sigbus(void);

/* Opens the series of that name in the store's folder. *ret_series is freed by
 * ingest_series_close(). `error` (may be NULL) is filled on failure. -ENOENT: no such store or
 * series; -EAGAIN: power was lost, or a recovery is under way: start the daemon, or wait for it;
 * -EBADMSG, -ENODATA: damaged; -EPROTONOSUPPORT: of a later version; -EINVAL: not a name; -ENOMEM
 * and others from the system. */
INGEST_QUERY_API int ingest_series_open(const char *store, const char *name,
                                        struct ingest_series **ret_series,
                                        struct ingest_query_error *error);

/* NULL is allowed. */
INGEST_QUERY_API void ingest_series_close(struct ingest_series *series);

/* What a series is, for as long as it is open. Texts are owned by it. */
struct ingest_series_info {
    const char *name;
    const char *dtype; /* "f4", "i8", ...: little-endian */
    int is_regular;    /* a sampling period; else a stamp for every sample */
    unsigned rank;     /* of a sample: 0 = a scalar */
    uint32_t dims[4];
    uint64_t elements;     /* of a sample, 1 for a scalar */
    uint64_t sample_bytes; /* elements x bytes of one */
    uint64_t capacity;     /* rows of a ring; 0 = it grows */
    const char *unit;      /* of meta.ini; "" where there is none */
    const char *description;
};
INGEST_QUERY_API void ingest_series_info(struct ingest_series *series,
                                         struct ingest_series_info *ret_info);

/* Rows [first, count) are there; those below `durable` survive a power cut. Times are nanoseconds
 * since the Unix epoch. */
struct ingest_snapshot {
    uint64_t first;
    uint64_t count;
    uint64_t durable;
    int64_t last_time_ns; /* INT64_MIN when there is no row */
};

/* Looks at the series as it is now; the functions below speak of the snapshot last taken (the first
 * is taken by ingest_series_open()). -ESTALE: the series was made anew, or is gone: close it and
 * open it again; -ENODATA, -EBADMSG: damaged. After an error only ingest_series_close() is of use.
 */
INGEST_QUERY_API int ingest_series_snapshot(struct ingest_series *series,
                                            struct ingest_snapshot *ret_snapshot);

/* The first row at or after that time; the snapshot's count when there is none. About a
 * microsecond, however many rows there are. -EFAULT, -EBADMSG: damaged. */
INGEST_QUERY_API int ingest_series_find_time(struct ingest_series *series, int64_t time_ns,
                                             uint64_t *ret_row);

/* Copies rows [from, to) of the snapshot, oldest first: `values` gets sample_bytes a row, C order,
 * `times_ns` 8; either may be NULL. Rows below *ret_first were overwritten meanwhile: their places
 * hold anything. -EINVAL: not rows of the snapshot; -EFAULT, -EBADMSG: damaged. */
INGEST_QUERY_API int ingest_series_copy(struct ingest_series *series, uint64_t from, uint64_t to,
                                        void *values, int64_t *times_ns, uint64_t *ret_first);

/* How statistics are made; all zero (or NULL) is the default. */
struct ingest_rules {
    unsigned ddof;      /* 0 or 1: a variance is divided by count - ddof */
    int propagate_nan;  /* NaN spoils what it is part of; else it is a missing value, and skipped */
    uint64_t min_count; /* with fewer samples that are not NaN there is nothing to tell: NaN */
};

struct ingest_statistics {
    uint64_t first; /* the rows are [first, to): those before it were overwritten meanwhile */
    uint64_t count; /* samples that are not NaN */
    uint64_t missing;
    /* NaN where there is nothing to tell; whole numbers beyond 2^53 are rounded. */
    double mean, var, std, min, max, sum, rms;
};

/* Statistics of one element (flat index, C order; 0 for a scalar) of rows [from, to). From the
 * series' block summaries, where it has them: the cost grows with the logarithm of the range.
 * Errors relative to the exact statistic: variance 1e-13; mean 1e-14 of the root mean square;
 * equal samples give exactly 0. -EINVAL: not rows of the snapshot, or no such element; -EFAULT,
 * -EBADMSG: damaged; -ENOMEM. */
INGEST_QUERY_API int ingest_series_statistics(struct ingest_series *series, uint64_t from,
                                              uint64_t to, uint64_t element,
                                              const struct ingest_rules *rules,
                                              struct ingest_statistics *ret_statistics);

/* Exact quantiles (NumPy's "linear" rule) of one element of rows [from, to), for `count` fractions
 * from 0 to 1, at most 64; NaN is skipped. Reads all rows, up to six times. -EAGAIN: some were
 * overwritten meanwhile: take a snapshot and ask for newer ones. Other errors as
 * ingest_series_statistics(). */
INGEST_QUERY_API int ingest_series_quantiles(struct ingest_series *series, uint64_t from,
                                             uint64_t to, uint64_t element, const double *fractions,
                                             size_t count, double *ret_quantiles);

/* A window that rolls: the `rows` rows, or the span (t - span_ns, t], that end at a row. One of the
 * two is 0. */
struct ingest_window {
    uint64_t rows;
    int64_t span_ns;
};

/* What a rolling window gives, a piece at a time: `count` rows from index `first` on, the times of
 * the rows that windows end at, and columns[k][i], statistic k of the window that ends at row
 * first + i. All of it is good until the callback returns. Return a positive number to stop: that
 * is what ingest_series_rolling() returns then. It must not use the same series. */
typedef int ingest_rolling_piece(void *context, uint64_t first, size_t count,
                                 const int64_t *times_ns, const double *const *columns);

/* Rolls over one element of rows [from, to). `statistics` is a list such as "mean,var" (of mean,
 * var, std, min, max, sum, rms, count, missing, median, p95, ...; at most 64). Rows begin with the
 * first full window, and anew after rows that were overwritten. Memory grows with the window, not
 * with the range. Errors as ingest_series_statistics(); -EINVAL: also a list or a window that is
 * none. */
INGEST_QUERY_API int ingest_series_rolling(struct ingest_series *series, uint64_t from, uint64_t to,
                                           uint64_t element, const struct ingest_window *window,
                                           const char *statistics, const struct ingest_rules *rules,
                                           ingest_rolling_piece *piece, void *context);

struct ingest_reduction {
    uint64_t windows; /* that were full */
    uint64_t above;   /* of them: those whose variance is above the threshold */
    double largest;   /* variance; 0 where no window has one */
};

/* The variances of the windows of `rows` rows that end within [from, to), one element, as
 * ingest_series_rolling() gives them, looked at and written nowhere: the largest, and how many are
 * above the threshold. `rules` without a min_count; 64-bit
 * integers beyond 2^53 are rounded. Windows begin anew after rows that were overwritten. Memory
 * grows with the window, not with the range. Errors as ingest_series_statistics(); -EINVAL: also a
 * window of no rows, or a min_count. After an error *ret_reduction holds nothing of use. */
INGEST_QUERY_API int ingest_series_reduce(struct ingest_series *series, uint64_t from, uint64_t to,
                                          uint64_t element, uint64_t rows,
                                          const struct ingest_rules *rules, double threshold,
                                          struct ingest_reduction *ret_reduction);

#ifdef __cplusplus
}
#endif

#endif
