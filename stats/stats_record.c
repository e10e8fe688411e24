/* Records: merging, and into states and out of them. */
#include "stats_record.h"

#include "stats_internal.h"

#include <string.h>

/* What is left of a pair's lower part after division by a count and multiplication with it, of the
 * upper: a sum of whole numbers has none. */
#define PAIR_NOISE 0x1p-97

/* No bits but the first. */
static inline bool is_power_of_two(double whole)
{
    uint64_t bits;
    memcpy(&bits, &whole, sizeof bits);
    return (bits & ((UINT64_C(1) << 52) - 1)) == 0;
}

static inline double record_sum(double n, double hi, double lo, double *ret_low)
{
    double product = n * hi, low = n * lo;
    if (!is_power_of_two(n)) {
        double sum;
        low = two_sum(product, low + fma(n, hi, -product), &sum);
        product = sum;
        low = fabs(low) <= PAIR_NOISE * fabs(product) ? 0 : low;
    }
    *ret_low = low;
    return product;
}

double stats_record_sum(const double record[STATS_RECORD_DOUBLES], double *ret_low)
{
    return record_sum(record[STATS_RECORD_COUNT], record[STATS_RECORD_HI], record[STATS_RECORD_LO],
                      ret_low);
}

/* ---- merging ---- */

/* What the first pass over some records of one element finds. */
struct gathered {
    double count, sum, sum_low, min, max;
};

/* `scale`: a power of two that every mean is multiplied with. */
static void gather(const double *records, size_t count, size_t stride, double scale,
                   struct gathered *ret)
{
    struct gathered all = {.min = (double)INFINITY, .max = -(double)INFINITY};
    for (size_t i = 0; i < count; i++) {
        const double *record = records + i * stride;
        double n = record[STATS_RECORD_COUNT], low;
        if (!(n > 0))
            continue;
        double sum =
            record_sum(n, record[STATS_RECORD_HI] * scale, record[STATS_RECORD_LO] * scale, &low);
        all.sum_low += two_sum(all.sum, sum, &all.sum) + low;
        all.count += n;
        all.min = record[STATS_RECORD_MIN] < all.min ? record[STATS_RECORD_MIN] : all.min;
        all.max = record[STATS_RECORD_MAX] > all.max ? record[STATS_RECORD_MAX] : all.max;
    }
    *ret = all;
}

/* What the infinities among the means come to; 0: there are none. */
static double gather_infinities(const double *records, size_t count, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double *record = records + i * stride;
        if (record[STATS_RECORD_COUNT] > 0 && !isfinite(record[STATS_RECORD_HI]))
            sum += record[STATS_RECORD_HI];
    }
    return sum;
}

/* The sum of squares about the mean that is in `merged` by now. */
static double gather_m2(const double *records, size_t count, size_t stride, const double *merged)
{
    double m2 = 0, m2_low = 0;
    for (size_t i = 0; i < count; i++) {
        const double *record = records + i * stride;
        if (!(record[STATS_RECORD_COUNT] > 0))
            continue;
        double d = (record[STATS_RECORD_HI] - merged[STATS_RECORD_HI]) +
                   (record[STATS_RECORD_LO] - merged[STATS_RECORD_LO]);
        m2_low += two_sum(m2, record[STATS_RECORD_COUNT] * d * d + record[STATS_RECORD_M2], &m2);
    }
    return isfinite(m2) ? m2 + m2_low : m2;
}

static void merge_element(const double *records, size_t count, size_t stride, double *ret_record)
{
    struct gathered all;
    double merged[STATS_RECORD_DOUBLES] = {(double)NAN, 0, 0, (double)NAN, (double)NAN, 0};
    double scale = 1;
    gather(records, count, stride, scale, &all);
    if (all.count > 0) {
        merged[STATS_RECORD_MIN] = all.min;
        merged[STATS_RECORD_MAX] = all.max;
        merged[STATS_RECORD_COUNT] = all.count;
    }
    bool is_finite = isfinite(all.sum) && isfinite(all.sum_low);
    double infinite = is_finite ? 0 : gather_infinities(records, count, stride);
    if (all.count > 0 && infinite != 0) {
        merged[STATS_RECORD_HI] = infinite;
        merged[STATS_RECORD_M2] = (double)NAN;
    } else if (all.count > 0) {
        if (!is_finite) { /* only the sum overflows */
            scale = 0x1p-64;
            gather(records, count, stride, scale, &all);
        }
        double n = all.count, sum;
        double low = two_sum(all.sum, all.sum_low, &sum);
        double mean = sum / n, hi;
        double rest = two_sum(mean, (fma(-mean, n, sum) + low) / n, &hi);
        merged[STATS_RECORD_HI] = hi / scale;
        merged[STATS_RECORD_LO] = rest / scale;
        merged[STATS_RECORD_M2] = gather_m2(records, count, stride, merged);
    }
    memcpy(ret_record, merged, sizeof merged);
}

void stats_block_merge(const double *records, size_t count, size_t elements, double *ret_records)
{
    for (size_t e = 0; e < elements; e++)
        merge_element(records + e * STATS_RECORD_DOUBLES, count, elements * STATS_RECORD_DOUBLES,
                      ret_records + e * STATS_RECORD_DOUBLES);
}

