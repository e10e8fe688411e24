/* Retiring and renaming. Nothing is truncated: a reader that has the files
 * mapped keeps them until it lets go. */
#include "store_internal.h"

#include "file_system.h"
#include "series_name.h"

#include <errno.h>
#include <string.h>

/* All that a series' folder may hold of it, head.npy first: without it the rest
 * is no series. */
static const char *const series_files[] = {SERIES_HEAD_FILE,  ".head.npy.new",  SERIES_VALUES_FILE,
                                           SERIES_TIMES_FILE, SERIES_RUNS_FILE, SERIES_META_FILE};

#define SERIES_FILE_COUNT (sizeof series_files / sizeof series_files[0])

/* Cuts the last segment off; false when there is none left. */
static bool to_parent(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

int store_remove_files(int series_fd, const char *name)
{
    char path[SERIES_PATH_BYTES];
    for (size_t i = 0; i < SERIES_FILE_COUNT; i++) {
        int result = fs_remove_at(series_fd, series_path(name, series_files[i], path));
        if (result < 0 && result != -ENOENT)
            return result;
    }
    /* Folders go as long as they are empty: others may hold another series, or
     * somebody's own files. */
    memcpy(path, name, strlen(name) + 1);
    do {
        int result = fs_remove_folder_at(series_fd, path);
        if (result == -ENOTEMPTY)
            return 0;
        if (result < 0 && result != -ENOENT)
            return result;
    } while (to_parent(path));
    return 0;
}

static int sync_folder(int series_fd, const char *path)
{
    int fd = fs_open_folder_at(series_fd, path);
    int result = fd < 0 ? fd : fs_sync_folder(fd);
    fs_close(fd);
    return result;
}

/* Makes what was added to or removed from the name's folder, and the folders
 * above it, durable. */
static int sync_folders(int series_fd, const char *name)
{
    char path[STORE_NAME_BYTES_MAX + 1];
    memcpy(path, name, strlen(name) + 1);
    do {
        int result = sync_folder(series_fd, path);
        if (result < 0 && result != -ENOENT)
            return result;
    } while (to_parent(path));
    return sync_folder(series_fd, ".");
}

int store_delete(struct store *store, struct series *series, struct error_text *error)
{
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    series_unmap(series);
    int result = store_remove_files(store->series_fd, series->name);
    store->has_removed = true;
    if (result < 0)
        error_set_errno(error, result, "cannot delete %s", series->name);
    /* Without head.npy it is gone, whatever is left; with it, it is still there.
     */
    if (fs_stat_at(store->series_fd, series_path(series->name, SERIES_HEAD_FILE, path), &status) ==
        -ENOENT)
        store_drop(store, series);
    return result;
}

/* ---- renaming ---- */

/* Gives one file a second name. What a rename that was cut has linked already
 * is left; anything else in its place was left by a creation that was cut. */
static int link_file(int series_fd, const char *from_name, const char *to_name, const char *file)
{
    char from[SERIES_PATH_BYTES];
    char to[SERIES_PATH_BYTES];
    struct fs_status from_status;
    struct fs_status to_status;
    series_path(from_name, file, from);
    series_path(to_name, file, to);
    int result = fs_stat_at(series_fd, from, &from_status);
    bool is_there = fs_stat_at(series_fd, to, &to_status) == 0;
    if (is_there && result == 0 && from_status.inode == to_status.inode)
        return 0;
    if (is_there && (result == 0 || result == -ENOENT)) {
        int removed = fs_remove_at(series_fd, to);
        if (removed < 0)
            return removed;
    }
    /* No series has every file. */
    if (result == -ENOENT)
        return 0;
    return result < 0 ? result : fs_link_at(series_fd, from, to);
}

static int link_files(int series_fd, const char *from_name, const char *to_name)
{
    int result = fs_make_folders(series_fd, to_name);
    for (size_t i = 1; i < SERIES_FILE_COUNT && result == 0; i++)
        result = link_file(series_fd, from_name, to_name, series_files[i]);
    /* Durable before the next step each time, so that a power cut too leaves one
     * name whole. */
    if (result == 0)
        result = sync_folders(series_fd, to_name);
    if (result == 0)
        result = link_file(series_fd, from_name, to_name, SERIES_HEAD_FILE);
    return result < 0 ? result : sync_folders(series_fd, to_name);
}

int store_rename(struct store *store, struct series *series, const char *new_name,
                 struct series **ret_series, struct error_text *error)
{
    size_t new_name_bytes = strlen(new_name);
    const char *fault = series_name_fault(new_name, new_name_bytes);
    if (fault != NULL)
        return error_set(error, -EINVAL, "%s", fault);
    struct series *other = store_find(store, new_name, new_name_bytes);
    bool was_cut = other != NULL && other != series && other->id == series->id &&
                   other->head_inode == series->head_inode && series->head_inode != 0;
    if (other != NULL && !was_cut)
        return error_set(error, -EEXIST, "%s exists", new_name);

    const struct series_rule *rule = series->rule;
    series_unmap(series);
    int result = link_files(store->series_fd, series->name, new_name);
    if (result == 0)
        result = store_remove_files(store->series_fd, series->name);
    if (result == 0)
        result = sync_folders(store->series_fd, series->name);
    if (result < 0)
        return error_set_errno(error, result, "cannot rename %s to %s; do it again to finish it",
                               series->name, new_name);

    store_drop(store, series);
    if (other != NULL)
        store_drop(store, other);
    result = store_add_found(store, new_name);
    if (result < 0)
        return error_set_errno(error, result, "renamed to %s, but cannot read it", new_name);
    struct series *renamed = store_find(store, new_name, new_name_bytes);
    if (rule != NULL)
        series_set_rule(renamed, rule, NULL);
    renamed->is_new = true;
    store_mark_dirty(store, renamed);
    *ret_series = renamed;
    return 0;
}
