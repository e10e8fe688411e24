#include "output.h"

#include "output_internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct output_format *const formats[] = {
    [FORMAT_TABLE] = &output_table,
    [FORMAT_CSV] = &output_csv,
    [FORMAT_JSON] = &output_json,
    [FORMAT_NPY] = &output_npy,
};

int output_open(const struct query_options *options, const struct column *columns, size_t count,
                struct output **ret_output)
{
    struct output *output = calloc(1, sizeof *output);
    int code = 0;
    if (output == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    output->options = options;
    output->columns = columns;
    output->columns_count = count;
    output->format = formats[options->format];
    if (options->format != FORMAT_NPY)
        code = sink_open(options->output_path, false, &output->sink);
    if (code == 0) {
        output->colour = output->sink != NULL && query_may_colour(sink_descriptor(output->sink));
        code = output->format->begin(output);
    }
    if (code != 0) {
        (void)sink_close(output->sink, false);
        free(output);
        return code;
    }
    *ret_output = output;
    return 0;
}

void output_row(struct output *output, const struct cell *cells)
{
    output->format->row(output, cells);
}

void output_numbers(struct output *output, const double *numbers, const int64_t *times_ns,
                    size_t count)
{
    output_npy_numbers(output->state, numbers, times_ns, count);
}

void output_flush(struct output *output)
{
    if (output->format->flush != NULL)
        output->format->flush(output);
    if (output->sink != NULL)
        sink_flush(output->sink);
}

/* Rows whose looks depend on others stay cells. */
static void gather_row(struct output *output, const struct cell *cells)
{
    sink_write(output->sink, cells, output->columns_count * sizeof *cells);
}

static const struct output_format output_cells = {.row = gather_row};

int output_gather_open(const struct output *output, output_taker *take, void *context,
                       struct output **ret_output)
{
    struct output *gathering = malloc(sizeof *gathering);
    if (gathering == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    *gathering = (struct output){
        .options = output->options,
        .columns = output->columns,
        .columns_count = output->columns_count,
        .format = output->format->is_stateless ? output->format : &output_cells,
    };
    int code = sink_open_taken(take, context, &gathering->sink);
    if (code != 0) {
        free(gathering);
        return code;
    }
    *ret_output = gathering;
    return 0;
}

int output_gather_close(struct output *output, int code)
{
    if (output == NULL)
        return code;
    int closed = sink_close(output->sink, code == 0);
    free(output);
    return code != 0 ? code : closed;
}

void output_take(struct output *output, const void *bytes, size_t count)
{
    size_t row = output->columns_count;
    if (output->format->is_stateless) {
        sink_write(output->sink, bytes, count);
        return;
    }
    const struct cell *cells = bytes;
    for (size_t i = 0; i + row <= count / sizeof *cells && !output_failed(output); i += row)
        output_row(output, cells + i);
}

bool output_failed(const struct output *output)
{
    if (output->sink != NULL)
        return sink_failed(output->sink);
    return output_npy_failed(output->state);
}

bool output_wait(const struct output *output, int time_ms)
{
    struct pollfd reader = {.fd = sink_descriptor(output->sink)};
    return poll(&reader, 1, time_ms) <= 0;
}

bool output_is_terminal(const struct output *output)
{
    return output->sink != NULL && isatty(sink_descriptor(output->sink));
}

int output_close(struct output *output, int code)
{
    if (output == NULL)
        return code;
    int ended = 0;
    if (output->format->end != NULL)
        ended = output->format->end(output, code == 0);
    int closed = sink_close(output->sink, code == 0 && ended == 0);
    free(output);
    if (code != 0)
        return code;
    return ended != 0 ? ended : closed;
}

const char *cell_text(const struct output *output, const struct cell *cell, bool exact,
                      char buffer[CELL_TEXT_BYTES])
{
    _Static_assert(CELL_TEXT_BYTES >= NUMBER_TEXT_BYTES, "a number fits");
    _Static_assert(CELL_TEXT_BYTES >= TIME_TEXT_BYTES, "a time fits");
    switch (cell->kind) {
    case CELL_TEXT:
        return cell->text;
    case CELL_TIME:
        if (cell->time_ns == INT64_MIN)
            return "";
        if (output->options->time_form == TIME_FORM_ISO)
            return time_format_iso(cell->time_ns, buffer);
        snprintf(buffer, CELL_TEXT_BYTES, "%" PRId64, cell->time_ns);
        return buffer;
    case CELL_F8:
        return exact ? number_text_f8(cell->real, buffer) : number_text_brief(cell->real, buffer);
    case CELL_F4:
        return number_text_f4((float)cell->real, buffer);
    case CELL_INTEGER:
        return number_text_integer(cell->integer, buffer);
    default:
        return "";
    }
}
