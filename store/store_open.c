#include "store_internal.h"

#include "clock_ns.h"
#include "file_system.h"
#include "journal_format.h"
#include "planted.h"
#include "series_name.h"
#include "sigbus.h"
#include "state_file.h"
#include "store_lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        strcmp(entry, STORE_STATE_FILE) == 0 || strcmp(entry, STORE_SERIES_DIR) == 0)
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
        struct series **unsynced = realloc(store->unsynced, capacity * sizeof(struct series *));
        if (unsynced == NULL)
            return -ENOMEM;
        store->unsynced = unsynced;
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
    store->reserved_bytes -= series->file_bytes;
    if (series->broken != NULL)
        store->broken_count--;
    if (series->is_dirty)
        forget(store->dirty, &store->dirty_count, series);
    if (series->is_unsynced)
        forget(store->unsynced, &store->unsynced_count, series);
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
    return FOUND_TAKE;
}

static bool journal_has_name(const struct journal_image *image, const struct series *series)
{
    for (size_t i = 0; i < image->series_count; i++) {
        const struct journal_description *description = &image->series[i].description;
        if (!image->series[i].is_removed && description->name_bytes == series->name_bytes &&
            memcmp(description->name, series->name, series->name_bytes) == 0)
            return true;
    }
    return false;
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
        *ret_is_unborn = words[HEAD_MAGIC] == 0 && !journal_has_name(store->image, series);
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
    bool is_cut = series->frontier > series->count ||
                  (store->recovery.start == STORE_START_KILLED && !has_last_time(store, series));
    if (store->recovery.start == STORE_START_CLEAN || !is_cut)
        return;
    (void)series_map(series); /* a failure that lasts is met again by the first append */
    if (series->words != NULL)
        for (unsigned w = 0; w < HEAD_WORDS; w++)
            words[w] = series_word_load(series, w);
}

