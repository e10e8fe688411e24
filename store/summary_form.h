/* summary_form.h - which summaries a series has, and where they stand: docs/format.md, "Summaries".
 *
 * Level k has one record a block of 1024 x 16^k rows. Nothing keeps state; any thread. */
#ifndef INGEST_SUMMARY_FORM_H
#define INGEST_SUMMARY_FORM_H

#include "npy_header.h"
#include "series_type.h"

#include <stddef.h>
#include <stdint.h>

/* Rows of a block; level < SUMMARY_LEVELS_MAX. */
static inline uint64_t summary_block_rows(unsigned level)
{
    return SUMMARY_BLOCK_ROWS << SUMMARY_FAN_OUT_BITS * level;
}

/* Levels that a series of this capacity (0 = grow) may have; 0 where samples are too large. */
unsigned summary_levels(const struct series_type *type, uint64_t capacity);

/* Records in the file of a ring: those of one lap, and one more, so that the record of a block is
 * overwritten only when all of its rows are. */
uint64_t summary_slots(uint64_t capacity, unsigned level);

uint64_t summary_record_bytes(const struct series_type *type);
const char *summary_file(unsigned level); /* "summary-0.npy"; a static string */
struct npy_shape summary_shape(const struct series_type *type, uint64_t records);

/* The arithmetic of block summaries (docs/format.md, "Summaries"), which the store does not know:
 * `records` are of SUMMARY_WORDS doubles, one for each element. */

/* `count` rows of `elements` elements each, C order, at any alignment -> one record an element. */
typedef void store_summary_make(const char dtype[2], const void *rows, size_t count,
                                size_t elements, double *ret_records);
/* `count` x `elements` records -> `elements` records. */
typedef void store_summary_merge(const double *records, size_t count, size_t elements,
                                 double *ret_records);

#endif
