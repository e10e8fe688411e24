#include "progress.h"
#include "statistics_cells.h"

#include <stdlib.h>

/* Statistics of the rows of one series: a state for each selected element. */
struct summary {
    struct stats_state *states;
    union stats_value *column;
    uint64_t count;
    int64_t first_ns;
    int64_t last_ns;
};

static int summarise(struct series_rows *rows, struct summary *summary)
{
    struct rows_chunk chunk;
    int more;
    for (size_t e = 0; e < series_rows_elements(rows); e++)
        stats_state_clear(&summary->states[e], series_rows_kind(rows));
    while ((more = series_rows_next(rows, &chunk)) > 0) {
        if (summary->count == 0)
            summary->first_ns = chunk.times_ns[0];
        summary->last_ns = chunk.times_ns[chunk.count - 1];
        summary->count += chunk.count;
        for (size_t e = 0; e < series_rows_elements(rows); e++) {
            series_rows_column(rows, &chunk, e, summary->column);
            stats_state_add(&summary->states[e], summary->column, chunk.count);
        }
        progress_update(series_rows_done(rows));
    }
    return more < 0 ? series_rows_exit_code(rows) : 0;
}

static int stats_of_series(const struct query_options *options, struct columns *columns,
                           const char *name, struct output *output)
{
    struct series_rows *rows = NULL;
    struct summary summary = {0};
    int code = series_rows_open(options, name, &rows);
    if (code != 0)
        return code;
    summary.states = calloc(series_rows_elements(rows), sizeof *summary.states);
    summary.column = calloc(SERIES_ROWS_CHUNK_MAX, sizeof *summary.column);
    if (summary.states == NULL || summary.column == NULL) {
        code = query_error(QUERY_FAILED, "out of memory");
    } else {
        progress_begin(name, series_rows_to(rows) - series_rows_from(rows));
        code = summarise(rows, &summary);
        progress_end();
    }
    if (code == 0 && summary.count > 0) {
        for (size_t i = 0; i < columns->count; i++)
            columns->cells[i] = (struct cell){.kind = CELL_NONE};
        columns->cells[0] = (struct cell){.kind = CELL_TEXT, .text = name};
        statistics_fill(options, columns, rows, summary.states);
        columns->cells[columns->count - 2] =
            (struct cell){.kind = CELL_TIME, .time_ns = summary.first_ns};
        columns->cells[columns->count - 1] =
            (struct cell){.kind = CELL_TIME, .time_ns = summary.last_ns};
        output_row(output, columns->cells);
    }
    free(summary.states);
    free(summary.column);
    series_rows_close(rows);
    return code;
}

int command_stats(const struct query_options *options)
{
    static const char *const times[] = {"first_time", "last_time", NULL};
    const char *names[STATS_NAMES];
    struct series_selection selection = {0};
    struct columns columns = {0};
    struct output *output = NULL;
    statistics_names(options, names);
    int code = series_select(options, &selection);
    if (code == 0)
        code = columns_make(options, &selection, true, NULL, times, names,
                            options->statistics_count, &columns);
    if (code == 0)
        code = output_open(options, columns.list, columns.count, &output);
    for (size_t i = 0; i < selection.count && code == 0 && !output_failed(output); i++)
        code = series_selection_failed(
            &selection, stats_of_series(options, &columns, selection.names[i], output));
    code = output_close(output, code);
    code = code != 0 ? code : selection.code;
    columns_free(&columns);
    series_selection_free(&selection);
    return code;
}
