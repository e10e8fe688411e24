/* Questions about rows, and columns of them. */
#include "series_rows_internal.h"

#include "stats_widen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct reader_info *series_rows_info(const struct series_rows *rows)
{
    return rows->array != NULL ? array_rows_info(rows->array) : reader_info(rows->reader);
}

struct reader *series_rows_reader(struct series_rows *rows)
{
    return rows->reader;
}

const struct reader_snapshot *series_rows_snapshot(const struct series_rows *rows)
{
    return &rows->snapshot;
}

bool series_rows_are_indexed(const struct query_options *options)
{
    return options->array.file != NULL && !options->array.has_times;
}

const char *series_rows_time_name(const struct query_options *options)
{
    return series_rows_are_indexed(options) ? "index" : "time";
}

const char *series_rows_meta(struct series_rows *rows, const char *key)
{
    return rows->array != NULL ? "" : reader_meta(rows->reader, key);
}

uint8_t series_rows_shape(const struct series_rows *rows, uint64_t ret_dims[NPY_RANK_MAX])
{
    const struct series_type *type = &series_rows_info(rows)->type;
    if (rows->array != NULL) {
        const struct array_view *view = array_rows_view(rows->array);
        memcpy(ret_dims, view->dims, sizeof view->dims);
        return view->rank;
    }
    for (size_t i = 0; i < type->rank; i++)
        ret_dims[i] = type->dims[i];
    return type->rank;
}

int series_rows_time_ns(struct series_rows *rows, uint64_t index, int64_t *ret_time_ns)
{
    if (rows->array == NULL)
        return reader_time_ns(rows->reader, index, ret_time_ns);
    *ret_time_ns = array_rows_time_ns(rows->array, index);
    return 0;
}

uint64_t series_rows_from(const struct series_rows *rows)
{
    return rows->from;
}

uint64_t series_rows_to(const struct series_rows *rows)
{
    return rows->to;
}

uint64_t series_rows_at(const struct series_rows *rows)
{
    return rows->at;
}

uint64_t series_rows_done(const struct series_rows *rows)
{
    return rows->at - rows->from;
}

size_t series_rows_elements(const struct series_rows *rows)
{
    return rows->elements_count;
}

const char *series_rows_column_name(const struct series_rows *rows, const char *name, size_t i,
                                    char buffer[COLUMN_NAME_BYTES])
{
    if (series_rows_info(rows)->type.rank == 0)
        snprintf(buffer, COLUMN_NAME_BYTES, "%s", name);
    else
        snprintf(buffer, COLUMN_NAME_BYTES, "%s[%" PRIu64 "]", name,
                 rows->elements != NULL ? rows->elements[i] : i);
    return buffer;
}

enum stats_kind series_rows_kind(const struct series_rows *rows)
{
    return stats_kind_of(dtype_name(series_rows_info(rows)->type.dtype));
}

void series_rows_column(const struct series_rows *rows, const struct rows_chunk *chunk, size_t i,
                        union stats_value *ret_values)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    const char *from = (const char *)chunk->values + i * dtype_size(dtype);
    stats_widen(dtype_name(dtype), from, rows->row_bytes, chunk->count, ret_values);
}

void series_rows_flat(const struct series_rows *rows, const struct rows_chunk *chunk, size_t row,
                      size_t from, size_t count, union stats_value *ret_values)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    size_t size = dtype_size(dtype);
    stats_widen(dtype_name(dtype), (const char *)chunk->values + (row * chunk->width + from) * size,
                size, count, ret_values);
}

void series_rows_column_f8(const struct series_rows *rows, const struct rows_chunk *chunk, size_t i,
                           double *ret_values)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    const char *from = (const char *)chunk->values + i * dtype_size(dtype);
    stats_widen_f8(dtype_name(dtype), from, rows->row_bytes, chunk->count, ret_values);
}
