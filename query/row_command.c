#include "row_command.h"

#include "progress.h"
#include "statistics_cells.h"

struct cell *row_time_cell(const struct columns *columns)
{
    return &columns->cells[columns->first_value - 1];
}

static int write_series(const struct query_options *options, const char *name,
                        const struct columns *columns, struct output *output, row_writer *write)
{
    struct series_rows *rows = NULL;
    int code = series_rows_open(options, name, &rows);
    if (code != 0)
        return code;
    for (size_t i = 0; i < columns->count; i++)
        columns->cells[i] = (struct cell){.kind = CELL_NONE};
    if (columns->first_value > 1)
        columns->cells[0] = (struct cell){.kind = CELL_TEXT, .text = name};
    row_time_cell(columns)->kind = CELL_TIME;
    if (!output_is_terminal(output))
        progress_begin(name, series_rows_to(rows) - series_rows_from(rows));
    code = write(options, rows, columns, output);
    progress_end();
    series_rows_close(rows);
    return code;
}

int row_command_run(const struct query_options *options, const char *const *names,
                    size_t names_count, row_writer *write)
{
    const char *const times[] = {series_rows_time_name(options), NULL};
    struct series_selection selection = {0};
    struct columns columns = {0};
    struct output *output = NULL;
    int code = series_select(options, &selection);
    if (code == 0)
        code = check_one_series(options, &selection);
    if (code == 0)
        code = columns_make(options, &selection, selection.several, times, NULL, names, names_count,
                            &columns);
    if (code == 0)
        code = output_open(options, columns.list, columns.count, &output);
    for (size_t i = 0; i < selection.count && code == 0 && !output_failed(output); i++)
        code = series_selection_failed(
            &selection, write_series(options, selection.names[i], &columns, output, write));
    code = output_close(output, code);
    code = code != 0 ? code : selection.code;
    columns_free(&columns);
    series_selection_free(&selection);
    return code;
}
