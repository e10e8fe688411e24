#include "stats_extremes.h"

#include "stats_kernels.h"
#include "stats_key.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A sample that nothing later undercuts. */
struct candidate {
    int64_t key;
    uint64_t number;
};

struct stats_extremes {
    struct stats_extremes_rule rule;
    const struct stats_kernels *kernels;
    double sign;
    uint64_t position; /* samples taken in */
    /* Fixed windows of doubles. Chunk c begins at sample window % STATS_TILE + c * STATS_TILE;
     * below `back` each slot is the minimum of its chunk and all that follow up to `back`. */
    uint64_t back, end;
    double newest; /* of chunks [back, end) */
    uint64_t mask; /* slots - 1 */
    double *chunks;
    /* Other windows: candidates [first, last) by growing keys. */
    uint64_t first, last;
    struct candidate *candidates;
};

static bool is_tiled(const struct stats_extremes_rule *rule)
{
    return rule->kind == STATS_REAL && rule->window > 0;
}

static bool is_short(const struct stats_extremes_rule *rule)
{
    return rule->window <= STATS_SHORT_WINDOW_MAX;
}

static size_t slots_for(const struct stats_extremes_rule *rule)
{
    size_t longest = rule->window > 0 ? rule->window : rule->longest;
    if (!is_tiled(rule))
        return longest < SIZE_MAX ? chunk_queue_slots(longest + 1) : SIZE_MAX;
    return is_short(rule) ? 0 : chunk_queue_slots(longest / STATS_TILE + 3);
}

size_t stats_extremes_bytes(const struct stats_extremes_rule *rule)
{
    size_t each = is_tiled(rule) ? sizeof(double) : sizeof(struct candidate), bytes;
    if (__builtin_mul_overflow(slots_for(rule), each, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct stats_extremes), &bytes))
        return 0;
    return bytes;
}

struct stats_extremes *stats_extremes_init(void *memory, const struct stats_extremes_rule *rule,
                                           const struct stats_kernels *kernels)
{
    struct stats_extremes *extremes = memory;
    *extremes = (struct stats_extremes){
        .rule = *rule,
        .kernels = kernels != NULL ? kernels : stats_kernels_best(),
        .sign = rule->largest ? -1 : 1,
        .mask = slots_for(rule) - 1,
    };
    if (is_tiled(rule))
        extremes->chunks = (double *)(extremes + 1);
    else
        extremes->candidates = (struct candidate *)(extremes + 1);
    stats_extremes_clear(extremes);
    return extremes;
}

void stats_extremes_clear(struct stats_extremes *extremes)
{
    extremes->position = extremes->back = extremes->end = extremes->first = extremes->last = 0;
    extremes->newest = (double)INFINITY;
}

/* ---- fixed windows of doubles ---- */

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static void push_chunk(struct stats_extremes *extremes, double least)
{
    extremes->chunks[extremes->end++ & extremes->mask] = least;
    extremes->newest = smaller(least, extremes->newest);
}

/* The minimum of chunks [first, end). */
static double chunks_from(struct stats_extremes *extremes, uint64_t first)
{
    if (first >= extremes->end) {
        extremes->back = extremes->end;
        extremes->newest = (double)INFINITY;
        return extremes->newest;
    }
    if (first > extremes->back) {
        double least = (double)INFINITY;
        for (uint64_t chunk = extremes->end; chunk > first;) {
            double *slot = &extremes->chunks[--chunk & extremes->mask];
            *slot = least = smaller(*slot, least);
        }
        extremes->back = extremes->end;
        extremes->newest = (double)INFINITY;
    }
    if (first >= extremes->back)
        return extremes->newest;
    return smaller(extremes->chunks[first & extremes->mask], extremes->newest);
}

/* The first full window ends with the sample before `new`. */
static double first_window(struct stats_extremes *extremes, const double *new)
{
    size_t window = extremes->rule.window, odd = window % STATS_TILE;
    for (size_t at = odd; at < window; at += STATS_TILE)
        push_chunk(extremes,
                   extremes->kernels->minimum(new - window + at, STATS_TILE, extremes->sign));
    double least = extremes->kernels->minimum(new - window, odd, extremes->sign);
    return extremes->sign * smaller(extremes->newest, least);
}

