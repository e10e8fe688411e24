#include "follow_command.h"
#include "value_rows.h"

static int write_values(const struct query_options *options, struct followed *series,
                        const struct columns *columns, struct output *output)
{
    struct rows_chunk chunk;
    int more = 0;
    (void)options;
    while (!follow_is_over(output) && (more = series_rows_next(series->rows, &chunk)) > 0)
        value_rows_write(series->rows, &chunk, columns, output);
    return more < 0 ? series_rows_exit_code(series->rows) : 0;
}

int command_tail(const struct query_options *given)
{
    static const char *const names[] = {"value"};
    struct query_options options = *given;
    options.range.last = (struct query_length){.given = true, .rows = options.lines};
    return follow_command_run(&options, names, 1, write_values);
}
