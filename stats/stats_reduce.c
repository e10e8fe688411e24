#include "stats_reduce.h"

#include "moments_internal.h"

#include <assert.h>

#define PIECE 512 /* results that are written before they are reduced: they stay in the cache */

static const struct stats_reduce_kernels *kernels_of(const struct stats_moments *moments)
{
#if defined(__x86_64__)
    if (moments->kernels->lanes >= 4)
        return moments->kernels->lanes == 8 ? &stats_reduce_kernels_8 : &stats_reduce_kernels_4;
#endif
    (void)moments;
    return &stats_reduce_kernels_2;
}

/* By way of a few results in memory: short windows, beginnings and ends, what is not finite. */
static void reduce_written(struct stats_moments *moments, const double *samples, size_t count,
                           struct stats_reduction *reduction)
{
    double means[PIECE], vars[PIECE];
    uint64_t first = moments->position, window = moments->window;
    (void)stats_moments_slide(moments, samples, NULL, count, means, vars, NULL);
    size_t skip = first + 1 < window ? (size_t)(window - 1 - first) : 0;
    if (skip < count)
        kernels_of(moments)->written(vars + skip, count - skip, reduction);
}

void stats_moments_reduce(struct stats_moments *moments, const double *samples, size_t count,
                          struct stats_reduction *reduction)
{
    assert(moments->window > 0 && !moments->rule.sums);
    while (count > 0) {
        uint64_t position = moments->position;
        size_t into_tile = (size_t)((position - moments->origin) % STATS_TILE), done = 0;
        size_t tiles = moments_at_tile(moments, position) ? count / STATS_TILE : 0;
        if (tiles > 0) {
            moments->tiles.chunk = moments_first_chunk(moments, position);
            done =
                STATS_TILE * kernels_of(moments)->tiles(&moments->tiles, samples, tiles, reduction);
            moments->position += done;
        }
        if (done == 0) {
            done = moments_has_chunks(moments) ? STATS_TILE - into_tile : PIECE;
            done = done < count ? done : count;
            reduce_written(moments, samples, done, reduction);
        }
        samples += done;
        count -= done;
    }
}
