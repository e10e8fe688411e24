#include "store_sync.h"

#include "file_system.h"
#include "planted.h"
#include "series_internal.h"
#include "summary_form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* From here on one sync of the whole file system is faster than one of each file. */
#define FILES_ONE_BY_ONE_MAX   64
#define FOLDERS_ONE_BY_ONE_MAX 16
#define FILES_A_SERIES         2

int sync_list_new(struct sync_list *list, size_t item_max, size_t name_bytes_max)
{
    *list = (struct sync_list){0};
    list->items = calloc(item_max > 0 ? item_max : 1, sizeof list->items[0]);
    list->names = malloc(name_bytes_max > 0 ? name_bytes_max : 1);
    if (list->items != NULL && list->names != NULL)
        return 0;
    sync_list_free(list);
    return -ENOMEM;
}

void sync_list_add(struct sync_list *list, const char *name, enum series_clock clock,
                   bool with_head)
{
    size_t bytes = strlen(name) + 1;
    char *copy = list->names + list->name_bytes;
    memcpy(copy, name, bytes);
    list->name_bytes += bytes;
    list->items[list->item_count++] =
        (struct sync_item){.name = copy, .clock = clock, .with_head = with_head};
}

void sync_list_free(struct sync_list *list)
{
    free(list->items);
    free(list->names);
    *list = (struct sync_list){0};
}

static int sync_everything(const struct sync_list *list, struct error_text *error)
{
    int result = fs_sync_file_system(list->lock_fd);
    return result < 0 ? error_set_errno(error, result, "cannot sync the file system") : 0;
}

/* A file that cannot be opened (too many are, for one) is synced with all others: no sync has
 * failed so far, and one that has must not be tried again. */
static int sync_file(const struct sync_list *list, const struct sync_item *item, const char *file,
                     struct error_text *error)
{
    char path[SERIES_PATH_BYTES];
    series_path(item->name, file, path);
    int fd = fs_open_read_at(list->series_fd, path);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return sync_everything(list, error);
    int result = fs_sync_data(fd);
    fs_close(fd);
    return result < 0 ? error_set_errno(error, result, "cannot sync %s", path) : 0;
}

/* The folder of a new series and those above it, which may be new too. */
static int sync_folders(const struct sync_list *list, const struct sync_item *item,
                        struct error_text *error)
{
    char path[STORE_NAME_BYTES_MAX + 1];
    size_t length = strlen(item->name);
    memcpy(path, item->name, length + 1);
    for (;;) {
        const char *folder = length > 0 ? path : ".";
        int fd = fs_open_folder_at(list->series_fd, folder);
        if (fd < 0 && fd != -ENOENT)
            return sync_everything(list, error);
        int result = fd < 0 ? 0 : fs_sync_folder(fd);
        fs_close(fd);
        if (result < 0)
            return error_set_errno(error, result, "cannot sync the folder of %s", item->name);
        if (length == 0)
            return 0;
        while (length > 0 && path[length - 1] != '/')
            length--;
        length -= length > 0;
        path[length] = '\0';
    }
}

static int sync_item(const struct sync_list *list, const struct sync_item *item,
                     struct error_text *error)
{
    int result = sync_file(list, item, SERIES_VALUES_FILE, error);
    if (result == 0 && !PLANTED(BUG_STAMPS_NOT_SYNCED))
        result = sync_file(list, item, series_stamps_file(item->clock), error);
    if (result < 0 || !item->with_head)
        return result;
    result = sync_file(list, item, SERIES_HEAD_FILE, error);
    if (result == 0)
        result = sync_file(list, item, SERIES_META_FILE, error);
    /* A head that is synced speaks of records that are. */
    for (unsigned k = 0; k < SUMMARY_LEVELS_MAX && result == 0; k++)
        result = sync_file(list, item, summary_file(k), error);
    return result < 0 ? result : sync_folders(list, item, error);
}

int sync_list_run(const struct sync_list *list, struct error_text *error)
{
    size_t new_count = 0;
    for (size_t i = 0; i < list->item_count; i++)
        new_count += list->items[i].with_head;
    if (list->everything || list->item_count * FILES_A_SERIES > FILES_ONE_BY_ONE_MAX ||
        new_count > FOLDERS_ONE_BY_ONE_MAX)
        return sync_everything(list, error);
    int result = 0;
    for (size_t i = 0; i < list->item_count && result == 0; i++)
        result = sync_item(list, &list->items[i], error);
    return result;
}