int store_add_found(struct store *store, const char *name)
{
    int64_t words[HEAD_WORDS];
    struct series *series = series_new(store, name, strlen(name));
    if (series == NULL)
        return -ENOMEM;
    int result = series_inspect(series, words);
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

/* ---- recovery ---- */

/* Series that cannot be used keep their place in the journal, for the day when they are mended. */
static int keep_broken(struct store *store, const struct journal_image *image)
{
    int result = 0;
    for (size_t i = 0; i < image->series_count && result == 0; i++) {
        const struct journal_series *from = &image->series[i];
        const struct journal_description *description = &from->description;
        struct series *series = store_find(store, description->name, description->name_bytes);
        if (from->is_removed || series == NULL || series->broken == NULL ||
            (series->id != 0 && series->id != description->id))
            continue;
        series->id = description->id;
        series->type = description->type;
        series->capacity = description->capacity;
        series->created_ns = description->created_ns;
        series->durable = from->count;
        series->durable_runs = from->runs_count;
        series->rows_reserve = series->rows_reserve_wanted = (uint8_t)from->rows_reserve;
        series->runs_reserve = series->runs_reserve_wanted = (uint8_t)from->runs_reserve;
        series->is_described = true;
        for (size_t e = 0; e < from->entry_count && result == 0; e++)
            result = store_partials_add(store, series, &from->entries[e]);
    }
    return result;
}

/* How the store was left. `load`: what became of reading its journal. Negative: it cannot be opened
 * without guessing. */
static int judge_start(struct store *store, enum store_state state, int load, bool is_damaged,
                       struct error_text *error)
{
    struct store_recovery *recovery = &store->recovery;
    recovery->reason = state_text(state);
    /* STATE is written when the first snapshot is synced. */
    if (state == STORE_STATE_NONE && load == -ENODATA) {
        recovery->start = STORE_START_NEW;
        recovery->reason = "it has no journal yet";
        return 0;
    }
    recovery->start = state == STORE_STATE_CLEAN     ? STORE_START_CLEAN
                      : state == STORE_STATE_RUNNING ? STORE_START_KILLED
                                                     : STORE_START_POWER;
    if (recovery->start != STORE_START_POWER)
        return 0;
    if (load == -ENODATA)
        return error_set(error, -EBADMSG,
                         "recovery is due (%s), and no journal has a whole snapshot; ingestd "
                         "--repair brings back what can be proved",
                         recovery->reason);
    if (is_damaged)
        return error_set(error, -EBADMSG,
                         "recovery is due (%s), and the journal is damaged; ingestd --repair "
                         "brings back what can be proved",
                         recovery->reason);
    return 0;
}

static int scan_series(struct store *store, const char *path, struct error_text *error)
{
    int result = store_for_each_name(store, add_name, store);
    if (result == 0)
        result = break_twins(store);
    return result < 0 ? error_set_errno(error, result, "cannot read the series of %s", path) : 0;
}

/* What is not known to be synced is synced by the first flush; after that all is durable. */
static void mark_all_unsynced(struct store *store)
{
    for (size_t at = 0; at <= store->index.mask; at++) {
        struct series *series = store->index.slots[at].series;
        if (series == NULL || series->broken != NULL)
            continue;
        bool is_clean = store->recovery.start == STORE_START_CLEAN;
        if (is_clean) {
            series->durable = series->count;
            series->durable_runs = series->runs_count;
            series->synced = series->count;
            series->synced_runs = series->runs_count;
        } else {
            series->is_new = true; /* its folders too */
            store_mark_unsynced(store, series);
        }
        series->is_head_synced = is_clean;
    }
}

/* From the files of a store that is locked and whose folders are open. */
static int recover(struct store *store, const char *path, struct error_text *error)
{
    struct journal_image image = {0};
    uint8_t *bytes = NULL;
    enum store_state state;
    int result = state_file_read(store->folder_fd, &state);
    if (result < 0)
        return error_set_errno(error, result, "cannot read %s/" STORE_STATE_FILE, path);
    int load = journal_load(&store->journal, &image, &bytes);
    bool is_damaged = load == -EBADMSG || (load == 0 && image.is_damaged);
    if (load < 0 && load != -ENODATA && load != -EBADMSG)
        return error_set_errno(error, load, "cannot read the journal of %s", path);
    result = judge_start(store, state, load, is_damaged, error);
    if (result == 0 && store->recovery.start == STORE_START_POWER) {
        enum store_state during =
            PLANTED(BUG_RUNNING_TOO_EARLY) ? STORE_STATE_RUNNING : STORE_STATE_RECOVERING;
        /* None is as good, and says that there is nothing to lose where the journal, too, is lost.
         */
        if (state != STORE_STATE_NONE)
            result = state_file_write(store->folder_fd, during);
        if (result < 0)
            error_set_errno(error, result, "cannot write %s/" STORE_STATE_FILE, path);
        else
            result = store_recover(store, &image, error);
    }
    if (result == 0 && load == 0) {
        store->image = &image;
        store->id_highest = image.id_highest;
        store->recovery.records = image.record_count;
        store->sessions = image.sessions;
        store->session_count = image.session_count;
        image.sessions = NULL;
    }
    if (result == 0)
        result = scan_series(store, path, error);
    store->image = NULL;
    if (result == 0 && load == 0) {
        result = keep_broken(store, &image);
        if (result < 0)
            error_set_errno(error, result, "cannot keep the broken series of %s", path);
    }
    if (load == 0)
        journal_image_free(&image);
    free(bytes);
    return result;
}

/* All that is there now becomes durable; only then is it believed. */
static int begin_running(struct store *store, const char *path, struct error_text *error)
{
    mark_all_unsynced(store);
    int result = store_flush_now(store, FLUSH_SYNC, store->sessions, store->session_count, error);
    if (result < 0)
        return result;
    result = journal_remove_others(&store->journal);
    if (result == 0)
        result = journal_prepare_next(&store->journal);
    if (result == 0)
        result = state_file_write(store->folder_fd, STORE_STATE_RUNNING);
    if (result == 0)
        result = state_file_hold(store->folder_fd, &store->state_fd);
    return result < 0 ? error_set_errno(error, result, "cannot make the journal of %s", path) : 0;
}

static void set_options(struct store *store, const struct store_limits *limits)
{
    uint64_t bytes = limits->journal_bytes > 0 ? limits->journal_bytes : JOURNAL_BYTES_DEFAULT;
    if (bytes < JOURNAL_BYTES_MIN)
        bytes = JOURNAL_BYTES_MIN;
    if (bytes > JOURNAL_BYTES_MAX)
        bytes = JOURNAL_BYTES_MAX;
    journal_init(&store->journal, store->folder_fd,
                 bytes / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES);
}

/* ---- */

int store_open_locked(const char *path, const struct store_limits *limits, struct store **ret_store,
                      struct error_text *error)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return error_set(error, -ENOMEM, "no memory for the store");
    store->folder_fd = -1;
    store->journal.fd = -1;
    store->series_fd = -1;
    store->lock_fd = -1;
    store->state_fd = -1;
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
        result = store_lock_take(store->folder_fd, path, &store->lock_fd, error);
    if (result == 0)
        result = open_series_folder(store, path, error);
    if (result == 0)
        result = store_set_limits(store, limits, error);
    if (result < 0)
        goto failed;
    set_options(store, limits);
    sigbus_set_writer(store_owns_address, store);
    *ret_store = store;
    return 0;

failed:
    store_close(store);
    return result;
}

