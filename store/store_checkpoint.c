/* A checkpoint lets go of a journal file: the columns that it names are synced, in a thread of its
 * own while flushes go on into that file, and the next flush begins the next file with a snapshot.
 * What was appended since the checkpoint began is carried by that snapshot. */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>

/* Of the journal file in use: the fuller it is when a checkpoint begins, the fewer there are, and
 * each writes some pages of every series. What is left takes the flushes meanwhile; where that is
 * not enough, a flush syncs all columns itself. */
#define CHECKPOINT_EIGHTHS 7

struct checkpoint_item {
    struct series *series; /* NULL: deleted meanwhile */
    uint64_t count;
    uint64_t runs_count;
};

struct store_checkpoint {
    struct journal *journal;
    struct sync_list list;
    size_t item_count;
    struct checkpoint_item items[];
};

bool store_checkpoint_is_due(const struct store *store)
{
    return store->checkpoint == NULL && !store->snapshot_is_due &&
           store->journal_usage.used_bytes >
               store->journal_usage.file_bytes / 8 * CHECKPOINT_EIGHTHS;
}

int store_checkpoint_begin(struct store *store, struct store_checkpoint **ret_checkpoint)
{
    assert(store->checkpoint == NULL);
    *ret_checkpoint = NULL;
    if (store->snapshot_is_due || store->journal_records <= 1)
        return 0;
    size_t name_bytes = 0;
    for (size_t i = 0; i < store->unsynced_count; i++)
        name_bytes += store->unsynced[i]->name_bytes + 1;
    struct store_checkpoint *checkpoint =
        calloc(1, sizeof *checkpoint + store->unsynced_count * sizeof checkpoint->items[0]);
    if (checkpoint == NULL ||
        sync_list_new(&checkpoint->list, store->unsynced_count, name_bytes) < 0) {
        free(checkpoint);
        return -ENOMEM;
    }
    checkpoint->journal = &store->journal;
    checkpoint->list.lock_fd = store->lock_fd;
    checkpoint->list.series_fd = store->series_fd;
    for (size_t i = 0; i < store->unsynced_count; i++) {
        struct series *series = store->unsynced[i];
        checkpoint->items[checkpoint->item_count++] = (struct checkpoint_item){
            .series = series, .count = series->count, .runs_count = series->runs_count};
        sync_list_add(&checkpoint->list, series->name, series->type.clock, series->is_new);
        series_pages_cleaned(series);
    }
    store->checkpoint = checkpoint;
    *ret_checkpoint = checkpoint;
    return 0;
}

int store_checkpoint_run(struct store_checkpoint *checkpoint, struct error_text *error)
{
    int result = sync_list_run(&checkpoint->list, error);
    if (result < 0)
        store_distrust(checkpoint->journal);
    return result;
}

void store_checkpoint_end(struct store *store, struct store_checkpoint *checkpoint, bool synced)
{
    assert(store->checkpoint == checkpoint);
    store->checkpoint = NULL;
    for (size_t i = 0; i < checkpoint->item_count && synced; i++) {
        const struct checkpoint_item *item = &checkpoint->items[i];
        if (item->series == NULL || item->series->synced > item->count)
            continue;
        item->series->synced = item->count;
        item->series->synced_runs = item->runs_count;
        item->series->is_new = false;
    }
    store->snapshot_is_due = store->snapshot_is_due || synced;
    sync_list_free(&checkpoint->list);
    free(checkpoint);
}

void store_checkpoint_forget(struct store_checkpoint *checkpoint, const struct series *series)
{
    for (size_t i = 0; i < checkpoint->item_count; i++)
        if (checkpoint->items[i].series == series)
            checkpoint->items[i].series = NULL;
}

void store_mark_unsynced(struct store *store, struct series *series)
{
    if (series->is_unsynced)
        return;
    assert(store->unsynced_count < store->dirty_capacity);
    store->unsynced[store->unsynced_count++] = series;
    series->is_unsynced = true;
}

/* A new journal file names those alone of which it carries rows. */
void store_unsynced_renew(struct store *store)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->unsynced_count; i++) {
        struct series *series = store->unsynced[i];
        series->is_unsynced = series->synced < series->durable ||
                              series->synced_runs < series->durable_runs || series->is_new;
        if (series->is_unsynced)
            store->unsynced[kept++] = series;
    }
    store->unsynced_count = kept;
}
