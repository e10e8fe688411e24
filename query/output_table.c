/* Aligned columns for people. The widths come from the first rows, which are held back for that;
 * later rows that need more room take it. */
#include "output_internal.h"

#include <stdlib.h>
#include <string.h>

#define HELD_ROWS  200
#define GAP        2
#define CELLS_HELD 20000 /* with very many columns fewer rows are held */

struct table {
    size_t *widths;
    char **held; /* rows x columns, texts */
    size_t held_rows;
    size_t held_rows_max;
    bool streaming; /* the header is out, widths stand */
};

/* Characters, not bytes: units may hold a degree sign. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += (*text & 0xC0) != 0x80;
    return width;
}

static void write_blanks(struct sink *sink, size_t count)
{
    static const char blanks[] = "                                ";
    while (count > 0) {
        size_t some = count < sizeof blanks - 1 ? count : sizeof blanks - 1;
        sink_write(sink, blanks, some);
        count -= some;
    }
}

static void write_cell(struct output *output, size_t i, const char *text)
{
    struct table *table = output->state;
    size_t width = text_width(text);
    size_t pad = table->widths[i] > width ? table->widths[i] - width : 0;
    bool left = output->columns[i].kind == CELL_TEXT || output->columns[i].kind == CELL_TIME;
    if (i > 0)
        write_blanks(output->sink, GAP);
    if (!left)
        write_blanks(output->sink, pad);
    sink_write(output->sink, text, strlen(text));
    if (left && i + 1 < output->columns_count)
        write_blanks(output->sink, pad);
}

static void begin_streaming(struct output *output)
{
    struct table *table = output->state;
    if (output->colour)
        sink_print(output->sink, "\033[1m");
    for (size_t i = 0; i < output->columns_count; i++)
        write_cell(output, i, output->columns[i].name);
    sink_print(output->sink, "%s\n", output->colour ? "\033[0m" : "");
    for (size_t row = 0; row < table->held_rows; row++) {
        for (size_t i = 0; i < output->columns_count; i++) {
            char *text = table->held[row * output->columns_count + i];
            write_cell(output, i, text);
            free(text);
        }
        sink_write(output->sink, "\n", 1);
    }
    table->held_rows = 0;
    table->streaming = true;
}

static int table_begin(struct output *output)
{
    size_t columns = output->columns_count;
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    table->held_rows_max = columns * HELD_ROWS <= CELLS_HELD ? HELD_ROWS : CELLS_HELD / columns + 1;
    table->widths = calloc(columns, sizeof *table->widths);
    table->held = calloc(columns * table->held_rows_max, sizeof *table->held);
    if (table->widths == NULL || table->held == NULL) {
        free(table->widths);
        free(table->held);
        free(table);
        return query_error(QUERY_FAILED, "out of memory");
    }
    for (size_t i = 0; i < columns; i++) {
        size_t least = output->columns[i].kind == CELL_F8 ? 10 : 0;
        table->widths[i] = text_width(output->columns[i].name);
        if (output->columns[i].kind == CELL_TIME)
            least = output->options->time_form == TIME_FORM_ISO ? TIME_TEXT_BYTES - 2 : 19;
        if (table->widths[i] < least)
            table->widths[i] = least;
    }
    output->state = table;
    return 0;
}

static const char *table_text(const struct output *output, const struct cell *cell,
                              char buffer[CELL_TEXT_BYTES])
{
    const char *text = cell_text(output, cell, false, buffer);
    return text[0] == '\0' ? "-" : text;
}

static void table_row(struct output *output, const struct cell *cells)
{
    struct table *table = output->state;
    char buffer[CELL_TEXT_BYTES];
    if (!table->streaming && table->held_rows == table->held_rows_max)
        begin_streaming(output);
    char **held = table->held + table->held_rows * output->columns_count;
    for (size_t i = 0; i < output->columns_count; i++) {
        const char *text = table_text(output, &cells[i], buffer);
        if (table->streaming) {
            write_cell(output, i, text);
            continue;
        }
        size_t width = text_width(text);
        if (width > table->widths[i])
            table->widths[i] = width;
        held[i] = strdup(text);
        if (held[i] == NULL)
            abort();
    }
    if (table->streaming)
        sink_write(output->sink, "\n", 1);
    else
        table->held_rows++;
}

static void table_flush(struct output *output)
{
    struct table *table = output->state;
    if (!table->streaming)
        begin_streaming(output);
}

static int table_end(struct output *output, bool good)
{
    struct table *table = output->state;
    /* A failure before the first row shows no header. */
    if (good || table->held_rows > 0)
        table_flush(output);
    free(table->widths);
    free(table->held);
    free(table);
    return 0;
}

const struct output_format output_table = {
    .begin = table_begin, .row = table_row, .flush = table_flush, .end = table_end};
