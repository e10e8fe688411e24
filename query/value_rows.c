#include "value_rows.h"

#include "row_command.h"

#include <string.h>

static struct cell value_cell(enum dtype dtype, const char *from)
{
    union {
        float f4;
        double f8;
        int8_t i1;
        int16_t i2;
        int32_t i4;
        int64_t i8;
        uint8_t u1;
        uint16_t u2;
        uint32_t u4;
        uint64_t u8;
    } value = {.u8 = 0};
    memcpy(&value, from, dtype_size(dtype));
    struct cell cell = {.kind = CELL_INTEGER};
    switch (dtype) {
    case DTYPE_F4:
        cell.kind = CELL_F4;
        cell.real = (double)value.f4;
        break;
    case DTYPE_F8:
        cell.kind = CELL_F8;
        cell.real = value.f8;
        break;
    case DTYPE_I1:
        cell.integer = (int64_t)value.i1;
        break;
    case DTYPE_I2:
        cell.integer = value.i2;
        break;
    case DTYPE_I4:
        cell.integer = value.i4;
        break;
    case DTYPE_I8:
        cell.integer = value.i8;
        break;
    case DTYPE_U1:
        cell.integer = value.u1;
        break;
    case DTYPE_U2:
        cell.integer = value.u2;
        break;
    case DTYPE_U4:
        cell.integer = value.u4;
        break;
    default:
        cell.integer = value.u8;
        break;
    }
    return cell;
}

void value_rows_write(const struct series_rows *rows, const struct rows_chunk *chunk,
                      const struct columns *columns, struct output *output)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    const char *from = chunk->values;
    for (size_t i = 0; i < chunk->count && !output_failed(output); i++) {
        row_time_cell(columns)->time_ns = chunk->times_ns[i];
        for (size_t e = 0; e < series_rows_elements(rows); e++) {
            *columns_cell(columns, rows, 0, e) = value_cell(dtype, from);
            from += dtype_size(dtype);
        }
        output_row(output, columns->cells);
    }
}
