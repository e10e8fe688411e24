/* Windows of any length, and any window that holds what is not finite: sums about an anchor of
 * everything finite, counts of the rest. */
#include "moments_internal.h"

#include <assert.h>
#include <math.h>

#define PIECE 1024 /* samples of an old part that are summed up together */

static double sample_value(const struct stats_moments *moments, const void *sample)
{
    return moments->rule.sample == STATS_F4 ? (double)*(const float *)sample
                                            : *(const double *)sample;
}

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
                           uint64_t from, uint64_t to, struct stats_special *ret_special)
{
    double values[STATS_TILE];
    size_t count = (size_t)(to - from);
    assert(count <= STATS_TILE);
    uint64_t begin = moments_begin(moments, input, from), bad_end = moments->bad_end;
    bool tracked = bad_end > begin;
    moments->kernels->widen(moments_sample(moments, input, from), count, values);
    for (size_t i = 0; i < count; i++) {
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
            special_add(&moments->special,
                        sample_value(moments, moments_sample(moments, input, at)), UINT64_MAX);
        moments->window_begin = now;
        ret_special[i] = moments->special;
    }
    return true;
}

void moments_add_special(struct stats_moments *moments, const void *samples, uint64_t number,
                         size_t count)
{
    double values[STATS_TILE];
    moments->kernels->widen(samples, count, values);
    for (size_t i = 0; i < count; i++) {
        special_add(&moments->special, values[i], 1);
        if (!isfinite(values[i]))
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

struct chunk_state moments_chunk(const struct stats_moments *moments, const void *samples,
                                 size_t count)
{
    double finite[STATS_TILE];
    struct chunk_state state = {0};
    const struct stats_moment_kernels *kernels = moments->kernels;
    struct stats_sums sums = {.anchor = sample_value(moments, samples)};
    if (moments->rule.sums)
        sums.anchor = 0;
    kernels->sums(samples, count, &sums);
    double n = (double)count;
    if (!isfinite(sums.sum) || !isfinite(sums.squares)) {
        assert(count <= STATS_TILE);
        size_t kept = 0;
        kernels->widen(samples, count, finite);
        for (size_t i = 0; i < count; i++) {
            finite[kept] = finite[i];
            kept += isfinite(finite[i]) ? 1 : 0;
        }
        if (kept == 0)
            return state;
        n = (double)kept;
        count = kept;
        samples = finite;
        kernels = moments->kernels_f8;
        sums.anchor = moments->rule.sums ? 0 : finite[0];
        kernels->sums(samples, count, &sums);
    }
    state.count = n;
    if (moments->rule.sums) {
        state.lo = sums.sum;
        return state;
    }
    sums.anchor += sums.sum / n;
    kernels->sums(samples, count, &sums);
    state.hi = sums.anchor;
    state.lo = sums.sum / n;
    double m2 = sums.squares - sums.sum * state.lo;
    state.m2 = m2 < 0 ? 0 : isnan(m2) ? (double)INFINITY : m2;
    return state;
}

void moments_window_alone(struct stats_moments *moments, const struct moments_input *input,
                          uint64_t begin, uint64_t end, double *ret_mean, double *ret_var)
{
    struct chunk_queue all = {.sums = moments->rule.sums, .slots = &(struct chunk_state){0}};
    for (uint64_t at = begin; at < end; at += STATS_TILE) {
        size_t count = end - at < STATS_TILE ? (size_t)(end - at) : STATS_TILE;
        chunk_queue_push(&all, moments_chunk(moments, moments_sample(moments, input, at), count));
    }
    const struct chunk_state *state = &all.newest;
    unsigned ddof = moments->rule.rules.ddof;
    *ret_mean = state->hi + state->lo;
    *ret_var = state->count > ddof ? state->m2 / (state->count - ddof) : (double)NAN;
}

/* Sums about an anchor for each window of a tile. */
struct window_sums {
    double sum[STATS_TILE], squares[STATS_TILE];
};

/* ret[k]: of the samples from the begin of window k up to `top`. Windows begin in order. */
static void old_sums(struct stats_moments *moments, const struct moments_input *input,
                     const uint64_t *begins, size_t count, uint64_t top, double anchor,
                     struct window_sums *ret)
{
    double sum[PIECE + 1], squares[PIECE + 1], base = 0, base_squares = 0;
    for (size_t k = count; k > 0;) {
        uint64_t low = top - begins[0] > PIECE ? top - PIECE : begins[0];
        moments->kernels->suffixes(moments_sample(moments, input, low), (size_t)(top - low), anchor,
                                   sum, squares);
        for (; k > 0 && begins[k - 1] >= low; k--) {
            ret->sum[k - 1] = base + sum[begins[k - 1] - low];
            ret->squares[k - 1] = base_squares + squares[begins[k - 1] - low];
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
    struct window_sums old;
    double sum[STATS_TILE], squares[STATS_TILE];
    double anchor = middle->hi + middle->lo;
    double rho = (middle->hi - anchor) + middle->lo;
    if (moments->rule.sums) {
        anchor = 0;
        rho = middle->lo / middle->count;
    }
    double base = middle->count * rho, base_squares = middle->m2 + base * rho;
    size_t skip = (size_t)(from - tile);
    unsigned ddof = moments->rule.rules.ddof;
    old_sums(moments, input, begins, count, top, anchor, &old);
    moments->kernels->prefixes(moments_sample(moments, input, tile), skip + count, anchor, sum,
                               squares);
    for (size_t k = 0; k < count; k++) {
        double n = (double)(from + k + 1 - begins[k]);
        if (ret->special != NULL)
            n -= (double)(ret->special[k].missing + ret->special[k].plus_infinite +
                          ret->special[k].minus_infinite);
        double s = old.sum[k] + sum[skip + k] + base;
        double q = old.squares[k] + squares[skip + k] + base_squares;
        double offset = s / n;
        double m2 = q - s * offset;
        if (moments->rule.sums) {
            ret->means[k] = s;
            continue;
        }
        ret->means[k] = anchor + offset;
        /* The sums overflow before the mean does. */
        if (!isfinite(m2))
            m2 = (double)INFINITY;
        ret->vars[k] = n > ddof ? (m2 < 0 ? 0 : m2) / (n - ddof) : (double)NAN;
    }
}

void moments_any_windows(struct stats_moments *moments, const struct moments_input *input,
                         uint64_t tile, uint64_t from, uint64_t to,
                         const struct moments_results *ret)
{
    uint64_t begins[STATS_TILE];
    double unused[STATS_TILE];
    size_t count = (size_t)(to - from);
    struct moments_results results = *ret;
    if (results.vars == NULL)
        results.vars = unused;
    for (size_t k = 0; k < count; k++)
        begins[k] = moments_begin(moments, input, from + k);

    /* The middle: whole chunks from the first that begins in the tile's last window. */
    uint64_t last = begins[count - 1], origin = moments->origin;
    if (moments->window > 0)
        last = tile + STATS_TILE - moments->window;
    uint64_t chunk = last <= origin ? 0 : (last - origin + STATS_TILE - 1) / STATS_TILE;
    uint64_t top = origin + chunk * STATS_TILE;
    struct chunk_state middle = {0};
    if (moments->tiles.queue.slots != NULL && top < tile)
        middle = chunk_queue_from(&moments->tiles.queue, chunk);
    bool apart = middle.count == 0;
    if (!apart)
        windows_with_middle(moments, input, begins, tile, from, count, &middle, top, &results);
    for (size_t k = 0; k < count; k++) {
        uint64_t end = from + k + 1;
        const struct stats_special *special = ret->special != NULL ? &ret->special[k] : NULL;
        bool empty =
            special != NULL &&
            special->missing + special->plus_infinite + special->minus_infinite == end - begins[k];
        if (empty) {
            results.means[k] = moments->rule.sums ? 0 : (double)NAN;
            results.vars[k] = (double)NAN;
        } else if (apart) {
            moments_window_alone(moments, input, begins[k], end, &results.means[k],
                                 &results.vars[k]);
        }
        if (special != NULL)
            moments_apply_special(moments, special, (size_t)(end - begins[k]), &results.means[k],
                                  &results.vars[k]);
    }
}
