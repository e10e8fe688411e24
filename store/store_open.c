#include "store_internal.h"

#include "clock_ns.h"
#include "file_system.h"
#include "journal_format.h"
#include "sigbus.h"
#include "state_file.h"
#include "store_lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the folder ---- */

struct contents {
    bool has_state;
    bool has_ours;
    bool has_others;
};

static int note_entry(const char *entry, bool is_folder, void *context)
{
    struct contents *contents = context;
    (void)is_folder;
    if (strcmp(entry, STORE_STATE_FILE) == 0)
        contents->has_state = true;
    if (strcmp(entry, STORE_LOCK_FILE) == 0 || strcmp(entry, STORE_STATUS_FILE) == 0 ||
        strcmp(entry, STORE_STATE_FILE) == 0 || strcmp(entry, STORE_SERIES_DIR) == 0)
        contents->has_ours = true;
    else if (strcmp(entry, "lost+found") != 0)
        contents->has_others = true;
    return 0;
}

int store_is_there(const char *path, bool *ret_is_there)
{
    struct contents contents = {0};
    int folder = fs_open_folder_at(FS_HERE, path);
    int result = folder < 0 ? folder : fs_for_each_entry(folder, ".", note_entry, &contents);
    fs_close(folder);
    if (result == 0 || result == -ENOENT)
        *ret_is_there = contents.has_ours;
    return result == -ENOENT ? 0 : result;
}

/* Of a store that begins, the folders above may be new too: it is found after a power cut only if
 * they are. What may not be opened is not ours, and was there before. */
static int sync_parents(const char *path)
{
    char *parent = strdup(path);
    if (parent == NULL)
        return -ENOMEM;
    int result = 0;
    size_t length = strlen(parent);
    do {
        while (length > 0 && parent[length - 1] == '/')
            length--;
        while (length > 0 && parent[length - 1] != '/')
            length--;
        parent[length] = '\0';
        int fd = fs_open_folder_at(FS_HERE, length > 0 ? parent : ".");
        result = fd < 0 ? 0 : fs_sync_folder(fd);
        if (result != -EIO)
            result = 0;
        fs_close(fd);
    } while (length > 1 && result == 0);
    free(parent);
    return result;
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
        return error_set_errno(error, result, "%s", path);
    if (contents.has_others && !contents.has_ours)
        return error_set(error, -ENOTEMPTY, "%s is not empty and is not a store", path);
    if (!contents.has_state) {
        result = sync_parents(path);
        if (result < 0)
            return error_set_errno(error, result, "cannot sync the folders above %s", path);
    }
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
    store->journal.fd = store->journal.next_fd = -1;
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
    struct store *store = NULL;
    int64_t began_ns = clock_monotonic_ns();
    int result = store_open_locked(path, limits, &store, error);
    if (result < 0)
        return result;
    assert(store != NULL);
    result = store_start(store, path, error);
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
    free(store->lagging);
    free(store->summary_scratch);
    store_forget_heads(store);
    free(store->removed);
    free(store->raised);
    free(store->dirty);
    free(store->mapped);
    free(store->sessions);
    fs_close(store->series_fd);
    fs_close(store->folder_fd);
    fs_close(store->state_fd);
    fs_close(store->lock_fd);
    free(store);
}

/* What could not be read for a reason that has passed is left as clean as the others. */
static void read_all_again(struct store *store)
{
    for (size_t at = 0; at <= store->index.mask; at++) {
        struct series *series = store->index.slots[at].series;
        if (series == NULL || !series->is_unread)
            continue;
        series->read_again_ns = INT64_MIN;
        (void)series_read_again(series);
    }
}

int store_finish(struct store *store, const struct store_session *sessions, size_t session_count,
                 struct error_text *error)
{
    assert(store->flush == NULL && store->checkpoint == NULL);
    int result = 0;
    read_all_again(store);
    /* First the words in the heads, `durable` too, then the sync that takes them along. */
    if (store->dirty_count > 0 && !store_wants_all_sessions(store, session_count))
        result = store_flush_now(store, FLUSH_RECORD, sessions, session_count, error);
    if (result == 0)
        result = store_flush_now(store, FLUSH_SYNC, sessions, session_count, error);
    if (result == 0) {
        result = state_file_rewrite(store->state_fd, STORE_STATE_CLEAN);
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
    *ret_usage = store->journal_usage;
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
