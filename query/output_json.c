/* One JSON object a line. */
#include "json_text.h"
#include "output_internal.h"

#include <math.h>
#include <string.h>

static int json_begin(struct output *output)
{
    (void)output;
    return 0;
}

/* A real number keeps its kind: "5.0" and "-0.0" read back as floating point. */
static void write_real(struct output *output, const struct cell *cell)
{
    char buffer[CELL_TEXT_BYTES];
    const char *text = cell_text(output, cell, true, buffer);
    sink_write(output->sink, text, strlen(text));
    if (strpbrk(text, ".e") == NULL)
        sink_write(output->sink, ".0", 2);
}

static void write_value(struct output *output, const struct cell *cell)
{
    char buffer[CELL_TEXT_BYTES];
    bool real = cell->kind == CELL_F8 || cell->kind == CELL_F4;
    if (cell->kind == CELL_EMPTY || (real && !isfinite(cell->real)) ||
        (cell->kind == CELL_TIME && cell->time_ns == INT64_MIN)) {
        sink_write(output->sink, "null", 4);
    } else if (real) {
        write_real(output, cell);
    } else {
        const char *text = cell_text(output, cell, true, buffer);
        bool quoted = cell->kind == CELL_TEXT ||
                      (cell->kind == CELL_TIME && output->options->time_form == TIME_FORM_ISO);
        if (quoted)
            json_write_text(output->sink, text);
        else
            sink_write(output->sink, text, strlen(text));
    }
}

static void json_row(struct output *output, const struct cell *cells)
{
    const char *separator = "{";
    for (size_t i = 0; i < output->columns_count; i++) {
        if (cells[i].kind == CELL_NONE)
            continue;
        sink_write(output->sink, separator, 1);
        json_write_text(output->sink, output->columns[i].name);
        sink_write(output->sink, ":", 1);
        write_value(output, &cells[i]);
        separator = ",";
    }
    sink_write(output->sink, "}\n", 2);
}

const struct output_format output_json = {
    .begin = json_begin, .row = json_row, .is_stateless = true};
