#include "stats_rolling.h"

#include "rolling_internal.h"
#include "stats_kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Room behind the samples of the window, so that they are moved seldom. */
#define SLACK_MIN ((size_t)16 * ROLLING_BLOCK)

static size_t longest_of(const struct stats_rolling_plan *plan)
{
    return plan->window > 0 ? plan->window : plan->longest;
}

static bool wants(const struct stats_rolling_plan *plan, enum stats_name name)
{
    for (size_t k = 0; k < plan->statistics_count; k++) {
        if (plan->statistics[k].name == name)
            return true;
    }
    return false;
}

/* Hands out parts of the memory; with `memory` NULL it only counts. */
struct arena {
    char *memory;
    size_t bytes;
    bool overflow;
};

static void *carve(struct arena *arena, size_t count, size_t each)
{
    size_t bytes, end, from = arena->bytes;
    if (__builtin_mul_overflow(count, each, &bytes) || __builtin_add_overflow(from, bytes, &end) ||
        end > SIZE_MAX / 2) {
        arena->overflow = true;
        return NULL;
    }
    arena->bytes = (end + 63) & ~(size_t)63;
    return arena->memory != NULL ? arena->memory + from : NULL;
}

/* A part whose object tells its own size, 0 when that overflows. */
static void *carve_object(struct arena *arena, size_t bytes)
{
    arena->overflow = arena->overflow || bytes == 0;
    return carve(arena, bytes, 1);
}

static void lay_out_real(struct stats_rolling *rolling, struct arena *arena)
{
    const struct stats_rolling_plan *plan = &rolling->plan;
    struct stats_moments_rule rule = {plan->window, plan->longest, false, plan->rules};
    bool means = wants(plan, STATS_MEAN) || wants(plan, STATS_VAR) || wants(plan, STATS_STD) ||
                 wants(plan, STATS_RMS);
    if (means) {
        void *part = carve_object(arena, stats_moments_bytes(&rule));
        rolling->moments = part != NULL ? stats_moments_init(part, &rule, NULL) : NULL;
    }
    /* One of the two counts what is not finite. */
    if (!means || wants(plan, STATS_SUM)) {
        rule.sums = true;
        void *part = carve_object(arena, stats_moments_bytes(&rule));
        rolling->sums = part != NULL ? stats_moments_init(part, &rule, NULL) : NULL;
    }
    rolling->means = carve(arena, ROLLING_BLOCK, sizeof(double));
    rolling->vars = carve(arena, ROLLING_BLOCK, sizeof(double));
    rolling->totals = carve(arena, ROLLING_BLOCK, sizeof(double));
    rolling->special = carve(arena, ROLLING_BLOCK, sizeof(struct stats_special));
}

static void lay_out_quantiles(struct stats_rolling *rolling, struct arena *arena)
{
    const struct stats_rolling_plan *plan = &rolling->plan;
    size_t count = 0;
    for (size_t k = 0; k < plan->statistics_count; k++)
        count += plan->statistics[k].name == STATS_QUANTILE ? 1 : 0;
    if (count == 0)
        return;
    size_t samples = longest_of(plan) < SIZE_MAX ? longest_of(plan) + 1 : SIZE_MAX;
    double *fractions = carve(arena, count, sizeof *fractions);
    void *part = carve_object(arena, stats_order_bytes(samples, count));
    if (part == NULL)
        return;
    size_t i = 0;
    for (size_t k = 0; k < plan->statistics_count; k++) {
        if (plan->statistics[k].name == STATS_QUANTILE)
            fractions[i++] = plan->statistics[k].fraction;
    }
    rolling->order = stats_order_init(part, samples, plan->kind, fractions, count);
}

/* All parts of an object; false when they are too large. */
static bool lay_out(struct stats_rolling *rolling, struct arena *arena)
{
    const struct stats_rolling_plan *plan = &rolling->plan;
    size_t longest = longest_of(plan);
    (void)carve(arena, 1, sizeof *rolling);
    rolling->slack = longest > SLACK_MIN ? longest : SLACK_MIN;
    if (longest > SIZE_MAX / 4)
        return false;
    rolling->history = carve(arena, longest + rolling->slack, sizeof *rolling->history);
    if (plan->kind == STATS_REAL)
        lay_out_real(rolling, arena);
    for (unsigned largest = 0; largest < 2; largest++) {
        struct stats_extremes_rule rule = {plan->kind, largest == 1, plan->window, plan->longest};
        if (!wants(plan, largest == 1 ? STATS_MAX : STATS_MIN))
            continue;
        void *part = carve_object(arena, stats_extremes_bytes(&rule));
        rolling->extremes[largest] = part != NULL ? stats_extremes_init(part, &rule, NULL) : NULL;
        rolling->extreme_values[largest] =
            carve(arena, ROLLING_BLOCK, sizeof **rolling->extreme_values);
    }
    lay_out_quantiles(rolling, arena);
    return !arena->overflow;
}

