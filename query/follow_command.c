#include "follow_command.h"

#include "columns.h"
#include "row_command.h"
#include "series_rows_internal.h"

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

bool follow_is_over(const struct output *output)
{
    return stop_asked || output_failed(output);
}

struct follow_command {
    const struct query_options *options;
    struct series_selection selection;
    struct columns columns;
    struct output *output;
    follow_writer *write;
    struct followed *series; /* one a name of the selection */
};

/* What series i has between its range's beginning and end. */
static int write_range(struct follow_command *command, size_t i)
{
    struct columns columns;
    int code = columns_of_series(&command->columns, command->selection.names[i], &columns);
    if (code != 0)
        return code;
    row_time_cell(&columns)->kind = CELL_TIME;
    code = command->write(command->options, &command->series[i], &columns, command->output);
    free(columns.cells);
    return code;
}

static void leave(struct followed *series)
{
    window_stats_close(series->windows);
    series_rows_close(series->rows);
    *series = (struct followed){0};
}

static int follow(struct follow_command *command)
{
    struct output *output = command->output;
    size_t left = 1;
    output_flush(output);
    while (!follow_is_over(output) && left > 0) {
        bool any = false;
        left = 0;
        for (size_t i = 0; i < command->selection.count; i++) {
            struct followed *series = &command->series[i];
            if (series->rows == NULL)
                continue;
            int code = series_rows_advance(series->rows);
            if (code == 0 && series_rows_from(series->rows) < series_rows_to(series->rows)) {
                any = true;
                code = write_range(command, i);
            }
            if (code != 0) {
                code = series_selection_failed(&command->selection, code);
                if (code != 0)
                    return code;
                leave(series);
                continue;
            }
            left++;
            /* The rows before a hole are shown before it is spoken of. */
            if (any)
                output_flush(output);
            series_rows_report_lost(series->rows);
        }
        if (!output_wait(output, POLL_MS))
            break;
    }
    return 0;
}

static int write_all(struct follow_command *command)
{
    struct series_selection *selection = &command->selection;
    int code = 0;
    command->series = calloc(selection->count + 1, sizeof *command->series);
    if (command->series == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    for (size_t i = 0; i < selection->count && code == 0; i++) {
        struct followed *series = &command->series[i];
        code = series_rows_open(command->options, selection->names[i], &series->rows);
        if (code == 0)
            code = write_range(command, i);
        if (code != 0 || !command->options->follow)
            leave(series);
        code = series_selection_failed(selection, code);
    }
    if (code == 0 && command->options->follow)
        code = follow(command);
    for (size_t i = 0; i < selection->count; i++)
        leave(&command->series[i]);
    free(command->series);
    return code;
}

int follow_command_run(const struct query_options *options, const char *const *names,
                       size_t names_count, follow_writer *write)
{
    static const char *const times[] = {"time", NULL};
    struct follow_command command = {.options = options, .write = write};
    struct series_selection *selection = &command.selection;
    if (options->follow)
        catch_interrupts();
    int code = series_select(options, selection);
    if (code == 0)
        code = columns_make(options, selection, selection->several, times, NULL, names, names_count,
                            &command.columns);
    if (code == 0)
        code = output_open(options, command.columns.list, command.columns.count, &command.output);
    if (code == 0)
        code = write_all(&command);
    code = output_close(command.output, code);
    code = code != 0 ? code : selection->code;
    columns_free(&command.columns);
    series_selection_free(selection);
    return code;
}
