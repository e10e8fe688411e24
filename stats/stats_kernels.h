/* stats_kernels.h - the inner loops, compiled once for each width of vectors and chosen at run
 * time. Internal to stats/; tests walk through the widths that this processor has.
 *
 * One source (kernel_*.h) makes all of them; results of different widths differ in the order of
 * additions only. */
#ifndef INGEST_STATS_KERNELS_H
#define INGEST_STATS_KERNELS_H

#include "chunk_queue.h"
#include "stats_reduce.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Results that are worked out together: the tile. */
#define STATS_TILE 64

/* Longest window of the kernel for short ones. */
#define STATS_SHORT_WINDOW_MAX 79

/* Samples that the short kernel looks at together: results and the rest of the first window. */
#define STATS_SHORT_SAMPLES_MAX 640

/* Sums of (x - anchor) and of its square. */
struct stats_sums {
    double anchor;
    double sum;
    double squares;
};

/* Full windows of more than STATS_SHORT_WINDOW_MAX samples, tile by tile. */
struct stats_tiles {
    size_t window; /* samples */
    size_t odd;    /* of the middle, before its first whole chunk */
    unsigned ddof;
    uint64_t chunk; /* the first whole chunk of the next tile's middle */
    double anchor;  /* NaN: none yet */
    struct chunk_queue queue;
};

/* What the kernel for short windows found. */
enum stats_short_result {
    STATS_SHORT_SOUND,
    STATS_SHORT_UNSOUND,    /* variances that may have lost digits are NaN */
    STATS_SHORT_NOT_FINITE, /* nothing was written */
    STATS_SHORT_TOO_LONG    /* nothing was written */
};

/* Its results are sound when the squares about the anchor are at most so many times what is left of
 * them after the mean was taken out: they are sums of at most 54 rounded terms, so that their
 * relative error stays below 54 * 16 * 2^-53, which is 1e-13. */
#define STATS_SHORT_PART 16

/* Sums of STATS_TILE windows about one anchor. */
struct stats_window_sums {
    double count[STATS_TILE], sum[STATS_TILE], squares[STATS_TILE];
};

/* Windows of few samples, of which none begins before the one ahead of it. */
struct stats_near_windows {
    size_t count, shortest, longest;
    double lengths[STATS_TILE]; /* behind the last one: not 0 */
};

struct stats_kernels {
    unsigned lanes; /* doubles in a vector */

    /* Sums about sums->anchor. Not finite when a sample is not, or by overflow. */
    void (*sums)(const double *samples, size_t count, struct stats_sums *sums);

    /* Mean and variance (or sums; ret_vars may then be NULL) of full windows that hold finite
     * samples only, `tiles` times STATS_TILE of them; the first ends with samples[0]. Returns how
     * many tiles were done: less when one is not finite. */
    size_t (*tiles)(struct stats_tiles *state, const double *samples, size_t tiles,
                    double *ret_means, double *ret_vars);

    /* Mean and variance, or with ret_vars NULL the sum, of `count` windows samples[i] ... samples[i
     * + length - 1]; `length` is at most STATS_SHORT_WINDOW_MAX, count + length - 1 at most
     * STATS_SHORT_SAMPLES_MAX. `finite`: how many samples of each window are, where not all are;
     * the others are left out; NULL: all are. */
    enum stats_short_result (*short_windows)(const double *samples, size_t count, size_t length,
                                             unsigned ddof, const double *finite, double *ret_means,
                                             double *ret_vars);

    /* ret_sum[i], ret_squares[i]: sums about the anchor of samples[i ... count - 1], for i from 0
     * to count (where they are 0); what is not finite is left out. Room for count + 1 + 16. */
    void (*suffixes)(const double *samples, size_t count, double anchor, double *ret_sum,
                     double *ret_squares);
    /* ret_sum[i], ret_squares[i]: `before` with the sums about its anchor of samples[0 ... i]; what
     * is not finite is left out. */
    void (*prefixes)(const double *samples, size_t count, const struct stats_sums *before,
                     double *ret_sum, double *ret_squares);

    /* Means and variances of `count` windows of known sums. */
    void (*finish_windows)(const struct stats_window_sums *sums, size_t count, double anchor,
                           unsigned ddof, double *ret_means, double *ret_vars);

    /* Means and variances of windows of finite samples, of which window i ends with samples[i].
     * What is too long depends on the lanes. */
    enum stats_short_result (*near_windows)(const struct stats_near_windows *windows,
                                            const double *samples, unsigned ddof, double *ret_means,
                                            double *ret_vars);

    /* ret_begins[i]: the first place from `first` on whose time is not below cuts[i]; cuts and
     * times grow, and no cut is above all times. Returns the last. */
    size_t (*span_begins)(const int64_t *times, const int64_t *cuts, size_t count, size_t first,
                          size_t *ret_begins);

    /* Of doubles; `sign` is 1 for minima, -1 for maxima. Without a number: infinity. The first is
     * of samples times sign. */
    double (*minimum)(const double *samples, size_t count, double sign);
    /* Of the windows samples[i] ... samples[i + length - 1]; count + length - 1 is at most
     * STATS_SHORT_SAMPLES_MAX. */
    void (*short_minima)(const double *samples, size_t count, size_t length, double sign,
                         double *ret);
    /* Of STATS_TILE windows: old[i + 1 ...] up to old[63], the middle (times sign), and new[0 ...
     * i], of which `there` have come. Returns the minimum of the new ones times sign. */
    double (*tile_minima)(const double *old, const double *new, size_t there, double middle,
                          double sign, double *ret);
};

/* A table of its own, so that a program that does not reduce does not carry it. */
struct stats_reduce_kernels {
    /* Like `tiles`: the variances are not written but reduced. */
    size_t (*tiles)(struct stats_tiles *state, const double *samples, size_t tiles,
                    struct stats_reduction *reduction);
    /* Variances that were written. */
    void (*written)(const double *vars, size_t count, struct stats_reduction *reduction);
};

/* The widest that this processor has. */
const struct stats_kernels *stats_kernels_best(void);

/* The i-th that this processor has, the best first; NULL after the last. */
const struct stats_kernels *stats_kernels_at(size_t i);

extern const struct stats_kernels stats_kernels_2;
extern const struct stats_reduce_kernels stats_reduce_kernels_2;
#if defined(__x86_64__)
extern const struct stats_reduce_kernels stats_reduce_kernels_4, stats_reduce_kernels_8;
extern const struct stats_kernels stats_kernels_4;
extern const struct stats_kernels stats_kernels_8;
#endif

#endif
