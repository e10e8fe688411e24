#include "npy_stream.h"

#include "npy_header.h"
#include "query.h"
#include "sink.h"

#include <stdlib.h>
#include <string.h>

struct npy_stream {
    struct sink *sink;
    struct npy_shape shape; /* dims[0] counts the rows written */
};

int npy_stream_open(const char *path, enum dtype dtype, uint8_t row_rank, const uint64_t *row_dims,
                    struct npy_stream **ret_stream)
{
    static char blank[NPY_HEADER_BYTES]; /* not const: so it takes no room in the program */
    struct npy_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    stream->shape.dtype = dtype;
    stream->shape.rank = (uint8_t)(row_rank + 1);
    for (size_t i = 0; i < row_rank; i++)
        stream->shape.dims[i + 1] = row_dims[i];
    int code = sink_open(path, true, &stream->sink);
    if (code != 0) {
        free(stream);
        return code;
    }
    sink_write(stream->sink, blank, sizeof blank);
    *ret_stream = stream;
    return 0;
}

void npy_stream_write(struct npy_stream *stream, const void *rows, uint64_t rows_count,
                      size_t row_bytes)
{
    sink_write(stream->sink, rows, (size_t)rows_count * row_bytes);
    stream->shape.dims[0] += rows_count;
}

void npy_stream_write_part(struct npy_stream *stream, const void *bytes, size_t count)
{
    sink_write(stream->sink, bytes, count);
}

bool npy_stream_failed(const struct npy_stream *stream)
{
    return sink_failed(stream->sink);
}

int npy_stream_close(struct npy_stream *stream, bool good)
{
    char header[NPY_HEADER_BYTES];
    if (stream == NULL)
        return 0;
    int code = 0;
    if (good && npy_header_write(&stream->shape, 0, header) < 0)
        code = query_error(QUERY_FAILED, "the array's shape does not fit a header");
    else if (good)
        sink_patch(stream->sink, header, sizeof header);
    int closed = sink_close(stream->sink, good && code == 0);
    free(stream);
    return code != 0 ? code : closed;
}
