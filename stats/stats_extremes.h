/* stats_extremes.h - the smallest or the largest sample of a window that moves along a stream.
 *
 * Fixed windows of doubles: the minimum of a suffix of the oldest 64-sample tile, of a middle of
 * whole chunks, and of a prefix of the newest tile (van Herk, "A fast algorithm for local minimum
 * and maximum filters on rectangular and octagonal kernels"), by doubling within tiles and for
 * short windows. Windows of any length, and integers: a queue of the samples that nothing later
 * undercuts. Results are samples of the window, exactly. NaN is left out.
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_EXTREMES_H
#define INGEST_STATS_EXTREMES_H

#include "stats_state.h"

struct stats_kernels;

struct stats_extremes_rule {
    enum stats_kind kind;
    bool largest;   /* instead of the smallest */
    size_t window;  /* samples of every window; 0: they have lengths of their own */
    size_t longest; /* the longest length, when `window` is 0 */
};

struct stats_extremes;

/* Bytes of an object: a quarter of a byte a sample of a fixed window of doubles, else 16 to 32; 0
 * on overflow. */
size_t stats_extremes_bytes(const struct stats_extremes_rule *rule);

/* Makes an object in `memory` of that size, aligned as by malloc(). `kernels`: NULL for the best
 * that there are. Nothing is to be freed but the memory. */
struct stats_extremes *stats_extremes_init(void *memory, const struct stats_extremes_rule *rule,
                                           const struct stats_kernels *kernels);

/* Forgets all samples. */
void stats_extremes_clear(struct stats_extremes *extremes);

/* Takes `count` samples in; as in stats_moments_slide(), the ones before, as far back as a window
 * reaches, must stand right before them, and lengths[i] is the length of the window that ends with
 * sample i. ret[i] is written for every sample, with a fixed window for those where it is full;
 * where a window holds nothing but NaN it is any number. */
void stats_extremes_slide(struct stats_extremes *extremes, const union stats_value *values,
                          const size_t *lengths, size_t count, union stats_value *ret);

#endif