/* ---- states ---- */

bool stats_record_is_exact(const double record[STATS_RECORD_DOUBLES])
{
    return !(fabs(record[STATS_RECORD_MIN]) >= 0x1p53 || fabs(record[STATS_RECORD_MAX]) >= 0x1p53);
}

/* How many samples a record counts, as far as it can be believed. */
static uint64_t record_count(const double *record, uint64_t rows)
{
    double count = record[STATS_RECORD_COUNT];
    return count > 0 ? (count < (double)rows ? (uint64_t)count : rows) : 0;
}

/* The finite samples of a record, as the state of floating-point samples. */
static struct stats_real finite_part(const double *record, uint64_t count)
{
    struct stats_real part = {
        .hi = record[STATS_RECORD_HI],
        .lo = record[STATS_RECORD_LO],
        .m2 = record[STATS_RECORD_M2],
        .min = record[STATS_RECORD_MIN],
        .max = record[STATS_RECORD_MAX],
        .finite = count,
    };
    part.sum = stats_record_sum(record, &part.sum_lo);
    return part;
}

static void add_real(struct stats_real *state, const double *record, uint64_t rows)
{
    uint64_t count = record_count(record, rows);
    state->missing += rows - count;
    if (count == 0)
        return;
    struct stats_real part;
    if (isfinite(record[STATS_RECORD_HI])) {
        part = finite_part(record, count);
    } else {
        /* How many infinities there are is not told, and asked by nobody: one of each kind. */
        part =
            (struct stats_real){.min = record[STATS_RECORD_MIN], .max = record[STATS_RECORD_MAX]};
        part.minus_infinite = part.min < 0 && isinf(part.min) ? 1 : 0;
        part.plus_infinite = part.max > 0 && isinf(part.max) ? 1 : 0;
        part.finite = count - part.minus_infinite - part.plus_infinite;
    }
    stats_real_merge(state, &part);
}

/* The sum of the integers of a record, to the nearest whole number. */
static stats_i128 record_integer_sum(const double *record)
{
    double low, sum = stats_record_sum(record, &low);
    if (!(fabs(sum) < 0x1p126))
        return 0; /* no record that was made of integers */
    double whole = floor(sum);
    return (stats_i128)whole + (stats_i128)rint(sum - whole + low);
}

static void add_integer(struct stats_integer *state, const double *record, uint64_t rows)
{
    struct stats_integer part = {.count = record_count(record, rows)};
    bool is_sane = isfinite(record[STATS_RECORD_HI]) && fabs(record[STATS_RECORD_MIN]) <= 0x1p64 &&
                   fabs(record[STATS_RECORD_MAX]) <= 0x1p64;
    if (part.count == 0 || !is_sane)
        return;
    part.records = finite_part(record, part.count);
    part.sum = part.records_sum = record_integer_sum(record);
    part.min = (stats_i128)record[STATS_RECORD_MIN];
    part.max = (stats_i128)record[STATS_RECORD_MAX];
    stats_integer_merge(state, &part);
}

void stats_state_add_record(struct stats_state *state, const double record[STATS_RECORD_DOUBLES],
                            uint64_t rows)
{
    if (state->kind == STATS_REAL)
        add_real(&state->real, record, rows);
    else
        add_integer(&state->integer, record, rows);
}

static void get_real(const struct stats_real *state, double *ret_record)
{
    static const struct stats_rules rules = {0};
    bool is_finite = state->plus_infinite == 0 && state->minus_infinite == 0;
    bool has_moments = is_finite && state->finite > 0;
    ret_record[STATS_RECORD_HI] =
        has_moments ? state->hi : stats_real_get(state, STATS_MEAN, &rules);
    ret_record[STATS_RECORD_LO] = has_moments ? state->lo : 0;
    ret_record[STATS_RECORD_M2] = is_finite ? state->m2 : (double)NAN;
    ret_record[STATS_RECORD_MIN] = stats_real_get(state, STATS_MIN, &rules);
    ret_record[STATS_RECORD_MAX] = stats_real_get(state, STATS_MAX, &rules);
    ret_record[STATS_RECORD_COUNT] = stats_real_get(state, STATS_COUNT, &rules);
}

static void get_integer(const struct stats_integer *state, double *ret_record)
{
    if (state->count == 0) {
        ret_record[STATS_RECORD_HI] = ret_record[STATS_RECORD_MIN] = ret_record[STATS_RECORD_MAX] =
            (double)NAN;
        ret_record[STATS_RECORD_LO] = ret_record[STATS_RECORD_M2] = 0;
    } else {
        ret_record[STATS_RECORD_HI] =
            stats_integer_mean(state->sum, state->count, &ret_record[STATS_RECORD_LO]);
        ret_record[STATS_RECORD_M2] = stats_integer_m2(state);
        ret_record[STATS_RECORD_MIN] = (double)state->min;
        ret_record[STATS_RECORD_MAX] = (double)state->max;
    }
    ret_record[STATS_RECORD_COUNT] = (double)state->count;
}

void stats_state_get_record(const struct stats_state *state,
                            double ret_record[STATS_RECORD_DOUBLES])
{
    if (state->kind == STATS_REAL)
        get_real(&state->real, ret_record);
    else
        get_integer(&state->integer, ret_record);
}
