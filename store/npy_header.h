/* npy_header.h - the text at the head of a .npy file, version 1.0, padded to exactly
 * NPY_HEADER_BYTES. */
#ifndef INGEST_NPY_HEADER_H
#define INGEST_NPY_HEADER_H

#include "dtype.h"
#include "store_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NPY_RANK_MAX 8

struct npy_shape {
    enum dtype dtype;
    uint8_t rank;
    uint64_t dims[NPY_RANK_MAX];
    bool fortran_order;
    bool big_endian;       /* of more than one byte an element */
    bool boolean;          /* u1 that NumPy calls bool */
    uint64_t header_bytes; /* where the data begins */
};

/* Writes NPY_HEADER_BYTES bytes; `rows_width` characters for the first dimension (blank-padded on
 * the left; 0 = as many as it has), so that growing within the width changes digits in place.
 * -EINVAL for a rank above NPY_RANK_MAX, no dtype, or a number that does not fit its width. */
int npy_header_write(const struct npy_shape *shape, unsigned rows_width,
                     char ret_bytes[NPY_HEADER_BYTES]);

/* Reads the header of a .npy file of version 1.0 to 3.0 with one plain little-endian dtype of ours.
 * `bytes` is the file's beginning. 0; -EBADMSG: not a .npy file or a broken header; -ENODATA:
 * the header is longer than length_bytes; -ENOTSUP: sound, but big-endian, structured, of another
 * dtype or of a rank above NPY_RANK_MAX. */
int npy_header_parse(const char *bytes, size_t length_bytes, struct npy_shape *ret_shape);

/* The same, also of big-endian numbers and of bools. */
int npy_header_parse_any(const char *bytes, size_t length_bytes, struct npy_shape *ret_shape);

/* Sets dtype, big_endian and boolean by a name of NumPy's: "f4", "<f4", ">f4", "|u1", "=i8", "|b1",
 * "?", "float32", "uint8", "bool". False for what is no dtype of ours; then nothing is changed. */
bool npy_dtype_parse(const char *name, struct npy_shape *shape);

/* NumPy's descr: "<f4", ">f4", "|u1", "|b1". Returns `buffer`. */
#define NPY_DESCR_BYTES 4
const char *npy_descr(const struct npy_shape *shape, char buffer[NPY_DESCR_BYTES]);

/* Elements in the array, and bytes; false on overflow. */
bool npy_shape_bytes(const struct npy_shape *shape, uint64_t *ret_elements, uint64_t *ret_bytes);

/* The family of row counts of growing files: 9, 19, 39, 79, 99, 199, 399, 799, 999, 1999, ... Two
 * neighbours differ in one byte of the header's text when blank-padded. Returns the smallest member
 * >= rows (at least 9), or 0 when there is none that fits a signed 64-bit shape. */
uint64_t npy_grow_rows(uint64_t rows);

/* The offset, in the header, of the one byte that differs between two neighbours, and its new
 * value. -EINVAL when they are not neighbours, when npy_header_write() did not write the header
 * with rows_now, or when rows_next is wider than the field. */
int npy_grow_patch(const char header[NPY_HEADER_BYTES], uint64_t rows_now, uint64_t rows_next,
                   size_t *ret_offset, char *ret_byte);

#endif
