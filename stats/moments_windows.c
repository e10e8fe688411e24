/* Windows of any length, and any window that holds what is not finite: sums about an anchor of
 * everything finite, counts of the rest. */
#include "moments_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define PIECE 1024 /* samples of an old part that are summed up together */

static void special_add(struct stats_special *special, double value, uint64_t by)
{
    if (isnan(value))
        special->missing += by;
    else if (isinf(value) && value > 0)
        special->plus_infinite += by;
    else if (isinf(value))
        special->minus_infinite += by;
}

bool moments_count_special(struct stats_moments *moments, const struct moments_input *input,
                           uint64_t from, uint64_t to, struct stats_sums *ret_sums,
                           struct stats_special *ret_special)
{
    const double *values = moments_sample(input, from);
    size_t count = (size_t)(to - from);
    assert(count <= STATS_TILE);
    uint64_t begin = moments_begin(moments, input, from), bad_end = moments->bad_end;
    bool tracked = bad_end > begin;
    ret_sums->anchor = values[0];
    moments->kernels->sums(values, count, ret_sums);
    bool all_finite = isfinite(ret_sums->sum);
    for (size_t i = 0; !all_finite && i < count; i++) {
        if (!isfinite(values[i]))
            moments->bad_end = from + i + 1;
    }
    if (moments->bad_end <= begin)
        return false;
    if (!tracked) {
        moments->special = (struct stats_special){0};
        moments->window_begin = begin;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t now = moments_begin(moments, input, from + i);
        special_add(&moments->special, values[i], 1);
        for (uint64_t at = moments->window_begin; at < now; at++)
            special_add(&moments->special, *moments_sample(input, at), UINT64_MAX);
        moments->window_begin = now;
        ret_special[i] = moments->special;
    }
    return true;
}

void moments_add_special(struct stats_moments *moments, const double *samples, uint64_t number,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        special_add(&moments->special, samples[i], 1);
        if (!isfinite(samples[i]))
            moments->bad_end = number + i + 1;
    }
}

void moments_apply_special(const struct stats_moments *moments, const struct stats_special *special,
                           size_t length, double *mean, double *var)
{
    uint64_t infinite = special->plus_infinite + special->minus_infinite;
    uint64_t count = length - special->missing;
    bool unknown = moments->rule.rules.propagate_nan ? special->missing > 0
                                                     : count == 0 && !moments->rule.sums;
    if (infinite > 0) {
        *mean = special->minus_infinite == 0  ? (double)INFINITY
                : special->plus_infinite == 0 ? -(double)INFINITY
                                              : (double)NAN;
        *var = (double)NAN;
    }
    if (unknown)
        *mean = *var = (double)NAN;
}

struct chunk_state moments_chunk(const struct stats_moments *moments, const double *samples,
                                 size_t count)
{
    double finite[STATS_TILE];
    struct chunk_state state = {0};
    const struct stats_kernels *kernels = moments->kernels;
    struct stats_sums sums = {.anchor = samples[0]};
    if (moments->rule.sums)
        sums.anchor = 0;
    kernels->sums(samples, count, &sums);
    double n = (double)count;
    if (!isfinite(sums.sum) || !isfinite(sums.squares)) {
        assert(count <= STATS_TILE);
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            finite[kept] = samples[i];
            kept += isfinite(finite[kept]) ? 1 : 0;
        }
        if (kept == 0)
            return state;
        n = (double)kept;
        count = kept;
        samples = finite;
        sums.anchor = moments->rule.sums ? 0 : finite[0];
        kernels->sums(samples, count, &sums);
    }
    state.count = n;
    if (moments->rule.sums) {
        state.lo = sums.sum;
        return state;
    }
    /* Sums about a sample are believed when a fair part of them is the chunk's own. */
    double m2;
    for (int pass = 0;; pass++) {
        state.hi = sums.anchor;
        state.lo = sums.sum / n;
        m2 = sums.squares - sums.sum * state.lo;
        if (m2 * STATS_SHORT_PART >= sums.squares || pass > 0)
            break;
        sums.anchor += state.lo;
        kernels->sums(samples, count, &sums);
    }
    state.m2 = m2 < 0 ? 0 : isnan(m2) ? (double)INFINITY : m2;
    return state;
}

/* The state of samples [begin, end). */
static struct chunk_state state_of(const struct stats_moments *moments,
                                   const struct moments_input *input, uint64_t begin, uint64_t end)
{
    struct chunk_queue all = {.sums = moments->rule.sums, .slots = &(struct chunk_state){0}};
    for (uint64_t at = begin; at < end; at += STATS_TILE) {
        size_t count = end - at < STATS_TILE ? (size_t)(end - at) : STATS_TILE;
        chunk_queue_push(&all, moments_chunk(moments, moments_sample(input, at), count));
    }
    return all.newest;
}

