#include "bucket.h"
#include "command_over.h"
#include "progress.h"
#include "range_summary.h"
#include "row_command.h"
#include "statistics_cells.h"
#include "stats_record.h"
#include "stats_select.h"

#include <stdlib.h>
#include <string.h>

struct resampling {
    const struct query_options *options;
    struct series_rows *rows;
    const struct columns *columns;
    struct output *output;
    struct bucket bucket;
    size_t elements;
    uint64_t count;                    /* rows in the bucket now */
    uint64_t read_until;               /* rows below are read: summaries do not serve */
    struct stats_state *states;        /* one an element */
    union stats_value *values;         /* elements x chunk rows */
    size_t values_room;                /* chunk rows */
    int code;                          /* of what failed beside reading */
    struct stats_held_signal *signals; /* for --weight time; else NULL */
    double *column;                    /* one chunk's rows of it */
    /* For quantiles: the bucket's samples, one list an element, and what selects among them. */
    struct stats_select *select;
    size_t quantiles_count;
    union stats_value **kept;
    size_t kept_room; /* of each list */
    double *quantiles;
};

static int out_of_memory(void)
{
    return query_error(QUERY_FAILED, "out of memory");
}

static int make_quantiles(struct resampling *resampling)
{
    double fractions[STATISTICS_MAX];
    size_t count = statistics_quantiles(resampling->options, fractions);
    resampling->quantiles_count = count;
    resampling->quantiles = calloc(resampling->elements * count + 1, sizeof(double));
    resampling->kept = calloc(resampling->elements, sizeof *resampling->kept);
    void *memory = malloc(stats_select_bytes(count));
    if (resampling->quantiles == NULL || resampling->kept == NULL || memory == NULL) {
        free(memory);
        return out_of_memory();
    }
    resampling->select =
        stats_select_init(memory, series_rows_kind(resampling->rows), fractions, count);
    return 0;
}

/* Keeps samples until the bucket ends. */
static int keep(struct resampling *resampling, const struct rows_chunk *chunk, size_t from,
                size_t count)
{
    size_t there = (size_t)resampling->count;
    if (resampling->quantiles_count == 0)
        return 0;
    if (there + count > resampling->kept_room) {
        size_t room = there + count > SIZE_MAX / 2 ? SIZE_MAX : 2 * (there + count);
        for (size_t e = 0; e < resampling->elements; e++) {
            union stats_value *kept =
                reallocarray(resampling->kept[e], room, sizeof **resampling->kept);
            if (kept == NULL)
                return query_error(QUERY_FAILED,
                                   "out of memory for quantiles of a bucket of more "
                                   "than %zu samples; choose a shorter --every",
                                   there);
            resampling->kept[e] = kept;
        }
        resampling->kept_room = room;
    }
    for (size_t e = 0; e < resampling->elements; e++)
        memcpy(resampling->kept[e] + there, resampling->values + e * chunk->count + from,
               count * sizeof **resampling->kept);
    return 0;
}

static void find_quantiles(struct resampling *resampling)
{
    for (size_t e = 0; resampling->quantiles_count > 0 && e < resampling->elements; e++) {
        stats_select_clear(resampling->select);
        do {
            stats_select_add(resampling->select, resampling->kept[e], (size_t)resampling->count);
        } while (stats_select_again(resampling->select));
        for (size_t q = 0; q < resampling->quantiles_count; q++)
            resampling->quantiles[e * resampling->quantiles_count + q] =
                stats_select_quantile(resampling->select, q);
    }
}

/* Values hold on over the ends of buckets. */
static void hold_until(struct resampling *resampling, int64_t time_ns)
{
    for (size_t e = 0; resampling->signals != NULL && e < resampling->elements; e++)
        stats_held_until(&resampling->signals[e], time_ns);
}

static void hold_rows(struct resampling *resampling, const struct rows_chunk *chunk, size_t from,
                      size_t end)
{
    for (size_t e = 0; resampling->signals != NULL && e < resampling->elements; e++) {
        series_rows_column_f8(resampling->rows, chunk, e, resampling->column);
        for (size_t i = from; i < end; i++)
            stats_held_next(&resampling->signals[e], resampling->column[i], chunk->times_ns[i]);
    }
}

static void end_bucket(struct resampling *resampling)
{
    if (resampling->count > 0) {
        row_time_cell(resampling->columns)->time_ns = resampling->bucket.start_ns;
        find_quantiles(resampling);
        statistics_fill(resampling->options, resampling->columns, resampling->rows,
                        resampling->states, resampling->quantiles, resampling->signals);
        output_row(resampling->output, resampling->columns->cells);
    }
    for (size_t e = 0; e < resampling->elements; e++)
        stats_state_clear(&resampling->states[e], series_rows_kind(resampling->rows));
    resampling->count = 0;
}

