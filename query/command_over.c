#include "command_over.h"

#include "pooled_stats.h"
#include "progress.h"
#include "row_command.h"
#include "statistics_cells.h"

static int write_sets(const struct query_options *options, struct series_rows *rows,
                      const struct columns *columns, struct output *output)
{
    struct pooled_stats *pooled = NULL;
    struct pooled_set set;
    int more = 0;
    int code = pooled_stats_open(options, rows, &pooled);
    if (code != 0)
        return code;
    while (!output_failed(output) && (more = pooled_stats_next(pooled, &set)) > 0) {
        row_time_cell(columns)->time_ns = set.time_ns;
        statistics_fill(options, columns, rows, set.state, set.quantiles, NULL);
        output_row(output, columns->cells);
        progress_update(series_rows_done(rows));
    }
    if (more < 0)
        code = pooled_stats_exit_code(pooled);
    pooled_stats_close(pooled);
    return code;
}

int command_over(const struct query_options *options)
{
    const char *names[STATISTICS_MAX];
    statistics_names(options, names);
    return row_command_run(options, names, options->statistics_count, write_sets);
}

int over_all(const struct query_options *options, const struct columns *columns, const char *name,
             struct output *output)
{
    struct series_rows *rows = NULL;
    struct pooled_stats *pooled = NULL;
    struct pooled_set set;
    int more = 0;
    int code = series_rows_open(options, name, &rows);
    if (code != 0)
        return code;
    progress_begin(name, series_rows_to(rows) - series_rows_from(rows));
    code = pooled_stats_open(options, rows, &pooled);
    if (code == 0)
        more = pooled_stats_next(pooled, &set);
    if (more < 0)
        code = pooled_stats_exit_code(pooled);
    progress_end();
    if (more > 0) {
        statistics_fill(options, columns, rows, set.state, set.quantiles, NULL);
        columns->cells[columns->count - 2] =
            (struct cell){.kind = CELL_TIME, .time_ns = set.time_ns};
        columns->cells[columns->count - 1] =
            (struct cell){.kind = CELL_TIME, .time_ns = set.last_ns};
        output_row(output, columns->cells);
    }
    pooled_stats_close(pooled);
    series_rows_close(rows);
    return code;
}