int store_open(const char *path, const struct store_limits *limits, struct store **ret_store,
               struct error_text *error)
{
    struct store *store;
    int64_t began_ns = clock_monotonic_ns();
    int result = store_open_locked(path, limits, &store, error);
    if (result < 0)
        return result;
    result = recover(store, path, error);
    if (result == 0)
        result = begin_running(store, path, error);
    if (result < 0)
        goto failed;
    store->recovery.duration_ns = clock_monotonic_ns() - began_ns;
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
    sigbus_set_writer(NULL, NULL);
    for (size_t at = 0; store->index.slots != NULL && at <= store->index.mask; at++) {
        if (store->index.slots[at].series == NULL)
            continue;
        store_partials_forget(store, store->index.slots[at].series);
        series_free(store->index.slots[at].series);
    }
    store_index_free(&store->index);
    journal_close(&store->journal);
    free(store->unsynced);
    free(store->removed);
    free(store->dirty);
    free(store->mapped);
    free(store->sessions);
    fs_close(store->series_fd);
    fs_close(store->folder_fd);
    fs_close(store->state_fd);
    fs_close(store->lock_fd);
    free(store);
}

int store_finish(struct store *store, const struct store_session *sessions, size_t session_count,
                 struct error_text *error)
{
    assert(store->flush == NULL && store->checkpoint == NULL);
    int result = 0;
    /* First the words in the heads, `durable` too, then the sync that takes them along. */
    if (store->dirty_count > 0 && !store_wants_all_sessions(store, session_count))
        result = store_flush_now(store, FLUSH_RECORD, sessions, session_count, error);
    if (result == 0)
        result = store_flush_now(store, FLUSH_SYNC, sessions, session_count, error);
    if (result == 0) {
        result = state_file_write(store->folder_fd, STORE_STATE_CLEAN);
        if (result < 0)
            error_set_errno(error, result, "cannot write " STORE_STATE_FILE);
    }
    return result;
}

void store_recovery(const struct store *store, struct store_recovery *ret_recovery)
{
    *ret_recovery = store->recovery;
}

void store_journal_usage(const struct store *store, struct store_journal_usage *ret_usage)
{
    *ret_usage = (struct store_journal_usage){.number = store->journal.number,
                                              .used_bytes = store->journal.used,
                                              .file_bytes = store->journal.byte_count,
                                              .written_bytes = store->journal.bytes_written};
}

int store_for_each_session(struct store *store,
                           int (*visit)(uint64_t session, uint64_t stored, void *context),
                           void *context)
{
    int result = 0;
    for (size_t i = 0; i < store->session_count && result == 0; i++)
        result = visit(store->sessions[i].session, store->sessions[i].stored, context);
    return result;
}

void store_set_session_oracle(struct store *store,
                              bool (*is_durable)(uint64_t session, uint64_t sequence,
                                                 void *context),
                              void *context)
{
    store->is_durable = is_durable;
    store->is_durable_context = context;
}

int store_install_sigbus_handler(void)
{
    return sigbus_install();
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
