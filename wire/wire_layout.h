/* wire_layout.h - where the sections of a block lie: shared by the decoder and the encoder. */
#ifndef INGEST_WIRE_LAYOUT_H
#define INGEST_WIRE_LAYOUT_H

#include "checked.h"
#include "wire_format.h"

#include <stdbool.h>

/* Rounded up to the alignment of a section. No section is long enough for this to overflow in 64
 * bits but values, whose length the caller has bounded. */
static inline uint64_t wire_padded(uint64_t bytes)
{
    return (bytes + 7) & ~UINT64_C(7);
}

static inline uint64_t wire_name_offset(unsigned rank)
{
    return sizeof(struct wire_block_header) + wire_padded(rank * sizeof(uint32_t));
}

/* count x product of dims x element_bytes; false when a dim is 0 or the product is no length of a
 * frame. */
static inline bool wire_values_bytes(uint32_t count, const uint32_t *dims, unsigned rank,
                                     size_t element_bytes, uint64_t *ret_bytes)
{
    /* Both factors are below 2^36 here, and each step is refused before it could pass 2^64. */
    uint64_t bytes = (uint64_t)count * element_bytes;
    for (unsigned i = 0; i < rank; i++)
        if (dims[i] == 0 || !checked_multiply_u64(bytes, dims[i], &bytes))
            return false;
    if (bytes > UINT32_MAX)
        return false;
    *ret_bytes = bytes;
    return true;
}

#endif
