#include "bucket.h"
#include "progress.h"
#include "row_command.h"
#include "statistics_cells.h"

#include <stdlib.h>

struct resampling {
    const struct query_options *options;
    const struct series_rows *rows;
    const struct columns *columns;
    struct output *output;
    struct bucket bucket;
    size_t elements;
    uint64_t count;             /* rows in the bucket now */
    struct stats_state *states; /* one an element */
    union stats_value *values;  /* elements x chunk rows */
};

static void end_bucket(struct resampling *resampling)
{
    if (resampling->count > 0) {
        row_time_cell(resampling->columns)->time_ns = resampling->bucket.start_ns;
        statistics_fill(resampling->options, resampling->columns, resampling->rows,
                        resampling->states);
        output_row(resampling->output, resampling->columns->cells);
    }
    for (size_t e = 0; e < resampling->elements; e++)
        stats_state_clear(&resampling->states[e], series_rows_kind(resampling->rows));
    resampling->count = 0;
}

/* The first row from `from` on that is not before time_ns. */
static size_t find_end(const struct rows_chunk *chunk, size_t from, int64_t time_ns)
{
    size_t low = from, high = chunk->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (chunk->times_ns[middle] < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_chunk(struct resampling *resampling, const struct rows_chunk *chunk)
{
    for (size_t e = 0; e < resampling->elements; e++)
        series_rows_column(resampling->rows, chunk, e, resampling->values + e * chunk->count);
    for (size_t i = 0; i < chunk->count;) {
        int64_t time_ns = chunk->times_ns[i];
        if (resampling->count == 0 || time_ns >= resampling->bucket.end_ns) {
            end_bucket(resampling);
            bucket_find(&resampling->bucket, time_ns);
        }
        size_t end = find_end(chunk, i + 1, resampling->bucket.end_ns);
        for (size_t e = 0; e < resampling->elements; e++)
            stats_state_add(&resampling->states[e], resampling->values + e * chunk->count + i,
                            end - i);
        resampling->count += end - i;
        i = end;
    }
}

static int write_resampled(const struct query_options *options, struct series_rows *rows,
                           const struct columns *columns, struct output *output)
{
    struct resampling resampling = {
        .options = options,
        .rows = rows,
        .columns = columns,
        .output = output,
        .bucket = {.every_ns = options->every_ns, .zone = options->zone},
        .elements = series_rows_elements(rows),
    };
    struct rows_chunk chunk;
    size_t room = 0;
    int more = 0, code = 0;
    resampling.states = calloc(resampling.elements, sizeof *resampling.states);
    if (resampling.states == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    while (code == 0 && !output_failed(output) && (more = series_rows_next(rows, &chunk)) > 0) {
        if (chunk.count > room) {
            union stats_value *values =
                reallocarray(resampling.values, chunk.count * resampling.elements, sizeof *values);
            if (values == NULL) {
                code = query_error(QUERY_FAILED, "out of memory");
                break;
            }
            resampling.values = values;
            room = chunk.count;
        }
        add_chunk(&resampling, &chunk);
        progress_update(series_rows_done(rows));
    }
    if (more < 0)
        code = series_rows_exit_code(rows);
    if (code == 0)
        end_bucket(&resampling);
    free(resampling.states);
    free(resampling.values);
    return code;
}

int command_resample(const struct query_options *options)
{
    const char *names[STATS_NAMES];
    statistics_names(options, names);
    return row_command_run(options, names, options->statistics_count, write_resampled);
}
