#include "bucket_join.h"
#include "command_over.h"
#include "progress.h"
#include "resampler.h"
#include "row_command.h"
#include "statistics_cells.h"
#include "wide_command.h"

#include <stdlib.h>
#include <string.h>

struct resampling {
    const struct columns *columns;
    struct output *output;
};

static void write_bucket(void *context, int64_t start_ns)
{
    const struct resampling *resampling = context;
    row_time_cell(resampling->columns)->time_ns = start_ns;
    output_row(resampling->output, resampling->columns->cells);
}

/* Buckets without samples are left out. */
static int write_buckets(const struct query_options *options, struct series_rows *rows,
                         const struct columns *columns, struct output *output)
{
    struct resampling resampling = {columns, output};
    struct resampler *resampler = NULL;
    int more = 1;
    int code = resampler_open(options, rows, columns, write_bucket, &resampling, &resampler);
    while (code == 0 && more > 0 && !output_failed(output)) {
        more = resampler_next(resampler);
        progress_update(series_rows_done(rows));
    }
    if (more < 0)
        code = resampler_exit_code(resampler);
    resampler_close(resampler);
    return code;
}

/* All buckets of the range. */
static int write_all_buckets(const struct query_options *options, struct series_rows *rows,
                             const struct columns *columns, struct output *output)
{
    struct bucket_join *join = NULL;
    struct cell row_time = *row_time_cell(columns);
    struct cell *row = calloc(columns->count, sizeof *row);
    if (row == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    int code = bucket_join_open(options, 1, &join);
    if (code == 0)
        code = bucket_join_add(join, rows, columns);
    while (code == 0 && !output_failed(output) && bucket_join_next(join, &row_time.time_ns)) {
        memcpy(row, bucket_join_cells(join, 0), columns->count * sizeof *row);
        row[columns->first_value - 1] = row_time;
        output_row(output, row);
        progress_update(series_rows_done(rows));
    }
    if (code == 0)
        code = bucket_join_code(join, 0);
    bucket_join_close(join);
    free(row);
    return code;
}

int command_resample(const struct query_options *options)
{
    const char *names[STATISTICS_MAX];
    if (options->over != OVER_TIME)
        return command_over(options);
    if (options->wide)
        return wide_command_run(options);
    statistics_names(options, names);
    return row_command_run(options, names, options->statistics_count,
                           options->fill == FILL_NONE ? write_buckets : write_all_buckets);
}
