/* npy_stream.h - a .npy file whose number of rows is known only at its end. */
#ifndef INGEST_NPY_STREAM_H
#define INGEST_NPY_STREAM_H

#include "dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct npy_stream;

/* Opens `path` (NULL: standard output) for rows of the given dtype and shape. 0 or an exit code,
 * with its message printed. */
int npy_stream_open(const char *path, enum dtype dtype, uint8_t row_rank, const uint64_t *row_dims,
                    struct npy_stream **ret_stream);

void npy_stream_write(struct npy_stream *stream, const void *rows, uint64_t rows_count,
                      size_t row_bytes);

/* A part of a row, which npy_stream_write() completes. */
void npy_stream_write_part(struct npy_stream *stream, const void *bytes, size_t count);

bool npy_stream_failed(const struct npy_stream *stream);

/* Completes the header. Not `good`: leaves nothing behind. 0 or an exit code, with its message
 * printed. NULL is allowed. */
int npy_stream_close(struct npy_stream *stream, bool good);

#endif
