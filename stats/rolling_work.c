/* One block of a rolling window: every kernel slides over it, then each statistic is put together.
 */
#include "rolling_internal.h"
#include "stats_internal.h"

#include <math.h>
#include <string.h>

static const struct stats_special nothing_special;

/* What is not finite in the window of sample i. */
static const struct stats_special *special_of(const struct stats_rolling *rolling, bool any,
                                              size_t i)
{
    return any ? &rolling->special[i] : &nothing_special;
}

static void real_counts(const struct stats_rolling *rolling, const struct rolling_block *block,
                        bool any, enum stats_name name, size_t at)
{
    for (size_t i = 0; i < block->count; i++) {
        uint64_t missing = special_of(rolling, any, i)->missing;
        uint64_t count = rolling_length(rolling, block, i);
        if (!rolling->plan.rules.propagate_nan)
            count -= missing;
        uint64_t number = name == STATS_MISSING ? missing : count;
        block->ret_values[at + i] = (double)number;
        if (block->ret_integers != NULL)
            block->ret_integers[at + i] = number;
    }
}

/* The root of the mean square, from mean and variance. */
static void real_rms(const struct stats_rolling *rolling, const struct rolling_block *block,
                     bool any, double *ret)
{
    unsigned ddof = rolling->plan.rules.ddof;
    for (size_t i = 0; i < block->count; i++) {
        const struct stats_special *special = special_of(rolling, any, i);
        double n = (double)(rolling_length(rolling, block, i) - special->missing);
        double own = n > ddof ? rolling->vars[i] * (n - ddof) / n : 0;
        ret[i] = hypot(rolling->means[i], sqrt(own));
        if (special->plus_infinite + special->minus_infinite > 0 && !isnan(ret[i]))
            ret[i] = (double)INFINITY;
        else if (special->plus_infinite + special->minus_infinite > 0)
            ret[i] = rolling->plan.rules.propagate_nan && special->missing > 0 ? (double)NAN
                                                                               : (double)INFINITY;
    }
}

/* Minimum and maximum of nothing, and of a window that a NaN spoils. */
static void real_extremes(const struct stats_rolling *rolling, const struct rolling_block *block,
                          bool any, bool largest, double *ret)
{
    memcpy(ret, rolling->extreme_values[largest], block->count * sizeof *ret);
    for (size_t i = 0; any && i < block->count; i++) {
        uint64_t missing = rolling->special[i].missing;
        if (missing > 0 &&
            (rolling->plan.rules.propagate_nan || missing == rolling_length(rolling, block, i)))
            ret[i] = (double)NAN;
    }
}

static void apply_rules(const struct stats_rolling *rolling, const struct rolling_block *block,
                        bool any, bool quantile, double *ret)
{
    const struct stats_rules *rules = &rolling->plan.rules;
    for (size_t i = 0; (any || rules->min_count > 0) && i < block->count; i++) {
        uint64_t missing = special_of(rolling, any, i)->missing;
        if (rolling_length(rolling, block, i) - missing < rules->min_count ||
            (quantile && rules->propagate_nan && missing > 0))
            ret[i] = (double)NAN;
    }
}

static void real_statistic(const struct stats_rolling *rolling, const struct rolling_block *block,
                           bool any, size_t k)
{
    double *ret = block->ret_values + k * block->stride;
    enum stats_name name = rolling->plan.statistics[k].name;
    size_t bytes = block->count * sizeof *ret;
    switch (name) {
    case STATS_MEAN:
        memcpy(ret, rolling->means, bytes);
        break;
    case STATS_VAR:
        memcpy(ret, rolling->vars, bytes);
        break;
    case STATS_STD:
        for (size_t i = 0; i < block->count; i++)
            ret[i] = sqrt(rolling->vars[i]);
        break;
    case STATS_SUM:
        memcpy(ret, rolling->totals, bytes);
        break;
    case STATS_RMS:
        real_rms(rolling, block, any, ret);
        break;
    case STATS_MIN:
    case STATS_MAX:
        real_extremes(rolling, block, any, name == STATS_MAX, ret);
        break;
    case STATS_COUNT:
    case STATS_MISSING:
        real_counts(rolling, block, any, name, k * block->stride);
        return;
    default:
        break;
    }
    apply_rules(rolling, block, any, name == STATS_QUANTILE, ret);
}

