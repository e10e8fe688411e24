/* One float64 array (rows, columns of numbers); the first column of times as int64 in a file of its
 * own. */
#include "output_internal.h"

#include <math.h>
#include <stdlib.h>

struct arrays {
    struct npy_stream *numbers;
    struct npy_stream *times; /* NULL without --times */
    size_t width;             /* of a row, in numbers */
    double *row;
};

bool output_npy_failed(const void *state)
{
    const struct arrays *arrays = state;
    return npy_stream_failed(arrays->numbers) ||
           (arrays->times != NULL && npy_stream_failed(arrays->times));
}

static bool is_number(enum cell_kind kind)
{
    return kind == CELL_F8 || kind == CELL_F4 || kind == CELL_INTEGER;
}

static double number_of(const struct cell *cell)
{
    if (cell->kind == CELL_INTEGER)
        return (double)cell->integer;
    return cell->kind == CELL_NONE || cell->kind == CELL_EMPTY ? (double)NAN : cell->real;
}

static int npy_begin(struct output *output)
{
    uint64_t width = 0;
    struct arrays *arrays = calloc(1, sizeof *arrays);
    if (arrays == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    for (size_t i = 0; i < output->columns_count; i++)
        width += is_number(output->columns[i].kind) ? 1 : 0;
    arrays->width = width;
    arrays->row = calloc(width + 1, sizeof *arrays->row);
    int code = arrays->row == NULL ? query_error(QUERY_FAILED, "out of memory") : 0;
    if (code == 0)
        code = npy_stream_open(output->options->output_path, DTYPE_F8, 1, &width, &arrays->numbers);
    if (code == 0 && output->options->times_path != NULL)
        code = npy_stream_open(output->options->times_path, DTYPE_I8, 0, NULL, &arrays->times);
    if (code != 0) {
        (void)npy_stream_close(arrays->numbers, false);
        free(arrays->row);
        free(arrays);
        return code;
    }
    output->state = arrays;
    return 0;
}

static void npy_row(struct output *output, const struct cell *cells)
{
    struct arrays *arrays = output->state;
    size_t width = 0;
    bool timed = false;
    for (size_t i = 0; i < output->columns_count; i++) {
        if (is_number(output->columns[i].kind)) {
            arrays->row[width++] = number_of(&cells[i]);
        } else if (output->columns[i].kind == CELL_TIME && !timed && arrays->times != NULL) {
            npy_stream_write(arrays->times, &cells[i].time_ns, 1, sizeof cells[i].time_ns);
            timed = true;
        }
    }
    npy_stream_write(arrays->numbers, arrays->row, 1, width * sizeof *arrays->row);
}

void output_npy_numbers(void *state, const double *numbers, const int64_t *times_ns, size_t count)
{
    struct arrays *arrays = state;
    npy_stream_write(arrays->numbers, numbers, count, arrays->width * sizeof *numbers);
    if (arrays->times != NULL)
        npy_stream_write(arrays->times, times_ns, count, sizeof *times_ns);
}

static int npy_end(struct output *output, bool good)
{
    struct arrays *arrays = output->state;
    int code = npy_stream_close(arrays->numbers, good);
    int times = npy_stream_close(arrays->times, good && code == 0);
    free(arrays->row);
    free(arrays);
    return code != 0 ? code : times;
}

const struct output_format output_npy = {.begin = npy_begin, .row = npy_row, .end = npy_end};
