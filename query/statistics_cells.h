/* statistics_cells.h - statistics into the cells of a row. */
#ifndef INGEST_STATISTICS_CELLS_H
#define INGEST_STATISTICS_CELLS_H

#include "columns.h"
#include "stats_held.h"
#include "stats_state.h"

/* Fills the cells of all asked statistics of one series from the states of its selected elements.
 * quantiles[element * q + i]: the i-th of its statistics_quantiles() quantiles. `signals`: what the
 * elements held, for --weight time. */
void statistics_fill(const struct query_options *options, const struct columns *columns,
                     const struct series_rows *rows, const struct stats_state *states,
                     const double *quantiles, const struct stats_held_signal *signals);

/* How many of the asked statistics are quantiles; ret_fractions (may be NULL, else room for
 * STATISTICS_MAX) gets which. */
size_t statistics_quantiles(const struct query_options *options, double *ret_fractions);

/* True where what block summaries tell is enough: no quantile, no weights. */
bool statistics_need_no_rows(const struct query_options *options);

/* True where minimum or maximum is asked for. */
bool statistics_ask_extremes(const struct query_options *options);

/* The names of the asked statistics, for columns_make(); ret_names has room for
 * STATISTICS_MAX. */
void statistics_names(const struct query_options *options, const char **ret_names);

/* EX_USAGE with its message when an array of several series was asked for, else 0. */
int check_one_series(const struct query_options *options, const struct series_selection *selection);

/* The same of one state as doubles, in the order asked. */
void statistics_values(const struct query_options *options, const struct stats_state *state,
                       const double *quantiles, double *ret_values);

#endif
