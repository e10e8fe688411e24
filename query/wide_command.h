/* wide_command.h - resample --wide: a row a bucket, and in it a column for each statistic of each
 * series. */
#ifndef INGEST_WIDE_COMMAND_H
#define INGEST_WIDE_COMMAND_H

#include "query.h"

/* Returns the program's exit code. */
int wide_command_run(const struct query_options *options);

#endif
