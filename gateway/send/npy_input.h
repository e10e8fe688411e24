/* npy_input.h - the header of a .npy file, as NumPy writes it: what ingest-send needs of it. */
#ifndef INGEST_NPY_INPUT_H
#define INGEST_NPY_INPUT_H

#include "dtype.h"
#include "error_text.h"
#include "wire_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that tell how long the header is. */
#define NPY_PREFIX_BYTES     12
#define NPY_HEADER_BYTES_MAX 65536

struct npy_array {
    enum dtype dtype;     /* i8 for datetime64, u1 for bool */
    int64_t time_unit_ns; /* of datetime64: nanoseconds of one; 0 = not a datetime64 */
    uint64_t count;       /* samples: the first dimension */
    unsigned rank;        /* of a sample */
    uint32_t dims[WIRE_RANK_MAX];
    size_t sample_bytes;
    size_t data_offset;
};

/* From the first NPY_PREFIX_BYTES of a file: bytes up to the data. -EBADMSG: not a .npy file. */
int npy_data_offset(const uint8_t *prefix, size_t *ret_offset, struct error_text *error);

/* Reads the header, which is `offset` bytes long. -EBADMSG: damaged, or an array that cannot be
 * sent; `error` says what is wrong and what to do. */
int npy_parse(const uint8_t *header, size_t offset, struct npy_array *ret_array,
              struct error_text *error);

#endif
