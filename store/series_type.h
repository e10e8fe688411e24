/* series_type.h - what the first block of a series fixes for ever. */
#ifndef INGEST_SERIES_TYPE_H
#define INGEST_SERIES_TYPE_H

#include "dtype.h"
#include "store_format.h"

#include <stdbool.h>
#include <stdint.h>

struct series_type {
    enum dtype dtype;
    enum series_clock clock;
    uint8_t rank;                  /* 0 = a scalar */
    uint32_t dims[STORE_RANK_MAX]; /* the first `rank` of them, each at least 1; the others 0 */
};

/* Bytes of one sample, or 0 when that overflows, a dim is 0 or the rank is above 4. */
uint64_t series_type_sample_bytes(const struct series_type *type);

/* Elements of one sample (1 for a scalar), or 0 as above. */
uint64_t series_type_elements(const struct series_type *type);

bool series_type_equal(const struct series_type *a, const struct series_type *b);

/* "f4 (3,) regular"; returns `buffer`. */
const char *series_type_text(const struct series_type *type, char *buffer, size_t buffer_bytes);

#endif
