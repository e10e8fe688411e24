#include "command_over.h"
#include "follow_command.h"
#include "progress.h"
#include "row_command.h"
#include "statistics_cells.h"

#include <math.h>

/* One row of a chunk into the cells. */
static void fill_row(const struct query_options *options, const struct window_stats *windows,
                     const struct window_chunk *chunk, size_t row, const struct series_rows *rows,
                     const struct columns *columns)
{
    size_t elements = series_rows_elements(rows);
    size_t width = window_stats_columns(windows);
    row_time_cell(columns)->time_ns = chunk->times_ns[row];
    for (size_t k = 0; k < options->statistics_count; k++) {
        for (size_t e = 0; e < elements; e++) {
            size_t column = k * elements + e, at = row * width + column;
            struct cell *cell = columns_cell(columns, rows, k, e);
            /* With too few samples there is not even a whole number to tell. */
            if (window_stats_is_integer(windows, column) && !isnan(chunk->values[at]))
                *cell = (struct cell){.kind = CELL_INTEGER, .integer = chunk->integers[at]};
            else
                *cell = (struct cell){.kind = CELL_F8, .real = chunk->values[at]};
        }
    }
}

/* Nothing of an array of numbers depends on the times. */
static bool needs_times(const struct query_options *options)
{
    return options->format != FORMAT_NPY || options->times_path != NULL ||
           options->window.span_ns > 0 || options->weight_time;
}

static void write_chunk(const struct query_options *options, const struct series_rows *rows,
                        const struct window_stats *windows, const struct window_chunk *chunk,
                        const struct columns *columns, struct output *output)
{
    if (options->format == FORMAT_NPY) {
        output_numbers(output, chunk->values, chunk->times_ns, chunk->count);
        return;
    }
    for (size_t i = 0; i < chunk->count && !output_failed(output); i++) {
        fill_row(options, windows, chunk, i, rows, columns);
        output_row(output, columns->cells);
    }
}

static int write_rolling(const struct query_options *options, struct series_rows *rows,
                         const struct columns *columns, struct output *output)
{
    struct window_stats *windows = NULL;
    struct window_chunk chunk;
    int more = 0;
    if (!needs_times(options))
        series_rows_without_times(rows);
    int code = window_stats_open(options, rows, &windows);
    if (code != 0)
        return code;
    while (!output_failed(output) && (more = window_stats_next(windows, &chunk)) > 0) {
        write_chunk(options, rows, windows, &chunk, columns, output);
        progress_update(series_rows_done(rows));
    }
    if (more < 0)
        code = window_stats_exit_code(windows);
    window_stats_close(windows);
    return code;
}

/* The windows stay for the rows that are still to come. */
static int write_followed(const struct query_options *options, struct followed *series,
                          const struct columns *columns, struct output *output)
{
    struct window_chunk chunk;
    int more = 0, code = 0;
    if (series->windows == NULL)
        code = window_stats_open(options, series->rows, &series->windows);
    while (code == 0 && !follow_is_over(output) &&
           (more = window_stats_next(series->windows, &chunk)) > 0)
        write_chunk(options, series->rows, series->windows, &chunk, columns, output);
    return more < 0 ? window_stats_exit_code(series->windows) : code;
}

int command_rolling(const struct query_options *options)
{
    const char *names[STATISTICS_MAX];
    if (options->over != OVER_TIME)
        return command_over(options);
    statistics_names(options, names);
    if (options->follow)
        return follow_command_run(options, names, options->statistics_count, write_followed);
    return row_command_run(options, names, options->statistics_count, write_rolling);
}
