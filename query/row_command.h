/* row_command.h - what resample, rolling and dump have in common: time first, then values; one
 * series after the other. */
#ifndef INGEST_ROW_COMMAND_H
#define INGEST_ROW_COMMAND_H

#include "columns.h"

/* Puts out the rows of one series that is open. 0 or an exit code. */
typedef int row_writer(const struct query_options *options, struct series_rows *rows,
                       const struct columns *columns, struct output *output);

/* Runs `write` for each selected series; `names` are what its values are called. Returns the
 * program's exit code. */
int row_command_run(const struct query_options *options, const char *const *names,
                    size_t names_count, row_writer *write);

/* The cell of a row's time. */
struct cell *row_time_cell(const struct columns *columns);

#endif
