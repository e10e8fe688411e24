/* Where a series that the journal knows is on disk. A rename that a power cut met has moved it, or
 * has left it under both names. */
#include "store_internal.h"

#include "file_system.h"

#include <string.h>

static uint64_t head_id(const struct store *store, const char *name)
{
    char path[SERIES_PATH_BYTES];
    int64_t words[HEAD_ID + 1] = {0};
    size_t read_bytes = 0;
    int fd = fs_open_read_at(store->series_fd, series_path(name, SERIES_HEAD_FILE, path));
    if (fd < 0)
        return 0;
    int result = fs_read_at(fd, words, sizeof words, NPY_HEADER_BYTES, &read_bytes);
    fs_close(fd);
    bool is_head =
        result == 0 && read_bytes == sizeof words && words[HEAD_MAGIC] == HEAD_MAGIC_VALUE;
    return is_head ? (uint64_t)words[HEAD_ID] : 0;
}

struct locating {
    const struct store *store;
    uint64_t id;
    char *name; /* of STORE_NAME_BYTES_MAX + 1 bytes */
};

static int compare_with(const char *name, void *context)
{
    struct locating *locating = context;
    if (head_id(locating->store, name) != locating->id)
        return 0;
    memcpy(locating->name, name, strlen(name) + 1);
    return 1;
}

const char *store_recovery_name(struct store *store, const struct journal_series *from,
                                char buffer[STORE_NAME_BYTES_MAX + 1])
{
    const struct journal_description *description = &from->description;
    memcpy(buffer, description->name, description->name_bytes);
    buffer[description->name_bytes] = '\0';
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    if (fs_stat_at(store->series_fd, series_path(buffer, SERIES_VALUES_FILE, path), &status) == 0)
        return buffer;
    struct locating locating = {.store = store, .id = description->id, .name = buffer};
    /* An error is met again when the store is read. */
    (void)store_for_each_name(store, compare_with, &locating);
    return buffer;
}
