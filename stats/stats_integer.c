/* Integer states: exact sums, so that nothing is rounded before the result is. */
#include "stats_internal.h"

#include <math.h>

void stats_integer_clear(struct stats_integer *state)
{
    *state = (struct stats_integer){0};
}

static void squares_add(uint64_t squares[3], stats_u128 low, uint64_t high)
{
    stats_u128 sum = ((stats_u128)squares[1] << 64 | squares[0]) + low;
    squares[2] += high + (sum < low ? 1 : 0);
    squares[1] = (uint64_t)(sum >> 64);
    squares[0] = (uint64_t)sum;
}

void stats_integer_add(struct stats_integer *state, const union stats_value *values, size_t count,
                       bool is_signed)
{
    if (count == 0)
        return;
    stats_i128 sum = 0;
    stats_u128 squares = 0;
    uint64_t carry = 0;
    stats_i128 min = state->min, max = state->max;
    if (state->count == 0)
        min = max = is_signed ? (stats_i128)values[0].integer : (stats_i128)values[0].natural;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = values[i].natural;
        bool negative = is_signed && values[i].integer < 0;
        uint64_t magnitude = negative ? 0 - bits : bits;
        stats_i128 x = negative ? -(stats_i128)magnitude : (stats_i128)magnitude;
        stats_u128 square = (stats_u128)magnitude * magnitude;
        sum += x;
        squares += square;
        carry += squares < square ? 1 : 0;
        min = x < min ? x : min;
        max = x > max ? x : max;
    }
    state->sum += sum;
    squares_add(state->squares, squares, carry);
    state->min = min;
    state->max = max;
    state->count += count;
}

void stats_integer_remove(struct stats_integer *state, const union stats_value *values,
                          size_t count, bool is_signed)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = values[i].natural;
        bool negative = is_signed && values[i].integer < 0;
        uint64_t magnitude = negative ? 0 - bits : bits;
        stats_u128 square = (stats_u128)magnitude * magnitude;
        stats_u128 low = (stats_u128)state->squares[1] << 64 | state->squares[0];
        state->sum -= negative ? -(stats_i128)magnitude : (stats_i128)magnitude;
        state->squares[2] -= low < square ? 1 : 0;
        low -= square;
        state->squares[1] = (uint64_t)(low >> 64);
        state->squares[0] = (uint64_t)low;
    }
    state->count -= count;
}

void stats_integer_merge(struct stats_integer *state, const struct stats_integer *other)
{
    if (other->count == 0)
        return;
    if (state->count == 0) {
        *state = *other;
        return;
    }
    stats_real_merge(&state->records, &other->records);
    state->records_sum += other->records_sum;
    state->sum += other->sum;
    squares_add(state->squares, (stats_u128)other->squares[1] << 64 | other->squares[0],
                other->squares[2]);
    state->min = other->min < state->min ? other->min : state->min;
    state->max = other->max > state->max ? other->max : state->max;
    state->count += other->count;
}

static stats_u128 magnitude_of(stats_i128 x)
{
    return x < 0 ? -(stats_u128)x : (stats_u128)x;
}

/* ret = count * squares - sum * sum, which is never negative: 256 bits. Of the samples that were
 * added one by one: `sum` and `count` of them. */
static void variance_numerator(const uint64_t squares[3], stats_i128 signed_sum, uint64_t count,
                               uint64_t ret[4])
{
    uint64_t product[4];
    stats_u128 carry = 0;
    for (size_t i = 0; i < 3; i++) {
        carry += (stats_u128)squares[i] * count;
        product[i] = (uint64_t)carry;
        carry >>= 64;
    }
    product[3] = (uint64_t)carry;

    stats_u128 sum = magnitude_of(signed_sum);
    uint64_t low = (uint64_t)sum, high = (uint64_t)(sum >> 64);
    stats_u128 a = (stats_u128)low * low, b = (stats_u128)low * high, c = (stats_u128)high * high;
    uint64_t square[4];
    square[0] = (uint64_t)a;
    carry = (a >> 64) + (uint64_t)b + (stats_u128)(uint64_t)b;
    square[1] = (uint64_t)carry;
    carry = (carry >> 64) + (b >> 64) + (b >> 64) + (uint64_t)c;
    square[2] = (uint64_t)carry;
    square[3] = (uint64_t)((carry >> 64) + (c >> 64));

    uint64_t borrow = 0;
    for (size_t i = 0; i < 4; i++) {
        stats_u128 difference = (stats_u128)product[i] - square[i] - borrow;
        ret[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

static double mean_of(const struct stats_integer *state)
{
    stats_u128 sum = magnitude_of(state->sum);
    uint64_t words[4] = {(uint64_t)sum, (uint64_t)(sum >> 64), 0, 0};
    double mean = stats_ratio(words, state->count);
    return state->sum < 0 ? -mean : mean;
}

double stats_integer_mean(stats_i128 sum, uint64_t count, double *ret_low)
{
    double n = (double)count, hi = (double)sum;
    double low = (double)(sum - (stats_i128)hi);
    double mean = hi / n, ret_hi;
    *ret_low = two_sum(mean, (fma(-mean, n, hi) + low) / n, &ret_hi);
    return ret_hi;
}

double stats_integer_m2(const struct stats_integer *state)
{
    uint64_t words[4];
    uint64_t count = state->count - state->records.finite;
    if (count == 0)
        return state->records.m2;
    stats_i128 sum = state->sum - state->records_sum;
    variance_numerator(state->squares, sum, count, words);
    struct stats_real all = {.m2 = stats_ratio(words, count), .finite = count};
    all.hi = stats_integer_mean(sum, count, &all.lo);
    stats_real_merge(&all, &state->records);
    return all.m2;
}

static double variance_of(const struct stats_integer *state, unsigned ddof)
{
    if (state->count <= ddof)
        return (double)NAN;
    if (state->records.finite > 0)
        return stats_integer_m2(state) / (double)(state->count - ddof);
    uint64_t words[4];
    variance_numerator(state->squares, state->sum, state->count, words);
    return stats_ratio(words, (stats_u128)state->count * (state->count - ddof));
}

static double rms_of(const struct stats_integer *state)
{
    if (state->records.finite > 0)
        return hypot(mean_of(state), sqrt(variance_of(state, 0)));
    uint64_t words[4] = {state->squares[0], state->squares[1], state->squares[2], 0};
    return sqrt(stats_ratio(words, state->count));
}

double stats_integer_get(const struct stats_integer *state, enum stats_name name,
                         const struct stats_rules *rules)
{
    if (name == STATS_COUNT)
        return (double)state->count;
    if (name == STATS_MISSING)
        return 0;
    if (state->count == 0)
        return name == STATS_SUM ? 0 : (double)NAN;
    switch (name) {
    case STATS_MEAN:
        return mean_of(state);
    case STATS_VAR:
        return variance_of(state, rules->ddof);
    case STATS_STD:
        return sqrt(variance_of(state, rules->ddof));
    case STATS_RMS:
        return rms_of(state);
    case STATS_SUM:
        return (double)state->sum;
    case STATS_MIN:
        return (double)state->min;
    default:
        return (double)state->max;
    }
}
