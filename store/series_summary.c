/* The block summaries of a series (docs/format.md, "Summaries"). A block is summarised from its
 * mapped rows as soon as it is complete, while they are in the processor's caches; sixteen records
 * of a level make one of the next. Whatever keeps a record from being made is no reason to refuse
 * samples: `summarised` lags then, and the store tries again (store_summaries.c). */
#include "store_internal.h"

#include "clock_ns.h"
#include "file_system.h"
#include "summary_form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct column_place place_of(const struct series *series, unsigned level,
                                    char path[SERIES_PATH_BYTES])
{
    series_path(series->name, summary_file(level), path);
    return (struct column_place){series->store->series_fd, path};
}

static bool is_ring(const struct series *series)
{
    return series->capacity > 0;
}

/* The first row that a block may begin with. */
static uint64_t oldest_row(const struct series *series)
{
    return is_ring(series) && series->frontier > series->capacity
               ? series->frontier - series->capacity
               : 0;
}

/* The first row of the first block of a level that begins with a row that is there. */
static uint64_t first_row(const struct series *series, unsigned level)
{
    uint64_t rows = summary_block_rows(level);
    return (oldest_row(series) + rows - 1) / rows * rows;
}

/* The first row of the block to be made next: what was overwritten before it was summarised is
 * passed over. */
static uint64_t next_row(const struct series *series)
{
    uint64_t first = first_row(series, 0);
    return first > series->summarised ? first : series->summarised;
}

/* Whether readers may look for a record of the level. Of a series that was passed over to here its
 * file need not have been made. */
static bool has_records(const struct series *series, unsigned level)
{
    return first_row(series, level) + summary_block_rows(level) <= series->summarised;
}

static uint64_t records_of(const struct series *series, unsigned level)
{
    return series->summarised / summary_block_rows(level);
}

static uint64_t rows_of_new(const struct series *series, unsigned level, uint64_t record_bytes)
{
    return is_ring(series) ? summary_slots(series->capacity, level)
                           : npy_grow_rows(SERIES_GROW_BYTES_MIN / record_bytes);
}

uint64_t series_summary_bytes(const struct series *series)
{
    uint64_t record_bytes = summary_record_bytes(&series->type);
    uint64_t bytes = 0;
    unsigned levels = summary_levels(&series->type, series->capacity);
    for (unsigned k = 0; k < levels; k++) {
        uint64_t records = records_of(series, k);
        uint64_t rows = rows_of_new(series, k, record_bytes);
        if (series->summary != NULL && series->summary->levels[k].rows != NULL)
            rows = series->summary->levels[k].row_count;
        else if (!has_records(series, k))
            rows = 0;
        else if (!is_ring(series) && records > rows)
            rows = npy_grow_rows(records);
        bytes += rows > 0 ? column_file_bytes(rows, record_bytes) : 0;
    }
    return bytes;
}

/* Takes what the files have now into the budget. */
static void account(struct series *series)
{
    uint64_t bytes = series_summary_bytes(series);
    series->store->reserved_bytes += bytes - series->summary_bytes;
    series->summary_bytes = bytes;
}

void series_summary_unmap(struct series *series)
{
    struct series_summary *summary = series->summary;
    if (summary == NULL)
        return;
    for (unsigned k = 0; k < summary->level_count; k++) {
        if (summary->levels[k].rows == NULL)
            continue;
        column_unmap(&summary->levels[k]);
        series->store->summary_maps--;
    }
    free(summary);
    series->summary = NULL;
}

static void publish(struct series *series, uint64_t summarised)
{
    series->summarised = summarised;
    /* The head is synced again, and the records with it. */
    store_mark_dirty(series->store, series);
    /* Release: whoever sees the word sees the records. */
    series_word_publish(series, HEAD_SUMMARISED, (int64_t)summarised);
}

void series_summary_remove(int series_fd, const char *name)
{
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    /* The first is made first and goes last: where there is none, there are no others. */
    if (fs_stat_at(series_fd, series_path(name, summary_file(0), path), &status) == -ENOENT)
        return;
    for (unsigned k = SUMMARY_LEVELS_MAX; k-- > 0;)
        (void)fs_remove_at(series_fd, series_path(name, summary_file(k), path));
}

