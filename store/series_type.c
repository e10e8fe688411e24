#include "series_type.h"

#include "checked.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t series_type_elements(const struct series_type *type)
{
    if (type->rank > STORE_RANK_MAX)
        return 0;
    uint64_t elements = 1;
    for (unsigned d = 0; d < type->rank; d++)
        if (!checked_multiply_u64(elements, type->dims[d], &elements))
            return 0;
    return elements;
}

uint64_t series_type_sample_bytes(const struct series_type *type)
{
    uint64_t bytes;
    if (!checked_multiply_u64(series_type_elements(type), dtype_size(type->dtype), &bytes))
        return 0;
    return bytes;
}

bool series_type_equal(const struct series_type *a, const struct series_type *b)
{
    if (a->dtype != b->dtype || a->clock != b->clock || a->rank != b->rank)
        return false;
    for (unsigned d = 0; d < a->rank && d < STORE_RANK_MAX; d++)
        if (a->dims[d] != b->dims[d])
            return false;
    return true;
}

const char *series_type_text(const struct series_type *type, char *buffer, size_t buffer_bytes)
{
    char shape[STORE_RANK_MAX * 12 + 3] = "(";
    size_t used = 1;
    for (unsigned d = 0; d < type->rank && d < STORE_RANK_MAX; d++) {
        const char *before = d == 0 ? "" : ", ";
        int length =
            snprintf(shape + used, sizeof shape - used, "%s%" PRIu32, before, type->dims[d]);
        if (length > 0)
            used += (size_t)length;
    }
    snprintf(shape + used, sizeof shape - used, "%s", type->rank == 1 ? ",)" : ")");
    snprintf(buffer, buffer_bytes, "%s %s %s", dtype_name(type->dtype), shape,
             type->clock == SERIES_REGULAR ? "regular" : "explicit");
    return buffer;
}
