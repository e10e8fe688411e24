/* How a store is brought to life: what it was left as, what of it is believed (docs/format.md,
 * "Recovery"), and the journal file that it begins with. */
#include "store_internal.h"

#include "journal_format.h"
#include "planted.h"
#include "state_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Series that cannot be used keep their place in the journal, for the day when they are mended; or
 * they have none, and never were flushed. */
static int keep_broken(struct store *store, const struct journal_image *image)
{
    int result = 0;
    store->id_born = image->id_highest;
    for (size_t i = 0; i < image->series_count && result == 0; i++) {
        const struct journal_series *from = &image->series[i];
        const struct journal_description *description = &from->description;
        struct series *series = store_find(store, description->name, description->name_bytes);
        if (description->id > store->id_highest)
            store->id_highest = description->id;
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
    for (size_t at = 0; at <= store->index.mask; at++) {
        struct series *series = store->index.slots[at].series;
        if (series != NULL && series->is_unread && !series->is_described)
            series_set_unborn(series, true);
    }
    return result;
}

/* Series that were deleted as far as the journal: those that have their head still were met in the
 * scan, of the others some files may be left. A head that cannot be read is no other series'. */
static int finish_removals(struct store *store, const struct journal_image *image)
{
    int result = 0;
    for (size_t i = 0; i < image->series_count && result == 0; i++) {
        const struct journal_description *description = &image->series[i].description;
        char name[STORE_NAME_BYTES_MAX + 1];
        if (!image->series[i].is_removed)
            continue;
        store->recovery.series_removed++;
        struct series *series = store_find(store, description->name, description->name_bytes);
        if ((series != NULL && series->id != 0) ||
            journal_image_has_name(image, description->name, description->name_bytes))
            continue;
        if (series != NULL)
            store_drop(store, series);
        memcpy(name, description->name, description->name_bytes);
        name[description->name_bytes] = '\0';
        store->has_unlinked = true;
        result = store_remove_files(store->series_fd, name);
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

/* `state`: what STATE said. */
static int recover_power(struct store *store, const char *path, enum store_state state,
                         const struct journal_image *image, struct error_text *error)
{
    enum store_state during =
        PLANTED(BUG_RUNNING_TOO_EARLY) ? STORE_STATE_RUNNING : STORE_STATE_RECOVERING;
    /* In another boot, or another folder, the cache is the disk's. */
    bool is_failed_cache = state != STORE_STATE_REBOOTED && state != STORE_STATE_MOVED;
    int result = 0;
    /* None is as good, and says that there is nothing to lose where the journal, too, is lost. */
    if (state != STORE_STATE_NONE)
        result = state_file_write(store->folder_fd, during);
    if (result < 0)
        return error_set_errno(error, result, "cannot write %s/" STORE_STATE_FILE, path);
    if (is_failed_cache)
        store_forget_failed_writes(store);
    result = store_recover(store, image, error);
    if (result < 0 || !is_failed_cache)
        return result;
    result = store_mend_unwritten(store, image);
    return result < 0 ? error_set_errno(error, result, "cannot write the series of %s anew", path)
                      : 0;
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
    if (result == 0 && store->recovery.start == STORE_START_POWER)
        result = recover_power(store, path, state, &image, error);
    if (result == 0 && load == 0) {
        store->image = &image;
        store->id_highest = image.id_highest;
        store->recovery.records = image.record_count;
        store->sessions = image.sessions;
        store->session_count = image.session_count;
        image.sessions = NULL;
    }
    if (result == 0) {
        result = store_scan(store);
        if (result == 0 && load == 0)
            result = finish_removals(store, &image);
        if (result < 0)
            error_set_errno(error, result, "cannot read the series of %s", path);
    }
    store->image = NULL;
    if (result == 0 && load == 0) {
        result = keep_broken(store, &image);
        if (result < 0)
            error_set_errno(error, result, "cannot keep the broken series of %s", path);
    }
    store_forget_heads(store);
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

int store_start(struct store *store, const char *path, struct error_text *error)
{
    int result = recover(store, path, error);
    return result == 0 ? begin_running(store, path, error) : result;
}
