#include "command_over.h"
#include "jobs.h"
#include "progress.h"
#include "statistics_cells.h"
#include "stats_record.h"
#include "stats_select.h"

#include <stdlib.h>

/* Passes that rows are looked at anew for when some were overwritten in between. */
#define ATTEMPTS_MAX 10

/* Statistics of the rows of one series: a state for each selected element, and where quantiles are
 * asked for, what selects them. */
struct summary {
    struct stats_state *states;
    struct stats_select **selects;
    struct stats_held_signal *signals; /* for --weight time; else NULL */
    double *quantiles;                 /* elements x quantiles */
    size_t quantiles_count;
    union stats_value *column;
    uint64_t count;
    int64_t first_ns;
    int64_t last_ns;
};

static int summary_make(const struct query_options *options, const struct series_rows *rows,
                        struct summary *summary)
{
    double fractions[STATISTICS_MAX];
    size_t elements = series_rows_elements(rows);
    size_t quantiles = statistics_quantiles(options, fractions);
    summary->quantiles_count = quantiles;
    summary->states = calloc(elements, sizeof *summary->states);
    summary->column = calloc(SERIES_ROWS_CHUNK_MAX, sizeof *summary->column);
    summary->quantiles = calloc(elements * quantiles + 1, sizeof *summary->quantiles);
    summary->selects = calloc(elements, sizeof(struct stats_select *));
    if (options->weight_time)
        summary->signals = calloc(elements, sizeof *summary->signals);
    if (summary->states == NULL || summary->column == NULL || summary->quantiles == NULL ||
        summary->selects == NULL || (options->weight_time && summary->signals == NULL))
        return query_error(QUERY_FAILED, "out of memory");
    for (size_t e = 0; quantiles > 0 && e < elements; e++) {
        void *memory = malloc(stats_select_bytes(quantiles));
        if (memory == NULL)
            return query_error(QUERY_FAILED, "out of memory for quantiles of %zu elements",
                               elements);
        summary->selects[e] =
            stats_select_init(memory, series_rows_kind(rows), fractions, quantiles);
    }
    return 0;
}

static void summary_free(const struct series_rows *rows, struct summary *summary)
{
    for (size_t e = 0; summary->selects != NULL && e < series_rows_elements(rows); e++)
        free(summary->selects[e]);
    free(summary->selects);
    free(summary->signals);
    free(summary->states);
    free(summary->quantiles);
    free(summary->column);
}

/* What an element held between the rows of a chunk, for --weight time. */
static void hold(struct series_rows *rows, const struct rows_chunk *chunk, size_t element,
                 struct stats_held_signal *signal, double *column)
{
    series_rows_column_f8(rows, chunk, element, column);
    for (size_t i = 0; i < chunk->count; i++)
        stats_held_next(signal, column[i], chunk->times_ns[i]);
}

/* What block summaries tell of all rows. 1; 0: the rows are to be read; negative: failed. */
static int take_summaries(const struct query_options *options, struct series_rows *rows,
                          struct summary *summary)
{
    struct rows_summary all;
    int taken =
        series_rows_summary(rows, series_rows_to(rows), statistics_ask_extremes(options), &all);
    if (taken <= 0)
        return taken;
    for (size_t e = 0; e < series_rows_elements(rows); e++)
        stats_state_add_record(&summary->states[e], all.records + e * STATS_RECORD_DOUBLES,
                               all.count);
    summary->count = all.count;
    summary->first_ns = all.first_ns;
    summary->last_ns = all.last_ns;
    return 1;
}

/* One pass over all rows. The states are made by the first. */
static int read_rows(struct series_rows *rows, bool with_states, struct summary *summary)
{
    struct rows_chunk chunk;
    int more;
    summary->count = 0;
    while ((more = series_rows_next(rows, &chunk)) > 0) {
        if (summary->count == 0)
            summary->first_ns = chunk.times_ns[0];
        summary->last_ns = chunk.times_ns[chunk.count - 1];
        summary->count += chunk.count;
        for (size_t e = 0; e < series_rows_elements(rows); e++) {
            series_rows_column(rows, &chunk, e, summary->column);
            if (with_states)
                stats_state_add(&summary->states[e], summary->column, chunk.count);
            if (summary->selects[e] != NULL)
                stats_select_add(summary->selects[e], summary->column, chunk.count);
            if (with_states && summary->signals != NULL)
                hold(rows, &chunk, e, &summary->signals[e], &summary->column->real);
        }
        progress_update(series_rows_done(rows));
    }
    return more < 0 ? series_rows_exit_code(rows) : 0;
}

