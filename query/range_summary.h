/* range_summary.h - a record of any rows of a series from its block summaries: only the rows before
 * the first whole block and after the last are read, and at most 30 records a level, so the cost
 * grows with the logarithm of the range. Needs store/ and stats/ only. One thread. */
#ifndef INGEST_RANGE_SUMMARY_H
#define INGEST_RANGE_SUMMARY_H

#include "reader.h"

struct range_summary;

/* Fewer rows are better read one by one: that is as fast, and right to the last digit. */
#define RANGE_SUMMARY_ROWS_MIN 4096

/* For these elements of a sample (flat indices; NULL: all of them), which must outlive it, as must
 * the reader. -ENOTSUP: the series can have no summaries; -ENOMEM. */
int range_summary_create(struct reader *reader, const uint64_t *elements, size_t elements_count,
                         struct range_summary **ret_summary);
void range_summary_free(struct range_summary *summary); /* NULL is allowed */

/* Records (stats_block.h) of rows [from, to) of the reader's snapshot, elements_count of them; good
 * until the next call. 0; -ERANGE: rows below *ret_first_valid, which is above `from`, were
 * overwritten meanwhile, and nothing can be said of the range; -EAGAIN: these rows are to be read
 * (there are few, or no summaries of them yet, or these cannot be had). Ask reader_fault() before
 * results are shown. */
int range_summary_read(struct range_summary *summary, const struct reader_snapshot *snapshot,
                       uint64_t from, uint64_t to, const double **ret_records,
                       uint64_t *ret_first_valid);

#endif
