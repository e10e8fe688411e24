#include "wide_command.h"

#include "bucket_join.h"
#include "output.h"
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All series are read at once, so with many of them each gets a smaller part. */
#define CHUNK_ROWS_MIN 256
#define CHUNK_ROWS_ALL ((size_t)8 * SERIES_ROWS_CHUNK_MAX)

struct wide {
    const struct query_options *options;
    struct series_selection selection;
    struct series_rows **rows; /* one a series */
    struct columns *columns;   /* one a series: the statistics alone, by their elements */
    struct column *list;       /* time, then those of all series */
    char **names;              /* theirs */
    struct cell *cells;        /* one row of them */
    size_t count;
    size_t room;
    uint64_t rows_total;
    struct bucket_join *join;
};

static int out_of_memory(void)
{
    query_error(QUERY_FAILED, "out of memory");
    return QUERY_FAILED;
}

/* Takes the name, which was allocated; NULL: it could not be. */
static int add_column(struct wide *wide, char *name, enum cell_kind kind)
{
    if (wide->count == wide->room) {
        size_t room = 2 * wide->room + 16;
        struct column *list = reallocarray(wide->list, room, sizeof *list);
        if (list != NULL)
            wide->list = list;
        char **names = reallocarray(wide->names, room, sizeof(char *));
        if (names != NULL)
            wide->names = names;
        if (list != NULL && names != NULL)
            wide->room = room;
    }
    if (name == NULL || wide->count == wide->room) {
        free(name);
        return out_of_memory();
    }
    wide->names[wide->count] = name;
    wide->list[wide->count++] = (struct column){name, kind};
    return 0;
}

/* "SERIES", "SERIES:mean", "SERIES:mean[0]". */
static int add_columns(struct wide *wide, size_t i)
{
    const struct query_options *options = wide->options;
    const struct series_rows *rows = wide->rows[i];
    size_t elements = series_rows_elements(rows);
    bool several = options->statistics_count > 1;
    int code = 0;
    for (size_t k = 0; k < options->statistics_count; k++) {
        for (size_t e = 0; e < elements && code == 0; e++) {
            char element[COLUMN_NAME_BYTES], *name;
            if (asprintf(&name, "%s%s%s%s", wide->selection.names[i], several ? ":" : "",
                         several ? options->statistics[k].text : "",
                         series_rows_column_name(rows, "", e, element)) < 0)
                name = NULL;
            code = add_column(wide, name, CELL_F8);
        }
    }
    return code;
}

static int open_one(struct wide *wide, size_t i)
{
    size_t statistics = wide->options->statistics_count;
    int code = series_rows_open(wide->options, wide->selection.names[i], &wide->rows[i]);
    if (code != 0)
        return code;
    struct series_rows *rows = wide->rows[i];
    size_t elements = series_rows_elements(rows);
    if (elements > COLUMNS_MAX || wide->count + elements * statistics > COLUMNS_MAX)
        return query_error(EX_USAGE, "%s: with it there are more than %d columns; choose fewer",
                           wide->selection.names[i], COLUMNS_MAX);
    wide->columns[i] = (struct columns){
        .count = elements * statistics,
        .names_count = statistics,
        .per_name = elements,
        .cells = calloc(elements * statistics, sizeof *wide->columns[i].cells),
    };
    if (wide->columns[i].cells == NULL)
        return out_of_memory();
    wide->rows_total += series_rows_to(rows) - series_rows_from(rows);
    code = add_columns(wide, i);
    return code != 0 ? code : bucket_join_add(wide->join, rows, &wide->columns[i]);
}

/* Opens all series; those of several that cannot be are left out. */
static int open_all(struct wide *wide)
{
    struct series_selection *selection = &wide->selection;
    int code = series_select(wide->options, selection);
    if (code != 0)
        return code;
    wide->rows = calloc(selection->count, sizeof(struct series_rows *));
    wide->columns = calloc(selection->count, sizeof *wide->columns);
    if (wide->rows == NULL || wide->columns == NULL)
        return out_of_memory();
    code = bucket_join_open(wide->options, selection->count, &wide->join);
    if (code == 0)
        code = add_column(wide, strdup("time"), CELL_TIME);
    for (size_t i = 0; i < selection->count && code == 0; i++) {
        code = open_one(wide, i);
        if (code == 0 || wide->rows[i] != NULL)
            continue;
        code = series_selection_failed(selection, code);
        if (code == 0)
            series_selection_drop(selection, i--);
    }
    if (code == 0 && selection->count == 0)
        code = selection->code;
    for (size_t i = 0; i < selection->count && code == 0; i++)
        series_rows_limit_chunks(wide->rows[i], CHUNK_ROWS_ALL / selection->count > CHUNK_ROWS_MIN
                                                    ? CHUNK_ROWS_ALL / selection->count
                                                    : CHUNK_ROWS_MIN);
    return code;
}

static void show_progress(const struct wide *wide)
{
    uint64_t done = 0;
    for (size_t i = 0; i < wide->selection.count; i++)
        done += series_rows_done(wide->rows[i]);
    progress_update(done);
}

static void write_rows(struct wide *wide, struct output *output)
{
    int64_t time_ns;
    if (!output_is_terminal(output))
        progress_begin("joining", wide->rows_total);
    while (!output_failed(output) && bucket_join_next(wide->join, &time_ns)) {
        struct cell *to = wide->cells;
        *to++ = (struct cell){.kind = CELL_TIME, .time_ns = time_ns};
        for (size_t i = 0; i < wide->selection.count; i++) {
            memcpy(to, bucket_join_cells(wide->join, i), wide->columns[i].count * sizeof *to);
            to += wide->columns[i].count;
        }
        output_row(output, wide->cells);
        show_progress(wide);
    }
    progress_end();
}

static void close_all(struct wide *wide)
{
    bucket_join_close(wide->join);
    for (size_t i = 0; wide->rows != NULL && i < wide->selection.count; i++)
        series_rows_close(wide->rows[i]);
    for (size_t i = 0; wide->columns != NULL && i < wide->selection.count; i++)
        free(wide->columns[i].cells);
    for (size_t i = 0; i < wide->count; i++)
        free(wide->names[i]);
    free(wide->names);
    free(wide->rows);
    free(wide->columns);
    free(wide->list);
    free(wide->cells);
    series_selection_free(&wide->selection);
}

int wide_command_run(const struct query_options *options)
{
    struct wide wide = {.options = options};
    struct output *output = NULL;
    int code = open_all(&wide);
    if (code == 0) {
        wide.cells = calloc(wide.count, sizeof *wide.cells);
        code = wide.cells == NULL ? out_of_memory() : 0;
    }
    if (code == 0)
        code = output_open(options, wide.list, wide.count, &output);
    if (code == 0)
        write_rows(&wide, output);
    for (size_t i = 0; i < wide.selection.count && code == 0; i++) {
        int failed = bucket_join_code(wide.join, i);
        if (failed != 0)
            code = series_selection_failed(&wide.selection, failed);
    }
    code = output_close(output, code);
    code = code != 0 ? code : wide.selection.code;
    close_all(&wide);
    return code;
}
