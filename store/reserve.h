/* reserve.h - how far the rows of a ring that are not durable may run ahead of those that are.
 *
 * They overwrite the oldest rows, and after a power cut nobody knows how many of them had reached
 * the disk: so many of the oldest rows are given up then. */
#ifndef INGEST_RESERVE_H
#define INGEST_RESERVE_H

#include <stdint.h>

enum reserve_level { RESERVE_EIGHTH, RESERVE_QUARTER, RESERVE_HALF, RESERVE_ALL };

/* Rows of a ring of that capacity; at least one. */
static inline uint64_t reserve_rows(uint64_t capacity, enum reserve_level level)
{
    uint64_t rows = capacity >> (RESERVE_ALL - level);
    return rows > 0 ? rows : 1;
}

#endif
