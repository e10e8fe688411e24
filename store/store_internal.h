/* store_internal.h - what the files of the writing side share about the store.
 */
#ifndef INGEST_STORE_INTERNAL_H
#define INGEST_STORE_INTERNAL_H

#include "series_internal.h"
#include "store_index.h"

/* Sessions that the heads knew of when the store was opened; see
 * store_sessions.c. */
struct store_session {
    uint64_t session; /* 0 = free */
    uint64_t stored;
};

struct store {
    int folder_fd; /* STORE, open for as long as the store is: syncfs() tells each
                      open file of an error once */
    int series_fd; /* STORE/series */
    int lock_fd;
    struct store_index index;
    int64_t newest_ns;
    int64_t epoch; /* of this writer */
    uint64_t id_highest;
    uint64_t broken_count;

    struct store_limits limits;
    uint64_t bytes_max; /* limits.bytes_max, or what stands for 0 */
    uint64_t reserved_bytes;

    bool has_removed; /* series were deleted: that is synced when the store is closed */

    struct series **dirty; /* has room for every series */
    size_t dirty_count;
    size_t dirty_capacity;

    size_t kept_files; /* open between two appends: series_room.c */

    struct series **mapped; /* the map cache */
    size_t mapped_count;
    size_t mapped_capacity;
    size_t mapped_max;
    size_t mapped_hand;

    struct store_session *sessions;
    size_t sessions_mask;
    size_t sessions_count;
    bool (*is_durable)(uint64_t session, uint64_t sequence, void *context);
    void *is_durable_context;
};

/* Adds a series to the index, and what it takes to the accounts. -ENOMEM. */
int store_add(struct store *store, struct series *series);
/* Reads a series that is there on disk and adds it. -ENOMEM; what is wrong with
 * it makes it broken. */
int store_add_found(struct store *store, const char *name);
/* Takes it out again everywhere and frees it. */
void store_drop(struct store *store, struct series *series);

/* Puts a series into the list of dirty ones. */
static inline void store_mark_dirty(struct store *store, struct series *series)
{
    if (series->is_dirty)
        return;
    assert(store->dirty_count < store->dirty_capacity);
    store->dirty[store->dirty_count++] = series;
    series->is_dirty = true;
}

/* ---- store_map_cache.c ---- */

/* From vm.max_map_count: three mappings a series, and some left for the rest of
 * the program. */
size_t store_map_limit(void);
/* Unmaps series that were not written lately until `room` more may be mapped.
 */
void store_map_make_room(struct store *store, size_t room);
int store_map_add(struct store *store, struct series *series); /* -ENOMEM */
void store_map_remove(struct store *store, struct series *series);

/* ---- store_budget.c ---- */

/* -EDQUOT, -ENOSPC with a sentence; errors of statvfs(). */
int store_budget_check_new(const struct store *store, uint64_t bytes, const char *name,
                           struct error_text *error);
/* Whether growing files may take so many more bytes. -ENOSPC. */
int store_budget_check_growth(const struct store *store, uint64_t bytes);
/* Whether so many blocks may be allocated above free_bytes_min. -ENOSPC. */
int store_budget_check_free(const struct store *store, uint64_t bytes);

/* The ring's capacity by the rule, 0 = grow. -EDOM as store_create(). */
int store_rule_capacity(const struct series_rule *rule, const struct series_type *type,
                        int64_t period_ps, uint64_t *ret_capacity);

/* ---- store_sessions.c ---- */

/* Takes in what one head says of its sessions. -ENOMEM. */
int store_sessions_learn(struct store *store, const int64_t words[HEAD_WORDS]);

/* ---- meta_file.c ---- */

/* Writes meta.ini if the rule gives anything. */
int meta_file_write(int folder, const char *name, const struct series_rule *rule);

/* ---- store_admin.c ---- */

/* Removes all files of a series, head.npy first, and the folders that are left
 * empty. */
int store_remove_files(int series_fd, const char *name);

#endif
