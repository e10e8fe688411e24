#include "statistics_cells.h"

#include <math.h>

size_t statistics_quantiles(const struct query_options *options, double *ret_fractions)
{
    size_t count = 0;
    for (size_t k = 0; k < options->statistics_count; k++) {
        if (options->statistics[k].name != STATS_QUANTILE)
            continue;
        if (ret_fractions != NULL)
            ret_fractions[count] = options->statistics[k].fraction;
        count++;
    }
    return count;
}

bool statistics_need_no_rows(const struct query_options *options)
{
    return !options->weight_time && statistics_quantiles(options, NULL) == 0;
}

bool statistics_ask_extremes(const struct query_options *options)
{
    for (size_t k = 0; k < options->statistics_count; k++) {
        if (options->statistics[k].name == STATS_MIN || options->statistics[k].name == STATS_MAX)
            return true;
    }
    return false;
}

/* A quantile under the rules for missing samples. */
static double judged(const struct query_options *options, const struct stats_state *state,
                     double quantile)
{
    struct stats_rules skip = {0};
    bool spoilt =
        options->rules.propagate_nan && stats_state_get(state, STATS_MISSING, &options->rules) > 0;
    bool too_few = stats_state_get(state, STATS_COUNT, &skip) < (double)options->rules.min_count;
    return spoilt || too_few ? (double)NAN : quantile;
}

void statistics_fill(const struct query_options *options, const struct columns *columns,
                     const struct series_rows *rows, const struct stats_state *states,
                     const double *quantiles, const struct stats_held_signal *signals)
{
    size_t quantiles_count = statistics_quantiles(options, NULL);
    size_t elements = columns->pooled ? 1 : series_rows_elements(rows);
    for (size_t e = 0; e < elements; e++) {
        const double *quantile = quantiles + e * quantiles_count;
        for (size_t k = 0; k < options->statistics_count; k++) {
            enum stats_name name = options->statistics[k].name;
            struct cell *cell = columns_cell(columns, rows, k, e);
            cell->kind = CELL_F8;
            if (name == STATS_QUANTILE)
                cell->real = judged(options, &states[e], *quantile++);
            else if (options->weight_time && stats_held_tells(name))
                cell->real = stats_held_get(&signals[e].held, name, &options->rules);
            else if (stats_state_get_integer(&states[e], name, &options->rules, &cell->integer))
                cell->kind = CELL_INTEGER;
            else
                cell->real = stats_state_get(&states[e], name, &options->rules);
        }
    }
}

void statistics_values(const struct query_options *options, const struct stats_state *state,
                       const double *quantiles, double *ret_values)
{
    for (size_t k = 0; k < options->statistics_count; k++) {
        enum stats_name name = options->statistics[k].name;
        ret_values[k] = name == STATS_QUANTILE ? judged(options, state, *quantiles++)
                                               : stats_state_get(state, name, &options->rules);
    }
}

void statistics_names(const struct query_options *options, const char **ret_names)
{
    for (size_t k = 0; k < options->statistics_count; k++)
        ret_names[k] = options->statistics[k].text;
}

int check_one_series(const struct query_options *options, const struct series_selection *selection)
{
    if (options->format == FORMAT_NPY && selection->several)
        return query_error(EX_USAGE, "npy is for one series, and %zu match", selection->count);
    return 0;
}
