/* Floating-point states.
 *
 * The mean is an unevaluated pair hi + lo, since the unit in the last place of one double is not
 * small beside the spread of samples that lie far from 0; sums are pairs for the same reason. All
 * differences are taken from a sample or from the mean of the block, so that equal samples give
 * exact zeros. */
#include "stats_internal.h"

#include <math.h>

/* Independent sums that the vectoriser may keep in registers. */
#define LANES 8

/* (*hi, *lo) += (b, b_lo). After an overflow only *hi tells. */
static inline void pair_add(double *hi, double *lo, double b, double b_lo)
{
    double s, t;
    double e = two_sum(*hi, b, &s);
    double f = two_sum(*lo, b_lo, &t);
    if (!isfinite(s)) {
        *hi = s;
        *lo = 0;
        return;
    }
    e += t;
    double u = s + e;
    e = (e - (u - s)) + f;
    *hi = u + e;
    *lo = isfinite(*hi) ? e - (*hi - u) : 0;
}

void stats_real_clear(struct stats_real *state)
{
    *state = (struct stats_real){.min = (double)INFINITY, .max = -(double)INFINITY};
}

/* The samples of one block, without any that is not finite. */
struct block {
    double x[STATS_BLOCK + LANES]; /* padded to whole groups with x[0] */
    size_t count;                  /* at least 1 */
};

static void block_pad(struct block *block)
{
    for (size_t i = 0; i < LANES; i++)
        block->x[block->count + i] = block->x[0];
}

/* Sum of (x - x[0]) as a pair, exact to about 2^-100 of the sum of magnitudes. The padding adds
 * zeros. */
static void block_offsets(const struct block *block, double *ret_sum, double *ret_sum_lo)
{
    double sum[LANES] = {0}, low[LANES] = {0};
    double anchor = block->x[0];
    for (size_t i = 0; i < block->count; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            double x = block->x[i + j];
            double d, s;
            double e = two_sum(x, -anchor, &d);
            double f = two_sum(sum[j], d, &s);
            sum[j] = s;
            low[j] += e + f;
        }
    }
    double hi = 0, lo = 0;
    for (size_t j = 0; j < LANES; j++)
        pair_add(&hi, &lo, sum[j], low[j]);
    *ret_sum = hi;
    *ret_sum_lo = lo;
}

/* Sum of (x - hi - lo)^2 as a pair. */
static void block_squares(const struct block *block, struct stats_real *part)
{
    double sum[LANES] = {0}, low[LANES] = {0};
    double hi = part->hi, lo = part->lo;
    size_t whole = block->count - block->count % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            double d = (block->x[i + j] - hi) - lo;
            double s;
            double e = two_sum(sum[j], d * d, &s);
            sum[j] = s;
            low[j] += e;
        }
    }
    for (size_t i = whole; i < block->count; i++) {
        double d = (block->x[i] - hi) - lo;
        double s;
        double e = two_sum(sum[0], d * d, &s);
        sum[0] = s;
        low[0] += e;
    }
    for (size_t j = 0; j < LANES; j++)
        pair_add(&part->m2, &part->m2_lo, sum[j], isfinite(sum[j]) ? low[j] : 0);
}

static void block_range(const struct block *block, struct stats_real *part)
{
    double low[LANES], high[LANES];
    for (size_t j = 0; j < LANES; j++)
        low[j] = high[j] = block->x[0];
    for (size_t i = 0; i < block->count; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            double x = block->x[i + j];
            low[j] = x < low[j] ? x : low[j];
            high[j] = x > high[j] ? x : high[j];
        }
    }
    for (size_t j = 0; j < LANES; j++) {
        part->min = low[j] < part->min ? low[j] : part->min;
        part->max = high[j] > part->max ? high[j] : part->max;
    }
}

/* Mean, squares and sum of a block whose sums do not overflow; false when they do. */
static bool block_moments(const struct block *block, struct stats_real *part)
{
    double n = (double)block->count, anchor = block->x[0];
    double sum, sum_lo;
    block_offsets(block, &sum, &sum_lo);
    if (!isfinite(sum) || !isfinite(sum_lo))
        return false;
    double q = sum / n;
    double q_lo = (fma(-q, n, sum) + sum_lo) / n;
    double hi;
    double lo = two_sum(anchor, q, &hi) + q_lo;
    part->lo = lo - ((hi + lo) - hi);
    part->hi = hi + lo;
    double product = anchor * n;
    if (!isfinite(part->hi) || !isfinite(part->lo) || !isfinite(product))
        return false;
    block_squares(block, part);
    part->sum = product;
    part->sum_lo = fma(anchor, n, -product);
    pair_add(&part->sum, &part->sum_lo, sum, sum_lo);
    return true;
}

static void add_finite(struct stats_real *state, struct block *block)
{
    struct stats_real part = {
        .min = (double)INFINITY, .max = -(double)INFINITY, .finite = block->count};
    block_pad(block);
    block_range(block, &part);
    if (!block_moments(block, &part)) {
        /* Beside numbers near the end of the range, what scaling takes from the smallest ones is
         * nothing. */
        for (size_t i = 0; i < block->count + LANES; i++)
            block->x[i] = ldexp(block->x[i], -64);
        part.m2 = part.m2_lo = 0;
        (void)block_moments(block, &part);
        part.hi = ldexp(part.hi, 64);
        part.lo = ldexp(part.lo, 64);
        part.m2 = ldexp(part.m2, 128);
        part.m2_lo = isfinite(part.m2) ? ldexp(part.m2_lo, 128) : 0;
        part.sum = ldexp(part.sum, 64);
        part.sum_lo = isfinite(part.sum) ? ldexp(part.sum_lo, 64) : 0;
    }
    stats_real_merge(state, &part);
}

