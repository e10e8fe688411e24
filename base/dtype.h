/* dtype.h - the ten kinds of number that a sample may be made of, named as NumPy names them. */
#ifndef INGEST_DTYPE_H
#define INGEST_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_NONE = 0, /* not a dtype: what a failed look-up gives */
    DTYPE_F4,
    DTYPE_F8,
    DTYPE_I1,
    DTYPE_I2,
    DTYPE_I4,
    DTYPE_I8,
    DTYPE_U1,
    DTYPE_U2,
    DTYPE_U4,
    DTYPE_U8,
    DTYPE_END
};

/* The dtype that two ASCII characters name ("f4"), or DTYPE_NONE. */
enum dtype dtype_from_chars(char kind, char digit);

/* The dtype that a string names: "f4", or with its byte order, "<f4" ("|u1" for one byte).
 * DTYPE_NONE if none. */
enum dtype dtype_from_name(const char *name);

/* "f4"; a static string. "??" for what is not a dtype. */
const char *dtype_name(enum dtype dtype);

/* NumPy's descr, with byte order: "<f4", "|u1". */
const char *dtype_descr(enum dtype dtype);

/* Bytes of one element: 1, 2, 4 or 8; 0 for what is not a dtype. */
size_t dtype_size(enum dtype dtype);

bool dtype_is_float(enum dtype dtype);
bool dtype_is_signed(enum dtype dtype);

#endif
