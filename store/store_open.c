#include "store_internal.h"

#include "clock_ns.h"
#include "file_system.h"
#include "series_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the lock ---- */

static int take_lock(struct store *store, const char *path, struct error_text *error)
{
    char text[32];
    store->lock_fd = fs_open_or_create_at(store->folder_fd, STORE_LOCK_FILE);
    int result = store->lock_fd < 0 ? store->lock_fd : fs_lock_try(store->lock_fd);
    if (result == -EWOULDBLOCK) {
        if (fs_read_text_at(store->folder_fd, STORE_LOCK_FILE, text, sizeof text) < 0)
            text[0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return error_set(error, result, "%s is in use by process %s", path,
                         text[0] != '\0' ? text : "(unknown)");
    }
    if (result == 0) {
        int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        result = fs_write_at(store->lock_fd, text, (size_t)length, 0);
    }
    if (result < 0)
        return error_set_errno(error, result, "cannot lock %s/%s", path, STORE_LOCK_FILE);
    return 0;
}

/* ---- the folder ---- */

struct contents {
    bool has_ours;
    bool has_others;
};

static int note_entry(const char *entry, bool is_folder, void *context)
{
    struct contents *contents = context;
    (void)is_folder;
    if (strcmp(entry, STORE_LOCK_FILE) == 0 || strcmp(entry, STORE_STATUS_FILE) == 0 ||
        strcmp(entry, STORE_SERIES_DIR) == 0)
        contents->has_ours = true;
    else if (strcmp(entry, "lost+found") != 0)
        contents->has_others = true;
    return 0;
}

/* Makes the folder where there is none; a folder full of something else is a
 * typing error, and left alone. */
static int open_folder(struct store *store, const char *path, struct error_text *error)
{
    struct contents contents = {0};
    int result = fs_make_folders(FS_HERE, path);
    if (result == 0) {
        store->folder_fd = fs_open_folder_at(FS_HERE, path);
        result = store->folder_fd < 0 ? store->folder_fd : 0;
    }
    if (result == 0)
        result = fs_for_each_entry(store->folder_fd, ".", note_entry, &contents);
    if (result < 0)
        return error_set_errno(error, result, "cannot open the store %s", path);
    if (contents.has_others && !contents.has_ours)
        return error_set(error, -ENOTEMPTY, "%s is not empty and is not a store", path);
    return 0;
}

static int open_series_folder(struct store *store, const char *path, struct error_text *error)
{
    int result = fs_make_folders(store->folder_fd, STORE_SERIES_DIR);
    if (result == 0) {
        store->series_fd = fs_open_folder_at(store->folder_fd, STORE_SERIES_DIR);
        result = store->series_fd < 0 ? store->series_fd : fs_sync_folder(store->folder_fd);
    }
    if (result < 0)
        return error_set_errno(error, result, "cannot open %s/%s", path, STORE_SERIES_DIR);
    return 0;
}

/* ---- the series ---- */

int store_add(struct store *store, struct series *series)
{
    if (store->dirty_capacity <= store->index.count) {
        size_t capacity = store->dirty_capacity > 0 ? store->dirty_capacity * 2 : 1024;
        struct series **dirty = realloc(store->dirty, capacity * sizeof(struct series *));
        if (dirty == NULL)
            return -ENOMEM;
        store->dirty = dirty;
        store->dirty_capacity = capacity;
    }
    int result = store_index_insert(&store->index, series);
    if (result < 0)
        return result;
    store->reserved_bytes += series->file_bytes;
    if (series->id > store->id_highest)
        store->id_highest = series->id;
    return 0;
}

void store_drop(struct store *store, struct series *series)
{
    store_index_remove(&store->index, series);
    store->reserved_bytes -= series->file_bytes;
    if (series->broken != NULL)
        store->broken_count--;
    for (size_t i = 0; series->is_dirty && i < store->dirty_count; i++) {
        if (store->dirty[i] == series) {
            store->dirty[i] = store->dirty[--store->dirty_count];
            break;
        }
    }
    series_free(series);
}

int store_add_found(struct store *store, const char *name)
{
    int64_t words[HEAD_WORDS];
    struct series *series = series_new(store, name, strlen(name));
    if (series == NULL)
        return -ENOMEM;
    int result = series_inspect(series, words);
    /* An append was cut: its words are put right now, since the last stamp and
     * the sessions are asked for before the first write. */
    if (result == 0 && series->broken == NULL && series->frontier > series->count) {
        (void)series_map(series); /* a failure that lasts is met again by the first append */
        if (series->words != NULL)
            for (unsigned w = 0; w < HEAD_WORDS; w++)
                words[w] = series_word_load(series, w);
    }
    if (result == 0 && series->broken == NULL) {
        result = store_sessions_learn(store, words);
        if (words[HEAD_EPOCH] >= store->epoch)
            store->epoch = words[HEAD_EPOCH] + 1;
        if (series->last_time_ns > store->newest_ns)
            store->newest_ns = series->last_time_ns;
    }
    if (result == 0)
        result = store_add(store, series);
    if (result < 0)
        series_free(series);
    return result;
}

/* Where the scan is: the name so far, and how deep. */
struct scan {
    struct store *store;
    char name[STORE_NAME_BYTES_MAX + 1];
    size_t name_bytes;
};

static int scan_folder(struct scan *scan);

static int scan_entry(const char *entry, bool is_folder, void *context)
{
    struct scan *scan = context;
    size_t before = scan->name_bytes;
    if (!is_folder) {
        if (strcmp(entry, SERIES_HEAD_FILE) != 0 || before == 0)
            return 0;
        return store_add_found(scan->store, scan->name);
    }
    /* What cannot be a name is none of ours; `ingest-query verify` shows it. */
    int added = snprintf(scan->name + before, sizeof scan->name - before, "%s%s",
                         before > 0 ? "/" : "", entry);
    int result = 0;
    if (added > 0 && (size_t)added < sizeof scan->name - before) {
        scan->name_bytes = before + (size_t)added;
        if (series_name_fault(scan->name, scan->name_bytes) == NULL)
            result = scan_folder(scan);
    }
    scan->name_bytes = before;
    scan->name[before] = '\0';
    return result;
}

static int scan_folder(struct scan *scan)
{
    const char *path = scan->name_bytes > 0 ? scan->name : ".";
    return fs_for_each_entry(scan->store->series_fd, path, scan_entry, scan);
}

static int compare_ids(const void *a, const void *b)
{
    const struct series *left = *(struct series *const *)a;
    const struct series *right = *(struct series *const *)b;
    return left->id < right->id ? -1 : left->id > right->id;
}

/* Two names for one series: a rename was cut, or somebody copied a folder. Two
 * writers' shadows of one file would destroy it. */
static int break_twins(struct store *store)
{
    size_t count = 0;
    if (store->index.count < 2)
        return 0;
    struct series **all = calloc(store->index.count, sizeof(struct series *));
    if (all == NULL)
        return -ENOMEM;
    for (size_t at = 0; at <= store->index.mask; at++) {
        struct series *series = store->index.slots[at].series;
        if (series != NULL && series->broken == NULL)
            all[count++] = series;
    }
    qsort(all, count, sizeof(struct series *), compare_ids);
    for (size_t i = 1; i < count; i++) {
        if (all[i]->id != all[i - 1]->id)
            continue;
        const char *remedy = all[i]->head_inode == all[i - 1]->head_inode
                                 ? "a rename was cut short: rename it again"
                                 : "it is a copy: delete one of the two";
        series_unmap(all[i]);
        series_unmap(all[i - 1]);
        series_break(all[i], "it is the same series as %s (%s)", all[i - 1]->name, remedy);
        series_break(all[i - 1], "it is the same series as %s (%s)", all[i]->name, remedy);
    }
    free(all);
    return 0;
}

/* What a writer before us appended and did not live to sync. A series that was never synced may
 * lack its folders on disk, too. */
static void mark_unsynced(struct store *store)
{
    for (size_t at = 0; store->index.count > 0 && at <= store->index.mask; at++) {
        struct series *series = store->index.slots[at].series;
        if (series == NULL || series->broken != NULL || series->durable >= series->count)
            continue;
        series->is_new = series->durable == 0;
        store_mark_dirty(store, series);
    }
}

/* ---- */

int store_open(const char *path, const struct store_limits *limits, struct store **ret_store,
               struct error_text *error)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return error_set(error, -ENOMEM, "no memory for the store");
    store->folder_fd = -1;
    store->series_fd = -1;
    store->lock_fd = -1;
    store->newest_ns = TIME_NONE_NS;
    store->epoch = clock_realtime_ns();
    store->mapped_max = store_map_limit();

    int result = store_index_init(&store->index);
    if (result < 0) {
        error_set(error, result, "no memory for the store");
        goto failed;
    }
    result = open_folder(store, path, error);
    if (result == 0)
        result = take_lock(store, path, error);
    if (result == 0)
        result = open_series_folder(store, path, error);
    if (result == 0)
        result = store_set_limits(store, limits, error);
    if (result < 0)
        goto failed;

    struct scan scan = {.store = store};
    result = scan_folder(&scan);
    if (result == 0)
        result = break_twins(store);
    if (result < 0) {
        error_set_errno(error, result, "cannot read the series of %s", path);
        goto failed;
    }
    mark_unsynced(store);
    *ret_store = store;
    return 0;

failed:
    store_close(store);
    return result;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t at = 0; store->index.slots != NULL && at <= store->index.mask; at++)
        series_free(store->index.slots[at].series);
    store_index_free(&store->index);
    free(store->dirty);
    free(store->mapped);
    free(store->sessions);
    /* Once for all that were deleted; until then a power cut may bring one back. */
    if (store->has_removed)
        (void)fs_sync_file_system(store->folder_fd);
    fs_close(store->series_fd);
    fs_close(store->folder_fd);
    fs_close(store->lock_fd);
    free(store);
}

int64_t store_newest_ns(const struct store *store)
{
    return store->newest_ns;
}

struct series *store_find(const struct store *store, const char *name, size_t name_bytes)
{
    return store_index_find(&store->index, name, name_bytes);
}

int store_for_each(struct store *store, int (*visit)(struct series *series, void *context),
                   void *context)
{
    int result = 0;
    for (size_t at = 0; at <= store->index.mask && result == 0; at++)
        if (store->index.slots[at].series != NULL)
            result = visit(store->index.slots[at].series, context);
    return result;
}
