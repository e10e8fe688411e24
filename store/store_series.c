/* The series of a store: found on disk when it is opened, added and dropped. */
#include "store_internal.h"

#include "file_system.h"
#include "series_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_add(struct store *store, struct series *series)
{
    if (store->dirty_capacity <= store->index.count) {
        size_t capacity = store->dirty_capacity > 0 ? store->dirty_capacity * 2 : 1024;
        struct series **dirty = realloc(store->dirty, capacity * sizeof(struct series *));
        if (dirty == NULL)
            return -ENOMEM;
        store->dirty = dirty;
        struct series **unsynced = realloc(store->unsynced, capacity * sizeof(struct series *));
        if (unsynced == NULL)
            return -ENOMEM;
        store->unsynced = unsynced;
        struct series **lagging = realloc(store->lagging, capacity * sizeof(struct series *));
        if (lagging == NULL)
            return -ENOMEM;
        store->lagging = lagging;
        store->dirty_capacity = capacity;
    }
    int result = store_index_insert(&store->index, series);
    if (result < 0)
        return result;
    store->reserved_bytes += series->file_bytes + series->summary_bytes;
    series_summary_watch(series);
    if (series->id > store->id_highest)
        store->id_highest = series->id;
    return 0;
}

static void forget(struct series **list, size_t *count, const struct series *series)
{
    for (size_t i = 0; i < *count; i++) {
        if (list[i] == series) {
            list[i] = list[--*count];
            return;
        }
    }
}

void store_drop(struct store *store, struct series *series)
{
    store_index_remove(&store->index, series);
    store->reserved_bytes -= series->file_bytes + series->summary_bytes;
    if (series->broken != NULL)
        store->broken_count--;
    series_set_unborn(series, false);
    if (series->is_dirty)
        forget(store->dirty, &store->dirty_count, series);
    if (series->is_unsynced)
        forget(store->unsynced, &store->unsynced_count, series);
    if (series->is_lagging)
        forget(store->lagging, &store->lagging_count, series);
    if (store->flush != NULL)
        store_flush_forget(store->flush, series);
    if (store->checkpoint != NULL)
        store_checkpoint_forget(store->checkpoint, series);
    for (size_t i = 0; i < store->raised_count; i++)
        if (store->raised[i].series == series)
            store->raised[i--] = store->raised[--store->raised_count];
    store_partials_forget(store, series);
    series_free(series);
}

/* Frees a series that is not in the index. */
static void series_drop_unlisted(struct store *store, struct series *series)
{
    if (series->broken != NULL)
        store->broken_count--;
    store_partials_forget(store, series);
    series_free(series);
}

/* What to do with a series that is there on disk, by what the journal says of it. */
enum found { FOUND_TAKE, FOUND_REMOVE };

static enum found judge_found(struct store *store, struct series *series)
{
    const struct journal_image *image = store->image;
    if (image == NULL || series->id == 0)
        return FOUND_TAKE;
    const struct journal_series *known = journal_image_find(image, series->id);
    if (known != NULL && known->is_removed)
        return FOUND_REMOVE; /* it was deleted, and its files were not yet */
    if (known != NULL) {
        series->rows_reserve = series->rows_reserve_wanted = (uint8_t)known->rows_reserve;
        series->runs_reserve = series->runs_reserve_wanted = (uint8_t)known->runs_reserve;
        if (store->recovery.start == STORE_START_POWER &&
            (series->count != known->count || series->runs_count != known->runs_count))
            series_break(series, "it could not be brought to what the journal says of it");
        return FOUND_TAKE;
    }
    if (store->recovery.start != STORE_START_POWER)
        return FOUND_TAKE;
    /* Its columns may not have reached the disk, either. */
    if (series->id > image->id_highest) {
        store->recovery.series_forgotten++;
        store->recovery.rows_lost_min += series->count;
        return FOUND_REMOVE;
    }
    series_break(series, "the journal does not know it, so nobody can say how much of it is right");
    series->is_unread = false;
    return FOUND_TAKE;
}