static void count_special(struct stats_real *state, double value)
{
    state->missing += isnan(value) ? 1 : 0;
    state->plus_infinite += isinf(value) && value > 0 ? 1 : 0;
    state->minus_infinite += isinf(value) && value < 0 ? 1 : 0;
}

void stats_real_add(struct stats_real *state, const union stats_value *values, size_t count)
{
    struct block block;
    while (count > 0) {
        size_t take = count < STATS_BLOCK ? count : STATS_BLOCK;
        block.count = 0;
        for (size_t i = 0; i < take; i++) {
            double x = values[i].real;
            block.x[block.count] = x;
            if (isfinite(x))
                block.count++;
            else
                count_special(state, x);
        }
        if (block.count > 0)
            add_finite(state, &block);
        values += take;
        count -= take;
    }
}

/* Adds nb samples whose mean differs from the state's by `delta`, whose squares are (m2, m2_lo). */
static inline void merge_moments(struct stats_real *state, double na, double nb, double delta,
                                 double m2, double m2_lo)
{
    double step = delta * (nb / (na + nb));
    double hi;
    double lo = two_sum(state->hi, step, &hi) + state->lo;
    double mean = hi + lo;
    state->lo = lo - (mean - hi);
    state->hi = mean;
    pair_add(&state->m2, &state->m2_lo, delta * step * na, 0);
    pair_add(&state->m2, &state->m2_lo, m2, m2_lo);
}

void stats_real_add_one(struct stats_real *state, double value)
{
    if (!isfinite(value)) {
        count_special(state, value);
        return;
    }
    if (state->finite == 0) {
        state->hi = value;
        state->lo = 0;
    } else {
        merge_moments(state, (double)state->finite, 1, (value - state->hi) - state->lo, 0, 0);
    }
    state->finite++;
    pair_add(&state->sum, &state->sum_lo, value, 0);
    state->min = value < state->min ? value : state->min;
    state->max = value > state->max ? value : state->max;
}

void stats_real_merge(struct stats_real *state, const struct stats_real *other)
{
    state->missing += other->missing;
    state->plus_infinite += other->plus_infinite;
    state->minus_infinite += other->minus_infinite;
    if (other->finite == 0)
        return;
    if (state->finite == 0) {
        state->hi = other->hi;
        state->lo = other->lo;
        state->m2 = other->m2;
        state->m2_lo = other->m2_lo;
    } else {
        double na = (double)state->finite, nb = (double)other->finite;
        double delta = (other->hi - state->hi) + (other->lo - state->lo);
        merge_moments(state, na, nb, delta, other->m2, other->m2_lo);
    }
    state->finite += other->finite;
    pair_add(&state->sum, &state->sum_lo, other->sum, other->sum_lo);
    state->min = other->min < state->min ? other->min : state->min;
    state->max = other->max > state->max ? other->max : state->max;
}

/* What infinities make of a sum of samples; 0 when there are none. */
static double infinite_sum(const struct stats_real *state)
{
    if (state->plus_infinite > 0)
        return state->minus_infinite > 0 ? (double)NAN : (double)INFINITY;
    return state->minus_infinite > 0 ? -(double)INFINITY : 0;
}

static double mean_of(const struct stats_real *state)
{
    double n = (double)state->finite;
    if (!isfinite(state->sum))
        return state->hi;
    double q = state->sum / n;
    return q + (fma(-q, n, state->sum) + state->sum_lo) / n;
}

static double finite_get(const struct stats_real *state, enum stats_name name, unsigned ddof)
{
    double n = (double)state->finite;
    switch (name) {
    case STATS_MEAN:
        return mean_of(state);
    case STATS_VAR:
        return state->finite > ddof ? state->m2 / (n - ddof) : (double)NAN;
    case STATS_STD:
        return state->finite > ddof ? sqrt(state->m2 / (n - ddof)) : (double)NAN;
    case STATS_RMS:
        return hypot(mean_of(state), sqrt(state->m2 / n));
    case STATS_SUM:
        return state->sum;
    case STATS_MIN:
        return state->min;
    default:
        return state->max;
    }
}

double stats_real_get(const struct stats_real *state, enum stats_name name,
                      const struct stats_rules *rules)
{
    uint64_t infinite = state->plus_infinite + state->minus_infinite;
    uint64_t count = state->finite + infinite;
    if (name == STATS_MISSING)
        return (double)state->missing;
    if (name == STATS_COUNT)
        return (double)(rules->propagate_nan ? count + state->missing : count);
    if (rules->propagate_nan && state->missing > 0)
        return (double)NAN;
    if (count == 0)
        return name == STATS_SUM ? 0 : (double)NAN;
    if (infinite == 0)
        return finite_get(state, name, rules->ddof);
    switch (name) {
    case STATS_MEAN:
    case STATS_SUM:
        return infinite_sum(state);
    case STATS_RMS:
        return (double)INFINITY;
    case STATS_MIN:
        return state->minus_infinite > 0 ? -(double)INFINITY
                                         : (state->finite > 0 ? state->min : (double)INFINITY);
    case STATS_MAX:
        return state->plus_infinite > 0 ? (double)INFINITY
                                        : (state->finite > 0 ? state->max : -(double)INFINITY);
    default:
        return (double)NAN;
    }
}
