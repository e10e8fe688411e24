#include "series_rows.h"

#include "series_rows_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTACH_TRIES    50
#define ATTACH_PAUSE_NS 10000000L

static int tell(const struct series_rows *rows, int error, const struct error_text *text)
{
    return query_series_error(rows->options->store, rows->name, error, text);
}

int series_rows_attach(struct series_rows *rows)
{
    for (unsigned tries = 1;; tries++) {
        struct error_text text = {""};
        int error = reader_open(rows->options->store, rows->name, &rows->reader, &text);
        if (error == 0)
            error = reader_snapshot(rows->reader, &rows->snapshot);
        if (error == 0)
            return 0;
        reader_close(rows->reader);
        rows->reader = NULL;
        if (error != -ESTALE || tries == ATTACH_TRIES)
            return tell(rows, error, &text);
        /* The writer is taking the series over or making it anew. */
        nanosleep(&(struct timespec){.tv_nsec = ATTACH_PAUSE_NS}, NULL);
    }
}

static int attach_array(struct series_rows *rows)
{
    int code = array_rows_open(rows->options, &rows->array);
    if (code == 0)
        rows->snapshot = (struct reader_snapshot){.count = array_rows_view(rows->array)->rows};
    return code;
}

int series_check_elements(const struct query_options *options, const struct reader_info *info)
{
    for (size_t i = 0; i < options->elements_count; i++) {
        if (options->elements[i] >= info->elements)
            return query_error(EX_USAGE,
                               "--element %" PRIu64 ": a sample of %s has %" PRIu64 " (from 0 on)",
                               options->elements[i], info->name, info->elements);
    }
    return 0;
}

static int choose_elements(struct series_rows *rows)
{
    const struct query_options *options = rows->options;
    const struct reader_info *info = series_rows_info(rows);
    rows->elements_count = (size_t)info->elements;
    if (options->elements_count > 0) {
        int code = series_check_elements(options, info);
        if (code != 0)
            return code;
        rows->elements = options->elements;
        rows->elements_count = options->elements_count;
    }
    rows->row_bytes = rows->elements_count * dtype_size(info->type.dtype);
    return 0;
}

static int find_time(struct series_rows *rows, int64_t time_ns, uint64_t *ret_index)
{
    if (rows->array != NULL) {
        *ret_index = array_rows_find_time(rows->array, time_ns);
        return 0;
    }
    int error = reader_find_time(rows->reader, time_ns, ret_index);
    return error < 0 ? tell(rows, error, NULL) : 0;
}

/* The last N rows, or (t - D, t] where t is the time of the newest row of the range. */
static int cut_last(struct series_rows *rows, const struct query_length *last)
{
    if (rows->from == rows->to)
        return 0;
    if (last->span_ns == 0) {
        if (rows->to - rows->from > last->rows)
            rows->from = rows->to - last->rows;
        return 0;
    }
    int64_t newest_ns, oldest_ns;
    uint64_t index;
    int error = series_rows_time_ns(rows, rows->to - 1, &newest_ns);
    if (error == -ERANGE) {
        rows->from = rows->to;
        return 0;
    }
    if (error < 0)
        return tell(rows, error, NULL);
    if (__builtin_sub_overflow(newest_ns, last->span_ns - 1, &oldest_ns))
        return 0;
    int code = find_time(rows, oldest_ns, &index);
    if (code == 0 && index > rows->from)
        rows->from = index < rows->to ? index : rows->to;
    return code;
}

static int cut_range(struct series_rows *rows)
{
    const struct query_range *range = &rows->options->range;
    int code = 0;
    rows->from = rows->snapshot.first;
    rows->to = rows->snapshot.count;
    if (range->has_from)
        code = find_time(rows, range->from_ns, &rows->from);
    if (code == 0 && range->has_to)
        code = find_time(rows, range->to_ns, &rows->to);
    if (rows->from > rows->to)
        rows->from = rows->to;
    if (code == 0 && range->last.given)
        code = cut_last(rows, &range->last);
    if (code == 0 && range->has_first && rows->to - rows->from > range->first_rows)
        rows->to = rows->from + range->first_rows;
    rows->at = rows->from;
    return code;
}

int series_rows_open(const struct query_options *options, const char *name,
                     struct series_rows **ret_rows)
{
    struct series_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    rows->options = options;
    rows->name = strdup(name);
    int code = rows->name == NULL ? query_error(QUERY_FAILED, "out of memory") : 0;
    if (code == 0 && options->array.file != NULL)
        code = attach_array(rows);
    else if (code == 0)
        code = series_rows_attach(rows);
    if (code == 0)
        code = choose_elements(rows);
    if (code == 0)
        code = cut_range(rows);
    if (code != 0) {
        series_rows_close(rows);
        return code;
    }
    *ret_rows = rows;
    return 0;
}

