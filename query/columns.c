#include "columns.h"

#include "series_rows_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 10000

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
    *ret_most = columns->has_scalar ? 0 : info->elements;
    series_rows_close(rows);
    return 0;
}

/* What the selected series have: scalars, and the most elements of a sample with a shape. */
static int survey(const struct query_options *options, struct series_selection *selection,
                  struct columns *columns)
{
    uint64_t most = 0;
    const char *widest = "";
    if (options->array.file != NULL) {
        int code = survey_array(options, columns, &most);
        if (code != 0)
            return code;
        widest = options->array.file;
    }
    for (size_t i = 0; i < selection->count && options->array.file == NULL; i++) {
        struct error_text text = {""};
        struct reader *reader;
        int error = reader_open(options->store, selection->names[i], &reader, &text);
        if (error < 0) {
            int failed = series_selection_failed(
                selection, query_series_error(options->store, selection->names[i], error, &text));
            if (failed != 0)
                return failed;
            series_selection_drop(selection, i--);
            continue;
        }
        const struct reader_info *info = reader_info(reader);
        int code = series_check_elements(options, info);
        if (info->type.rank == 0) {
            columns->has_scalar = true;
        } else if (info->elements > most) {
            most = info->elements;
            widest = selection->names[i];
        }
        reader_close(reader);
        if (code != 0)
            return code;
    }
    if (selection->count == 0 && selection->code != 0)
        return selection->code;
    if (most > 0 && options->elements_count > 0)
        most = options->elements_count;
    if (most > COLUMNS_MAX || (most + 1) * columns->names_count > COLUMNS_MAX)
        return query_error(EX_USAGE,
                           "%s: %" PRIu64
                           " elements a sample are more than %d columns; choose some "
                           "with --element 0,2",
                           widest, most, COLUMNS_MAX);
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
    struct columns columns = {.names_count = names_count};
    int code = survey(options, selection, &columns);
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

struct cell *columns_cell(const struct columns *columns, const struct series_rows *rows,
                          size_t name, size_t element)
{
    size_t at = columns->first_value + name * columns->per_name;
    if (series_rows_info(rows)->type.rank > 0)
        at += (columns->has_scalar ? 1 : 0) + element;
    return &columns->cells[at];
}
