/* command_over.h - stats, resample and rolling with --over elements or all. */
#ifndef INGEST_COMMAND_OVER_H
#define INGEST_COMMAND_OVER_H

#include "columns.h"

/* Puts out a row for each set of pooled_stats.h. Returns the program's exit code. */
int command_over(const struct query_options *options);

/* stats --over all: the row of one series, in the columns of stats. 0 or an exit code. */
int over_all(const struct query_options *options, const struct columns *columns, const char *name,
             struct output *output);

#endif
