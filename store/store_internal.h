/* store_internal.h - what the files of the writing side share about the store. */
#ifndef INGEST_STORE_INTERNAL_H
#define INGEST_STORE_INTERNAL_H

#include "journal_file.h"
#include "series_internal.h"
#include "store_index.h"
#include "store_sync.h"

#define JOURNAL_BYTES_DEFAULT (UINT64_C(64) << 20)
#define DIRECT_BYTES_DEFAULT  (UINT64_C(256) << 10)

struct store {
    int folder_fd; /* STORE */
    int series_fd; /* STORE/series */
    int lock_fd;   /* open for as long as the store is: a sync of the whole file system tells each
                      open file of an error once */
    int state_fd;  /* STATE, held from when it says RUNNING until the store is closed, else -1 */
    struct store_index index;
    int64_t newest_ns;
    int64_t epoch; /* of this writer */
    uint64_t id_highest;
    uint64_t broken_count;
    /* Series that the journal does not know and that could not be read: as long as there are any,
     * the journal goes on saying that what has an id above id_born was never flushed, so that a
     * power cut makes an end of them, as of any series that nothing durable was in. */
    size_t unborn_count;
    uint64_t id_born;

    struct store_limits limits;
    uint64_t bytes_max; /* limits.bytes_max, or what stands for 0 */
    uint64_t reserved_bytes;

    struct series **dirty; /* has room for every series */
    size_t dirty_count;
    size_t dirty_capacity;

    size_t kept_files; /* open between two appends: series_room.c */

    struct series **mapped; /* the map cache */
    size_t mapped_count;
    size_t mapped_capacity;
    size_t mapped_max;
    size_t mapped_hand;
    size_t summary_maps; /* beside the three of each mapped series */

    store_summary_make *summary_make; /* NULL: none are kept */
    store_summary_merge *summary_merge;
    double *summary_scratch;  /* two records of a sample */
    struct store_head *heads; /* while the store is recovered, by id */
    size_t head_count;
    bool has_read_heads;
    struct series **lagging; /* whose summaries lag; has room for every series */
    size_t lagging_count;
    size_t lagging_hand;
    int64_t summary_retry_ns; /* not before this time, after a failure */

    struct journal journal;
    /* As of the last flush that ended: while one is under way the journal is its thread's. */
    struct store_journal_usage journal_usage;
    uint64_t journal_records; /* in the file in use */
    uint64_t direct_bytes;
    uint32_t journal_slots;    /* given in the file in use */
    bool snapshot_is_due;      /* a checkpoint ended: the next flush begins the next file */
    struct store_flush *flush; /* under way, or NULL */
    struct store_checkpoint *checkpoint; /* likewise */
    struct series **unsynced; /* named in the journal, columns not synced since; room for all */
    size_t unsynced_count;
    uint32_t *removed; /* slots of series that were deleted, for the next flush */
    size_t removed_count;
    bool has_unlinked; /* files of theirs, and the folders were not synced since */
    size_t partial_count;
    struct store_raised *raised; /* and not yet told */
    size_t raised_count;
    size_t raised_capacity;
    bool reserve_is_short;  /* the next flush is before its time, since some ring has no more */
    unsigned short_flushes; /* such flushes in a row */
    struct store_recovery recovery;
    const struct journal_image *image; /* while the store is opened and the journal was read */

    struct store_session *sessions; /* as the journal had them when the store was opened; sorted */
    size_t session_count;
    bool (*is_durable)(uint64_t session, uint64_t sequence, void *context);
    void *is_durable_context;
};

/* The folder of a store, locked; nothing of it is read yet. Errors as store_open(). */
int store_open_locked(const char *path, const struct store_limits *limits, struct store **ret_store,
                      struct error_text *error);
/* Adds a series to the index, and what it takes to the accounts. -ENOMEM. */
int store_add(struct store *store, struct series *series);
/* Reads a series that is there on disk and adds it. -ENOMEM; what is wrong with
 * it makes it broken. */
int store_add_found(struct store *store, const char *name);
/* Visits the name of every folder that has a head.npy, in no order; stops as store_for_each(). */
int store_for_each_name(const struct store *store, int (*visit)(const char *name, void *context),
                        void *context);
/* store_series.c: reads all series that are there. */
int store_scan(struct store *store);
/* store_start.c: recovers a store that is locked and whose folders are open, begins its journal,
 * and has STATE say running. */
int store_start(struct store *store, const char *path, struct error_text *error);
/* Takes it out again everywhere and frees it. */
void store_drop(struct store *store, struct series *series);

/* Puts a series into the list of dirty ones. */
static inline void store_mark_dirty(struct store *store, struct series *series)
{
    series->is_head_synced = false;
    if (series->is_dirty)
        return;
    assert(store->dirty_count < store->dirty_capacity);
    store->dirty[store->dirty_count++] = series;
    series->is_dirty = true;
}

/* ---- store_map_cache.c ---- */

#define MAPS_A_SERIES ((size_t)3)
/* From vm.max_map_count: three mappings a series, and some left for the rest of
 * the program. */
