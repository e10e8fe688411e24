/* Flushing in three steps: begin and end belong to the store's thread, run to another. Run sees
 * nothing of the store but what begin copied, its descriptors and the journal, which is nobody
 * else's while a flush is under way.
 *
 * A flush writes one record: what moved since the last one, or a snapshot of the whole store that
 * begins the journal's next file. Of each series that moved it either carries the rows themselves,
 * or the columns are synced and it carries the position alone. */
#include "store_internal.h"

#include "clock_ns.h"
#include "file_system.h"
#include "journal_format.h"
#include "planted.h"
#include "state_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one record copies at most: it is copied by the thread that appends. */
#define INLINE_BYTES_MAX (UINT64_C(8) << 20)
/* Beside name, rows and entries. */
#define ITEM_BYTES 96

struct flush_item {
    struct series *series; /* NULL: deleted meanwhile */
    uint64_t count;
    uint64_t runs_count;
    uint64_t rows_from; /* not yet in the columns for sure */
    uint64_t runs_from;
    uint64_t bytes; /* of those rows and runs, as the ring still has them */
    bool is_direct;
    uint8_t rows_reserve;
    uint8_t runs_reserve;
};

struct store_flush {
    struct journal *journal;
    enum flush_kind kind;
    struct sync_list list;
    struct journal_record record;
    struct store_flush_counts counts;
    size_t item_count;
    struct flush_item items[];
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Rows or runs from one index to another that a ring of so many still has. */
static uint64_t still_there(uint64_t from, uint64_t to, uint64_t capacity)
{
    return capacity > 0 ? min_u64(to - from, capacity) : to - from;
}

static uint64_t runs_capacity(const struct series *series)
{
    return series->capacity > 0 ? series->stamps_column.row_count : 0;
}

static void note_item(struct flush_item *item, struct series *series, enum flush_kind kind)
{
    bool is_whole = kind != FLUSH_RECORD;
    *item = (struct flush_item){
        .series = series,
        .count = series->count,
        .runs_count = series->runs_count,
        .rows_from = is_whole ? series->synced : series->durable,
        .runs_from = is_whole ? series->synced_runs : series->durable_runs,
        .rows_reserve = series->rows_reserve_wanted,
        .runs_reserve = series->runs_reserve_wanted,
    };
    if (series->broken != NULL) {
        /* Its place is kept as it was. */
        item->count = series->durable;
        item->runs_count = series->durable_runs;
    }
    if (kind == FLUSH_SYNC || series->broken != NULL) {
        item->rows_from = item->count;
        item->runs_from = item->runs_count;
    }
    uint64_t rows = still_there(item->rows_from, item->count, series->capacity);
    uint64_t row_bytes = series->sample_bytes + (series_is_regular(series) ? 0 : 8);
    item->bytes = rows * row_bytes;
    if (series_is_regular(series) && series->words != NULL)
        item->bytes += still_there(item->runs_from, item->runs_count, runs_capacity(series)) *
                       series->stamps_column.row_bytes;
    /* What is not mapped is not read here, where appends wait. */
    item->is_direct = (item->bytes >= series->store->direct_bytes) || series->has_new_meta ||
                      (series->words == NULL &&
                       (item->rows_from < item->count || item->runs_from < item->runs_count));
}

static int compare_bytes(const void *a, const void *b)
{
    const struct flush_item *left = *(struct flush_item *const *)a;
    const struct flush_item *right = *(struct flush_item *const *)b;
    return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

/* Makes the largest items direct until the others fit. -ENOMEM. */
static int limit_inline(struct store_flush *flush, uint64_t room)
{
    uint64_t bytes = 0;
    size_t count = 0;
    for (size_t i = 0; i < flush->item_count; i++)
        bytes += flush->items[i].is_direct ? 0 : flush->items[i].bytes;
    if (bytes <= room)
        return 0;
    struct flush_item **order = malloc(flush->item_count * sizeof(struct flush_item *));
    if (order == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < flush->item_count; i++)
        if (!flush->items[i].is_direct)
            order[count++] = &flush->items[i];
    qsort(order, count, sizeof(struct flush_item *), compare_bytes);
    for (size_t i = 0; i < count && bytes > room; i++) {
        order[i]->is_direct = true;
        bytes -= order[i]->bytes;
    }
    free(order);
    return 0;
}

/* `count` rows up to index `end` of a column that is mapped. */
static struct journal_span span_of(const char *rows, uint64_t row_bytes, uint64_t ring_rows,
                                   uint64_t end, uint64_t count)
{
    uint64_t slot = (end - count) % ring_rows;
    uint64_t before_seam = min_u64(count, ring_rows - slot);
    return (struct journal_span){
        .bytes = {rows + slot * row_bytes, rows},
        .byte_count = {before_seam * row_bytes, (count - before_seam) * row_bytes},
    };
}

static void add_item(struct store_flush *flush, const struct flush_item *from)
{
    struct series *series = from->series;
    struct store *store = series->store;
    struct journal_entry entries[HEAD_SESSION_SLOTS];
    struct journal_description description = {.id = series->id,
                                              .capacity = series->capacity,
                                              .created_ns = series->created_ns,
                                              .type = series->type,
                                              .name = series->name,
                                              .name_bytes = series->name_bytes};
    bool is_regular = series_is_regular(series);
    bool is_whole = flush->kind != FLUSH_RECORD;
    struct journal_item item = {.count = from->count,
                                .entries = entries,
                                .rows_reserve = from->rows_reserve,
                                .runs_reserve = from->runs_reserve};
    if (is_whole || !series->is_described) {
        series->journal_slot = store->journal_slots++;
        item.description = &description;
    }
    item.slot = series->journal_slot;
    item.has_runs =
        is_regular && (item.description != NULL || from->runs_count > series->durable_runs);
    item.runs_count = from->runs_count;
    item.has_reserve =
        series->rows_reserve != from->rows_reserve || series->runs_reserve != from->runs_reserve ||
        (item.description != NULL && (from->rows_reserve > 0 || from->runs_reserve > 0));
    item.entry_count = store_partials_of(series, entries);
    if (!from->is_direct) {
        item.rows = still_there(from->rows_from, from->count, series->capacity);
        item.runs =
            is_regular ? still_there(from->runs_from, from->runs_count, runs_capacity(series)) : 0;
    }
    /* Of a ring of runs that may be overwritten whole before the next flush the newest is kept
     * here, which tells the last time. */
    if (is_regular && item.runs == 0 && from->runs_reserve == RESERVE_ALL && from->runs_count > 0 &&
        series->capacity > 0 && series->words != NULL && series->broken == NULL) {
        item.has_runs = true;
        item.runs = 1;
    }
    if (item.rows > 0)
        item.values =
            span_of(series->values, series->sample_bytes, series->ring_rows, item.count, item.rows);
    if (item.rows > 0 && !is_regular)
        item.stamps =
            span_of((const char *)series->times, 8, series->ring_rows, item.count, item.rows);
    if (item.runs > 0)
        item.stamps = span_of(series->stamps_column.rows, series->stamps_column.row_bytes,
                              series->stamps_column.row_count, item.runs_count, item.runs);
    journal_record_add_item(&flush->record, &item);
}

/* The items of the flush: the dirty series, or all that can be written. */
static void collect_items(struct store *store, struct store_flush *flush)
{
    if (flush->kind == FLUSH_RECORD) {
        for (size_t i = 0; i < store->dirty_count; i++)
            note_item(&flush->items[flush->item_count++], store->dirty[i], flush->kind);
        return;
    }
    for (size_t at = 0; at <= store->index.mask; at++) {
        struct series *series = store->index.slots[at].series;
        if (series != NULL && (series->broken == NULL || series->is_described))
            note_item(&flush->items[flush->item_count++], series, flush->kind);
    }
}

/* Which files run is to sync. */
static int list_files(const struct store *store, struct store_flush *flush)
{
    size_t count = 0;
    size_t name_bytes = 0;
    for (size_t i = 0; i < flush->item_count; i++) {
        count++;
        name_bytes += flush->items[i].series->name_bytes + 1;
    }
    int result = sync_list_new(&flush->list, count, name_bytes);
    if (result < 0)
        return result;
    flush->list.lock_fd = store->lock_fd;
    flush->list.series_fd = store->series_fd;
    /* The new file will not know what was deleted: it must not come back. */
    flush->list.everything = flush->kind != FLUSH_RECORD && store->has_unlinked;
    for (size_t i = 0; i < flush->item_count; i++) {
        const struct flush_item *item = &flush->items[i];
        struct series *series = item->series;
        /* Of one that could not be read the old journal may have rows, and the new one will not. */
        bool is_stale =
            flush->kind == FLUSH_SYNC && (series->is_new || series->is_unsynced ||
                                          !series->is_head_synced || series->broken != NULL);
        if (!item->is_direct && !is_stale)
            continue;
        sync_list_add(&flush->list, series->name, series->type.clock,
                      series->is_new || flush->kind == FLUSH_SYNC);
        series_pages_cleaned(series);
    }
    return 0;
}

static int build(struct store *store, struct store_flush *flush,
                 const struct store_session *sessions, size_t session_count)
{
    collect_items(store, flush);
    uint64_t fixed = (uint64_t)session_count * JOURNAL_SESSION_BYTES;
    uint64_t pending = 0;
    for (size_t i = 0; i < flush->item_count; i++) {
        fixed += ITEM_BYTES;
        pending += flush->items[i].bytes;
    }
    uint64_t room = INLINE_BYTES_MAX;
    if (flush->kind == FLUSH_RECORD) {
        uint64_t left = store->journal.byte_count - store->journal.used;
        uint64_t taken = store_record_bytes_max(store, session_count);
        room = min_u64(room, left > taken ? left - taken : 0);
    } else {
        room = min_u64(room, store->journal.bytes_wanted / 4);
    }
    int result = limit_inline(flush, room);
    if (result == 0)
        result = list_files(store, flush);
    if (result < 0)
        return result;
    if (flush->kind != FLUSH_RECORD)
        store->journal_slots = 0;
    journal_record_begin(&flush->record, (size_t)(fixed + min_u64(pending, room)));
    for (size_t i = 0; i < session_count; i++)
        journal_record_add_session(&flush->record, &sessions[i]);
    if (flush->kind == FLUSH_RECORD)
        for (size_t i = 0; i < store->removed_count; i++)
            journal_record_add_item(
                &flush->record,
                &(struct journal_item){.slot = store->removed[i], .is_removed = true});
    for (size_t i = 0; i < flush->item_count; i++)
        add_item(flush, &flush->items[i]);
    flush->counts.series = flush->item_count;
    flush->counts.bytes = pending;
    uint64_t id_flushed = store->unborn_count > 0 ? store->id_born : store->id_highest;
    return journal_record_end(&flush->record, id_flushed, clock_realtime_ns());
}

/* Reading the rows may show that a file was cut: what was read instead is not journaled. */
static int build_sound(struct store *store, struct store_flush *flush,
                       const struct store_session *sessions, size_t session_count)
{
    uint32_t slots = store->journal_slots;
    for (;;) {
        int result = build(store, flush, sessions, session_count);
        bool has_lost = false;
        for (size_t i = 0; i < flush->item_count; i++)
            if (flush->items[i].series->broken == NULL)
                has_lost = series_check_lost(flush->items[i].series) || has_lost;
        if (result == 0 && !has_lost)
            return 0;
        store->journal_slots = slots;
        if (result < 0)
            return result;
        sync_list_free(&flush->list);
        journal_record_free(&flush->record);
        flush->item_count = 0;
    }
}

uint64_t store_record_bytes_max(const struct store *store, size_t session_count)
{
    uint64_t bytes = JOURNAL_BLOCK_BYTES + JOURNAL_HEADER_BYTES +
                     (uint64_t)session_count * JOURNAL_SESSION_BYTES +
                     store->removed_count * (uint64_t)ITEM_BYTES +
                     store->partial_count * (uint64_t)JOURNAL_ENTRY_BYTES;
    for (size_t i = 0; i < store->dirty_count; i++)
        bytes += ITEM_BYTES + (store->dirty[i]->is_described ? 0 : store->dirty[i]->name_bytes);
    return bytes;
}

bool store_wants_all_sessions(const struct store *store, size_t session_count)
{
    return store->snapshot_is_due ||
           !journal_has_room(&store->journal, store_record_bytes_max(store, session_count));
}

static int begin_kind(struct store *store, enum flush_kind kind,
                      const struct store_session *sessions, size_t session_count,
                      struct store_flush **ret_flush)
{
    size_t item_max = kind == FLUSH_RECORD ? store->dirty_count : store->index.count;
    struct store_flush *flush = calloc(1, sizeof *flush + item_max * sizeof flush->items[0]);
    if (flush == NULL)
        return -ENOMEM;
    flush->journal = &store->journal;
    flush->kind = kind;
    int result = store_partials_prune(store, sessions, session_count);
    if (result == 0)
        result = build_sound(store, flush, sessions, session_count);
    if (result < 0) {
        sync_list_free(&flush->list);
        journal_record_free(&flush->record);
        free(flush);
        return result;
    }
    for (size_t i = 0; i < flush->item_count; i++) {
        struct series *series = flush->items[i].series;
        series->is_dirty = false;
        store_mark_unsynced(store, series);
    }
    store->dirty_count = 0;
    store->removed_count = 0;
    store->flush = flush;
    *ret_flush = flush;
    return 0;
}

int store_flush_begin(struct store *store, const struct store_session *sessions,
                      size_t session_count, struct store_flush **ret_flush)
{
    assert(store->flush == NULL);
    *ret_flush = NULL;
    if (store->dirty_count == 0 && session_count == 0 && store->removed_count == 0 &&
        !store->snapshot_is_due)
        return 0;
    store_reserve_company(store);
    enum flush_kind kind = FLUSH_RECORD;
    if (store->snapshot_is_due)
        kind = FLUSH_SNAPSHOT;
    else if (store_wants_all_sessions(store, session_count))
        kind = FLUSH_SYNC;
    return begin_kind(store, kind, sessions, session_count, ret_flush);
}

static int write_record(struct store_flush *flush, struct error_text *error)
{
    int result = flush->kind == FLUSH_RECORD ? journal_append(flush->journal, &flush->record)
                                             : journal_begin_next(flush->journal, &flush->record);
    return result < 0 ? error_set_errno(error, result, "cannot write the journal") : 0;
}

int store_flush_run(struct store_flush *flush, struct error_text *error)
{
    int result = flush->kind == FLUSH_RECORD ? 0 : journal_open_next(flush->journal);
    if (result < 0) {
        /* The cache is as good as it was: the next start need not doubt it. */
        flush->journal->has_failed = true;
        return error_set_errno(error, result, "cannot write the journal");
    }
    if (PLANTED(BUG_POSITION_BEFORE_DATA))
        result = write_record(flush, error);
    if (result == 0 && (flush->list.item_count > 0 || flush->list.everything))
        result = sync_list_run(&flush->list, error);
    if (result == 0 && !PLANTED(BUG_POSITION_BEFORE_DATA))
        result = write_record(flush, error);
    if (result < 0)
        store_distrust(flush->journal);
    return result;
}

void store_distrust(struct journal *journal)
{
    enum store_state state;
    /* First of all: whoever syncs the same file in another thread now is told that all is well. */
    journal->has_failed = true;
    /* A store without STATE is not trusted as it is; and one that was never finished has no journal
     * either, and begins anew. */
    if (state_file_read(journal->folder, &state) == 0 && state == STORE_STATE_NONE)
        return;
    /* Where even that cannot be written, a store without STATE is not trusted either. */
    if (state_file_write(journal->folder, STORE_STATE_RECOVERING) < 0) {
        (void)fs_remove_at(journal->folder, STORE_STATE_FILE);
        (void)fs_sync_folder(journal->folder);
    }
}

/* What the series knows of the disk from now on. */
static void settle(struct store_flush *flush, const struct flush_item *item)
{
    struct series *series = item->series;
    series->is_described = true;
    if (series->broken != NULL)
        return;
    if (item->is_direct || flush->kind == FLUSH_SYNC) {
        series->synced = item->count;
        series->synced_runs = item->runs_count;
        series->is_new = false;
        series->has_new_meta = false;
        if (flush->kind == FLUSH_SYNC && !series->is_dirty)
            series->is_head_synced = true;
    }
    series->rows_reserve = item->rows_reserve;
    series->runs_reserve = item->runs_reserve;
    series->durable_runs = item->runs_count;
    if (item->count > series->durable || series->is_head_behind)
        series_publish_durable(series, item->count);
    series_limit_rows(series);
}

static void note_usage(struct store *store)
{
    const struct journal *journal = &store->journal;
    store->journal_usage = (struct store_journal_usage){.number = journal->number,
                                                        .used_bytes = journal->used,
                                                        .file_bytes = journal->byte_count,
                                                        .written_bytes = journal->bytes_written};
    store->journal_records = journal->record_next;
}

void store_flush_end(struct store *store, struct store_flush *flush, bool synced)
{
    assert(store->flush == flush);
    store->flush = NULL;
    note_usage(store);
    for (size_t i = 0; i < flush->item_count; i++) {
        const struct flush_item *item = &flush->items[i];
        if (item->series == NULL)
            continue;
        if (synced)
            settle(flush, item);
        else
            store_mark_dirty(store, item->series);
    }
    if (synced && flush->kind != FLUSH_RECORD) {
        store->has_unlinked = store->has_unlinked && !flush->list.everything;
        store->snapshot_is_due = false;
        store_unsynced_renew(store);
    }
    sync_list_free(&flush->list);
    journal_record_free(&flush->record);
    free(flush);
}

void store_flush_counts(const struct store_flush *flush, struct store_flush_counts *ret_counts)
{
    *ret_counts = flush->counts;
}

void store_flush_forget(struct store_flush *flush, const struct series *series)
{
    for (size_t i = 0; i < flush->item_count; i++)
        if (flush->items[i].series == series)
            flush->items[i].series = NULL;
}

int store_flush_now(struct store *store, enum flush_kind kind, const struct store_session *sessions,
                    size_t session_count, struct error_text *error)
{
    struct store_flush *flush;
    int result = begin_kind(store, kind, sessions, session_count, &flush);
    if (result < 0)
        return error_set_errno(error, result, "cannot flush the store");
    result = store_flush_run(flush, error);
    store_flush_end(store, flush, result == 0);
    return result;
}
