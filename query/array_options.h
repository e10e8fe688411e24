/* array_options.h - what the command line says of an array file: --file and the options that go
 * with it. */
#ifndef INGEST_ARRAY_OPTIONS_H
#define INGEST_ARRAY_OPTIONS_H

#include "array_view.h"

struct array_options {
    const char *file; /* NULL: the command is about series */
    /* Of a raw file, what is in it; of a .npy file, what its header must say, where given. */
    struct npy_shape shape; /* header_bytes is --offset; dims[0] may be MAPPED_ARRAY_REST */
    bool has_dtype, has_shape, has_order;
    bool has_offset; /* then the file is raw, whatever it begins with */
    bool partial;    /* a raw file may go on behind the array */
    struct array_slice slices[ARRAY_SLICES_MAX];
    size_t slices_count;
    /* Times of the rows, where there are any: regular ones, or those in a file. */
    bool has_times;
    int64_t t0_ns;
    int64_t period_ns;  /* 0: they are in the file */
    const char *stamps; /* NULL: they are regular */
};

#endif