void moments_window_alone(struct stats_moments *moments, const struct moments_input *input,
                          uint64_t begin, uint64_t end, double *ret_mean, double *ret_var)
{
    struct chunk_state state = state_of(moments, input, begin, end);
    unsigned ddof = moments->rule.rules.ddof;
    *ret_mean = state.hi + state.lo;
    *ret_var = state.count > ddof ? state.m2 / (state.count - ddof) : (double)NAN;
}

/* Adds to each window's sums those of the samples from its begin up to `top`. Windows begin in
 * order. */
static void add_old(const struct stats_moments *moments, const struct moments_input *input,
                    const uint64_t *begins, size_t count, uint64_t top, double anchor,
                    struct stats_window_sums *sums)
{
    double sum[PIECE + 1], squares[PIECE + 1], base = 0, base_squares = 0;
    for (size_t k = count; k > 0;) {
        uint64_t low = top - begins[0] > PIECE ? top - PIECE : begins[0];
        moments->kernels->suffixes(moments_sample(input, low), (size_t)(top - low), anchor, sum,
                                   squares);
        for (; k > 0 && begins[k - 1] >= low; k--) {
            sums->sum[k - 1] += base + sum[begins[k - 1] - low];
            sums->squares[k - 1] += base_squares + squares[begins[k - 1] - low];
        }
        base += sum[0];
        base_squares += squares[0];
        top = low;
    }
}

/* All windows of a tile that hold a common middle [top, tile), whose state is given. */
static void windows_with_middle(struct stats_moments *moments, const struct moments_input *input,
                                const uint64_t *begins, uint64_t tile, uint64_t from, size_t count,
                                const struct chunk_state *middle, uint64_t top,
                                const struct moments_results *ret)
{
    struct stats_window_sums sums;
    double anchor = moments->rule.sums ? 0 : middle->hi + middle->lo;
    struct stats_sums before = {anchor, middle->lo, 0};
    if (!moments->rule.sums) {
        double rho = (middle->hi - anchor) + middle->lo;
        before.sum = middle->count * rho;
        before.squares = middle->m2 + before.sum * rho;
    }
    size_t skip = (size_t)(from - tile);
    moments->kernels->prefixes(moments_sample(input, tile), skip + count, &before, sums.sum,
                               sums.squares);
    if (skip > 0) {
        memmove(sums.sum, sums.sum + skip, count * sizeof *sums.sum);
        memmove(sums.squares, sums.squares + skip, count * sizeof *sums.squares);
    }
    for (size_t k = 0; k < count; k++)
        sums.count[k] = (double)(int64_t)(from + k + 1 - begins[k]);
    add_old(moments, input, begins, count, top, anchor, &sums);
    if (moments->rule.sums) {
        memcpy(ret->means, sums.sum, count * sizeof *sums.sum);
        return;
    }
    for (size_t k = 0; ret->special != NULL && k < count; k++)
        sums.count[k] -= (double)(ret->special[k].missing + ret->special[k].plus_infinite +
                                  ret->special[k].minus_infinite);
    moments->kernels->finish_windows(&sums, count, anchor, moments->rule.rules.ddof, ret->means,
                                     ret->vars);
}

/* The windows of a block hold together at most so many times the samples that they have in common:
 * then squares about the mean of these are at most so many times a window's own, and one more. */
#define BLOCK_PART 8

/* Lanes of the widest vectors, of which whole ones leave nothing over for the kernels to do. */
#define WIDEST 8

static size_t in_vectors(size_t samples)
{
    return samples > WIDEST ? samples - samples % WIDEST : samples;
}

/* Windows that are too short for the tile to have a middle, in blocks that have one. */
static void windows_in_blocks(struct stats_moments *moments, const struct moments_input *input,
                              const uint64_t *begins, uint64_t from, size_t count,
                              const struct moments_results *ret)
{
    for (size_t k = 0, block; k < count; k += block) {
        uint64_t first = from + k;
        size_t common;
        block = in_vectors((size_t)(first - begins[k]) / 4 * 3);
        block = block < count - k ? block : count - k;
        block = block > 0 ? block : 1;
        for (;; block /= 2) {
            uint64_t top = begins[k + block - 1];
            common = top < first ? in_vectors((size_t)(first - top)) : 0;
            if (block == 1 || first + block - begins[k] <= (uint64_t)BLOCK_PART * common)
                break;
        }
        struct moments_results results = {ret->means + k, ret->vars + k, NULL};
        if (common == 0) {
            moments_window_alone(moments, input, first, first + 1, results.means, results.vars);
            continue;
        }
        struct chunk_state middle = state_of(moments, input, first - common, first);
        windows_with_middle(moments, input, begins + k, first, first, block, &middle,
                            first - common, &results);
    }
}

