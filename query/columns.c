#include "columns.h"

#include "jobs.h"
#include "series_rows_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same of an array file. */
static int survey_array(const struct query_options *options, struct columns *columns,
                        uint64_t *ret_most)
{
    struct series_rows *rows = NULL;
    int code = series_rows_open(options, options->array.file, &rows);
    if (code != 0)
        return code;
    const struct reader_info *info = series_rows_info(rows);
    columns->has_scalar = info->type.rank == 0;
    *ret_most = info->type.rank == 0 ? 0 : info->elements;
    series_rows_close(rows);
    return 0;
}

/* What the selected series are. */
struct survey {
    const struct query_options *options;
    struct series_selection *selection;
    struct columns *columns;
    struct surveyed *all; /* one a series */
    uint64_t most;        /* elements of a sample with a shape */
    const char *widest;   /* whose */
};

struct surveyed {
    uint64_t elements;
    bool is_scalar;
    bool lacks_elements; /* that were asked for */
    bool failed;
};

static int survey_series(void *context, size_t i, struct output *output)
{
    const struct survey *survey = context;
    const char *name = survey->selection->names[i];
    struct error_text text = {""};
    struct reader *reader;
    (void)output;
    int error = reader_open(survey->options->store, name, &reader, &text);
    if (error < 0)
        return query_series_error(survey->options->store, name, error, &text);
    const struct reader_info *info = reader_info(reader);
    survey->all[i] = (struct surveyed){
        .elements = info->elements,
        .is_scalar = info->type.rank == 0,
        .lacks_elements = series_check_elements(survey->options, info) != 0,
    };
    reader_close(reader);
    return 0;
}

static int note_series(void *context, size_t i, int code)
{
    struct survey *survey = context;
    struct surveyed *series = &survey->all[i];
    if (code != 0) {
        series->failed = true;
        return series_selection_failed(survey->selection, code);
    }
    if (series->is_scalar) {
        survey->columns->has_scalar = true;
    } else if (series->elements > survey->most) {
        survey->most = series->elements;
        survey->widest = survey->selection->names[i];
    }
    return series->lacks_elements ? EX_USAGE : 0;
}

/* Looks at all series, and drops from the selection those that cannot be opened. */
static int survey_all(struct survey *survey)
{
    struct series_selection *selection = survey->selection;
    survey->all = calloc(selection->count + 1, sizeof *survey->all);
    if (survey->all == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    struct jobs jobs = {selection->count, survey_series, note_series, survey};
    int code = jobs_run(survey->options, &jobs, NULL);
    for (size_t i = selection->count; code == 0 && i-- > 0;) {
        if (survey->all[i].failed)
            series_selection_drop(selection, i);
    }
    free(survey->all);
    if (code == 0 && selection->count == 0)
        code = selection->code;
    return code;
}

/* What the selected series have: scalars, and the most elements of a sample with a shape. */
static int choose_columns(const struct query_options *options, struct series_selection *selection,
                          struct columns *columns)
{
    struct survey survey = {.options = options, .selection = selection, .columns = columns};
    int code;
    if (options->array.file != NULL) {
        survey.widest = options->array.file;
        code = survey_array(options, columns, &survey.most);
    } else {
        code = survey_all(&survey);
    }
    if (code != 0)
        return code;
    uint64_t most = survey.most;
    if (options->over != OVER_TIME) {
        columns->pooled = columns->has_scalar = true;
        most = 0;
    }
    if (most > 0 && options->elements_count > 0)
        most = options->elements_count;
    if (most > COLUMNS_MAX || (most + 1) * columns->names_count > COLUMNS_MAX)
        return query_error(EX_USAGE,
                           "%s: %" PRIu64
                           " elements a sample are more than %d columns; choose some "
                           "with --element 0,2, or take all together with --over elements",
                           survey.widest, most, COLUMNS_MAX);
    columns->per_name = (columns->has_scalar ? 1 : 0) + (size_t)most;
    return 0;
}

static void add_column(struct columns *columns, enum cell_kind kind, const char *name)
{
    char *text = columns->texts[columns->count];
    snprintf(text, COLUMN_NAME_BYTES, "%s", name);
    columns->list[columns->count++] = (struct column){text, kind};
}

static void add_values(const struct query_options *options, struct columns *columns,
                       const char *name)
{
    if (columns->has_scalar)
        add_column(columns, CELL_F8, name);
    size_t elements = columns->per_name - (columns->has_scalar ? 1 : 0);
    for (size_t i = 0; i < elements; i++) {
        char text[COLUMN_NAME_BYTES];
        snprintf(text, sizeof text, "%s[%" PRIu64 "]", name,
                 options->elements_count > 0 ? options->elements[i] : i);
        add_column(columns, CELL_F8, text);
    }
}

static void add_times(struct columns *columns, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++)
        add_column(columns, CELL_TIME, *names);
}

int columns_make(const struct query_options *options, struct series_selection *selection,
                 bool has_series, const char *const *before, const char *const *after,
                 const char *const *names, size_t names_count, struct columns *ret_columns)
{
    struct columns columns = {.names_count = names_count, .has_series = has_series};
    int code = choose_columns(options, selection, &columns);
    if (code != 0)
        return code;
    size_t room = columns.per_name * names_count + 8;
    columns.list = calloc(room, sizeof *columns.list);
    columns.texts = calloc(room, sizeof *columns.texts);
    columns.cells = calloc(room, sizeof *columns.cells);
    if (columns.list == NULL || columns.texts == NULL || columns.cells == NULL) {
        columns_free(&columns);
        return query_error(QUERY_FAILED, "out of memory");
    }
    if (has_series)
        add_column(&columns, CELL_TEXT, "series");
    add_times(&columns, before);
    columns.first_value = columns.count;
    for (size_t i = 0; i < names_count; i++)
        add_values(options, &columns, names[i]);
    add_times(&columns, after);
    *ret_columns = columns;
    return 0;
}

void columns_free(struct columns *columns)
{
    free(columns->list);
    free(columns->texts);
    free(columns->cells);
    *columns = (struct columns){0};
}

int columns_of_series(const struct columns *columns, const char *name, struct columns *ret_columns)
{
    *ret_columns = *columns;
    ret_columns->cells = calloc(columns->count, sizeof *ret_columns->cells);
    if (ret_columns->cells == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    for (size_t i = 0; i < columns->count; i++)
        ret_columns->cells[i].kind = CELL_NONE;
    if (columns->has_series)
        ret_columns->cells[0] = (struct cell){.kind = CELL_TEXT, .text = name};
    return 0;
}

struct cell *columns_cell(const struct columns *columns, const struct series_rows *rows,
                          size_t name, size_t element)
{
    size_t at = columns->first_value + name * columns->per_name;
    if (series_rows_info(rows)->type.rank > 0 && !columns->pooled)
        at += (columns->has_scalar ? 1 : 0) + element;
    return &columns->cells[at];
}
