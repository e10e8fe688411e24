/* stats_moments.h - mean and variance, or the sum, of a window that moves along a stream of
 * floating point samples.
 *
 * Windows are of a fixed number of samples, or of any length (spans of time). Nothing that
 * was added is subtracted: a window of 80 samples or more is a suffix of the oldest 64-sample
 * tile, a middle of whole chunks, and a prefix of the newest tile, all about an anchor that is the
 * middle's mean and thus inside of every window of the tile. The middle is kept by a queue of two
 * stacks of chunk states (Tangwongsan, Hirzel, Schneider, "In-Order Sliding-Window Aggregation in
 * Worst-Case Constant Time"), whose means are unevaluated pairs hi + lo. Shorter windows are summed
 * eight together about a sample that all of them hold; those of any length each about its newest
 * sample, or in blocks of windows that have a middle of their own. A result that an anchor may have
 * cost digits is seen by its squares and worked out again by two passes.
 *
 * Errors, for finite samples below 2^500 in magnitude: variance 1e-13 relative; mean 1e-14 of the
 * root mean square; sum 1e-14 of the sum of magnitudes, and exact as long as all sums of samples
 * are whole numbers below 2^53. Equal samples give exactly themselves and exactly 0; no variance is
 * negative. What is not finite affects exactly the windows that hold it. Larger samples than that
 * give an infinite variance, and a mean that may be infinite or NaN, to the windows that hold them.
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_MOMENTS_H
#define INGEST_STATS_MOMENTS_H

#include "stats_state.h"

struct stats_kernels;

struct stats_moments_rule {
    size_t window;  /* samples of every window; 0: they have lengths of their own */
    size_t longest; /* the longest length, when `window` is 0 */
    bool sums;      /* sums instead of means, no variances */
    struct stats_rules rules;
};

/* What of a window is not a finite number. */
struct stats_special {
    uint64_t missing; /* NaN */
    uint64_t plus_infinite;
    uint64_t minus_infinite;
};

struct stats_moments;

/* Bytes of an object: about half a byte a sample of the window; 0 on overflow. */
size_t stats_moments_bytes(const struct stats_moments_rule *rule);

/* Makes an object in `memory` of that size, aligned as by malloc(). `kernels`: NULL for the best
 * that there are. Nothing is to be freed but the memory. */
struct stats_moments *stats_moments_init(void *memory, const struct stats_moments_rule *rule,
                                         const struct stats_kernels *kernels);

/* Forgets all samples. */
void stats_moments_clear(struct stats_moments *moments);

/* Takes `count` samples in. The ones before, as far back as a window reaches, must stand right
 * before samples[0]; none of them is changed. lengths[i] is how many samples, up to and with sample
 * i, are in its window: from 1 to one more than before; NULL with a fixed window.
 *
 * ret_means[i] and ret_vars[i] (NULL with `sums`) are written for every sample, with a fixed window
 * for those where it is full. Of a fixed window pieces are fastest that end a multiple of 64
 * samples behind the first full window. ret_special (may be NULL) likewise, but only when the
 * result is true: when it is false, all samples of these windows are finite. */
bool stats_moments_slide(struct stats_moments *moments, const double *samples,
                         const size_t *lengths, size_t count, double *ret_means, double *ret_vars,
                         struct stats_special *ret_special);

#endif
