#include "row_command.h"

#include "jobs.h"
#include "progress.h"
#include "statistics_cells.h"

#include <stdlib.h>

struct cell *row_time_cell(const struct columns *columns)
{
    return &columns->cells[columns->first_value - 1];
}

struct row_command {
    const struct query_options *options;
    struct series_selection selection;
    struct columns columns;
    row_writer *write;
};

static int write_series(void *context, size_t i, struct output *output)
{
    const struct row_command *command = context;
    const struct query_options *options = command->options;
    const char *name = command->selection.names[i];
    struct columns columns;
    struct series_rows *rows = NULL;
    int code = columns_of_series(&command->columns, name, &columns);
    if (code == 0)
        code = series_rows_open(options, name, &rows);
    if (code == 0) {
        row_time_cell(&columns)->kind = CELL_TIME;
        if (!output_is_terminal(output))
            progress_begin(name, series_rows_to(rows) - series_rows_from(rows));
        code = command->write(options, rows, &columns, output);
        progress_end();
    }
    series_rows_close(rows);
    free(columns.cells);
    return code;
}

static int end_series(void *context, size_t i, int code)
{
    struct row_command *command = context;
    (void)i;
    return series_selection_failed(&command->selection, code);
}

int row_command_run(const struct query_options *options, const char *const *names,
                    size_t names_count, row_writer *write)
{
    const char *const times[] = {series_rows_time_name(options), NULL};
    struct row_command command = {.options = options, .write = write};
    struct series_selection *selection = &command.selection;
    struct output *output = NULL;
    int code = series_select(options, selection);
    if (code == 0)
        code = check_one_series(options, selection);
    if (code == 0)
        code = columns_make(options, selection, selection->several, times, NULL, names, names_count,
                            &command.columns);
    if (code == 0)
        code = output_open(options, command.columns.list, command.columns.count, &output);
    if (code == 0)
        code = jobs_run(
            options, &(struct jobs){selection->count, write_series, end_series, &command}, output);
    code = output_close(output, code);
    code = code != 0 ? code : selection->code;
    columns_free(&command.columns);
    series_selection_free(selection);
    return code;
}
