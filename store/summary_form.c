#include "summary_form.h"

unsigned summary_levels(const struct series_type *type, uint64_t capacity)
{
    unsigned levels = 0;
    if (series_type_elements(type) > SUMMARY_ELEMENTS_MAX)
        return 0;
    while (levels < SUMMARY_LEVELS_MAX &&
           (capacity == 0 || capacity / 2 >= summary_block_rows(levels)))
        levels++;
    return levels;
}

uint64_t summary_slots(uint64_t capacity, unsigned level)
{
    uint64_t rows = summary_block_rows(level);
    return capacity / rows + (capacity % rows != 0) + 1;
}

uint64_t summary_record_bytes(const struct series_type *type)
{
    return series_type_elements(type) * SUMMARY_WORDS * sizeof(double);
}

const char *summary_file(unsigned level)
{
    static const char files[SUMMARY_LEVELS_MAX][16] = {
        "summary-0.npy",  "summary-1.npy",  "summary-2.npy", "summary-3.npy", "summary-4.npy",
        "summary-5.npy",  "summary-6.npy",  "summary-7.npy", "summary-8.npy", "summary-9.npy",
        "summary-10.npy", "summary-11.npy", "summary-12.npy"};
    return files[level];
}

struct npy_shape summary_shape(const struct series_type *type, uint64_t records)
{
    struct npy_shape shape = {.dtype = DTYPE_F8, .rank = (uint8_t)(type->rank + 2)};
    shape.dims[0] = records;
    for (unsigned d = 0; d < type->rank; d++)
        shape.dims[d + 1] = type->dims[d];
    shape.dims[type->rank + 1] = SUMMARY_WORDS;
    return shape;
}