/* The files are not what they should be: they make way for new ones. */
static void discard(struct series *series)
{
    publish(series, 0);
    series_summary_unmap(series);
    series_summary_remove(series->store->series_fd, series->name);
    account(series);
}

/* ---- files ---- */

static int open_level(struct series *series, unsigned level)
{
    struct store *store = series->store;
    struct series_summary *summary = series->summary;
    struct column *column = &summary->levels[level];
    char path[SERIES_PATH_BYTES];
    struct column_place place = place_of(series, level, path);
    uint64_t rows = rows_of_new(series, level, summary->record_bytes);
    uint64_t records = records_of(series, level);
    struct npy_shape shape = summary_shape(&series->type, rows);
    store_map_make_room(store, 1, series);
    int result = column_map(place, &shape, summary->record_bytes, records, column);
    if (result == -ENOENT && !has_records(series, level)) {
        result = store_budget_check_growth(store, column_file_bytes(rows, summary->record_bytes));
        if (result == 0)
            result = column_create(place, &shape, !is_ring(series), false);
        if (result == 0)
            result = column_map(place, &shape, summary->record_bytes, 0, column);
    }
    if (result < 0)
        return result;
    /* Blocks are passed over: a lap later not every slot was made ready. */
    column->cleaned_at = 0;
    store->summary_maps++;
    account(series);
    bool fits = is_ring(series) ? column->row_count == rows
                                : npy_grow_rows(column->row_count) == column->row_count &&
                                      column->row_count >= records;
    return fits ? 0 : -EBADMSG;
}

static int grow_level(struct series *series, unsigned level, uint64_t records)
{
    char path[SERIES_PATH_BYTES];
    struct column *column = &series->summary->levels[level];
    uint64_t rows = npy_grow_rows(records);
    if (rows == 0)
        return -ENOSPC;
    int result =
        store_budget_check_growth(series->store, (rows - column->row_count) * column->row_bytes);
    if (result == 0)
        result = column_grow_file(column, place_of(series, level, path), rows);
    /* A sync that failed has lost some of the records, and the next one says that all is well. */
    if (result == -EIO)
        return -EBADMSG;
    if (result == 0)
        result = column_grow_shape(column, rows);
    account(series);
    return result;
}

/* Makes room for the record of a block. -EAGAIN: its file would have to be opened. */
static int want_record(struct series *series, unsigned level, uint64_t block, bool may_open)
{
    char path[SERIES_PATH_BYTES];
    struct column *column = &series->summary->levels[level];
    int result = 0;
    if (column->rows == NULL)
        result = may_open ? open_level(series, level) : -EAGAIN;
    if (result == 0 && !is_ring(series) && block >= column->row_count)
        result = grow_level(series, level, block + 1);
    if (result == 0 && !is_ring(series)) {
        uint64_t bytes = column_unallocated_bytes(column, block, 1);
        if (bytes > 0)
            result = store_budget_check_free(series->store, bytes);
    }
    return result < 0 ? result : column_make_ready(column, place_of(series, level, path), block, 1);
}

/* ---- records ---- */

static double *record_at(const struct column *column, uint64_t block)
{
    return (double *)(void *)(column->rows + block % column->row_count * column->row_bytes);
}

/* What both halves of something across a seam come to stands in the scratch. */
static void make_record(const struct series *series, uint64_t from, double *ret_records)
{
    const struct store *store = series->store;
    const char *dtype = dtype_name(series->type.dtype);
    size_t elements = (size_t)series_type_elements(&series->type);
    uint64_t slot = is_ring(series) ? from % series->ring_rows : from;
    const char *rows = series->values + slot * series->sample_bytes;
    uint64_t before_seam = series->ring_rows - slot;
    if (before_seam >= SUMMARY_BLOCK_ROWS) {
        store->summary_make(dtype, rows, SUMMARY_BLOCK_ROWS, elements, ret_records);
        return;
    }
    double *second = store->summary_scratch + elements * SUMMARY_WORDS;
    store->summary_make(dtype, rows, (size_t)before_seam, elements, store->summary_scratch);
    store->summary_make(dtype, series->values, (size_t)(SUMMARY_BLOCK_ROWS - before_seam), elements,
                        second);
    store->summary_merge(store->summary_scratch, 2, elements, ret_records);
}

