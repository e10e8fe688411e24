/* What a failed write leaves behind on ext4. A block that was allocated and never written is marked
 * so, and the mark goes when its first write ends. Where that write fails, the mark stays and the
 * cached page forgets it: whatever is written there from now on reaches the block, and its sync
 * goes well, but without the cache the block reads as zeros. (Seen with Linux 6.18.)
 *
 * So where the cache is still that of a failed write, recovery asks the file system for such blocks
 * where there are rows, drops their pages and writes them once more. Whatever was durable in them
 * is in the journal, as none of them was ever synced: recovery can be cut here as anywhere. */
#include "store_internal.h"

#include "file_system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whole blocks of any file system. */
#define CHUNK_BYTES (UINT64_C(64) << 10)

struct mending {
    struct store *store;
    char *chunk; /* of CHUNK_BYTES */
};

static int write_again(const struct mending *mending, int fd, uint64_t begin, uint64_t end)
{
    int result = 0;
    for (uint64_t at = begin; at < end && result == 0; at += CHUNK_BYTES) {
        uint64_t length = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;
        size_t read_bytes = 0;
        result = fs_read_at(fd, mending->chunk, (size_t)length, at, &read_bytes);
        if (result == 0)
            result = fs_zero_range(fd, at, length);
        if (result == 0)
            result = fs_write_at(fd, mending->chunk, read_bytes, at);
    }
    return result;
}

/* Bytes [0, end_bytes) of a file. One that is not there was given up by recovery. */
static int mend_file(const struct mending *mending, const char *name, const char *file,
                     uint64_t end_bytes)
{
    char path[SERIES_PATH_BYTES];
    int fd = fs_open_write_at(mending->store->series_fd, series_path(name, file, path));
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    int result = fd < 0 ? fd : 1;
    for (uint64_t at = 0; result > 0;) {
        uint64_t begin;
        uint64_t end;
        result = fs_find_unwritten(fd, at, end_bytes, &begin, &end);
        if (result <= 0)
            break;
        /* The blocks behind the last row may well be new. */
        uint64_t last = (end_bytes + CHUNK_BYTES - 1) / CHUNK_BYTES * CHUNK_BYTES;
        int mended = write_again(mending, fd, begin, end < last ? end : last);
        if (mended < 0)
            result = mended;
        at = end;
    }
    fs_close(fd);
    return result;
}

static uint64_t rows_used(uint64_t count, uint64_t ring_rows)
{
    return ring_rows > 0 && count > ring_rows ? ring_rows : count;
}

static int mend_series(const struct mending *mending, const struct journal_series *from)
{
    const struct journal_description *description = &from->description;
    const struct series_type *type = &description->type;
    bool is_regular = type->clock == SERIES_REGULAR;
    bool is_ring = description->capacity > 0;
    uint64_t stamps_ring =
        is_ring ? series_stamps_rows(type->clock, description->capacity, false) : 0;
    uint64_t stamps = is_regular ? from->runs_count : from->count;
    char name[STORE_NAME_BYTES_MAX + 1];
    int result = store_recovery_name(mending->store, from, name);
    if (result == 0)
        result = mend_file(mending, name, SERIES_HEAD_FILE, HEAD_FILE_BYTES);
    if (result == 0)
        result = mend_file(mending, name, SERIES_META_FILE, CHUNK_BYTES);
    if (result == 0)
        result = mend_file(
            mending, name, SERIES_VALUES_FILE,
            column_file_bytes(rows_used(from->count, description->capacity), from->sample_bytes));
    if (result == 0)
        result = mend_file(
            mending, name, series_stamps_file(type->clock),
            column_file_bytes(rows_used(stamps, stamps_ring), series_stamp_row_bytes(type->clock)));
    return result;
}

void store_forget_failed_writes(struct store *store)
{
    /* The first one on a new descriptor tells what nobody has heard of; and what fails in it is
     * written again by recovery. */
    (void)fs_sync_file_system(store->lock_fd);
}

int store_mend_unwritten(struct store *store, const struct journal_image *image)
{
    struct mending mending = {.store = store, .chunk = malloc(CHUNK_BYTES)};
    if (mending.chunk == NULL)
        return -ENOMEM;
    /* What has not been written yet is not told from what failed. */
    int result = fs_sync_file_system(store->lock_fd);
    for (size_t i = 0; i < image->series_count && result == 0; i++)
        if (!image->series[i].is_removed)
            result = mend_series(&mending, &image->series[i]);
    free(mending.chunk);
    return result;
}