/* What the new bucket holds at its start is the last value before it. */
static void begin_to_hold(struct resampling *resampling)
{
    for (size_t e = 0; resampling->signals != NULL && e < resampling->elements; e++) {
        resampling->signals[e].held = (struct stats_held){0};
        resampling->signals[e].time_ns = resampling->bucket.start_ns;
    }
}

/* The bucket of the next row. */
static void want_bucket(struct resampling *resampling, int64_t time_ns)
{
    if (resampling->count > 0 && time_ns < resampling->bucket.end_ns)
        return;
    hold_until(resampling, resampling->bucket.end_ns);
    end_bucket(resampling);
    bucket_find(&resampling->bucket, time_ns);
    begin_to_hold(resampling);
}

/* The rest of the next row's bucket from block summaries, where it is long. 1: done; 0: the next
 * rows are to be read; negative: failed. */
static int take_summaries(struct resampling *resampling)
{
    struct series_rows *rows = resampling->rows;
    struct reader *reader = series_rows_reader(rows);
    uint64_t at = series_rows_at(rows), to = series_rows_to(rows), end;
    int64_t time_ns;
    if (reader == NULL || at < resampling->read_until || at >= to ||
        to - at < RANGE_SUMMARY_ROWS_MIN)
        return 0;
    resampling->read_until = to;
    if (reader_time_ns(reader, at, &time_ns) < 0)
        return 0; /* whoever reads it says why */
    want_bucket(resampling, time_ns);
    if (reader_find_time(reader, resampling->bucket.end_ns, &end) < 0)
        return 0;
    end = end < to ? end : to;
    resampling->read_until = end;
    struct rows_summary rest;
    int taken = series_rows_summary(rows, end, statistics_ask_extremes(resampling->options), &rest);
    if (taken <= 0)
        return taken;
    for (size_t e = 0; e < resampling->elements; e++)
        stats_state_add_record(&resampling->states[e], rest.records + e * STATS_RECORD_DOUBLES,
                               rest.count);
    resampling->count += rest.count;
    series_rows_skip_to(rows, end);
    return 1;
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

static int add_chunk(struct resampling *resampling, const struct rows_chunk *chunk)
{
    for (size_t e = 0; e < resampling->elements; e++)
        series_rows_column(resampling->rows, chunk, e, resampling->values + e * chunk->count);
    for (size_t i = 0; i < chunk->count;) {
        want_bucket(resampling, chunk->times_ns[i]);
        size_t end = find_end(chunk, i + 1, resampling->bucket.end_ns);
        for (size_t e = 0; e < resampling->elements; e++)
            stats_state_add(&resampling->states[e], resampling->values + e * chunk->count + i,
                            end - i);
        hold_rows(resampling, chunk, i, end);
        if (keep(resampling, chunk, i, end - i) != 0)
            return QUERY_FAILED;
        resampling->count += end - i;
        i = end;
    }
    return 0;
}

/* 1: there were some; 0: the end; negative: failed, with the series' exit code. */
static int next_rows(struct resampling *resampling)
{
    struct rows_chunk chunk;
    int more = take_summaries(resampling);
    if (more != 0)
        return more;
    more = series_rows_next(resampling->rows, &chunk);
    if (more <= 0)
        return more;
    if (chunk.count > resampling->values_room) {
        union stats_value *values =
            reallocarray(resampling->values, chunk.count * resampling->elements, sizeof *values);
        if (values == NULL) {
            resampling->code = out_of_memory();
            return 0;
        }
        resampling->values = values;
        resampling->values_room = chunk.count;
    }
    resampling->code = add_chunk(resampling, &chunk);
    return resampling->code == 0;
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
    int more = 0, code = 0;
    if (!statistics_need_no_rows(options))
        resampling.read_until = UINT64_MAX;
    resampling.states = calloc(resampling.elements, sizeof *resampling.states);
    if (options->weight_time) {
        resampling.signals = calloc(resampling.elements, sizeof *resampling.signals);
        resampling.column = calloc(SERIES_ROWS_CHUNK_MAX, sizeof *resampling.column);
    }
    if (resampling.states == NULL ||
        (options->weight_time && (resampling.signals == NULL || resampling.column == NULL)))
        code = out_of_memory();
    else
        code = make_quantiles(&resampling);
    while (code == 0 && !output_failed(output) && (more = next_rows(&resampling)) > 0)
        progress_update(series_rows_done(rows));
    if (code == 0)
        code = more < 0 ? series_rows_exit_code(rows) : resampling.code;
    if (code == 0)
        end_bucket(&resampling);
    for (size_t e = 0; resampling.kept != NULL && e < resampling.elements; e++)
        free(resampling.kept[e]);
    free(resampling.kept);
    free(resampling.quantiles);
    free(resampling.select);
    free(resampling.signals);
    free(resampling.column);
    free(resampling.states);
    free(resampling.values);
    return code;
}

int command_resample(const struct query_options *options)
{
    const char *names[STATISTICS_MAX];
    if (options->over != OVER_TIME)
        return command_over(options);
    statistics_names(options, names);
    return row_command_run(options, names, options->statistics_count, write_resampled);
}
