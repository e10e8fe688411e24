/* resampler.h - the statistics of a series over buckets of time, one bucket after the other. */
#ifndef INGEST_RESAMPLER_H
#define INGEST_RESAMPLER_H

#include "columns.h"

struct resampler;

/* A bucket that has samples is complete: its statistics stand in the cells of the columns. */
typedef void resampler_emit(void *context, int64_t start_ns);

/* Reads `rows` with options->every_ns, statistics and rules into the cells of `columns`; both must
 * outlive it. 0 or an exit code, with its message printed. */
int resampler_open(const struct query_options *options, struct series_rows *rows,
                   const struct columns *columns, resampler_emit *emit, void *context,
                   struct resampler **ret_resampler);
void resampler_close(struct resampler *resampler); /* NULL is allowed */

/* Takes the next rows in and emits the buckets that end with them. 1: there were some; 0: the end,
 * and the last bucket is emitted; negative: failed, and the message is printed: exit with
 * resampler_exit_code(). */
int resampler_next(struct resampler *resampler);
int resampler_exit_code(const struct resampler *resampler);

#endif
