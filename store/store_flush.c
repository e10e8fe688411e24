/* Flushing in three steps: begin and end belong to the store's thread, run to
 * another. Run sees nothing of the store but what begin copied and two
 * descriptors: it opens the files by their paths, so mappings may come and go
 * meanwhile. */
#include "store_internal.h"

#include "file_system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* From here on one sync of the whole file system is faster than one of each
 * file. */
#define FILES_ONE_BY_ONE_MAX   64
#define FOLDERS_ONE_BY_ONE_MAX 16
#define FILES_A_SERIES         3

struct flush_item {
    const char *name;
    uint64_t id;
    uint64_t count;
    uint64_t runs_count;
    enum series_clock clock;
    bool is_new;
};

struct store_flush {
    int folder_fd;
    int series_fd;
    size_t item_count;
    size_t new_count;
    uint64_t bytes;
    char *names;
    struct flush_item items[];
};

static uint64_t pending_bytes(const struct series *series)
{
    uint64_t stamps = series_is_regular(series) ? series->runs_count - series->durable_runs
                                                : series->count - series->durable;
    return (series->count - series->durable) * series->sample_bytes +
           stamps * series_stamp_row_bytes(series->type.clock);
}

int store_flush_begin(struct store *store, struct store_flush **ret_flush)
{
    size_t count = store->dirty_count;
    size_t names_bytes = 0;
    if (count == 0) {
        *ret_flush = NULL;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        names_bytes += store->dirty[i]->name_bytes + 1;
    struct store_flush *flush = calloc(1, sizeof *flush + count * sizeof flush->items[0]);
    char *names = malloc(names_bytes);
    if (flush == NULL || names == NULL) {
        free(flush);
        free(names);
        return -ENOMEM;
    }
    flush->folder_fd = store->folder_fd;
    flush->series_fd = store->series_fd;
    flush->item_count = count;
    flush->names = names;
    for (size_t i = 0; i < count; i++) {
        struct series *series = store->dirty[i];
        flush->items[i] = (struct flush_item){
            .name = names,
            .id = series->id,
            .count = series->count,
            .runs_count = series->runs_count,
            .clock = series->type.clock,
            .is_new = series->is_new,
        };
        flush->new_count += series->is_new;
        flush->bytes += pending_bytes(series);
        memcpy(names, series->name, series->name_bytes + 1);
        names += series->name_bytes + 1;
        series->is_dirty = false;
        series_pages_cleaned(series);
    }
    store->dirty_count = 0;
    *ret_flush = flush;
    return 0;
}

static int sync_file(const struct store_flush *flush, const struct flush_item *item,
                     const char *file, struct error_text *error)
{
    char path[SERIES_PATH_BYTES];
    series_path(item->name, file, path);
    int fd = fs_open_read_at(flush->series_fd, path);
    /* A series that was deleted meanwhile has nothing to keep. */
    if (fd == -ENOENT)
        return 0;
    int result = fd < 0 ? fd : fs_sync_data(fd);
    fs_close(fd);
    return result < 0 ? error_set_errno(error, result, "cannot sync %s", path) : 0;
}

/* The folder of a new series and those above it, which may be new too. */
static int sync_folders(const struct store_flush *flush, const struct flush_item *item,
                        struct error_text *error)
{
    char path[STORE_NAME_BYTES_MAX + 1];
    size_t length = strlen(item->name);
    memcpy(path, item->name, length + 1);
    for (;;) {
        const char *folder = length > 0 ? path : ".";
        int fd = fs_open_folder_at(flush->series_fd, folder);
        int result = fd < 0 ? fd : fs_sync_folder(fd);
        fs_close(fd);
        if (result < 0 && result != -ENOENT)
            return error_set_errno(error, result, "cannot sync the folder of %s", item->name);
        if (length == 0)
            return 0;
        while (length > 0 && path[length - 1] != '/')
            length--;
        length -= length > 0;
        path[length] = '\0';
    }
}

static int sync_item(const struct store_flush *flush, const struct flush_item *item,
                     struct error_text *error)
{
    int result = sync_file(flush, item, SERIES_VALUES_FILE, error);
    if (result == 0)
        result = sync_file(flush, item, series_stamps_file(item->clock), error);
    if (result == 0)
        result = sync_file(flush, item, SERIES_HEAD_FILE, error);
    if (result == 0 && item->is_new) {
        result = sync_file(flush, item, SERIES_META_FILE, error);
        if (result == 0)
            result = sync_folders(flush, item, error);
    }
    return result;
}

int store_flush_run(struct store_flush *flush, struct error_text *error)
{
    if (flush->item_count * FILES_A_SERIES > FILES_ONE_BY_ONE_MAX ||
        flush->new_count > FOLDERS_ONE_BY_ONE_MAX) {
        int result = fs_sync_file_system(flush->folder_fd);
        return result < 0 ? error_set_errno(error, result, "cannot sync the file system") : 0;
    }
    int result = 0;
    for (size_t i = 0; i < flush->item_count && result == 0; i++)
        result = sync_item(flush, &flush->items[i], error);
    return result;
}

void store_flush_end(struct store *store, struct store_flush *flush, bool synced)
{
    for (size_t i = 0; i < flush->item_count; i++) {
        const struct flush_item *item = &flush->items[i];
        struct series *series = store_find(store, item->name, strlen(item->name));
        /* Deleted meanwhile, or made anew under the same name. */
        if (series == NULL || series->id != item->id)
            continue;
        if (!synced) {
            store_mark_dirty(store, series);
            continue;
        }
        series->is_new = series->is_new && !item->is_new;
        series->durable_runs = item->runs_count;
        if (item->count > series->durable)
            series_publish_durable(series, item->count);
    }
    free(flush->names);
    free(flush);
}

void store_flush_counts(const struct store_flush *flush, struct store_flush_counts *ret_counts)
{
    *ret_counts = (struct store_flush_counts){.series = flush->item_count, .bytes = flush->bytes};
}
