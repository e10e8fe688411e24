/* stats_rolling.h - statistics over a window that moves along a stream of samples, all of them at
 * once.
 *
 * Samples come in pieces of any length; a window is of a fixed number of samples, or of any length.
 * Each statistic has a kernel of its own, whose header says how it works and how exact it is:
 * stats_moments.h (mean, var, std, rms, sum, count, missing), stats_extremes.h (min, max),
 * stats_order.h (quantiles). Integers are summed exactly, and rounded once: stats_state.h. Nothing
 * of a sample that has left stays behind, and what is not finite spoils exactly the windows that
 * hold it.
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_ROLLING_H
#define INGEST_STATS_ROLLING_H

#include "stats_state.h"

struct stats_rolling;

struct stats_rolling_plan {
    enum stats_kind kind;
    size_t window;  /* samples of every window; 0: they have lengths of their own */
    size_t longest; /* the longest length, when `window` is 0 */
    const struct stats_statistic *statistics; /* must outlive the object */
    size_t statistics_count;
    struct stats_rules rules;
};

/* Bytes for such an object: 16 a sample of the window and 160 KiB, 16 more for extremes that are
 * not of a fixed window of doubles, 34 for quantiles; 0 on overflow. */
size_t stats_rolling_bytes(const struct stats_rolling_plan *plan);

/* Makes an empty window in `memory`: stats_rolling_bytes(plan) bytes, aligned as by malloc().
 * Nothing is to be freed but the memory. */
struct stats_rolling *stats_rolling_init(void *memory, const struct stats_rolling_plan *plan);

/* Makes `to` (empty, of the same plan but a longer `longest`) hold the samples of `from`. */
void stats_rolling_transfer(struct stats_rolling *to, const struct stats_rolling *from);

/* Empties the window. */
void stats_rolling_clear(struct stats_rolling *rolling);

/* Takes `count` samples in. lengths[i] is how many samples, up to and with sample i, are in its
 * window: from 1 to one more than before, at most `longest`; NULL with a fixed window.
 *
 * Statistic k of sample i's window is written to ret_values[k * stride + i]; with a fixed window
 * for those samples where it is full, the others get any number. Where ret_integers is not NULL it
 * gets at the same places what is exactly a whole number: count and missing; of integers also min,
 * max and sum (with rules.min_count only where there are so many). */
void stats_rolling_slide(struct stats_rolling *rolling, const union stats_value *values,
                         const size_t *lengths, size_t count, size_t stride, double *ret_values,
                         stats_i128 *ret_integers);

#endif
