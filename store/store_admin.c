/* Retiring and renaming. Nothing is truncated: a reader that has the files
 * mapped keeps them until it lets go. */
#include "store_internal.h"

#include "file_system.h"
#include "series_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    const char *file;
    for (unsigned i = 0; (file = series_file(i)) != NULL; i++) {
        int result = fs_remove_at(series_fd, series_path(name, file, path));
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

/* Their slots go into the next record. */
static int note_removed(struct store *store, struct series *const *series, size_t count)
{
    uint32_t *removed =
        reallocarray(store->removed, store->removed_count + count + 1, sizeof removed[0]);
    if (removed == NULL)
        return -ENOMEM;
    store->removed = removed;
    for (size_t i = 0; i < count; i++)
        if (series[i]->is_described)
            removed[store->removed_count++] = series[i]->journal_slot;
    return 0;
}

int store_delete(struct store *store, struct series *const *series, size_t count,
                 void (*done)(const char *name, int result, void *context), void *context,
                 struct error_text *error)
{
    assert(store->flush == NULL);
    int result = 0;
    if (store_wants_all_sessions(store, 0))
        result = store_flush_now(store, FLUSH_SYNC, store->sessions, store->session_count, error);
    /* A record removes what an earlier one knows. */
    else if (store->dirty_count > 0)
        result = store_flush_now(store, FLUSH_RECORD, NULL, 0, error);
    if (result == 0 && note_removed(store, series, count) < 0)
        result = error_set(error, -ENOMEM, "no memory to delete %zu series", count);
    /* First the journal says so: from then on whoever opens the store finishes it. */
    if (result == 0)
        result = store_flush_now(store, FLUSH_RECORD, NULL, 0, error);
    for (size_t i = 0; i < count && result == 0; i++) {
        char name[STORE_NAME_BYTES_MAX + 1];
        memcpy(name, series[i]->name, series[i]->name_bytes + 1);
        series_unmap(series[i]);
        store->has_unlinked = true;
        int removed = store_remove_files(store->series_fd, name);
        store_drop(store, series[i]);
        if (done != NULL)
            done(name, removed, context);
        if (removed < 0 && result == 0)
            result = error_set_errno(error, removed, "cannot remove the files of %s", name);
    }
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
    const char *file;
    for (unsigned i = 1; (file = series_file(i)) != NULL && result == 0; i++)
        result = link_file(series_fd, from_name, to_name, file);
    /* Durable before the next step each time, so that a power cut too leaves one
     * name whole. */
    if (result == 0)
        result = sync_folders(series_fd, to_name);
    if (result == 0)
        result = link_file(series_fd, from_name, to_name, SERIES_HEAD_FILE);
    return result < 0 ? result : sync_folders(series_fd, to_name);
}

/* Durable before anything else goes: a head without its arrays would be a series that lost them. */
static int remove_head(int series_fd, const char *name)
{
    char path[SERIES_PATH_BYTES];
    int result = fs_remove_at(series_fd, series_path(name, SERIES_HEAD_FILE, path));
    return result < 0 && result != -ENOENT ? result : sync_folder(series_fd, name);
}

/* All that the journal knows of a series goes to its new name. */
static void take_place(struct series *renamed, struct series *series)
{
    renamed->id = series->id;
    renamed->type = series->type;
    renamed->capacity = series->capacity;
    renamed->created_ns = series->created_ns;
    renamed->durable = series->durable;
    renamed->durable_runs = series->durable_runs;
    renamed->rows_reserve = renamed->rows_reserve_wanted = series->rows_reserve;
    renamed->runs_reserve = renamed->runs_reserve_wanted = series->runs_reserve;
    renamed->is_described = series->is_described;
    renamed->partials = series->partials;
    series->partials = NULL;
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

    struct series *renamed = series_new(store, new_name, new_name_bytes);
    if (renamed == NULL)
        return error_set(error, -ENOMEM, "no memory for a series");
    series_unmap(series);
    int result = link_files(store->series_fd, series->name, new_name);
    if (result == 0)
        result = remove_head(store->series_fd, series->name);
    if (result == 0)
        result = store_remove_files(store->series_fd, series->name);
    if (result == 0)
        result = sync_folders(store->series_fd, series->name);
    if (result == -EIO)
        store_distrust(&store->journal);
    if (result < 0) {
        error_set_errno(error, result, "cannot rename %s to %s; do it again to finish it",
                        series->name, new_name);
        goto failed;
    }

    take_place(renamed, other != NULL && other->is_described ? other : series);
    if (series->rule != NULL)
        series_set_rule(renamed, series->rule, NULL);
    store_drop(store, series);
    if (other != NULL)
        store_drop(store, other);
    result = store_add(store, renamed);
    if (result < 0) {
        error_set_errno(error, result, "renamed to %s, but cannot keep it", new_name);
        goto failed;
    }
    /* One that cannot be read now is read later, and keeps its place in the journal until then. */
    series_break(renamed, "it was not read since it was renamed");
    renamed->is_unread = true;
    series_set_unborn(renamed, !renamed->is_described);
    (void)series_read_again(renamed);
    /* The journal begins anew with the new name. */
    result = store_flush_now(store, FLUSH_SYNC, store->sessions, store->session_count, error);
    if (result < 0)
        return result;
    *ret_series = renamed;
    return 0;

failed:
    store_partials_forget(store, renamed);
    series_free(renamed);
    return result;
}
