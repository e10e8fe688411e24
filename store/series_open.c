#include "store_internal.h"

#include "file_system.h"
#include "series_head.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many series to unmap when the system has no room for one more. */
#define MAP_RETRY_ROOM 64

struct series *series_new(struct store *store, const char *name, size_t name_bytes)
{
    size_t bytes = sizeof(struct series) + name_bytes + 1;
    bytes = (bytes + alignof(struct series) - 1) / alignof(struct series) * alignof(struct series);
    struct series *series = aligned_alloc(alignof(struct series), bytes);
    if (series == NULL)
        return NULL;
    memset(series, 0, bytes);
    series->store = store;
    series->last_time_ns = TIME_NONE_NS;
    series->name_bytes = name_bytes;
    memcpy(series->name, name, name_bytes);
    return series;
}

void series_free(struct series *series)
{
    if (series == NULL)
        return;
    series_unmap(series);
    free(series->broken);
    free(series);
}

void series_break(struct series *series, const char *format, ...)
{
    if (series->broken != NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&series->broken, format, arguments) < 0)
        series->broken = strdup("it is damaged, and there was no memory to say how");
    va_end(arguments);
    /* Without memory even for that, an empty head refuses it just as well. */
    series->store->broken_count++;
}

static const char *reason_text(int result)
{
    return result == -EBADMSG ? "its header is not what head.npy says, or it is shorter than that"
                              : strerror(-result);
}

/* Everything of the head that does not change with appends, and the shadows of
 * what does. */
static void take_head(struct series *series, const struct series_head *head)
{
    series->type = head->type;
    series->id = head->id;
    series->capacity = head->capacity;
    series->sample_bytes = head->sample_bytes;
    series->created_ns = head->created_ns;
    series->count = head->count;
    series->frontier = head->frontier;
    series->last_time_ns = head->count > 0 ? head->last_time_ns : TIME_NONE_NS;
    series->runs_count = head->runs_count;
    series->durable = head->durable < head->count ? head->durable : head->count;
    series->durable_runs = head->runs_count;
    series->block_rows_max = head->capacity > 0 ? head->capacity : UINT64_MAX;
    series->summarised = head->summarised;
}

/* Head and file of head.npy, from a copy that read(2) made: nobody writes,
 * since we hold LOCK. */
static int read_head(struct series *series, struct series_head *head, int64_t words[HEAD_WORDS])
{
    char path[SERIES_PATH_BYTES];
    char bytes[HEAD_FILE_BYTES];
    size_t read_bytes = 0;
    struct fs_status status = {0};
    int fd = fs_open_read_at(series->store->series_fd,
                             series_path(series->name, SERIES_HEAD_FILE, path));
    int result = fd < 0 ? fd : fs_read_at(fd, bytes, sizeof bytes, 0, &read_bytes);
    if (result == 0)
        result = fs_stat(fd, &status);
    fs_close(fd);
    if (result < 0) {
        series_break(series, "head.npy: %s",
                     result == -EBADMSG ? "it is no regular file" : strerror(-result));
        series->is_unread = series_may_pass(result);
        return result;
    }
    struct npy_shape shape;
    struct npy_shape wanted = series_head_shape();
    if (read_bytes < sizeof bytes || npy_header_parse(bytes, read_bytes, &shape) < 0 ||
        shape.dtype != wanted.dtype || shape.rank != 1 || shape.dims[0] != HEAD_WORDS ||
        shape.header_bytes != NPY_HEADER_BYTES) {
        series_break(series, "head.npy is no array of %d int64", HEAD_WORDS);
        return -EBADMSG;
    }
    memcpy(words, bytes + NPY_HEADER_BYTES, HEAD_WORDS * sizeof words[0]);
    const char *fault = series_head_decode(words, head);
    if (fault != NULL) {
        series_break(series, "%s", fault);
        return -EBADMSG;
    }
    series->head_inode = status.inode;
    return 0;
}

static int check_column(struct series *series, const char *file, const struct npy_shape *shape,
                        uint64_t *ret_rows)
{
    char path[SERIES_PATH_BYTES];
    int fd = fs_open_write_at(series->store->series_fd, series_path(series->name, file, path));
    int result = fd < 0 ? fd : column_check(fd, shape, false, ret_rows);
    fs_close(fd);
    if (result < 0) {
        series_break(series, "%s: %s", file, reason_text(result));
        series->is_unread = series_may_pass(result);
    }
    return result;
}

/* Whether the rows of the columns fit each other and the head. */
static int check_rows(struct series *series, uint64_t values_rows, uint64_t stamps_rows)
{
    enum series_clock clock = series->type.clock;
    bool fits = series->capacity > 0 ? values_rows == series->capacity
                                     : npy_grow_rows(values_rows) == values_rows;
    if (fits && series->capacity > 0)
        fits = stamps_rows == series_stamps_rows(clock, values_rows, false);
    if (fits && series->capacity == 0) {
        uint64_t stamps_used = clock == SERIES_REGULAR ? series->runs_count : series->count;
        fits = npy_grow_rows(stamps_rows) == stamps_rows && stamps_rows >= stamps_used &&
               values_rows >= series->count;
    }
    if (!fits) {
        series_break(series, "its arrays have lengths that do not fit its head");
        return -EBADMSG;
    }
    return 0;
}

