#include "stats_block.h"

#include "block_kernels.h"
#include "stats_internal.h"
#include "stats_lanes.h"
#include "stats_record.h"
#include "stats_widen.h"

#include <assert.h>
#include <string.h>

/* A slice of each row is copied together, where rows are longer than this: a line of the cache. */
#define SLICE_BYTES 64

/* Integers whose range is at most this have squares of differences that add up exactly. */
#define EXACT_SPREAD 0x1p21

/* What doubles hold of whole numbers without rounding. */
#define WHOLE_MAX 0x1p53

const struct block_kernels *block_kernels_best(void)
{
#if defined(__x86_64__)
    if (stats_lanes_widest() >= 4)
        return &block_kernels_4;
#endif
    return &block_kernels_2;
}

/* One element of up to STATS_BLOCK_ROWS rows. */
struct column {
    const char *dtype;
    const char *from;
    size_t stride;
    size_t count;
};

/* The exact way: for what is not finite, for sums that overflow, for wide integers. */
static void make_exactly(const struct column *column, double *ret_record)
{
    union stats_value values[STATS_BLOCK_ROWS];
    struct stats_state state;
    stats_widen(column->dtype, column->from, column->stride, column->count, values);
    stats_state_clear(&state, stats_kind_of(column->dtype));
    stats_state_add(&state, values, column->count);
    stats_state_get_record(&state, ret_record);
}

static void put_moments(double hi, double lo, double m2, const struct block_range *range, double n,
                        double *ret_record)
{
    ret_record[STATS_RECORD_LO] = two_sum(hi, lo, &ret_record[STATS_RECORD_HI]);
    ret_record[STATS_RECORD_M2] = m2 > 0 ? m2 : 0;
    ret_record[STATS_RECORD_MIN] = range->min;
    ret_record[STATS_RECORD_MAX] = range->max;
    ret_record[STATS_RECORD_COUNT] = n;
}

/* The second pass. False: squares overflow. */
static bool finish_real(const struct block_range *range, struct block_squares about, double centre,
                        double n, double *ret_record)
{
    /* Differences from the exact mean add up to 0; from the rounded one, to what its division left.
     * More than rounding makes of that is what the first sum lost. */
    double rest = fma(-centre, n, range->sum);
    double noise = (n / 32 + 2) * 0x1p-53 * sqrt(n * about.squares);
    if (fabs(about.sum - rest) > noise)
        rest = about.sum;
    double m2 = about.squares - about.sum * about.sum / n;
    put_moments(centre, rest / n, m2, range, n, ret_record);
    return isfinite(about.squares);
}

static void finish_integer(const struct block_range *range, struct block_squares about, double n,
                           double *ret_record)
{
    double mean = range->sum / n;
    double m2 = about.squares - about.sum * about.sum / n;
    put_moments(mean, fma(-mean, n, range->sum) / n, m2, range, n, ret_record);
}

static bool is_exact_in_doubles(const struct block_range *range, double n)
{
    double largest = fmax(fabs(range->min), fabs(range->max));
    return largest * n < WHOLE_MAX && range->max - range->min <= EXACT_SPREAD;
}

static void make_record(const struct block_kernels *kernels, const struct column *column,
                        double *ret_record)
{
    double widened[STATS_BLOCK_ROWS], n = (double)column->count, centre;
    size_t bytes = stats_number_bytes(column->dtype);
    bool is_real = stats_kind_of(column->dtype) == STATS_REAL;
    bool in_place =
        is_real && column->stride == bytes && (uintptr_t)(const void *)column->from % bytes == 0;
    struct block_range range;
    struct block_squares about;
    if (in_place && bytes == sizeof(float)) {
        const float *samples = (const void *)column->from;
        kernels->range_f4(samples, column->count, &range);
        centre = range.sum / n;
        about = kernels->squares_f4(samples, column->count, centre);
    } else {
        const double *samples = (const void *)column->from;
        if (!in_place) {
            stats_widen_f8(column->dtype, column->from, column->stride, column->count, widened);
            samples = widened;
        }
        kernels->range_f8(samples, column->count, &range);
        centre = is_real ? range.sum / n : rint(range.sum / n);
        about = kernels->squares_f8(samples, column->count, centre);
    }
    if (!is_real && is_exact_in_doubles(&range, n))
        finish_integer(&range, about, n, ret_record);
    else if (!is_real || !isfinite(range.sum) || !finish_real(&range, about, centre, n, ret_record))
        make_exactly(column, ret_record);
}

/* Up to STATS_BLOCK_ROWS rows. Long rows are copied a slice at a time, so that each line of theirs
 * is fetched once and not once an element. */
static void make_block(const char dtype[2], const char *rows, size_t count, size_t elements,
                       double *ret_records)
{
    char slices[STATS_BLOCK_ROWS * SLICE_BYTES];
    const struct block_kernels *kernels = block_kernels_best();
    size_t bytes = stats_number_bytes(dtype);
    size_t row_bytes = elements * bytes;
    size_t group = elements < SLICE_BYTES / bytes ? elements : SLICE_BYTES / bytes;
    for (size_t first = 0; first < elements; first += group) {
        size_t there = elements - first < group ? elements - first : group;
        struct column column = {dtype, rows, row_bytes, count};
        if (row_bytes > SLICE_BYTES) {
            for (size_t i = 0; i < count; i++)
                memcpy(slices + i * there * bytes, rows + i * row_bytes + first * bytes,
                       there * bytes);
            column.from = slices;
            column.stride = there * bytes;
        }
        for (size_t e = 0; e < there; e++) {
            make_record(kernels, &column, ret_records + (first + e) * STATS_RECORD_DOUBLES);
            column.from += bytes;
        }
    }
}

static void make_nothing(size_t elements, double *ret_records)
{
    static const double nothing[STATS_RECORD_DOUBLES] = {(double)NAN, 0,           0,
                                                         (double)NAN, (double)NAN, 0};
    for (size_t e = 0; e < elements; e++)
        memcpy(ret_records + e * STATS_RECORD_DOUBLES, nothing, sizeof nothing);
}

void stats_block_make(const char dtype[2], const void *rows, size_t count, size_t elements,
                      double *ret_records)
{
    assert(count <= STATS_BLOCK_ROWS);
    if (count == 0)
        make_nothing(elements, ret_records);
    else
        make_block(dtype, rows, count, elements, ret_records);
}
