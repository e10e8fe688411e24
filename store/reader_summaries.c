/* Block summaries. A record never changes while its rows are there, and its slot is taken again
 * only when all of them were overwritten: so the look at the frontier that tells which rows held
 * tells which records did. What cannot be mapped is no fault of the series: its rows say the same.
 */
#include "reader_internal.h"

#include "summary_form.h"

#include <errno.h>
#include <stdlib.h>

unsigned reader_summary_levels(const struct reader *reader)
{
    return reader->summary_levels;
}

uint64_t reader_summarised(const struct reader *reader, uint64_t count)
{
    /* Acquire: the records are there that it speaks of. */
    int64_t word = atomic_load_explicit(&reader_column_words(&reader->head)[HEAD_SUMMARISED],
                                        memory_order_acquire);
    if (word < 0 || (uint64_t)word % SUMMARY_BLOCK_ROWS != 0 || reader_summary_levels(reader) == 0)
        return 0;
    /* It may be newer than the count. */
    uint64_t whole = count - count % SUMMARY_BLOCK_ROWS;
    return (uint64_t)word < whole ? (uint64_t)word : whole;
}

void reader_summaries_close(struct reader *reader)
{
    for (unsigned k = 0; reader->summaries != NULL && k < SUMMARY_LEVELS_MAX; k++)
        reader_column_close(&reader->summaries[k]);
    free(reader->summaries);
    reader->summaries = NULL;
}

void reader_summaries_renew(struct reader *reader)
{
    for (unsigned k = 0; reader->summaries != NULL && k < SUMMARY_LEVELS_MAX; k++)
        if (reader->summaries[k].mapping != NULL && reader_column_check(&reader->summaries[k]) < 0)
            reader_column_close(&reader->summaries[k]);
}

bool reader_summaries_are_lost(const struct reader *reader)
{
    for (unsigned k = 0; reader->summaries != NULL && k < SUMMARY_LEVELS_MAX; k++)
        if (reader->summaries[k].mapping != NULL && reader_column_is_lost(&reader->summaries[k]))
            return true;
    return false;
}

static int open_level(struct reader *reader, unsigned level)
{
    const struct npy_shape shape =
        summary_shape(&reader->info.type,
                      reader_is_ring(reader) ? summary_slots(reader->info.capacity, level) : 0);
    struct reader_column_form form = {.dtype = shape.dtype, .rank = shape.rank};
    for (unsigned d = 0; d < shape.rank; d++)
        form.dims[d] = shape.dims[d];
    return reader_column_open(&reader->summaries[level], reader->folder, summary_file(level), &form,
                              NULL);
}

/* Maps the level, with at least so many records of a growing series. */
static int want_level(struct reader *reader, unsigned level, uint64_t records)
{
    if (reader->summaries == NULL) {
        reader->summaries = calloc(SUMMARY_LEVELS_MAX, sizeof reader->summaries[0]);
        if (reader->summaries == NULL)
            return -ENOMEM;
    }
    struct reader_column *column = &reader->summaries[level];
    if (column->mapping == NULL) {
        int r = open_level(reader, level);
        if (r < 0)
            return r;
    }
    if (reader_is_ring(reader) || records <= column->rows)
        return 0;
    return reader_column_grow(column, records, &reader->lost);
}

int reader_summaries(struct reader *reader, unsigned level, uint64_t first, uint64_t count,
                     struct reader_summary_span ret_spans[2])
{
    const struct reader_snapshot *snapshot = &reader->snapshot;
    if (level >= reader_summary_levels(reader))
        return -ERANGE;
    uint64_t block_rows = summary_block_rows(level);
    uint64_t whole = snapshot->summarised / block_rows;
    if (first > whole || count > whole - first || first * block_rows < snapshot->first)
        return -ERANGE;
    int r = want_level(reader, level, first + count);
    /* A file that took the place of a damaged one, or will, has what the word says that it has now.
     */
    if (reader_summarised(reader, snapshot->count) < (first + count) * block_rows)
        return -ERANGE;
    if (r < 0)
        return r;
    const struct reader_column *column = &reader->summaries[level];
    uint64_t slot = reader_is_ring(reader) ? first % column->rows : first;
    uint64_t before_seam = column->rows - slot < count ? column->rows - slot : count;
    const char *records = reader_column_rows(column);
    ret_spans[0] = (struct reader_summary_span){
        (const double *)(const void *)(records + slot * column->row_bytes), first, before_seam};
    ret_spans[1] = (struct reader_summary_span){(const double *)(const void *)records,
                                                first + before_seam, count - before_seam};
    return 0;
}