/* Whether a damaged series is no loss: it was being made or was deleted when the power was lost, so
 * that some of its files reached the disk, and nothing in it was ever durable. */
static int judge_unborn(const struct store *store, const struct series *series, bool *ret_is_unborn)
{
    char path[SERIES_PATH_BYTES];
    int64_t words[HEAD_ID + 1] = {0};
    size_t read_bytes = 0;
    *ret_is_unborn = false;
    if (store->recovery.start != STORE_START_POWER || series->broken == NULL ||
        store->image == NULL)
        return 0;
    int fd = fs_open_read_at(store->series_fd, series_path(series->name, SERIES_HEAD_FILE, path));
    int result = fd < 0 ? fd : fs_read_at(fd, words, sizeof words, NPY_HEADER_BYTES, &read_bytes);
    fs_close(fd);
    /* Later nobody would ask again, and the name would be taken for ever. */
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    if (words[HEAD_MAGIC] != HEAD_MAGIC_VALUE) {
        *ret_is_unborn = words[HEAD_MAGIC] == 0 &&
                         !journal_image_has_name(store->image, series->name, series->name_bytes);
        return 0;
    }
    const struct journal_series *known = journal_image_find(store->image, (uint64_t)words[HEAD_ID]);
    *ret_is_unborn =
        known != NULL ? known->is_removed : (uint64_t)words[HEAD_ID] > store->image->id_highest;
    return 0;
}

/* Whether the head's last time is the newest row's, as far as can be told without mapping it. A
 * kill may have come between the count and that word. */
static bool has_last_time(const struct store *store, const struct series *series)
{
    char path[SERIES_PATH_BYTES];
    bool is_regular = series_is_regular(series);
    uint64_t number = is_regular ? series->runs_count : series->count;
    uint64_t rows = series_stamps_rows(series->type.clock, series->capacity, false);
    int64_t row[RUN_WORDS] = {0};
    size_t read_bytes = 0;
    if (number == 0)
        return true;
    number--;
    uint64_t slot = series->capacity > 0 ? number % rows : number;
    uint64_t row_bytes = series_stamp_row_bytes(series->type.clock);
    int fd = fs_open_read_at(
        store->series_fd, series_path(series->name, series_stamps_file(series->type.clock), path));
    if (fd < 0)
        return false;
    int result = fs_read_at(fd, row, row_bytes, column_file_bytes(slot, row_bytes), &read_bytes);
    fs_close(fd);
    if (result < 0 || read_bytes < row_bytes)
        return false;
    if (!is_regular)
        return row[0] == series->last_time_ns;
    uint64_t first = (uint64_t)row[RUN_FIRST_INDEX];
    if (first >= series->count || row[RUN_PERIOD_PS] < RUN_PERIOD_PS_MIN)
        return false;
    struct time_run run = time_run_make(first, row[RUN_T0_NS], row[RUN_PERIOD_PS]);
    return series->count <= run.end &&
           time_run_stamp_ns(&run, series->count - 1) == series->last_time_ns;
}

/* A killed writer's append was cut: the words are put right now, since the last stamp and the
 * sessions are asked for before the first write. */
static void finish_append(struct store *store, struct series *series, int64_t words[HEAD_WORDS])
{
    /* After a power cut recovery wrote all words. */
    if (store->recovery.start != STORE_START_KILLED ||
        (series->frontier <= series->count && has_last_time(store, series)))
        return;
    (void)series_map(series); /* a failure that lasts is met again by the first append */
    if (series->words != NULL)
        for (unsigned w = 0; w < HEAD_WORDS; w++)
            words[w] = series_word_load(series, w);
}

