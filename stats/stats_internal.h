/* stats_internal.h - the two kinds of state behind stats_state.h. */
#ifndef INGEST_STATS_INTERNAL_H
#define INGEST_STATS_INTERNAL_H

#include "stats_state.h"

#include <math.h>

/* How many places a statistic's formula may look at in one block; also what bounds the work buffers
 * on the stack. */
#define STATS_BLOCK 1024

/* a + b = *sum + the result, exactly. */
static inline double two_sum(double a, double b, double *sum)
{
    double s = a + b;
    double t = s - a;
    *sum = s;
    return (a - (s - t)) + (b - t);
}

void stats_real_clear(struct stats_real *state);
void stats_real_add(struct stats_real *state, const union stats_value *values, size_t count);
void stats_real_add_one(struct stats_real *state, double value);
void stats_real_merge(struct stats_real *state, const struct stats_real *other);
double stats_real_get(const struct stats_real *state, enum stats_name name,
                      const struct stats_rules *rules);

void stats_integer_clear(struct stats_integer *state);
void stats_integer_add(struct stats_integer *state, const union stats_value *values, size_t count,
                       bool is_signed);
/* Takes samples out that were added; minimum and maximum are then no longer true. */
void stats_integer_remove(struct stats_integer *state, const union stats_value *values,
                          size_t count, bool is_signed);
void stats_integer_merge(struct stats_integer *state, const struct stats_integer *other);
double stats_integer_get(const struct stats_integer *state, enum stats_name name,
                         const struct stats_rules *rules);

/* Sum of squares of differences from the mean: rounded once, unless records were added. */
double stats_integer_m2(const struct stats_integer *state);
/* sum / count as a pair: returns its value to the nearest. */
double stats_integer_mean(stats_i128 sum, uint64_t count, double *ret_low);

/* numerator / denominator, rounded once, to nearest even. The numerator has 256 bits, lowest word
 * first; the denominator is not 0. */
double stats_ratio(const uint64_t numerator[4], stats_u128 denominator);

#endif
