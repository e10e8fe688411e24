#include "resampler.h"

#include "bucket.h"
#include "range_summary.h"
#include "statistics_cells.h"
#include "stats_record.h"
#include "stats_select.h"

#include <stdlib.h>
#include <string.h>

struct resampler {
    const struct query_options *options;
    struct series_rows *rows;
    const struct columns *columns;
    resampler_emit *emit;
    void *context;
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

static int make_quantiles(struct resampler *resampler)
{
    double fractions[STATISTICS_MAX];
    size_t count = statistics_quantiles(resampler->options, fractions);
    resampler->quantiles_count = count;
    resampler->quantiles = calloc(resampler->elements * count + 1, sizeof(double));
    resampler->kept = calloc(resampler->elements, sizeof(union stats_value *));
    void *memory = malloc(stats_select_bytes(count));
    if (resampler->quantiles == NULL || resampler->kept == NULL || memory == NULL) {
        free(memory);
        return out_of_memory();
    }
    resampler->select =
        stats_select_init(memory, series_rows_kind(resampler->rows), fractions, count);
    return 0;
}

/* Keeps samples until the bucket ends. */
static int keep(struct resampler *resampler, const struct rows_chunk *chunk, size_t from,
                size_t count)
{
    size_t there = (size_t)resampler->count;
    if (resampler->quantiles_count == 0)
        return 0;
    if (there + count > resampler->kept_room) {
        size_t room = there + count > SIZE_MAX / 2 ? SIZE_MAX : 2 * (there + count);
        for (size_t e = 0; e < resampler->elements; e++) {
            union stats_value *kept =
                reallocarray(resampler->kept[e], room, sizeof **resampler->kept);
            if (kept == NULL)
                return query_error(QUERY_FAILED,
                                   "out of memory for quantiles of a bucket of more "
                                   "than %zu samples; choose a shorter --every",
                                   there);
            resampler->kept[e] = kept;
        }
        resampler->kept_room = room;
    }
    for (size_t e = 0; e < resampler->elements; e++)
        memcpy(resampler->kept[e] + there, resampler->values + e * chunk->count + from,
               count * sizeof **resampler->kept);
    return 0;
}

static void find_quantiles(struct resampler *resampler)
{
    for (size_t e = 0; resampler->quantiles_count > 0 && e < resampler->elements; e++) {
        stats_select_clear(resampler->select);
        do {
            stats_select_add(resampler->select, resampler->kept[e], (size_t)resampler->count);
        } while (stats_select_again(resampler->select));
        for (size_t q = 0; q < resampler->quantiles_count; q++)
            resampler->quantiles[e * resampler->quantiles_count + q] =
                stats_select_quantile(resampler->select, q);
    }
}

/* Values hold on over the ends of buckets. */
static void hold_until(struct resampler *resampler, int64_t time_ns)
{
    for (size_t e = 0; resampler->signals != NULL && e < resampler->elements; e++)
        stats_held_until(&resampler->signals[e], time_ns);
}

static void hold_rows(struct resampler *resampler, const struct rows_chunk *chunk, size_t from,
                      size_t end)
{
    for (size_t e = 0; resampler->signals != NULL && e < resampler->elements; e++) {
        series_rows_column_f8(resampler->rows, chunk, e, resampler->column);
        for (size_t i = from; i < end; i++)
            stats_held_next(&resampler->signals[e], resampler->column[i], chunk->times_ns[i]);
    }
}

static void end_bucket(struct resampler *resampler)
{
    if (resampler->count > 0) {
        find_quantiles(resampler);
        statistics_fill(resampler->options, resampler->columns, resampler->rows, resampler->states,
                        resampler->quantiles, resampler->signals);
        resampler->emit(resampler->context, resampler->bucket.start_ns);
    }
    for (size_t e = 0; e < resampler->elements; e++)
        stats_state_clear(&resampler->states[e], series_rows_kind(resampler->rows));
    resampler->count = 0;
}

/* What the new bucket holds at its start is the last value before it. */
static void begin_to_hold(struct resampler *resampler)
{
    for (size_t e = 0; resampler->signals != NULL && e < resampler->elements; e++) {
        resampler->signals[e].held = (struct stats_held){0};
        resampler->signals[e].time_ns = resampler->bucket.start_ns;
    }
}

/* The bucket of the next row. */
static void want_bucket(struct resampler *resampler, int64_t time_ns)
{
    if (resampler->count > 0 && time_ns < resampler->bucket.end_ns)
        return;
    hold_until(resampler, resampler->bucket.end_ns);
    end_bucket(resampler);
    bucket_find(&resampler->bucket, time_ns);
    begin_to_hold(resampler);
}

/* The rest of the next row's bucket from block summaries, where it is long. 1: done; 0: the next
 * rows are to be read; negative: failed. */
static int take_summaries(struct resampler *resampler)
{
    struct series_rows *rows = resampler->rows;
    struct reader *reader = series_rows_reader(rows);
    uint64_t at = series_rows_at(rows), to = series_rows_to(rows), end;
    int64_t time_ns;
    if (reader == NULL || at < resampler->read_until || at >= to ||
        to - at < RANGE_SUMMARY_ROWS_MIN)
        return 0;
    resampler->read_until = to;
    if (reader_time_ns(reader, at, &time_ns) < 0)
        return 0; /* whoever reads it says why */
    want_bucket(resampler, time_ns);
    if (reader_find_time(reader, resampler->bucket.end_ns, &end) < 0)
        return 0;
    end = end < to ? end : to;
    resampler->read_until = end;
    struct rows_summary rest;
    int taken = series_rows_summary(rows, end, statistics_ask_extremes(resampler->options), &rest);
    if (taken <= 0)
        return taken;
    for (size_t e = 0; e < resampler->elements; e++)
        stats_state_add_record(&resampler->states[e], rest.records + e * STATS_RECORD_DOUBLES,
                               rest.count);
    resampler->count += rest.count;
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

static int add_chunk(struct resampler *resampler, const struct rows_chunk *chunk)
{
    for (size_t e = 0; e < resampler->elements; e++)
        series_rows_column(resampler->rows, chunk, e, resampler->values + e * chunk->count);
    for (size_t i = 0; i < chunk->count;) {
        want_bucket(resampler, chunk->times_ns[i]);
        size_t end = find_end(chunk, i + 1, resampler->bucket.end_ns);
        for (size_t e = 0; e < resampler->elements; e++)
            stats_state_add(&resampler->states[e], resampler->values + e * chunk->count + i,
                            end - i);
        hold_rows(resampler, chunk, i, end);
        if (keep(resampler, chunk, i, end - i) != 0)
            return QUERY_FAILED;
        resampler->count += end - i;
        i = end;
    }
    return 0;
}

/* 1: there were some; 0: the end; negative: failed, with the series' exit code. */
static int next_rows(struct resampler *resampler)
{
    struct rows_chunk chunk;
    int more = take_summaries(resampler);
    if (more != 0)
        return more;
    more = series_rows_next(resampler->rows, &chunk);
    if (more <= 0)
        return more;
    if (chunk.count > resampler->values_room) {
        union stats_value *values =
            reallocarray(resampler->values, chunk.count * resampler->elements, sizeof *values);
        if (values == NULL) {
            resampler->code = out_of_memory();
            return 0;
        }
        resampler->values = values;
        resampler->values_room = chunk.count;
    }
    resampler->code = add_chunk(resampler, &chunk);
    return resampler->code == 0;
}

int resampler_open(const struct query_options *options, struct series_rows *rows,
                   const struct columns *columns, resampler_emit *emit, void *context,
                   struct resampler **ret_resampler)
{
    struct resampler *resampler = calloc(1, sizeof *resampler);
    int code = 0;
    if (resampler == NULL)
        return out_of_memory();
    resampler->options = options;
    resampler->rows = rows;
    resampler->columns = columns;
    resampler->emit = emit;
    resampler->context = context;
    resampler->bucket = (struct bucket){.every_ns = options->every_ns, .zone = options->zone};
    resampler->elements = series_rows_elements(rows);
    if (!statistics_need_no_rows(options))
        resampler->read_until = UINT64_MAX;
    resampler->states = calloc(resampler->elements, sizeof *resampler->states);
    if (options->weight_time) {
        resampler->signals = calloc(resampler->elements, sizeof *resampler->signals);
        resampler->column = calloc(SERIES_ROWS_CHUNK_MAX, sizeof *resampler->column);
    }
    if (resampler->states == NULL ||
        (options->weight_time && (resampler->signals == NULL || resampler->column == NULL)))
        code = out_of_memory();
    else
        code = make_quantiles(resampler);
    if (code != 0) {
        resampler_close(resampler);
        return code;
    }
    *ret_resampler = resampler;
    return 0;
}

int resampler_next(struct resampler *resampler)
{
    int more = next_rows(resampler);
    if (more < 0)
        resampler->code = series_rows_exit_code(resampler->rows);
    if (resampler->code != 0)
        return -1;
    if (more == 0)
        end_bucket(resampler);
    return more;
}

int resampler_exit_code(const struct resampler *resampler)
{
    return resampler->code;
}

void resampler_close(struct resampler *resampler)
{
    if (resampler == NULL)
        return;
    for (size_t e = 0; resampler->kept != NULL && e < resampler->elements; e++)
        free(resampler->kept[e]);
    free(resampler->kept);
    free(resampler->quantiles);
    free(resampler->select);
    free(resampler->signals);
    free(resampler->column);
    free(resampler->states);
    free(resampler->values);
    free(resampler);
}
