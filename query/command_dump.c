#include "npy_stream.h"
#include "progress.h"
#include "row_command.h"
#include "statistics_cells.h"
#include "value_rows.h"

static int write_values(const struct query_options *options, struct series_rows *rows,
                        const struct columns *columns, struct output *output)
{
    struct rows_chunk chunk;
    int more = 0;
    (void)options;
    while (!output_failed(output) && (more = series_rows_next(rows, &chunk)) > 0) {
        value_rows_write(rows, &chunk, columns, output);
        progress_update(series_rows_done(rows));
    }
    return more < 0 ? series_rows_exit_code(rows) : 0;
}

/* Opens the array in the samples' own dtype and shape; with --element, (rows, elements). */
static int open_array(const struct query_options *options, const struct series_rows *rows,
                      struct npy_stream **ret_values)
{
    enum dtype dtype = series_rows_info(rows)->type.dtype;
    uint64_t dims[NPY_RANK_MAX];
    uint8_t rank = series_rows_shape(rows, dims);
    if (options->elements_count > 0) {
        rank = rank > 0 ? 1 : 0;
        dims[0] = series_rows_elements(rows);
    }
    return npy_stream_open(options->output_path, dtype, rank, dims, ret_values);
}

static int dump_array(const struct query_options *options, struct series_rows *rows)
{
    struct npy_stream *values = NULL, *times = NULL;
    struct rows_chunk chunk;
    size_t size = dtype_size(series_rows_info(rows)->type.dtype);
    int more = 0;
    /* A part of a sample that a ring's writer overwrites could not be taken back; an array's rows
     * stay. */
    if (options->array.file != NULL)
        series_rows_split(rows, false);
    int code = open_array(options, rows, &values);
    if (options->times_path == NULL)
        series_rows_without_times(rows);
    else if (code == 0)
        code = npy_stream_open(options->times_path, DTYPE_I8, 0, NULL, &times);
    while (code == 0 && !npy_stream_failed(values) && (more = series_rows_next(rows, &chunk)) > 0) {
        if (chunk.from_element + chunk.width < series_rows_elements(rows)) {
            npy_stream_write_part(values, chunk.values, chunk.width * size);
            continue;
        }
        npy_stream_write(values, chunk.values, chunk.count, chunk.width * size);
        if (times != NULL)
            npy_stream_write(times, chunk.times_ns, chunk.count, sizeof *chunk.times_ns);
        progress_update(series_rows_done(rows));
    }
    if (more < 0)
        code = series_rows_exit_code(rows);
    int closed = npy_stream_close(values, code == 0);
    if (code == 0)
        code = closed;
    closed = npy_stream_close(times, code == 0);
    return code != 0 ? code : closed;
}

static int command_dump_array(const struct query_options *options)
{
    struct series_selection selection = {0};
    struct series_rows *rows = NULL;
    int code = series_select(options, &selection);
    if (code == 0)
        code = check_one_series(options, &selection);
    if (code == 0)
        code = series_rows_open(options, selection.names[0], &rows);
    if (code == 0) {
        progress_begin(selection.names[0], series_rows_to(rows) - series_rows_from(rows));
        code = dump_array(options, rows);
        progress_end();
    }
    series_rows_close(rows);
    series_selection_free(&selection);
    return code;
}

int command_dump(const struct query_options *options)
{
    static const char *const names[] = {"value"};
    if (options->format == FORMAT_NPY)
        return command_dump_array(options);
    return row_command_run(options, names, 1, write_values);
}