size_t stats_rolling_bytes(const struct stats_rolling_plan *plan)
{
    struct stats_rolling rolling = {.plan = *plan};
    struct arena arena = {NULL, 0, false};
    return lay_out(&rolling, &arena) ? arena.bytes : 0;
}

struct stats_rolling *stats_rolling_init(void *memory, const struct stats_rolling_plan *plan)
{
    struct stats_rolling *rolling = memory;
    struct arena arena = {memory, 0, false};
    *rolling = (struct stats_rolling){.plan = *plan};
    bool fits = lay_out(rolling, &arena);
    assert(fits);
    stats_rolling_clear(rolling);
    return rolling;
}

void stats_rolling_clear(struct stats_rolling *rolling)
{
    rolling->filled = rolling->length = 0;
    rolling->position = 0;
    if (rolling->moments != NULL)
        stats_moments_clear(rolling->moments);
    if (rolling->sums != NULL)
        stats_moments_clear(rolling->sums);
    if (rolling->order != NULL)
        stats_order_clear(rolling->order);
    for (unsigned largest = 0; largest < 2; largest++) {
        if (rolling->extremes[largest] != NULL)
            stats_extremes_clear(rolling->extremes[largest]);
    }
    memset(&rolling->integer, 0, sizeof rolling->integer);
}

/* Puts samples behind the history; the result is where the first of them is. */
static const union stats_value *append(struct stats_rolling *rolling,
                                       const union stats_value *values, size_t count)
{
    size_t longest = longest_of(&rolling->plan);
    if (rolling->filled + count > longest + rolling->slack) {
        size_t kept = rolling->filled < longest ? rolling->filled : longest;
        memmove(rolling->history, rolling->history + rolling->filled - kept, kept * sizeof *values);
        rolling->filled = kept;
    }
    union stats_value *to = rolling->history + rolling->filled;
    memcpy(to, values, count * sizeof *values);
    rolling->filled += count;
    return to;
}

/* Samples to take at once: up to where the tiles of a fixed window end. */
static size_t block_count(const struct stats_rolling *rolling, size_t count)
{
    size_t window = rolling->plan.window;
    if (count <= ROLLING_BLOCK || rolling->position + ROLLING_BLOCK < window)
        return count < ROLLING_BLOCK ? count : ROLLING_BLOCK;
    return ROLLING_BLOCK - (size_t)((rolling->position + ROLLING_BLOCK - window) % STATS_TILE);
}

void stats_rolling_slide(struct stats_rolling *rolling, const union stats_value *values,
                         const size_t *lengths, size_t count, size_t stride, double *ret_values,
                         stats_i128 *ret_integers)
{
    assert((lengths == NULL) == (rolling->plan.window > 0));
    while (count > 0) {
        size_t take = block_count(rolling, count);
        struct rolling_block block = {
            .values = append(rolling, values, take),
            .lengths = lengths,
            .count = take,
            .stride = stride,
            .ret_values = ret_values,
            .ret_integers = ret_integers,
        };
        rolling_work(rolling, &block);
        rolling->length = rolling_length(rolling, &block, take - 1);
        rolling->position += take;
        values += take;
        lengths = lengths != NULL ? lengths + take : NULL;
        ret_values += take;
        ret_integers = ret_integers != NULL ? ret_integers + take : NULL;
        count -= take;
    }
}

void stats_rolling_transfer(struct stats_rolling *to, const struct stats_rolling *from)
{
    size_t lengths[ROLLING_BLOCK];
    const union stats_value *values = from->history + from->filled - from->length;
    assert(to->plan.window == 0);
    for (size_t i = 0; i < from->length;) {
        size_t take = from->length - i < ROLLING_BLOCK ? from->length - i : ROLLING_BLOCK;
        for (size_t k = 0; k < take; k++)
            lengths[k] = i + k + 1;
        struct rolling_block block = {
            .values = append(to, values + i, take), .lengths = lengths, .count = take};
        rolling_work(to, &block);
        i += take;
        to->position += take;
        to->length = i;
    }
}
