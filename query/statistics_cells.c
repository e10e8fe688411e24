#include "statistics_cells.h"

void statistics_fill(const struct query_options *options, const struct columns *columns,
                     const struct series_rows *rows, const struct stats_state *states)
{
    for (size_t k = 0; k < options->statistics_count; k++) {
        enum stats_name name = options->statistics[k];
        for (size_t e = 0; e < series_rows_elements(rows); e++) {
            struct cell *cell = columns_cell(columns, rows, k, e);
            cell->kind = CELL_F8;
            if (stats_state_get_integer(&states[e], name, &options->rules, &cell->integer))
                cell->kind = CELL_INTEGER;
            else
                cell->real = stats_state_get(&states[e], name, &options->rules);
        }
    }
}

void statistics_names(const struct query_options *options, const char **ret_names)
{
    for (size_t k = 0; k < options->statistics_count; k++)
        ret_names[k] = stats_name_text(options->statistics[k]);
}

int check_one_series(const struct query_options *options, const struct series_selection *selection)
{
    if (options->format == FORMAT_NPY && selection->several)
        return query_error(EX_USAGE, "npy is for one series, and %zu match", selection->count);
    return 0;
}
