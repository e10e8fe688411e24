#include "series_internal.h"

#include "checked.h"
#include "summary_form.h"

#include <stdio.h>

const char *series_path(const char *name, const char *file, char buffer[SERIES_PATH_BYTES])
{
    snprintf(buffer, SERIES_PATH_BYTES, "%s/%s", name, file);
    return buffer;
}

const char *series_stamps_file(enum series_clock clock)
{
    return clock == SERIES_REGULAR ? SERIES_RUNS_FILE : SERIES_TIMES_FILE;
}

const char *series_file(unsigned number)
{
    static const char *const files[SERIES_FILES_OWN] = {SERIES_HEAD_FILE,   ".head.npy.new",
                                                        SERIES_VALUES_FILE, SERIES_TIMES_FILE,
                                                        SERIES_RUNS_FILE,   SERIES_META_FILE};
    if (number < SERIES_FILES_OWN)
        return files[number];
    number -= SERIES_FILES_OWN;
    return number < SUMMARY_LEVELS_MAX ? summary_file(number) : NULL;
}

struct npy_shape series_values_shape(const struct series_type *type, uint64_t rows)
{
    struct npy_shape shape = {.dtype = type->dtype, .rank = (uint8_t)(type->rank + 1)};
    shape.dims[0] = rows;
    for (unsigned d = 0; d < type->rank; d++)
        shape.dims[d + 1] = type->dims[d];
    return shape;
}

struct npy_shape series_stamps_shape(enum series_clock clock, uint64_t rows)
{
    if (clock == SERIES_REGULAR)
        return (struct npy_shape){.dtype = DTYPE_I8, .rank = 2, .dims = {rows, RUN_WORDS}};
    return (struct npy_shape){.dtype = DTYPE_I8, .rank = 1, .dims = {rows}};
}

struct npy_shape series_head_shape(void)
{
    return (struct npy_shape){.dtype = DTYPE_I8, .rank = 1, .dims = {HEAD_WORDS}};
}

uint64_t series_stamp_row_bytes(enum series_clock clock)
{
    return clock == SERIES_REGULAR ? RUN_WORDS * 8 : 8;
}

uint64_t series_stamps_rows(enum series_clock clock, uint64_t rows, bool grows)
{
    if (clock == SERIES_EXPLICIT)
        return rows;
    if (grows)
        return npy_grow_rows(RUNS_CAPACITY_MIN);
    uint64_t runs = rows / RUNS_CAPACITY_DIVISOR;
    if (runs < RUNS_CAPACITY_MIN)
        return RUNS_CAPACITY_MIN;
    return runs > RUNS_CAPACITY_MAX ? RUNS_CAPACITY_MAX : runs;
}

bool series_files_bytes(uint64_t sample_bytes, uint64_t rows, enum series_clock clock,
                        uint64_t stamps_rows, uint64_t *ret_bytes)
{
    uint64_t values_bytes;
    uint64_t stamps_bytes;
    uint64_t bytes;
    if (!checked_multiply_u64(rows, sample_bytes, &values_bytes) ||
        !checked_multiply_u64(stamps_rows, series_stamp_row_bytes(clock), &stamps_bytes) ||
        !checked_add_u64(values_bytes, stamps_bytes, &bytes) ||
        !checked_add_u64(bytes, 2 * NPY_HEADER_BYTES + HEAD_FILE_BYTES, &bytes) ||
        bytes > INT64_MAX)
        return false;
    *ret_bytes = bytes;
    return true;
}
