#include "stats_state.h"

#include "stats_internal.h"

#include <math.h>
#include <string.h>

static const char *const names[STATS_NAMES] = {
    [STATS_MEAN] = "mean", [STATS_VAR] = "var",     [STATS_STD] = "std",
    [STATS_MIN] = "min",   [STATS_MAX] = "max",     [STATS_SUM] = "sum",
    [STATS_RMS] = "rms",   [STATS_COUNT] = "count", [STATS_MISSING] = "missing",
};

const char *stats_name_text(enum stats_name name)
{
    return names[name];
}

bool stats_name_parse(const char *text, size_t text_bytes, enum stats_name *ret_name)
{
    for (unsigned i = 0; i < STATS_NAMES; i++) {
        if (strlen(names[i]) == text_bytes && memcmp(names[i], text, text_bytes) == 0) {
            *ret_name = (enum stats_name)i;
            return true;
        }
    }
    return false;
}

/* Digits, and a point with digits: up to 100. */
static bool parse_percent(const char *text, size_t bytes, double *ret_fraction)
{
    double number = 0, scale = 1;
    bool point = false, digit = false;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '.' && !point && digit) {
            point = true;
            digit = false;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            return false;
        digit = true;
        number = number * 10 + (text[i] - '0');
        scale *= point ? 10 : 1;
    }
    *ret_fraction = number / scale / 100;
    return digit && *ret_fraction <= 1;
}

bool stats_statistic_parse(const char *text, size_t text_bytes,
                           struct stats_statistic *ret_statistic)
{
    struct stats_statistic statistic = {.name = STATS_QUANTILE, .fraction = 0.5};
    if (text_bytes == 0 || text_bytes >= sizeof statistic.text)
        return false;
    bool is_median = text_bytes == 6 && memcmp(text, "median", 6) == 0;
    if (!is_median && !stats_name_parse(text, text_bytes, &statistic.name) &&
        !(text[0] == 'p' && parse_percent(text + 1, text_bytes - 1, &statistic.fraction)))
        return false;
    memcpy(statistic.text, text, text_bytes);
    *ret_statistic = statistic;
    return true;
}

void stats_state_clear(struct stats_state *state, enum stats_kind kind)
{
    state->kind = kind;
    if (kind == STATS_REAL)
        stats_real_clear(&state->real);
    else
        stats_integer_clear(&state->integer);
}

void stats_state_add(struct stats_state *state, const union stats_value *values, size_t count)
{
    if (state->kind == STATS_REAL)
        stats_real_add(&state->real, values, count);
    else
        stats_integer_add(&state->integer, values, count, state->kind == STATS_SIGNED);
}

void stats_state_add_one(struct stats_state *state, union stats_value value)
{
    if (state->kind == STATS_REAL)
        stats_real_add_one(&state->real, value.real);
    else
        stats_integer_add(&state->integer, &value, 1, state->kind == STATS_SIGNED);
}

void stats_state_merge(struct stats_state *state, const struct stats_state *other)
{
    if (state->kind == STATS_REAL)
        stats_real_merge(&state->real, &other->real);
    else
        stats_integer_merge(&state->integer, &other->integer);
}

/* Too few samples, so that only their number can be told. */
static bool is_too_few(const struct stats_state *state, enum stats_name name,
                       const struct stats_rules *rules)
{
    if (name == STATS_COUNT || name == STATS_MISSING)
        return false;
    const struct stats_real *real = &state->real;
    uint64_t count = state->kind != STATS_REAL
                         ? state->integer.count
                         : real->finite + real->plus_infinite + real->minus_infinite;
    return count < rules->min_count;
}

double stats_state_get(const struct stats_state *state, enum stats_name name,
                       const struct stats_rules *rules)
{
    if (is_too_few(state, name, rules))
        return (double)NAN;
    if (state->kind == STATS_REAL)
        return stats_real_get(&state->real, name, rules);
    return stats_integer_get(&state->integer, name, rules);
}

static bool real_integer(const struct stats_real *state, enum stats_name name,
                         const struct stats_rules *rules, stats_i128 *ret_integer)
{
    if (name == STATS_MISSING) {
        *ret_integer = state->missing;
        return true;
    }
    if (name == STATS_COUNT) {
        *ret_integer = (stats_i128)state->finite + state->plus_infinite + state->minus_infinite +
                       (rules->propagate_nan ? state->missing : 0);
        return true;
    }
    return false;
}

bool stats_state_get_integer(const struct stats_state *state, enum stats_name name,
                             const struct stats_rules *rules, stats_i128 *ret_integer)
{
    if (is_too_few(state, name, rules))
        return false;
    if (state->kind == STATS_REAL)
        return real_integer(&state->real, name, rules, ret_integer);
    const struct stats_integer *integer = &state->integer;
    switch (name) {
    case STATS_COUNT:
        *ret_integer = integer->count;
        return true;
    case STATS_MISSING:
        *ret_integer = 0;
        return true;
    case STATS_SUM:
        *ret_integer = integer->sum;
        return true;
    case STATS_MIN:
        *ret_integer = integer->min;
        return integer->count > 0;
    case STATS_MAX:
        *ret_integer = integer->max;
        return integer->count > 0;
    default:
        return false;
    }
}
