#include "row_command.h"
#include "series_rows_internal.h"
#include "value_rows.h"

#include <signal.h>
#include <stdlib.h>

#define POLL_MS 50

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* One of the series that are shown. */
struct followed {
    struct series_rows *rows; /* NULL: it failed, or nothing more is wanted of it */
};

/* What one series has between its range's beginning and end. */
static int write_range(struct series_rows *rows, const char *name, const struct columns *columns,
                       struct output *output)
{
    struct rows_chunk chunk;
    int more = 0;
    for (size_t i = 0; i < columns->count; i++)
        columns->cells[i] = (struct cell){.kind = CELL_NONE};
    if (columns->first_value > 1)
        columns->cells[0] = (struct cell){.kind = CELL_TEXT, .text = name};
    row_time_cell(columns)->kind = CELL_TIME;
    while (!output_failed(output) && (more = series_rows_next(rows, &chunk)) > 0)
        value_rows_write(rows, &chunk, columns, output);
    if (more < 0)
        return series_rows_exit_code(rows);
    return 0;
}

static void leave(struct followed *series)
{
    series_rows_close(series->rows);
    series->rows = NULL;
}

static int follow(struct followed *series, struct series_selection *selection,
                  const struct columns *columns, struct output *output)
{
    size_t left = 1;
    output_flush(output);
    while (!stop_asked && !output_failed(output) && left > 0) {
        bool any = false;
        left = 0;
        for (size_t i = 0; i < selection->count; i++) {
            if (series[i].rows == NULL)
                continue;
            int code = series_rows_advance(series[i].rows);
            if (code == 0 && series_rows_from(series[i].rows) < series_rows_to(series[i].rows)) {
                any = true;
                code = write_range(series[i].rows, selection->names[i], columns, output);
            }
            if (code != 0) {
                code = series_selection_failed(selection, code);
                if (code != 0)
                    return code;
                leave(&series[i]);
                continue;
            }
            left++;
            /* The rows before a hole are shown before it is spoken of. */
            if (any)
                output_flush(output);
            series_rows_report_lost(series[i].rows);
        }
        if (!output_wait(output, POLL_MS))
            break;
    }
    return 0;
}

static int tail_series(const struct query_options *options, struct series_selection *selection,
                       const struct columns *columns, struct output *output)
{
    struct followed *series = calloc(selection->count + 1, sizeof *series);
    int code = 0;
    if (series == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    for (size_t i = 0; i < selection->count && code == 0; i++) {
        code = series_rows_open(options, selection->names[i], &series[i].rows);
        if (code == 0)
            code = write_range(series[i].rows, selection->names[i], columns, output);
        if (code != 0 || !options->follow)
            leave(&series[i]);
        code = series_selection_failed(selection, code);
    }
    if (code == 0 && options->follow)
        code = follow(series, selection, columns, output);
    for (size_t i = 0; i < selection->count; i++)
        series_rows_close(series[i].rows);
    free(series);
    return code;
}

int command_tail(const struct query_options *given)
{
    static const char *const times[] = {"time", NULL};
    static const char *const names[] = {"value"};
    struct query_options options = *given;
    struct series_selection selection = {0};
    struct columns columns = {0};
    struct output *output = NULL;
    options.range.last = (struct query_length){.given = true, .rows = options.lines};
    if (options.follow)
        catch_interrupts();
    int code = series_select(&options, &selection);
    if (code == 0)
        code =
            columns_make(&options, &selection, selection.several, times, NULL, names, 1, &columns);
    if (code == 0)
        code = output_open(&options, columns.list, columns.count, &output);
    if (code == 0)
        code = tail_series(&options, &selection, &columns, output);
    code = output_close(output, code);
    code = code != 0 ? code : selection.code;
    columns_free(&columns);
    series_selection_free(&selection);
    return code;
}
