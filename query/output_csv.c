/* Comma-separated values as RFC 4180 has them, but lines end with a line feed alone. */
#include "output_internal.h"

#include <string.h>

static void write_field(struct sink *sink, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        sink_write(sink, text, strlen(text));
        return;
    }
    sink_write(sink, "\"", 1);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            sink_write(sink, "\"", 1);
        sink_write(sink, text, 1);
    }
    sink_write(sink, "\"", 1);
}

static int csv_begin(struct output *output)
{
    for (size_t i = 0; i < output->columns_count; i++) {
        if (i > 0)
            sink_write(output->sink, ",", 1);
        write_field(output->sink, output->columns[i].name);
    }
    sink_write(output->sink, "\n", 1);
    return 0;
}

static void csv_row(struct output *output, const struct cell *cells)
{
    char buffer[CELL_TEXT_BYTES];
    for (size_t i = 0; i < output->columns_count; i++) {
        if (i > 0)
            sink_write(output->sink, ",", 1);
        write_field(output->sink, cell_text(output, &cells[i], true, buffer));
    }
    sink_write(output->sink, "\n", 1);
}

const struct output_format output_csv = {.begin = csv_begin, .row = csv_row, .is_stateless = true};
