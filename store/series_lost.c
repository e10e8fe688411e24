/* A page of a mapped file that is not there any more: another program cut the file, or the disk
 * could not read it. The handler of SIGBUS puts a page of zeros in its place, so that the program
 * lives, and notes the series; what was written to that page is lost, so nothing of it is
 * acknowledged. */
#include "store_internal.h"

static bool is_in_column(const struct column *column, uintptr_t address)
{
    if (column->rows == NULL)
        return false;
    uintptr_t begin = (uintptr_t)column->rows - NPY_HEADER_BYTES;
    return address >= begin &&
           address - begin < column_file_bytes(column->row_count, column->row_bytes);
}

/* What stood in it can be made again. */
static bool is_in_summary(const struct series_summary *summary, uintptr_t address)
{
    for (unsigned k = 0; summary != NULL && k < summary->level_count; k++)
        if (is_in_column(&summary->levels[k], address))
            return true;
    return false;
}

bool store_owns_address(const void *address, void *context)
{
    const struct store *store = context;
    uintptr_t at = (uintptr_t)address;
    for (size_t i = 0; i < store->mapped_count; i++) {
        struct series *series = store->mapped[i];
        uintptr_t head = (uintptr_t)series->words - NPY_HEADER_BYTES;
        bool is_in_head = series->words != NULL && at >= head && at - head < HEAD_FILE_BYTES;
        if (is_in_summary(series->summary, at)) {
            series->summary->is_lost = true;
            return true;
        }
        if (!is_in_head && !is_in_column(&series->values_column, at) &&
            !is_in_column(&series->stamps_column, at))
            continue;
        series->is_lost = true;
        return true;
    }
    return false;
}

bool series_check_lost(struct series *series)
{
    if (!series->is_lost)
        return false;
    series_break(series, "a part of one of its files is gone: another program cut it, or the disk "
                         "cannot read it");
    return true;
}
