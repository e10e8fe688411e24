#include "output.h"
#include "series_facts.h"
#include "series_rows.h"

static const char *const column_names[] = {"series",   "dtype", "shape",      "clock",     "mode",
                                           "capacity", "count", "first_time", "last_time", "unit"};
static const enum cell_kind column_kinds[] = {CELL_TEXT, CELL_TEXT,    CELL_TEXT,    CELL_TEXT,
                                              CELL_TEXT, CELL_INTEGER, CELL_INTEGER, CELL_TIME,
                                              CELL_TIME, CELL_TEXT};
#define COLUMNS (sizeof column_names / sizeof *column_names)

static struct cell text_cell(const char *text)
{
    return (struct cell){.kind = CELL_TEXT, .text = text};
}

/* The first row opens the output: a run that finds nothing says nothing but that. */
static int list_series(const struct query_options *options, const char *name,
                       const struct column columns[COLUMNS], struct output **output)
{
    struct series_facts facts;
    char shape[SHAPE_TEXT_BYTES];
    int code = series_facts_open(options->store, name, &facts);
    if (code != 0)
        return code;
    if (*output == NULL)
        code = output_open(options, columns, COLUMNS, output);
    const struct reader_info *info = reader_info(facts.reader);
    const struct cell cells[COLUMNS] = {
        text_cell(name),
        text_cell(dtype_name(info->type.dtype)),
        text_cell(shape_text(&info->type, shape)),
        text_cell(clock_text(&info->type)),
        text_cell(mode_text(info)),
        {.kind = CELL_INTEGER, .integer = info->capacity},
        {.kind = CELL_INTEGER, .integer = facts.snapshot.count},
        {.kind = CELL_TIME, .time_ns = facts.first_time_ns},
        {.kind = CELL_TIME, .time_ns = facts.snapshot.last_time_ns},
        text_cell(reader_meta(facts.reader, "unit")),
    };
    if (code == 0)
        output_row(*output, cells);
    series_facts_close(&facts);
    return code;
}

int command_ls(const struct query_options *options)
{
    struct series_selection selection = {0};
    struct output *output = NULL;
    struct column columns[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        columns[i] = (struct column){column_names[i], column_kinds[i]};
    int code = series_select_any(options, &selection);
    /* A damaged series does not hide the others. */
    int worst = 0;
    for (size_t i = 0; i < selection.count && code == 0; i++) {
        int listed = list_series(options, selection.names[i], columns, &output);
        if (worst == 0)
            worst = listed;
        if (output != NULL && output_failed(output))
            break;
    }
    if (code == 0 && worst == 0 && output == NULL)
        code = output_open(options, columns, COLUMNS, &output);
    code = output_close(output, code);
    series_selection_free(&selection);
    return code != 0 ? code : worst;
}
