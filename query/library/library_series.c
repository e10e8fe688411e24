#include "library_series.h"

#include "stats_widen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of what is copied at once, where samples are large. */
#define CHUNK_BYTES 1048576

static_assert(sizeof(struct ingest_query_error) == sizeof(struct error_text), "one kind of text");

int ingest_query_catch_sigbus(void)
{
    return reader_install_sigbus_handler();
}

int ingest_series_open(const char *store, const char *name, struct ingest_series **ret_series,
                       struct ingest_query_error *error)
{
    struct error_text text = {.text = ""};
    struct ingest_series *series = calloc(1, sizeof *series);
    int result = series == NULL ? -ENOMEM : reader_store_ready(store, &text);
    if (result == 0)
        result = reader_open(store, name, &series->reader, &text);
    if (result == 0)
        result = reader_snapshot(series->reader, &series->snapshot);
    if (result < 0) {
        if (text.text[0] == '\0')
            error_set_errno(&text, result, "cannot open series %s of %s", name, store);
        if (error != NULL)
            memcpy(error->text, text.text, sizeof error->text);
        ingest_series_close(series);
        return result;
    }
    series->info = reader_info(series->reader);
    *ret_series = series;
    return 0;
}

void ingest_series_close(struct ingest_series *series)
{
    if (series == NULL)
        return;
    range_summary_free(series->summary);
    reader_close(series->reader);
    free(series->samples);
    free(series->times_ns);
    free(series->values);
    free(series);
}

void ingest_series_info(struct ingest_series *series, struct ingest_series_info *ret_info)
{
    const struct reader_info *info = series->info;
    *ret_info = (struct ingest_series_info){
        .name = info->name,
        .dtype = dtype_name(info->type.dtype),
        .is_regular = info->type.clock == SERIES_REGULAR,
        .rank = info->type.rank,
        .elements = info->elements,
        .sample_bytes = info->sample_bytes,
        .capacity = info->capacity,
        .unit = reader_meta(series->reader, "unit"),
        .description = reader_meta(series->reader, "description"),
    };
    memcpy(ret_info->dims, info->type.dims, sizeof ret_info->dims);
}

int ingest_series_snapshot(struct ingest_series *series, struct ingest_snapshot *ret_snapshot)
{
    int result = reader_snapshot(series->reader, &series->snapshot);
    if (result < 0)
        return result;
    *ret_snapshot = (struct ingest_snapshot){
        .first = series->snapshot.first,
        .count = series->snapshot.count,
        .durable = series->snapshot.durable,
        .last_time_ns = series->snapshot.last_time_ns,
    };
    return 0;
}

int ingest_series_find_time(struct ingest_series *series, int64_t time_ns, uint64_t *ret_row)
{
    return reader_find_time(series->reader, time_ns, ret_row);
}

int ingest_series_copy(struct ingest_series *series, uint64_t from, uint64_t to, void *values,
                       int64_t *times_ns, uint64_t *ret_first)
{
    uint64_t first_valid = from;
    int result = library_check(series, from, to, 0);
    if (result == 0 && from < to)
        result = reader_copy(series->reader, from, to, values, times_ns, &first_valid);
    if (result == 0)
        *ret_first = first_valid > from ? first_valid : from;
    return result;
}

int library_check(const struct ingest_series *series, uint64_t from, uint64_t to, uint64_t element)
{
    const struct reader_snapshot *snapshot = &series->snapshot;
    bool is_in = from >= snapshot->first && from <= to && to <= snapshot->count;
    return is_in && element < series->info->elements ? 0 : -EINVAL;
}

struct stats_rules library_rules(const struct ingest_rules *rules)
{
    if (rules == NULL)
        return (struct stats_rules){0};
    return (struct stats_rules){.ddof = rules->ddof,
                                .propagate_nan = rules->propagate_nan != 0,
                                .min_count = rules->min_count};
}

static int make_buffers(struct ingest_series *series)
{
    if (series->values != NULL)
        return 0;
    uint64_t rows = CHUNK_BYTES / series->info->sample_bytes;
    series->chunk_rows = rows > LIBRARY_ROWS_MAX ? LIBRARY_ROWS_MAX : rows > 0 ? (size_t)rows : 1;
    free(series->samples);
    free(series->times_ns);
    series->samples = malloc(series->chunk_rows * (size_t)series->info->sample_bytes);
    series->times_ns = malloc(series->chunk_rows * sizeof series->times_ns[0]);
    if (series->samples != NULL && series->times_ns != NULL)
        series->values = malloc(series->chunk_rows * sizeof series->values[0]);
    return series->values != NULL ? 0 : -ENOMEM;
}

int library_for_each_chunk(struct ingest_series *series, uint64_t from, uint64_t to,
                           uint64_t element, bool with_times,
                           int (*take)(void *context, const struct library_chunk *chunk),
                           void *context)
{
    const char *dtype = dtype_name(series->info->type.dtype);
    size_t sample_bytes = (size_t)series->info->sample_bytes;
    size_t element_at = (size_t)element * dtype_size(series->info->type.dtype);
    struct library_chunk chunk = {.values = NULL};
    int result = make_buffers(series);
    for (uint64_t at = from; at < to && result == 0;) {
        uint64_t end = to - at < series->chunk_rows ? to : at + series->chunk_rows;
        uint64_t first = at;
        result = reader_copy(series->reader, at, end, series->samples,
                             with_times ? series->times_ns : NULL, &first);
        if (result < 0)
            return result;
        first = first > at ? first : at;
        chunk.is_cut = chunk.is_cut || first > at;
        size_t skipped = (size_t)(first - at);
        at = end;
        if (first == end)
            continue;
        chunk.first = first;
        chunk.count = (size_t)(end - first);
        chunk.values = series->values;
        chunk.times_ns = with_times ? series->times_ns + skipped : NULL;
        stats_widen(dtype, (const char *)series->samples + skipped * sample_bytes + element_at,
                    sample_bytes, chunk.count, series->values);
        result = take(context, &chunk);
        chunk.is_cut = false;
    }
    if (result == 0 && reader_fault(series->reader))
        result = -EFAULT;
    return result;
}
