#include "backup.h"

#include "backup_internal.h"
#include "file_system.h"
#include "journal_format.h"
#include "reader.h"
#include "state_file.h"
#include "store_format.h"
#include "store_lock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Folders above a folder that are looked at. */
#define PARENTS_MAX 4096

static int note_content(const char *entry, bool is_folder, void *context)
{
    (void)is_folder;
    *(bool *)context = *(bool *)context ||
                       (strcmp(entry, "lost+found") != 0 && strcmp(entry, STORE_LOCK_FILE) != 0);
    return 0;
}

static int expect_empty(const struct backup *backup, struct error_text *error)
{
    bool has_content = false;
    int result = fs_for_each_entry(backup->folder_fd, ".", note_content, &has_content);
    if (result < 0)
        return error_set_errno(error, result, "cannot read %s", backup->path);
    if (has_content)
        return error_set(error, -ENOTEMPTY,
                         "%s is not empty: a backup goes into a folder of its own", backup->path);
    return 0;
}

/* A copy below series/ would be read as series of the store. -EXDEV: it would be. */
static int expect_outside(const struct backup *backup, struct error_text *error)
{
    struct fs_status store = {0};
    struct fs_status at = {0};
    int result = fs_stat_at(FS_HERE, backup->store_path, &store);
    int folder = fs_open_folder_at(backup->folder_fd, ".");
    if (result == 0 && !store.is_folder) { /* a symbolic link */
        int fd = fs_open_folder_at(FS_HERE, backup->store_path);
        result = fd < 0 ? fd : fs_stat(fd, &store);
        fs_close(fd);
    }
    if (result == 0)
        result = folder < 0 ? folder : fs_stat(folder, &at);
    for (unsigned i = 0; i < PARENTS_MAX && result == 0; i++) {
        struct fs_status above = {0};
        if (at.inode == store.inode && at.device == store.device) {
            result = -EXDEV;
            break;
        }
        int parent = fs_open_folder_at(folder, "..");
        result = parent < 0 ? parent : fs_stat(parent, &above);
        fs_close(folder);
        folder = parent;
        if (result == 0 && above.inode == at.inode && above.device == at.device)
            break; /* the root */
        at = above;
    }
    fs_close(folder);
    if (result == -EXDEV)
        return error_set(error, result, "%s lies within the store: a backup goes elsewhere",
                         backup->path);
    return result < 0 ? error_set_errno(error, result, "cannot look at %s", backup->path) : 0;
}

/* The folder, locked, that says `recovering`. */
static int make_copy(struct backup *backup, struct error_text *error)
{
    int result = fs_make_folders(FS_HERE, backup->path);
    if (result == 0)
        result = backup->folder_fd = fs_open_folder_at(FS_HERE, backup->path);
    if (result < 0)
        return error_set_errno(error, result, "cannot make the folder %s", backup->path);
    result = expect_empty(backup, error);
    if (result == 0)
        result = expect_outside(backup, error);
    if (result == 0)
        result = store_lock_take(backup->folder_fd, backup->path, &backup->lock_fd, error);
    /* Once more: another backup may have come and gone. */
    if (result == 0)
        result = expect_empty(backup, error);
    if (result < 0)
        return result;
    result = state_file_write(backup->folder_fd, STORE_STATE_RECOVERING);
    if (result == 0)
        result = fs_make_folder_at(backup->folder_fd, STORE_SERIES_DIR);
    if (result == 0)
        result = backup->series_fd = fs_open_folder_at(backup->folder_fd, STORE_SERIES_DIR);
    return result < 0 ? error_set_errno(error, result, "cannot write to %s", backup->path) : 0;
}

int backup_begin(const char *store_path, const char *to, struct backup **ret_backup,
                 struct error_text *error)
{
    int result = reader_store_ready(store_path, error);
    if (result < 0)
        return result;
    struct backup *backup = calloc(1, sizeof *backup);
    if (backup == NULL)
        return error_set(error, -ENOMEM, "no memory for a backup");
    backup->folder_fd = backup->series_fd = backup->lock_fd = -1;
    backup->store_path = strdup(store_path);
    backup->path = strdup(to);
    if (backup->store_path == NULL || backup->path == NULL)
        result = error_set(error, -ENOMEM, "no memory for a backup");
    else
        result = make_copy(backup, error);
    if (result < 0) {
        backup_free(backup);
        return result;
    }
    *ret_backup = backup;
    return 0;
}

int backup_end(struct backup *backup, struct backup_totals *ret_totals, struct error_text *error)
{
    int result = fs_sync_file_system(backup->lock_fd);
    if (result < 0)
        return error_set_errno(error, result, "cannot sync %s", backup->path);
    /* After a failed sync of the daemon's, what we read may be older than what it had written. */
    result = reader_store_ready(backup->store_path, error);
    if (result < 0)
        return result;
    result = state_file_write(backup->folder_fd, STORE_STATE_CLEAN);
    if (result < 0)
        return error_set_errno(error, result, "cannot write %s/" STORE_STATE_FILE, backup->path);
    *ret_totals = backup->totals;
    return 0;
}

void backup_free(struct backup *backup)
{
    if (backup == NULL)
        return;
    fs_close(backup->series_fd);
    fs_close(backup->lock_fd);
    fs_close(backup->folder_fd);
    free(backup->store_path);
    free(backup->path);
    free(backup);
}
