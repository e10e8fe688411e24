/* stats_rolling.h - statistics over a window that moves along a stream of samples.
 *
 * Samples come in chunks; every sample may let the oldest ones of the window go. Work is a constant
 * number of merges a sample whatever the window's length, and nothing is ever subtracted: a sample
 * that has left leaves no trace, and what is not finite spoils exactly the windows that hold it.
 * Errors are those of stats_state.h.
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_ROLLING_H
#define INGEST_STATS_ROLLING_H

#include "stats_state.h"

struct stats_rolling;

/* Bytes for windows of up to `samples` samples (about 11 a sample); 0 on overflow. */
size_t stats_rolling_bytes(size_t samples);

/* Makes an empty window in `memory`: stats_rolling_bytes(samples) bytes, aligned as by malloc().
 * Nothing is to be freed but the memory. */
struct stats_rolling *stats_rolling_init(void *memory, size_t samples, enum stats_kind kind);

/* Makes `to` (empty, of the same kind, at least as large) hold the samples of `from`. */
void stats_rolling_transfer(struct stats_rolling *to, const struct stats_rolling *from);

/* Empties the window. */
void stats_rolling_clear(struct stats_rolling *rolling);

/* Samples in the window now. */
size_t stats_rolling_count(const struct stats_rolling *rolling);

/* Which results are wanted. */
struct stats_wanted {
    const enum stats_name *names;
    size_t names_count;
    struct stats_rules rules;
};

/* Slides the window over `count` samples. After sample i came, the oldest leave until `lengths[i]`
 * samples are left (1 <= lengths[i] <= samples of stats_rolling_bytes(), and at most one more than
 * were there), and the window's statistics are written to ret_values[i * stride + 0 ... names_count
 * - 1]. Where ret_integers is not NULL (kinds of integers) it gets the exact ones at the same
 * places; places of statistics that are not whole numbers are left as they are. */
void stats_rolling_slide(struct stats_rolling *rolling, const union stats_value *values,
                         const size_t *lengths, size_t count, const struct stats_wanted *wanted,
                         size_t stride, double *ret_values, stats_i128 *ret_integers);

#endif