int series_inspect(struct series *series, int64_t ret_words[HEAD_WORDS])
{
    struct series_head head;
    if (read_head(series, &head, ret_words) < 0)
        return 0;
    take_head(series, &head);
    struct npy_shape values = series_values_shape(&head.type, head.rows);
    struct npy_shape stamps = series_stamps_shape(head.type.clock, 1);
    uint64_t values_rows = 0;
    uint64_t stamps_rows = 0;
    if (check_column(series, SERIES_VALUES_FILE, &values, &values_rows) < 0 ||
        check_column(series, series_stamps_file(head.type.clock), &stamps, &stamps_rows) < 0 ||
        check_rows(series, values_rows, stamps_rows) < 0)
        return 0;
    if (!series_files_bytes(series->sample_bytes, values_rows, head.type.clock, stamps_rows,
                            &series->file_bytes))
        series_break(series, "its arrays are larger than a file can be");
    series->summary_bytes = series_summary_bytes(series);
    return 0;
}

static int map_head(struct series *series)
{
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    void *address = NULL;
    int fd = fs_open_write_at(series->store->series_fd,
                              series_path(series->name, SERIES_HEAD_FILE, path));
    int result = fd < 0 ? fd : fs_stat(fd, &status);
    if (result == 0 && status.size_bytes < HEAD_FILE_BYTES)
        result = -EBADMSG;
    if (result == 0)
        result = fs_map(fd, HEAD_FILE_BYTES, FS_WRITE, &address);
    fs_close(fd);
    if (result < 0)
        return result;
    char *words = (char *)address + NPY_HEADER_BYTES;
    result = fs_populate_write(words, HEAD_WORDS * sizeof(int64_t));
    if (result < 0 && result != -EINVAL) {
        fs_unmap(address, HEAD_FILE_BYTES);
        return result == -EFAULT ? -ENOSPC : result;
    }
    series->words = (_Atomic int64_t *)(void *)words;
    return 0;
}

static int map_files(struct series *series)
{
    char path[SERIES_PATH_BYTES];
    enum series_clock clock = series->type.clock;
    struct npy_shape values = series_values_shape(&series->type, 1);
    struct npy_shape stamps = series_stamps_shape(clock, 1);
    struct column_place place = {series->store->series_fd, path};
    int result = map_head(series);
    if (result < 0)
        return result;
    series_path(series->name, SERIES_VALUES_FILE, path);
    result =
        column_map(place, &values, series->sample_bytes, series->count, &series->values_column);
    if (result < 0)
        return result;
    series_path(series->name, series_stamps_file(clock), path);
    return column_map(place, &stamps, series_stamp_row_bytes(clock),
                      clock == SERIES_REGULAR ? series->runs_count : series->count,
                      &series->stamps_column);
}

static void unmap_files(struct series *series)
{
    if (series->words != NULL)
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the words are atomic, the mapping is not
        fs_unmap((char *)(uintptr_t)series->words - NPY_HEADER_BYTES, HEAD_FILE_BYTES);
    series_close_files(series);
    series_summary_unmap(series);
    column_unmap(&series->values_column);
    column_unmap(&series->stamps_column);
    series->words = NULL;
    series->values = NULL;
    series->times = NULL;
}

/* Checks the words again, now that they are mapped: the files may have been
 * exchanged since the store was opened. */
static int take_mapped_head(struct series *series)
{
    int64_t words[HEAD_WORDS];
    struct series_head head;
    for (unsigned w = 0; w < HEAD_WORDS; w++)
        words[w] = series_word_load(series, w);
    const char *fault = series_head_decode(words, &head);
    if (fault == NULL && (head.id != series->id || head.capacity != series->capacity ||
                          !series_type_equal(&head.type, &series->type)))
        fault = "its files were exchanged while the store was open";
    if (fault != NULL) {
        series_break(series, "%s", fault);
        return -EBADF;
    }
    uint64_t durable = series->durable, durable_runs = series->durable_runs;
    take_head(series, &head);
    series->durable_runs = durable_runs;
    /* After a clean end and a power cut the head on disk may have an older number. */
    if (series->durable < durable && durable <= series->count) {
        series->durable = durable;
        series->is_head_behind = true;
    }
    return check_rows(series, series->values_column.row_count, series->stamps_column.row_count) < 0
               ? -EBADF
               : 0;
}

int series_map(struct series *series)
{
    if (series->broken != NULL)
        return -EBADF;
    struct store *store = series->store;
    store_map_make_room(store, MAPS_A_SERIES, NULL);
    int result = map_files(series);
    if (result == -ENOMEM) {
        unmap_files(series);
        store_map_make_room(store, MAP_RETRY_ROOM * MAPS_A_SERIES, NULL);
        result = map_files(series);
    }
    if (result == -EBADMSG || result == -ENOENT) {
        series_break(series, "its files changed while the store was open: %s",
                     result == -EBADMSG ? "an array has another shape" : "one is missing");
        result = -EBADF;
    }
    if (result == 0)
        result = take_mapped_head(series);
    if (result == 0)
        result = series_finish_growth(series);
    if (result == 0) {
        series_repair(series);
        result = series->broken != NULL ? -EBADF : store_map_add(store, series);
    }
    if (result < 0) {
        unmap_files(series);
        return result;
    }
    series_word_store(series, HEAD_EPOCH, store->epoch);
    series_summary_watch(series);
    return 0;
}

void series_unmap(struct series *series)
{
    if (series->words == NULL)
        return;
    store_map_remove(series->store, series);
    unmap_files(series);
}

void series_publish_durable(struct series *series, uint64_t durable)
{
    series->durable = durable;
    series->is_head_synced = false;
    bool is_mapped = series->words != NULL;
    /* A series that was unmapped since: through a mapping all the same, as
     * readers may look at the word. A head that cannot be mapped keeps the older,
     * smaller number, which is not false, until the series is flushed again. */
    series->is_head_behind = !is_mapped && map_head(series) < 0;
    if (series->is_head_behind)
        return;
    /* Release: whoever reads it finds the sync done. */
    series_word_publish(series, HEAD_DURABLE, (int64_t)durable);
    if (!is_mapped)
        unmap_files(series);
}