static void real_work(struct stats_rolling *rolling, const struct rolling_block *block)
{
    bool any = false;
    if (rolling->moments != NULL)
        any = stats_moments_slide(rolling->moments, &block->values->real, block->lengths,
                                  block->count, rolling->means, rolling->vars, rolling->special);
    if (rolling->sums != NULL)
        any = stats_moments_slide(rolling->sums, &block->values->real, block->lengths, block->count,
                                  rolling->totals, NULL, rolling->special);
    for (size_t k = 0; block->ret_values != NULL && k < rolling->plan.statistics_count; k++)
        real_statistic(rolling, block, any, k);
}

static void quantile_work(struct stats_rolling *rolling, const struct rolling_block *block)
{
    const union stats_value *oldest = block->values - rolling->length;
    size_t before = rolling->length;
    for (size_t i = 0; i < block->count; i++) {
        size_t length = rolling_length(rolling, block, i), leave = before + 1 - length;
        bool full = block->lengths != NULL || length == rolling->plan.window;
        if (leave == 1) {
            stats_order_replace(rolling->order, *oldest, block->values[i]);
        } else {
            stats_order_add(rolling->order, block->values[i]);
            for (size_t out = 0; out < leave; out++)
                stats_order_remove(rolling->order, oldest[out]);
        }
        oldest += leave;
        before = length;
        for (size_t k = 0, q = 0;
             full && block->ret_values != NULL && k < rolling->plan.statistics_count; k++) {
            if (rolling->plan.statistics[k].name == STATS_QUANTILE)
                block->ret_values[k * block->stride + i] =
                    stats_order_quantile(rolling->order, q++);
        }
    }
}

/* One window's statistics of integers. */
static void integer_row(const struct stats_rolling *rolling, const struct rolling_block *block,
                        const struct stats_state *state, size_t i)
{
    for (size_t k = 0; k < rolling->plan.statistics_count; k++) {
        enum stats_name name = rolling->plan.statistics[k].name;
        size_t at = k * block->stride + i;
        if (name != STATS_QUANTILE)
            block->ret_values[at] = stats_state_get(state, name, &rolling->plan.rules);
        else if (state->integer.count < rolling->plan.rules.min_count)
            block->ret_values[at] = (double)NAN;
        if (block->ret_integers != NULL)
            (void)stats_state_get_integer(state, name, &rolling->plan.rules,
                                          &block->ret_integers[at]);
    }
}

/* Whole numbers can be taken out again without a trace. */
static void integer_work(struct stats_rolling *rolling, const struct rolling_block *block)
{
    bool is_signed = rolling->plan.kind == STATS_SIGNED;
    const union stats_value *oldest = block->values - rolling->length;
    size_t before = rolling->length;
    struct stats_state state = {.kind = rolling->plan.kind, .integer = rolling->integer};
    for (size_t i = 0; i < block->count; i++) {
        size_t length = rolling_length(rolling, block, i), leave = before + 1 - length;
        stats_integer_add(&state.integer, &block->values[i], 1, is_signed);
        stats_integer_remove(&state.integer, oldest, leave, is_signed);
        oldest += leave;
        before = length;
        for (unsigned largest = 0; largest < 2; largest++) {
            union stats_value value = {.natural = 0};
            if (rolling->extremes[largest] != NULL)
                value = rolling->extreme_values[largest][i];
            stats_i128 number = is_signed ? (stats_i128)value.integer : (stats_i128)value.natural;
            *(largest == 1 ? &state.integer.max : &state.integer.min) = number;
        }
        if (block->ret_values != NULL)
            integer_row(rolling, block, &state, i);
    }
    rolling->integer = state.integer;
}

void rolling_work(struct stats_rolling *rolling, const struct rolling_block *block)
{
    for (unsigned largest = 0; largest < 2; largest++) {
        if (rolling->extremes[largest] != NULL)
            stats_extremes_slide(rolling->extremes[largest], block->values, block->lengths,
                                 block->count, rolling->extreme_values[largest]);
    }
    if (rolling->order != NULL)
        quantile_work(rolling, block);
    if (rolling->plan.kind == STATS_REAL)
        real_work(rolling, block);
    else
        integer_work(rolling, block);
}