void series_rows_report_lost(struct series_rows *rows)
{
    if (rows->lost_total > 0)
        query_error(
            0, "%s: %" PRIu64 " rows were overwritten before they could be read and are left out",
            rows->name, rows->lost_total);
    rows->lost_total = 0;
}

void series_rows_close(struct series_rows *rows)
{
    if (rows == NULL)
        return;
    if (rows->name != NULL)
        series_rows_report_lost(rows);
    range_summary_free(rows->summary);
    reader_close(rows->reader);
    array_rows_close(rows->array);
    free(rows->name);
    free(rows->values);
    free(rows->times_ns);
    free(rows);
}

/* The selected elements of rows [at, at + count), straight from the mapping. */
static void gather(struct series_rows *rows, size_t count)
{
    const struct reader_info *info = reader_info(rows->reader);
    size_t size = dtype_size(info->type.dtype);
    struct reader_span spans[2];
    char *to = rows->values;
    reader_spans(rows->reader, rows->at, rows->at + count, spans);
    for (size_t span = 0; span < 2; span++) {
        const char *row = spans[span].values;
        for (uint64_t i = 0; i < spans[span].count; i++) {
            for (size_t e = 0; e < rows->elements_count; e++) {
                memcpy(to, row + rows->elements[e] * size, size);
                to += size;
            }
            row += info->sample_bytes;
        }
    }
}

/* Copies rows [at, at + count); rows below *ret_valid are lost. */
static int copy_rows(struct series_rows *rows, size_t count, uint64_t *ret_valid)
{
    bool all = rows->elements == NULL;
    if (!all)
        gather(rows, count);
    return reader_copy(rows->reader, rows->at, rows->at + count, all ? rows->values : NULL,
                       rows->times_ns, ret_valid);
}

int series_rows_next(struct series_rows *rows, struct rows_chunk *ret_chunk)
{
    if (rows->values == NULL) {
        rows->exit_code = series_rows_make_buffers(rows);
        if (rows->exit_code != 0)
            return -ENOMEM;
    }
    if (rows->array != NULL || rows->chunk_width < rows->elements_count)
        return series_rows_next_part(rows, ret_chunk);
    while (rows->at < rows->to) {
        uint64_t left = rows->to - rows->at, valid;
        size_t count = left < rows->chunk_rows ? (size_t)left : rows->chunk_rows;
        int error = copy_rows(rows, count, &valid);
        if (error < 0) {
            rows->exit_code = tell(rows, error, NULL);
            return error;
        }
        size_t skip = 0;
        if (valid > rows->at) {
            uint64_t end = rows->at + count;
            skip = valid < end ? (size_t)(valid - rows->at) : count;
            /* A writer that is about to catch up has overwritten more than this chunk by now. */
            uint64_t first = skip < count ? valid : reader_first_valid(rows->reader);
            series_rows_lose(rows, first > valid ? first : valid);
            if (skip == count)
                continue;
        }
        *ret_chunk = (struct rows_chunk){
            .first = rows->at,
            .count = count - skip,
            .width = rows->elements_count,
            .values = (const char *)rows->values + skip * rows->row_bytes,
            .times_ns = rows->times_ns != NULL ? rows->times_ns + skip : NULL,
            .lost = rows->lost,
            .anew = rows->anew,
        };
        rows->lost = 0;
        rows->anew = false;
        rows->at += count - skip;
        return 1;
    }
    return 0;
}

int series_rows_exit_code(const struct series_rows *rows)
{
    return rows->exit_code;
}

void series_rows_limit_chunks(struct series_rows *rows, size_t rows_max)
{
    if (rows_max >= rows->chunk_rows)
        return;
    /* Where that fails they stay as they are. */
    void *values = realloc(rows->values, rows_max * rows->row_bytes + 1);
    int64_t *times_ns = realloc(rows->times_ns, rows_max * sizeof *times_ns);
    if (values != NULL)
        rows->values = values;
    if (times_ns != NULL)
        rows->times_ns = times_ns;
    rows->chunk_rows = rows_max;
}

void series_rows_without_times(struct series_rows *rows)
{
    rows->without_times = true;
}

void series_rows_rewind(struct series_rows *rows)
{
    series_rows_skip_to(rows, rows->from);
    rows->lost = 0;
}