static bool is_same_file(const struct store *store, const char *name, const char *other,
                         const char *file)
{
    char path[SERIES_PATH_BYTES];
    struct fs_status status, other_status;
    return fs_stat_at(store->series_fd, series_path(name, file, path), &status) == 0 &&
           fs_stat_at(store->series_fd, series_path(other, file, path), &other_status) == 0 &&
           status.inode == other_status.inode;
}

/* A rename that was cut leaves both names with the same files, and recovery writes a new head under
 * the one that the journal knows: it becomes the head of both. 1: it was not, until now. */
static int share_new_head(struct store *store, const struct series *series)
{
    char from[SERIES_PATH_BYTES];
    char to[SERIES_PATH_BYTES];
    char known_name[STORE_NAME_BYTES_MAX + 1];
    if (store->recovery.start != STORE_START_POWER || store->image == NULL)
        return 0;
    const struct journal_series *known = journal_image_find(store->image, series->id);
    if (known == NULL || known->is_removed)
        return 0;
    memcpy(known_name, known->description.name, known->description.name_bytes);
    known_name[known->description.name_bytes] = '\0';
    series_path(known_name, SERIES_HEAD_FILE, from);
    series_path(series->name, SERIES_HEAD_FILE, to);
    struct fs_status status;
    if (strcmp(known_name, series->name) == 0 || fs_stat_at(store->series_fd, from, &status) < 0 ||
        is_same_file(store, known_name, series->name, SERIES_HEAD_FILE) ||
        !is_same_file(store, known_name, series->name, SERIES_VALUES_FILE))
        return 0;
    store->has_unlinked = true;
    int result = fs_remove_at(store->series_fd, to);
    if (result == 0)
        result = fs_link_at(store->series_fd, from, to);
    return result == 0 ? 1 : result;
}

int store_add_found(struct store *store, const char *name)
{
    int64_t words[HEAD_WORDS];
    struct series *series = series_new(store, name, strlen(name));
    if (series == NULL)
        return -ENOMEM;
    int result = series_inspect(series, words);
    if (result == 0)
        result = share_new_head(store, series);
    if (result > 0) {
        series_drop_unlisted(store, series);
        return store_add_found(store, name); /* with the head that is shared now */
    }
    bool is_unborn = false;
    if (result == 0)
        result = judge_unborn(store, series, &is_unborn);
    if (result == 0 && (is_unborn || judge_found(store, series) == FOUND_REMOVE)) {
        series_drop_unlisted(store, series);
        store->has_unlinked = true;
        result = store_remove_files(store->series_fd, name);
        return result < 0 ? result : 0;
    }
    if (result == 0 && series->broken == NULL) {
        finish_append(store, series, words);
        /* Not after a kill alone: until their batches come again they have to be carried on. */
        result = store_learn_partials(store, series, words);
        if (words[HEAD_EPOCH] >= store->epoch)
            store->epoch = words[HEAD_EPOCH] + 1;
        if (series->last_time_ns > store->newest_ns)
            store->newest_ns = series->last_time_ns;
        series_limit_rows(series);
    }
    if (result == 0)
        result = store_add(store, series);
    if (result < 0)
        series_drop_unlisted(store, series);
    return result;
}

/* Where the scan is: the name so far, and how deep. */
struct scan {
    const struct store *store;
    int (*visit)(const char *name, void *context);
    void *context;
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
        return scan->visit(scan->name, scan->context);
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
    int result = fs_for_each_entry(scan->store->series_fd, path, scan_entry, scan);
    /* A series that was taken away as it was visited may have taken its folder with it. */
    return result == -ENOENT && scan->name_bytes > 0 ? 0 : result;
}

int store_for_each_name(const struct store *store, int (*visit)(const char *name, void *context),
                        void *context)
{
    struct scan scan = {.store = store, .visit = visit, .context = context};
    return scan_folder(&scan);
}

static int add_name(const char *name, void *context)
{
    return store_add_found(context, name);
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
int store_scan(struct store *store)
{
    int result = store_for_each_name(store, add_name, store);
    return result == 0 ? break_twins(store) : result;
}