static void begin_anew(const struct series_rows *rows, struct summary *summary)
{
    for (size_t e = 0; e < series_rows_elements(rows); e++) {
        stats_state_clear(&summary->states[e], series_rows_kind(rows));
        if (summary->selects[e] != NULL)
            stats_select_clear(summary->selects[e]);
        if (summary->signals != NULL)
            summary->signals[e] = (struct stats_held_signal){0};
    }
}

/* True when a quantile needs one more pass. */
static bool needs_another(const struct series_rows *rows, struct summary *summary)
{
    bool another = false;
    for (size_t e = 0; summary->quantiles_count > 0 && e < series_rows_elements(rows); e++)
        another = stats_select_again(summary->selects[e]) || another;
    return another;
}

static int summarise(const struct query_options *options, struct series_rows *rows,
                     const char *name, struct summary *summary)
{
    uint64_t count = 0;
    int attempts = 0;
    bool first = true;
    begin_anew(rows, summary);
    if (statistics_need_no_rows(options)) {
        int taken = take_summaries(options, rows, summary);
        if (taken != 0)
            return taken < 0 ? series_rows_exit_code(rows) : 0;
    }
    for (;;) {
        int code = read_rows(rows, first, summary);
        if (code != 0)
            return code;
        if (!first && summary->count != count) {
            /* A ring's writer was faster: these are other rows than before. */
            if (++attempts == ATTEMPTS_MAX)
                return query_error(QUERY_FAILED,
                                   "%s: samples are overwritten faster than quantiles of them can "
                                   "be found; ask for a shorter range",
                                   name);
            begin_anew(rows, summary);
            first = true;
        } else {
            count = summary->count;
            first = false;
            if (!needs_another(rows, summary))
                break;
        }
        series_rows_rewind(rows);
    }
    for (size_t e = 0; e < series_rows_elements(rows); e++) {
        for (size_t q = 0; q < summary->quantiles_count; q++)
            summary->quantiles[e * summary->quantiles_count + q] =
                stats_select_quantile(summary->selects[e], q);
    }
    return 0;
}

struct stats_command {
    const struct query_options *options;
    struct series_selection selection;
    struct columns columns;
};

static int stats_of_series(const struct query_options *options, const struct columns *columns,
                           const char *name, struct output *output)
{
    struct series_rows *rows = NULL;
    struct summary summary = {0};
    int code = series_rows_open(options, name, &rows);
    if (code != 0)
        return code;
    code = summary_make(options, rows, &summary);
    if (code == 0) {
        progress_begin(name, series_rows_to(rows) - series_rows_from(rows));
        code = summarise(options, rows, name, &summary);
        progress_end();
    }
    if (code == 0 && summary.count > 0) {
        statistics_fill(options, columns, rows, summary.states, summary.quantiles, summary.signals);
        columns->cells[columns->count - 2] =
            (struct cell){.kind = CELL_TIME, .time_ns = summary.first_ns};
        columns->cells[columns->count - 1] =
            (struct cell){.kind = CELL_TIME, .time_ns = summary.last_ns};
        output_row(output, columns->cells);
    }
    summary_free(rows, &summary);
    series_rows_close(rows);
    return code;
}

static int write_series(void *context, size_t i, struct output *output)
{
    const struct stats_command *command = context;
    const char *name = command->selection.names[i];
    struct columns columns;
    int code = columns_of_series(&command->columns, name, &columns);
    if (code == 0)
        code = command->options->over == OVER_ALL
                   ? over_all(command->options, &columns, name, output)
                   : stats_of_series(command->options, &columns, name, output);
    free(columns.cells);
    return code;
}

static int end_series(void *context, size_t i, int code)
{
    struct stats_command *command = context;
    (void)i;
    return series_selection_failed(&command->selection, code);
}

int command_stats(const struct query_options *options)
{
    static const char *const all_times[][3] = {{"first_time", "last_time", NULL},
                                               {"first_index", "last_index", NULL}};
    const char *const *times = all_times[series_rows_are_indexed(options) ? 1 : 0];
    const char *names[STATISTICS_MAX];
    struct stats_command command = {.options = options};
    struct series_selection *selection = &command.selection;
    struct output *output = NULL;
    if (options->over == OVER_ELEMENTS)
        return command_over(options);
    statistics_names(options, names);
    int code = series_select(options, selection);
    if (code == 0)
        code = columns_make(options, selection, true, NULL, times, names, options->statistics_count,
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
