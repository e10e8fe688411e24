/* Chunks: how large they are, those of an array file, and those of rows that are larger. */
#include "series_rows_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 524288
/* Where neighbouring rows lie side by side, a chunk takes something of every page of the array. */
#define TRANSPOSED_BYTES (16 << 20)
/* Rows that come together in parts there: a page's, and more. */
#define BLOCK_ROWS 4096

void series_rows_split(struct series_rows *rows, bool blocks)
{
    rows->split = true;
    rows->blocks = blocks;
}

void series_rows_skip_to(struct series_rows *rows, uint64_t index)
{
    rows->at = index;
    rows->element_at = 0;
}

static size_t at_least_one(uint64_t count, uint64_t most)
{
    return (size_t)(count == 0 ? 1 : count < most ? count : most);
}

int series_rows_make_buffers(struct series_rows *rows)
{
    bool transposed = rows->array != NULL && rows->elements == NULL &&
                      array_view_is_transposed(array_rows_view(rows->array));
    size_t bytes = transposed ? TRANSPOSED_BYTES : CHUNK_BYTES;
    size_t element_bytes = dtype_size(series_rows_info(rows)->type.dtype);
    rows->chunk_width = rows->elements_count;
    rows->chunk_rows = rows->row_bytes > 0
                           ? at_least_one(bytes / rows->row_bytes, SERIES_ROWS_CHUNK_MAX)
                           : SERIES_ROWS_CHUNK_MAX;
    if (rows->split && rows->elements == NULL && rows->row_bytes > bytes) {
        if (transposed && rows->blocks)
            rows->chunk_rows = at_least_one(rows->to - rows->from, BLOCK_ROWS);
        rows->chunk_width = at_least_one(bytes / element_bytes / rows->chunk_rows, SIZE_MAX);
    }
    rows->values = malloc(rows->chunk_rows * rows->chunk_width * element_bytes + 1);
    if (!rows->without_times)
        rows->times_ns = malloc(rows->chunk_rows * sizeof *rows->times_ns);
    if (rows->values == NULL || (rows->times_ns == NULL && !rows->without_times))
        return query_error(QUERY_FAILED, "out of memory");
    return 0;
}

void series_rows_lose(struct series_rows *rows, uint64_t valid)
{
    uint64_t next = valid < rows->to ? valid : rows->to;
    rows->lost += next - rows->at;
    rows->lost_total += next - rows->at;
    series_rows_skip_to(rows, next);
}

/* A part of row `at` of a series. 1, 0: the row was overwritten, or negative. */
static int copy_part(struct series_rows *rows, size_t width)
{
    struct reader_span spans[2];
    uint64_t valid;
    size_t size = dtype_size(series_rows_info(rows)->type.dtype);
    reader_spans(rows->reader, rows->at, rows->at + 1, spans);
    const char *row = spans[0].count > 0 ? spans[0].values : spans[1].values;
    memcpy(rows->values, row + rows->element_at * size, width * size);
    int error = reader_copy(rows->reader, rows->at, rows->at + 1, NULL, rows->times_ns, &valid);
    if (error < 0) {
        rows->exit_code = query_series_error(rows->options->store, rows->name, error, NULL);
        return error;
    }
    if (valid <= rows->at)
        return 1;
    uint64_t first = reader_first_valid(rows->reader);
    series_rows_lose(rows, first > valid ? first : valid);
    return 0;
}

int series_rows_next_part(struct series_rows *rows, struct rows_chunk *ret_chunk)
{
    while (rows->at < rows->to) {
        uint64_t left = rows->to - rows->at;
        size_t count = left < rows->chunk_rows ? (size_t)left : rows->chunk_rows;
        size_t width = rows->elements_count - rows->element_at;
        width = width < rows->chunk_width ? width : rows->chunk_width;
        if (rows->array != NULL) {
            rows->exit_code = array_rows_copy(rows->array, rows->at, count, rows->element_at, width,
                                              rows->elements, rows->values, rows->times_ns);
            if (rows->exit_code != 0)
                return -EFAULT;
        } else {
            int copied = copy_part(rows, width);
            if (copied < 0)
                return copied;
            if (copied == 0)
                continue;
        }
        *ret_chunk = (struct rows_chunk){
            .first = rows->at,
            .count = count,
            .from_element = rows->element_at,
            .width = width,
            .values = rows->values,
            .times_ns = rows->times_ns,
            .lost = rows->lost,
        };
        rows->lost = 0;
        rows->element_at += width;
        if (rows->element_at == rows->elements_count)
            series_rows_skip_to(rows, rows->at + count);
        return 1;
    }
    return 0;
}
