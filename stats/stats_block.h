/* stats_block.h - records that summarise blocks of samples, and how they are merged.
 *
 * A record of one element over some rows is six doubles:
 *
 *     0 hi, 1 lo   their mean, as the unevaluated sum hi + lo, of the samples that are not NaN
 *     2 m2         sum of (sample - mean) squared
 *     3 min  4 max of the samples that are not NaN
 *     5 count      samples that are not NaN
 *
 * count 0: hi, min and max are NaN, lo and m2 are 0. With infinities min and max show them, hi is
 * the infinity (NaN with both), lo is 0, m2 is NaN. Integers above 2^53 in magnitude are rounded in
 * min and max, and nowhere else.
 *
 * Errors, for any tree of merges of them, against the exact
 * statistic of the samples: hi + lo within 5e-15 of their standard deviation (and so of their root
 * mean square), m2 within 2e-14 of itself; equal samples give exactly themselves and exactly 0.
 * Integers: hi + lo is the exact mean of a number of samples that is a power of two, m2 is within
 * 1e-15. count x (hi + lo), as stats_record_sum() computes it, is the exact sum of whole numbers
 * whose magnitudes add up to less than 2^53 (of integers: always, rounded to the nearest whole
 * number). Squares that overflow make m2 infinite.
 *
 * Method: sums about 0, then sums of differences from the mean that they give, which also correct
 * it (the two-pass algorithm with correction of Chan, Golub and LeVeque, 1983); what is not finite
 * takes the way of stats_state.h. Merging: two passes likewise, sums kept as pairs.
 *
 * No I/O, no allocation, no globals; any thread. */
#ifndef INGEST_STATS_BLOCK_H
#define INGEST_STATS_BLOCK_H

#include <stddef.h>

enum stats_record {
    STATS_RECORD_HI,
    STATS_RECORD_LO,
    STATS_RECORD_M2,
    STATS_RECORD_MIN,
    STATS_RECORD_MAX,
    STATS_RECORD_COUNT,
    STATS_RECORD_DOUBLES
};

/* Samples of one element that are worked through at once: the block of the lowest level. */
#define STATS_BLOCK_ROWS 1024

/* The records of `count` rows, at most STATS_BLOCK_ROWS, of `elements` numbers of type "f4", "i8",
 * ..., in C order, anywhere in memory: ret_records[elements][6]. */
void stats_block_make(const char dtype[2], const void *rows, size_t count, size_t elements,
                      double *ret_records);

/* records[count][elements][6] to ret_records[elements][6], which may be one of them. */
void stats_block_merge(const double *records, size_t count, size_t elements, double *ret_records);

/* count x (hi + lo) of a record with finite samples only, as a pair: returns its value to the
 * nearest, *ret_low what is missing from that. After an overflow only the first tells. */
double stats_record_sum(const double record[STATS_RECORD_DOUBLES], double *ret_low);

#endif