/* The windows of samples [position, to) of one tile. */
static void slide_tile(struct stats_extremes *extremes, const double *at, uint64_t tile,
                       uint64_t to, double *ret)
{
    double results[STATS_TILE];
    size_t window = extremes->rule.window, odd = window % STATS_TILE;
    size_t skip = (size_t)(extremes->position - tile), there = (size_t)(to - tile);
    const double *new = at - skip, *old = new - window;
    /* Numbers of samples count from `odd`, as chunks do. */
    uint64_t middle_from = tile - window + STATS_TILE - odd;
    double middle = chunks_from(extremes, (middle_from + STATS_TILE - 1) / STATS_TILE);
    middle = smaller(extremes->kernels->minimum(old + STATS_TILE, odd, extremes->sign), middle);
    bool whole = there == STATS_TILE;
    double least = extremes->kernels->tile_minima(old, new, there, middle, extremes->sign,
                                                  whole && skip == 0 ? ret : results);
    if (!whole || skip > 0)
        memcpy(ret, results + skip, (there - skip) * sizeof *ret);
    if (whole)
        push_chunk(extremes, least);
}

static void slide_tiles(struct stats_extremes *extremes, const double *samples, size_t count,
                        double *ret)
{
    size_t window = extremes->rule.window, i = 0;
    if (extremes->position + 1 < window) {
        i = window - 1 - extremes->position < count ? window - 1 - (size_t)extremes->position
                                                    : count;
        extremes->position += i;
    }
    while (i < count) {
        uint64_t end = extremes->position + (count - i);
        size_t done = count - i;
        if (is_short(&extremes->rule)) {
            if (done > STATS_SHORT_SAMPLES_MAX - window + 1)
                done = STATS_SHORT_SAMPLES_MAX - window + 1;
            extremes->kernels->short_minima(samples + i + 1 - window, done, window, extremes->sign,
                                            ret + i);
        } else if (extremes->position + 1 == window) {
            ret[i] = first_window(extremes, samples + i + 1);
            done = 1;
        } else {
            uint64_t tile = extremes->position - (extremes->position - window) % STATS_TILE;
            uint64_t to = end - tile < STATS_TILE ? end : tile + STATS_TILE;
            slide_tile(extremes, samples + i, tile, to, ret + i);
            done = (size_t)(to - extremes->position);
        }
        extremes->position += done;
        i += done;
    }
}

/* ---- other windows ---- */

static void slide_candidates(struct stats_extremes *extremes, const union stats_value *values,
                             const size_t *lengths, size_t count, union stats_value *ret)
{
    enum stats_kind kind = extremes->rule.kind;
    int64_t flip = extremes->rule.largest ? -1 : 0; /* larger keys come first */
    struct candidate *ring = extremes->candidates;
    uint64_t first = extremes->first, last = extremes->last, mask = extremes->mask;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = extremes->position + i;
        size_t length = lengths != NULL ? lengths[i] : extremes->rule.window;
        if (kind != STATS_REAL || !isnan(values[i].real)) {
            int64_t key = stats_key(values[i], kind) ^ flip;
            while (last > first && ring[(last - 1) & mask].key >= key)
                last--;
            ring[last++ & mask] = (struct candidate){key, number};
        }
        while (first < last && ring[first & mask].number + length <= number)
            first++;
        ret[i] = (union stats_value){.natural = 0};
        if (first < last)
            ret[i] = stats_key_value(ring[first & mask].key ^ flip, kind);
    }
    extremes->first = first;
    extremes->last = last;
    extremes->position += count;
}

void stats_extremes_slide(struct stats_extremes *extremes, const union stats_value *values,
                          const size_t *lengths, size_t count, union stats_value *ret)
{
    assert((lengths == NULL) == (extremes->rule.window > 0));
    static_assert(sizeof *values == sizeof(double), "samples lie as doubles do");
    if (is_tiled(&extremes->rule))
        slide_tiles(extremes, &values->real, count, &ret->real);
    else
        slide_candidates(extremes, values, lengths, count, ret);
}