static void merge_record(const struct series *series, const struct column *below, uint64_t block,
                         double *ret_records)
{
    const struct store *store = series->store;
    size_t elements = (size_t)series_type_elements(&series->type);
    const double *first = record_at(below, block * SUMMARY_FAN_OUT);
    uint64_t before_seam = below->row_count - block * SUMMARY_FAN_OUT % below->row_count;
    if (before_seam >= SUMMARY_FAN_OUT) {
        store->summary_merge(first, SUMMARY_FAN_OUT, elements, ret_records);
        return;
    }
    double *second = store->summary_scratch + elements * SUMMARY_WORDS;
    store->summary_merge(first, (size_t)before_seam, elements, store->summary_scratch);
    store->summary_merge(record_at(below, 0), (size_t)(SUMMARY_FAN_OUT - before_seam), elements,
                         second);
    store->summary_merge(store->summary_scratch, 2, elements, ret_records);
}

/* Levels of which a block ends here and begins with a row that is there: a longer one cannot be
 * made, and nobody may ask for it. */
static unsigned levels_ending(const struct series *series, uint64_t end)
{
    uint64_t oldest = oldest_row(series);
    unsigned levels = 1;
    while (levels < series->summary->level_count) {
        uint64_t rows = summary_block_rows(levels);
        if (end % rows != 0 || end - rows < oldest)
            break;
        levels++;
    }
    return levels;
}

static int summarise_block(struct series *series, uint64_t from, bool may_open)
{
    struct series_summary *summary = series->summary;
    uint64_t end = from + SUMMARY_BLOCK_ROWS;
    unsigned levels = levels_ending(series, end);
    for (unsigned k = 0; k < levels; k++) {
        int result = want_record(series, k, end / summary_block_rows(k) - 1, may_open);
        if (result < 0)
            return result;
    }
    make_record(series, from, record_at(&summary->levels[0], from / SUMMARY_BLOCK_ROWS));
    for (unsigned k = 1; k < levels; k++) {
        uint64_t block = end / summary_block_rows(k) - 1;
        merge_record(series, &summary->levels[k - 1], block, record_at(&summary->levels[k], block));
    }
    if (series->is_lost)
        return -EFAULT;
    if (summary->is_lost)
        return -EBADMSG;
    publish(series, end);
    return 0;
}

/* ---- */

void series_summary_watch(struct series *series)
{
    series->summary_next = UINT64_MAX;
    if (series->store->summary_make == NULL || series->broken != NULL || series->is_lagging ||
        summary_levels(&series->type, series->capacity) == 0)
        return;
    uint64_t next = next_row(series) + SUMMARY_BLOCK_ROWS;
    if (next <= series->count)
        store_mark_lagging(series->store, series);
    else
        series->summary_next = next;
}

static void settle(struct series *series, int result)
{
    if ((result == -EBADMSG || result == -ENOENT) && series->words != NULL)
        discard(series);
}

void series_summarise_appended(struct series *series)
{
    uint64_t next = next_row(series);
    int result = series->summary == NULL ? -EAGAIN : 0;
    while (result == 0 && next + SUMMARY_BLOCK_ROWS <= series->count) {
        result = summarise_block(series, next, false);
        next = next_row(series);
    }
    settle(series, result);
    /* What failed is still to be made. */
    series_summary_watch(series);
}

static int make_summary(struct series *series)
{
    unsigned levels = summary_levels(&series->type, series->capacity);
    series->summary = calloc(1, sizeof *series->summary + levels * sizeof(struct column));
    if (series->summary == NULL)
        return -ENOMEM;
    series->summary->level_count = levels;
    series->summary->record_bytes = summary_record_bytes(&series->type);
    return 0;
}

int series_summarise(struct series *series, int64_t until_ns)
{
    int result = series->words == NULL ? series_map(series) : 0;
    if (result == 0 && series->summary == NULL)
        result = make_summary(series);
    while (result == 0) {
        uint64_t next = next_row(series);
        if (next + SUMMARY_BLOCK_ROWS > series->count)
            return 0;
        result = summarise_block(series, next, true);
        if (result == 0 && clock_monotonic_ns() >= until_ns)
            return 1;
    }
    if (series_check_lost(series))
        return -EBADF;
    settle(series, result);
    return result;
}