size_t store_map_limit(void);
/* Unmaps series that were not written lately, but not `spared`, until there may be `maps` more
 * mappings. */
void store_map_make_room(struct store *store, size_t maps, const struct series *spared);
int store_map_add(struct store *store, struct series *series); /* -ENOMEM */
void store_map_remove(struct store *store, struct series *series);

/* ---- store_summaries.c ---- */

/* Puts a series into the list of those whose summaries lag. */
void store_mark_lagging(struct store *store, struct series *series);

/* ---- store_budget.c ---- */

/* -EDQUOT, -ENOSPC with a sentence; errors of statvfs(). */
int store_budget_check_new(const struct store *store, uint64_t bytes, struct error_text *error);
/* Whether growing files may take so many more bytes. -ENOSPC. */
int store_budget_check_growth(const struct store *store, uint64_t bytes);
/* Whether so many blocks may be allocated above free_bytes_min. -ENOSPC. */
int store_budget_check_free(const struct store *store, uint64_t bytes);

/* The ring's capacity by the rule, 0 = grow. -EDOM as store_create(); -EOVERFLOW: beyond any file.
 */
int store_rule_capacity(const struct series_rule *rule, const struct series_type *type,
                        int64_t period_ps, uint64_t *ret_capacity);

/* ---- store_flush.c ---- */

enum flush_kind {
    FLUSH_RECORD,   /* what moved since the last one */
    FLUSH_SNAPSHOT, /* begins the next journal file, after a checkpoint */
    FLUSH_SYNC      /* the same, and syncs all columns itself */
};

/* Begins, runs and ends one flush in this thread. */
int store_flush_now(struct store *store, enum flush_kind kind, const struct store_session *sessions,
                    size_t session_count, struct error_text *error);
/* The series goes away while the flush is under way. */
void store_flush_forget(struct store_flush *flush, const struct series *series);
/* What the next record takes at most, beside rows. */
uint64_t store_record_bytes_max(const struct store *store, size_t session_count);
/* A sync failed, of whatever: from now on STATE says that the arrays are not to be trusted, and no
 * flush ends well. Any thread. */
void store_distrust(struct journal *journal);

/* ---- store_checkpoint.c ---- */

void store_checkpoint_forget(struct store_checkpoint *checkpoint, const struct series *series);
/* The journal names it from now on. */
void store_mark_unsynced(struct store *store, struct series *series);
void store_unsynced_renew(struct store *store);

/* ---- store_partials.c ---- */

/* An entry takes the place of an older one of its session. -ENOMEM. */
int store_partials_add(struct store *store, struct series *series,
                       const struct journal_entry *entry);
size_t store_partials_of(const struct series *series,
                         struct journal_entry ret_entries[HEAD_SESSION_SLOTS]);
/* The session's entry was evicted. */
void store_partials_drop(struct store *store, struct series *series, uint64_t session);
/* Drops those that these sessions have passed. -ENOMEM. */
int store_partials_prune(struct store *store, const struct store_session *sessions, size_t count);
void store_partials_forget(struct store *store, struct series *series);
/* After a kill: the entries of a head that are above what the journal knows of their sessions. */
int store_learn_partials(struct store *store, struct series *series,
                         const int64_t words[HEAD_WORDS]);

/* ---- store_recover.c ---- */

/* After a power cut: brings every series that the journal knows to the position that it says.
 * Errors are those of the system; what cannot be brought back is counted and left. */
int store_recover(struct store *store, const struct journal_image *image, struct error_text *error);
/* One of them. `is_cut`: the journal went on behind what the image has, so what stands in a ring
 * nobody knows but for the rows in the journal. -EBADMSG: it cannot be brought back. */
int store_recover_series(struct store *store, const struct journal_image *image,
                         const struct journal_series *from, bool is_cut);

/* ---- store_unwritten.c ---- */

/* Where the cache is still that of a write that failed. Before recovery: what failed until now is
 * told by no later sync. */
void store_forget_failed_writes(struct store *store);
/* After recovery: sees to it that what it wrote is read as that from the disk, too. Errors are
 * those of the system. */
int store_mend_unwritten(struct store *store, const struct journal_image *image);

/* ---- store_locate.c ---- */

/* The name under which a series is on disk: what the journal says, or another if it was renamed
 * since. Errors are those of reading the store. */
int store_recovery_name(struct store *store, const struct journal_series *from,
                        char ret_name[STORE_NAME_BYTES_MAX + 1]);
void store_forget_heads(struct store *store);

/* ---- meta_file.c ---- */

/* Whether the rule gives anything that goes there. */
bool meta_file_is_wanted(const struct series_rule *rule);
/* Writes meta.ini if so. */
int meta_file_write(int folder, const char *name, const struct series_rule *rule);

/* ---- store_admin.c ---- */

/* Removes all files of a series, head.npy first, and the folders that are left
 * empty. */
int store_remove_files(int series_fd, const char *name);

#endif