/* The shortest of all: they hold finite samples. False when these are not short enough, or are to
 * be added up only. */
static bool near_windows(struct stats_moments *moments, const struct moments_input *input,
                         const uint64_t *begins, uint64_t from, size_t count,
                         const struct moments_results *ret)
{
    struct stats_near_windows windows;
    size_t shortest = SIZE_MAX, longest = 0;
    if (moments->rule.sums)
        return false;
    for (size_t k = 0; k < count; k++) {
        size_t length = (size_t)(from + k + 1 - begins[k]);
        windows.lengths[k] = (double)(int64_t)length;
        shortest = length < shortest ? length : shortest;
        longest = length > longest ? length : longest;
    }
    for (size_t k = count; k < STATS_TILE; k++)
        windows.lengths[k] = (double)(int64_t)longest;
    windows.count = count;
    windows.shortest = shortest;
    windows.longest = longest;
    enum stats_short_result result = moments->kernels->near_windows(
        &windows, moments_sample(input, from), moments->rule.rules.ddof, ret->means, ret->vars);
    for (size_t k = 0; result == STATS_SHORT_UNSOUND && k < count; k++) {
        if (isnan(ret->vars[k]))
            moments_window_alone(moments, input, begins[k], from + k + 1, &ret->means[k],
                                 &ret->vars[k]);
    }
    return result != STATS_SHORT_TOO_LONG;
}

/* The state of a whole tile. Sums of all of it about another anchor are believed when a fair part
 * of them is the tile's own; what is not finite never is. */
static struct chunk_state chunk_of_tile(const struct stats_moments *moments,
                                        const struct moments_input *input, uint64_t tile,
                                        uint64_t from, const struct stats_sums *sums)
{
    double lo = sums->sum / STATS_TILE, m2 = sums->squares - sums->sum * lo;
    if (from == tile && !moments->rule.sums && m2 >= 1e-2 * sums->squares)
        return (struct chunk_state){STATS_TILE, sums->anchor, lo, m2};
    return moments_chunk(moments, moments_sample(input, tile), STATS_TILE);
}

/* Windows of which some hold what is not finite. */
static void windows_one_by_one(struct stats_moments *moments, const struct moments_input *input,
                               const uint64_t *begins, uint64_t from, size_t count, bool apart,
                               const struct moments_results *ret)
{
    for (size_t k = 0; k < count; k++) {
        uint64_t end = from + k + 1;
        const struct stats_special *special = &ret->special[k];
        bool empty =
            special->missing + special->plus_infinite + special->minus_infinite == end - begins[k];
        if (empty) {
            ret->means[k] = moments->rule.sums ? 0 : (double)NAN;
            ret->vars[k] = (double)NAN;
        } else if (apart) {
            moments_window_alone(moments, input, begins[k], end, &ret->means[k], &ret->vars[k]);
        }
        moments_apply_special(moments, special, (size_t)(end - begins[k]), &ret->means[k],
                              &ret->vars[k]);
    }
}

void moments_any_windows(struct stats_moments *moments, const struct moments_input *input,
                         uint64_t tile, uint64_t from, uint64_t to, const struct stats_sums *sums,
                         const struct moments_results *ret)
{
    uint64_t begins[STATS_TILE];
    double unused[STATS_TILE];
    size_t count = (size_t)(to - from);
    struct moments_results results = *ret;
    if (results.vars == NULL)
        results.vars = unused;
    assert(count > 0 && moments->tiles.queue.slots != NULL);
    for (size_t k = 0; k < count; k++)
        begins[k] = moments_begin(moments, input, from + k);

    /* The middle: whole chunks from the first that begins in the tile's last window. */
    uint64_t last = begins[count - 1], origin = moments->origin;
    if (moments->window > 0)
        last = tile + STATS_TILE - moments->window;
    uint64_t chunk = last <= origin ? 0 : (last - origin + STATS_TILE - 1) / STATS_TILE;
    uint64_t top = origin + chunk * STATS_TILE;
    struct chunk_state middle = {0};
    if (top < tile)
        middle = chunk_queue_from(&moments->tiles.queue, chunk);
    bool apart = middle.count == 0, special = ret->special != NULL;
    if (!apart)
        windows_with_middle(moments, input, begins, tile, from, count, &middle, top, &results);
    else if (!special && !near_windows(moments, input, begins, from, count, &results))
        windows_in_blocks(moments, input, begins, from, count, &results);
    if (special)
        windows_one_by_one(moments, input, begins, from, count, apart, &results);
    if (to - tile == STATS_TILE)
        chunk_queue_push(&moments->tiles.queue, chunk_of_tile(moments, input, tile, from, sums));
}
