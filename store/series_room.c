/* Room for what is about to be appended: rows made ready ahead of use, and
 * growing files that grow. */
#include "store_internal.h"

#include "file_system.h"

#include <errno.h>

static struct column_place values_place(const struct series *series, char path[SERIES_PATH_BYTES])
{
    series_path(series->name, SERIES_VALUES_FILE, path);
    return (struct column_place){series->store->series_fd, path};
}

static struct column_place stamps_place(const struct series *series, char path[SERIES_PATH_BYTES])
{
    series_path(series->name, series_stamps_file(series->type.clock), path);
    return (struct column_place){series->store->series_fd, path};
}

/* What a column refuses to be made ready for: a file that somebody cut is not
 * written to again. */
static int judge(struct series *series, int result)
{
    if (result != -EBADMSG && result != -ENOENT)
        return result;
    series_break(series, "another program %s one of its files",
                 result == -ENOENT ? "removed" : "cut or changed");
    return -EBADF;
}

/* The sync of a file that grows may be the one that hears of rows that did not reach the disk: who
 * syncs it later is told that all is well. */
static int grow_file(struct series *series, struct column *column, struct column_place place,
                     uint64_t rows)
{
    int result = column_grow_file(column, place, rows);
    if (result == -EIO)
        store_distrust(&series->store->journal);
    return result;
}

/* Takes over what the columns are after a growth. */
static void adopt_rows(struct series *series)
{
    series->ring_rows = series->values_column.row_count;
    series->values = series->values_column.rows;
    if (!series_is_regular(series))
        series->times = (int64_t *)(void *)series->stamps_column.rows;
    uint64_t bytes = 0;
    if (series_files_bytes(series->sample_bytes, series->ring_rows, series->type.clock,
                           series->stamps_column.row_count, &bytes)) {
        series->store->reserved_bytes += bytes - series->file_bytes;
        series->file_bytes = bytes;
    }
}

/* Both files first, then both shapes, then the head's word. */
static int grow_rows(struct series *series, uint64_t rows)
{
    char path[SERIES_PATH_BYTES];
    bool has_times = !series_is_regular(series);
    int result = grow_file(series, &series->values_column, values_place(series, path), rows);
    series->values = series->values_column.rows;
    if (result == 0 && has_times) {
        result = grow_file(series, &series->stamps_column, stamps_place(series, path), rows);
        series->times = (int64_t *)(void *)series->stamps_column.rows;
    }
    if (result == 0)
        result = column_grow_shape(&series->values_column, rows);
    if (result == 0 && has_times)
        result = column_grow_shape(&series->stamps_column, rows);
    if (result < 0)
        return judge(series, result);
    adopt_rows(series);
    series_word_publish(series, HEAD_ROWS, (int64_t)rows);
    return 0;
}

int series_finish_growth(struct series *series)
{
    uint64_t values_rows = series->values_column.row_count;
    uint64_t stamps_rows = series->stamps_column.row_count;
    if (series->capacity > 0 || series_is_regular(series) || values_rows == stamps_rows)
        return 0;
    return grow_rows(series, values_rows > stamps_rows ? values_rows : stamps_rows);
}

/* -ENOSPC when the family of shapes, the file or the budget ends. */
static int grow_for(struct series *series, uint64_t count)
{
    uint64_t rows = npy_grow_rows(count);
    uint64_t bytes;
    uint64_t stamps_rows = series_is_regular(series) ? series->stamps_column.row_count : rows;
    if (rows < count ||
        !series_files_bytes(series->sample_bytes, rows, series->type.clock, stamps_rows, &bytes))
        return -ENOSPC;
    int result = store_budget_check_growth(series->store, bytes - series->file_bytes);
    return result < 0 ? result : grow_rows(series, rows);
}

/* A file that is being written in large blocks stays open, as far as descriptors go: to find and
 * open it costs as much as to write 4 KiB. The larger part of them is for connections. */
#define KEPT_SHARE 4
#define KEPT_MAX   4096

static bool may_keep_open(const struct store *store)
{
    uint64_t most = fs_open_files_max() / KEPT_SHARE;
    return store->kept_files < (most < KEPT_MAX ? most : KEPT_MAX);
}

static void close_file(struct store *store, struct column *column)
{
    if (!column_is_open(column))
        return;
    column_close(column);
    store->kept_files--;
}

void series_close_files(struct series *series)
{
    close_file(series->store, &series->values_column);
    close_file(series->store, &series->stamps_column);
}

static int make_rows_room(struct series *series, struct column *column, struct column_place place,
                          uint64_t samples, struct series_rows *rows)
{
    struct store *store = series->store;
    if (rows->from == NULL || !column_takes_write(column, series->count, samples)) {
        close_file(store, column);
        return column_make_ready(column, place, series->count, samples);
    }
    series_raise_frontier(series, series->count + samples);
    bool was_open = column_is_open(column);
    int result = column_write(column, place, series->count, samples, rows->from,
                              !was_open && may_keep_open(store));
    rows->is_written = result == 0;
    store->kept_files += column_is_open(column) && !was_open;
    return result;
}

int series_make_room(struct series *series, uint64_t samples, struct series_rows *values_rows,
                     struct series_rows *times_rows)
{
    char path[SERIES_PATH_BYTES];
    struct column *values = &series->values_column;
    struct column *stamps = &series->stamps_column;
    bool has_times = !series_is_regular(series);
    bool grows = series->capacity == 0;
    int result = 0;
    if (grows && series->count + samples > series->ring_rows)
        result = grow_for(series, series->count + samples);
    /* A ring's blocks were promised when it was created; a growing file may not
     * use up what is kept free. */
    if (result == 0 && grows) {
        uint64_t bytes = column_unallocated_bytes(values, series->count, samples);
        if (has_times)
            bytes += column_unallocated_bytes(stamps, series->count, samples);
        if (bytes > 0)
            result = store_budget_check_free(series->store, bytes);
    }
    if (result == 0)
        result = make_rows_room(series, values, values_place(series, path), samples, values_rows);
    if (result == 0 && has_times)
        result = make_rows_room(series, stamps, stamps_place(series, path), samples, times_rows);
    if (result < 0)
        return judge(series, result);
    series->ready = values->ready;
    if (has_times && stamps->ready < series->ready)
        series->ready = stamps->ready;
    return 0;
}

int series_make_runs_room(struct series *series, uint64_t runs)
{
    char path[SERIES_PATH_BYTES];
    struct column *column = &series->stamps_column;
    int result = 0;
    if (series->capacity > 0) {
        /* A block of more runs than the ring holds overwrites its own; nothing is
         * lost that could be read. */
        if (runs > column->row_count)
            runs = column->row_count;
    } else if (series->runs_count + runs > column->row_count) {
        uint64_t rows = npy_grow_rows(series->runs_count + runs);
        if (rows == 0)
            return -ENOSPC;
        result = store_budget_check_growth(series->store,
                                           (rows - column->row_count) * column->row_bytes);
        if (result == 0)
            result = grow_file(series, column, stamps_place(series, path), rows);
        if (result == 0)
            result = column_grow_shape(column, rows);
        if (result == 0)
            adopt_rows(series);
    }
    if (result == 0)
        result = column_make_ready(column, stamps_place(series, path), series->runs_count, runs);
    return judge(series, result);
}

void series_pages_cleaned(struct series *series)
{
    if (series->words == NULL || series->capacity == 0)
        return;
    column_pages_cleaned(&series->values_column, series->count);
    if (!series_is_regular(series))
        column_pages_cleaned(&series->stamps_column, series->count);
    if (series->count >= series->ring_rows)
        series->ready = series->count;
}
