/* Questions about rows, and columns of them. */
#include "series_rows_internal.h"

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
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    if (dtype_is_float(dtype))
        return STATS_REAL;
    return dtype_is_signed(dtype) ? STATS_SIGNED : STATS_UNSIGNED;
}

/* ret[i] = the number of type `type` at `from + i * stride`, widened into `member`. */
#define WIDEN(type, member, wide)                                                                  \
    for (size_t i = 0; i < count; i++) {                                                           \
        type value;                                                                                \
        memcpy(&value, from + i * stride, sizeof value);                                           \
        ret[i].member = (wide)value;                                                               \
    }                                                                                              \
    break

static void widen(enum dtype dtype, const char *from, size_t stride, size_t count,
                  union stats_value *ret)
{
    switch (dtype) {
    case DTYPE_F4:
        WIDEN(float, real, double);
    case DTYPE_F8:
        WIDEN(double, real, double);
    case DTYPE_I1:
        WIDEN(int8_t, integer, int64_t);
    case DTYPE_I2:
        WIDEN(int16_t, integer, int64_t);
    case DTYPE_I4:
        WIDEN(int32_t, integer, int64_t);
    case DTYPE_I8:
        WIDEN(int64_t, integer, int64_t);
    case DTYPE_U1:
        WIDEN(uint8_t, natural, uint64_t);
    case DTYPE_U2:
        WIDEN(uint16_t, natural, uint64_t);
    case DTYPE_U4:
        WIDEN(uint32_t, natural, uint64_t);
    case DTYPE_U8:
        WIDEN(uint64_t, natural, uint64_t);
    default:
        break;
    }
}

void series_rows_column(const struct series_rows *rows, const struct rows_chunk *chunk, size_t i,
                        union stats_value *ret_values)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    const char *from = (const char *)chunk->values + i * dtype_size(dtype);
    widen(dtype, from, rows->row_bytes, chunk->count, ret_values);
}

void series_rows_column_f8(const struct series_rows *rows, const struct rows_chunk *chunk, size_t i,
                           double *ret_values)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    const char *from = (const char *)chunk->values + i * dtype_size(dtype);
    for (size_t row = 0; row < chunk->count; row++) {
        union stats_value value = {.natural = 0};
        widen(dtype, from + row * rows->row_bytes, 0, 1, &value);
        ret_values[row] = dtype_is_float(dtype)    ? value.real
                          : dtype_is_signed(dtype) ? (double)value.integer
                                                   : (double)value.natural;
    }
}
