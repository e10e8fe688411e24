/* query.h - what the commands of ingest-query share: the parsed command line, messages and exit
 * codes. */
#ifndef INGEST_QUERY_H
#define INGEST_QUERY_H

#include "array_options.h"
#include "stats_state.h"
#include "time_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#define PROGRAM "ingest-query"

/* Exit codes: 0, EX_USAGE 64, EX_DATAERR 65 (damaged files), EX_NOINPUT 66 (no such series or
 * store), EX_CANTCREAT 73 (no place for a backup), EX_TEMPFAIL 75 (recovery is due), and: */
#define QUERY_FAILED 1 /* a failure while working; for status: not healthy; for verify: damage */

enum query_format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON, FORMAT_NPY };
enum query_time_form { TIME_FORM_ISO, TIME_FORM_NS };

/* What a statistic is of: an element along the rows, all elements of a row, or everything. */
enum query_over { OVER_TIME, OVER_ELEMENTS, OVER_ALL };

/* What resample puts where a bucket has no samples. */
enum query_fill {
    FILL_NONE,    /* the bucket is left out where no series has any, and else empty */
    FILL_NULL,    /* every bucket of the range is there; what has no samples is empty */
    FILL_PREVIOUS /* the same, but with what the series had last */
};

/* A number of rows or a span of time: "200" or "10s". */
struct query_length {
    bool given;
    uint64_t rows;   /* 0 when it is a span */
    int64_t span_ns; /* 0 when it is rows; else above 0 */
};

/* In one --stat. */
#define STATISTICS_MAX 64

/* Which rows: cut first, before any window. */
struct query_range {
    bool has_from, has_to;
    int64_t from_ns; /* included */
    int64_t to_ns;   /* excluded */
    struct query_length
        last; /* rows, or the span up to the newest sample of the range, (t - D, t] */
    bool has_first;
    uint64_t first_rows;
};

struct query_options {
    const char *store; /* folder */
    char **names;      /* S..., as given; names and globs */
    size_t names_count;
    struct array_options array; /* instead of series */
    enum query_over over;
    struct query_range range;
    enum time_zone zone; /* TIME_ZONE_UTC with --utc, else local */
    struct stats_statistic
        *statistics; /* in the order asked; the command's default when none were */
    size_t statistics_count;
    struct stats_rules rules;
    bool weight_time;   /* mean, var, std and rms by the time that values were held */
    uint64_t *elements; /* --element, flat indices in C order, as asked; none = all */
    size_t elements_count;
    enum query_format format;
    enum query_time_form time_form;
    const char *output_path;    /* -o; NULL = stdout */
    const char *times_path;     /* --times; NULL */
    int64_t every_ns;           /* resample */
    enum query_fill fill;       /* resample */
    bool wide;                  /* resample */
    struct query_length window; /* rolling --window; plot --rolling */
    uint64_t step;              /* keep every N-th row; 1 = all */
    uint64_t lines;             /* tail -n */
    unsigned jobs;              /* threads for several series; 0 = as many as processors */
    bool follow;
    bool gateways;    /* status */
    bool has_max_age; /* status */
    int64_t max_age_ns;
    unsigned width, height; /* plot, in characters, SVG: pixels; 0 = the default */
    bool ascii;             /* plot */
};

/* The commands; each returns the program's exit code and has told on stderr what went wrong. */
int command_ls(const struct query_options *options);
int command_info(const struct query_options *options);
int command_stats(const struct query_options *options);
int command_resample(const struct query_options *options);
int command_rolling(const struct query_options *options);
int command_dump(const struct query_options *options);
int command_tail(const struct query_options *options);
int command_plot(const struct query_options *options);
int command_verify(const struct query_options *options);
int command_status(const struct query_options *options);
int command_status_gateways(const struct query_options *options);
int command_backup(const struct query_options *options);

/* "ingest-query: ", the message and a line feed on stderr; a running progress meter is ended first.
 * Returns `code`, so that `return query_error(EX_USAGE, ...)` reads well. */
__attribute__((format(printf, 2, 3))) int query_error(int code, const char *format, ...);

/* What query_error() says in this thread is gathered there (NULL: printed), to be printed later, by
 * another thread. Zeroed: nothing. */
struct query_messages {
    char *text;
    size_t bytes;
};
void query_messages_gather(struct query_messages *messages);
void query_messages_print(const struct query_messages *messages);
void query_messages_free(struct query_messages *messages);

/* Tells why a series could not be opened or read; `text` (may be NULL or empty) is what store/
 * said. Returns the exit code. */
struct error_text;
int query_series_error(const char *store, const char *name, int error,
                       const struct error_text *text);

/* The exit code for a negative errno of store/. */
int query_exit_code(int error);

/* True where colour may be used on this file descriptor: a terminal, TERM is not "dumb", NO_COLOR
 * is empty or not set. */
bool query_may_colour(int fd);

#endif
