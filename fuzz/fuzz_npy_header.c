/* Any bytes as a .npy header: an error, or a shape that is written and read back the same. */
#include "npy_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct npy_shape shape;
    if (npy_header_parse((const char *)data, size, &shape) < 0)
        return 0;
    if (shape.header_bytes > size || dtype_size(shape.dtype) == 0 || shape.rank > NPY_RANK_MAX)
        abort();

    uint64_t elements;
    uint64_t bytes;
    (void)npy_shape_bytes(&shape, &elements, &bytes);

    shape.fortran_order = false;
    shape.header_bytes = NPY_HEADER_BYTES;
    char header[NPY_HEADER_BYTES];
    struct npy_shape back;
    if (npy_header_write(&shape, 0, header) < 0 ||
        npy_header_parse(header, sizeof header, &back) < 0)
        abort();
    if (back.dtype != shape.dtype || back.rank != shape.rank ||
        memcmp(back.dims, shape.dims, shape.rank * sizeof shape.dims[0]) != 0)
        abort();

    if (shape.rank > 0) {
        size_t offset;
        char byte;
        (void)npy_grow_patch(header, shape.dims[0], npy_grow_rows(shape.dims[0]), &offset, &byte);
    }
    return 0;
}
