/* follow_command.h - what tail and rolling --follow have in common: the rows that are there, then
 * those that arrive, until interrupted. */
#ifndef INGEST_FOLLOW_COMMAND_H
#define INGEST_FOLLOW_COMMAND_H

#include "columns.h"
#include "window_stats.h"

/* One of the series that are shown. */
struct followed {
    struct series_rows *rows;     /* NULL: it failed, or nothing more is wanted of it */
    struct window_stats *windows; /* for the writer, from one call to the next; NULL at first */
};

/* Puts out what a series has between its range's beginning and end. 0 or an exit code. */
typedef int follow_writer(const struct query_options *options, struct followed *series,
                          const struct columns *columns, struct output *output);

/* Runs `write` for each selected series, with options->follow again whenever there is more. Returns
 * the program's exit code; an interrupt while it follows is a success. */
int follow_command_run(const struct query_options *options, const char *const *names,
                       size_t names_count, follow_writer *write);

/* True when nothing more is to be put out: interrupted while following, or nobody is left to read.
 */
bool follow_is_over(const struct output *output);

#endif
