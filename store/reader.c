/* The reader's snapshot. The writer raises `frontier`, then copies, then publishes `count` with
 * release; so
 *
 *     n = acquire(count), f = frontier: rows [max(n, f) - capacity, n) are there
 *     ... the rows are read ...
 *     fence acquire, f again: rows below f - capacity were overwritten meanwhile
 *
 * The fence orders the reads of the rows before the second look at f, as the writer's release fence
 * orders its f before its copy: whoever read a byte of the copy sees that f. The runs ring follows
 * the same rule with the runs count, which the writer publishes after the run's row: its oldest
 * slot may always be half overwritten and is never read. */
#include "reader.h"

#include "planted.h"
#include "reader_internal.h"
#include "series_name.h"
#include "sigbus.h"
#include "summary_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Looks that a snapshot takes at a ring which is overwritten under it, before it is content with no
 * oldest row. */
#define READER_SNAPSHOT_TRIES 8

int reader_install_sigbus_handler(void)
{
    return sigbus_install();
}

static int reader_open_columns(struct reader *reader, struct error_text *error)
{
    const struct series_type *type = &reader->info.type;
    struct reader_column_form values = {.dtype = type->dtype, .rank = (uint8_t)(type->rank + 1)};
    values.dims[0] = reader->info.capacity;
    for (unsigned d = 0; d < type->rank; d++)
        values.dims[d + 1] = type->dims[d];
    int r = reader_column_open(&reader->values, reader->folder, SERIES_VALUES_FILE, &values, error);
    if (r < 0)
        return r;

    if (type->clock == SERIES_EXPLICIT) {
        const struct reader_column_form times = {DTYPE_I8, 1, {reader->info.capacity}};
        return reader_column_open(&reader->times, reader->folder, SERIES_TIMES_FILE, &times, error);
    }
    static const struct reader_column_form runs = {DTYPE_I8, 2, {0, RUN_WORDS}};
    r = reader_column_open(&reader->times, reader->folder, SERIES_RUNS_FILE, &runs, error);
    if (r < 0)
        return r;
    if (reader->times.rows < 2)
        return error_set(error, -EBADMSG, "%s: room for fewer than two runs", reader->times.path);
    reader->info.runs_capacity = reader->times.rows;
    return 0;
}

/* A series that is replaced again and again while it is opened is not there. */
#define OPENINGS_MAX 8

/* -ESTALE: the series was deleted and made anew between its head and its columns. */
static int reader_open_once(const char *store_path, const char *name, struct reader **ret_reader,
                            struct error_text *error)
{
    size_t name_bytes = strlen(name);
    const char *fault = series_name_fault(name, name_bytes);
    if (fault != NULL)
        return error_set(error, -EINVAL, "\"%.255s\" is no name of a series: %s", name, fault);

    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_set_errno(error, -ENOMEM, "%s", name);
    memcpy(reader->name, name, name_bytes + 1);
    reader->info.name = reader->name;
    int r = -ENOMEM;
    if (asprintf(&reader->folder, "%s/%s/%s", store_path, STORE_SERIES_DIR, name) < 0) {
        reader->folder = NULL;
        error_set_errno(error, r, "%s", name);
        goto fail;
    }

    static const struct reader_column_form head = {DTYPE_I8, 1, {HEAD_WORDS}};
    r = reader_column_open(&reader->head, reader->folder, SERIES_HEAD_FILE, &head, error);
    if (r == -ENOENT || r == -ENOTDIR) {
        r = error_set(error, -ENOENT, "no such series: %s", name);
        goto fail;
    }
    if (r == 0)
        r = reader_head_load(reader, error);
    if (r < 0)
        goto fail;
    reader->summary_levels = summary_levels(&reader->info.type, reader->info.capacity);

    r = reader_open_columns(reader, error);
    /* A series being deleted loses its head first. */
    if (reader_column_check(&reader->head) == -ESTALE)
        r = error_set(error, -ESTALE, "no such series: %s", name);
    else if (r == -ENOENT)
        r = -EBADMSG;
    if (r < 0)
        goto fail;
    *ret_reader = reader;
    return 0;

fail:
    reader_close(reader);
    return r;
}

int reader_open(const char *store_path, const char *name, struct reader **ret_reader,
                struct error_text *error)
{
    int r = -ESTALE;
    for (unsigned i = 0; i < OPENINGS_MAX && r == -ESTALE; i++)
        r = reader_open_once(store_path, name, ret_reader, error);
    return r == -ESTALE ? -ENOENT : r;
}

void reader_close(struct reader *reader)
{
    if (reader == NULL)
        return;
    reader_column_close(&reader->head);
    reader_column_close(&reader->values);
    reader_column_close(&reader->times);
    reader_summaries_close(reader);
    reader_meta_free(&reader->meta);
    free(reader->folder);
    free(reader);
}

const struct reader_info *reader_info(const struct reader *reader)
{
    return &reader->info;
}

/* The rest of the page in which a file was cut reads as zeros without a fault: only its length
 * tells. */
bool reader_fault(const struct reader *reader)
{
    return reader->lost || reader_column_is_lost(&reader->head) ||
           reader_column_is_lost(&reader->values) || reader_column_is_lost(&reader->times) ||
           reader_summaries_are_lost(reader);
}

/* The columns of a growing series follow its counts. */
static int reader_grow_columns(struct reader *reader, uint64_t count, uint64_t runs_count)
{
    int r = 0;
    if (!reader_is_ring(reader) && count > reader->values.rows)
        r = reader_column_grow(&reader->values, count, &reader->lost);
    if (r < 0)
        return r;
    if (reader->info.type.clock == SERIES_EXPLICIT) {
        if (!reader_is_ring(reader) && count > reader->times.rows)
            r = reader_column_grow(&reader->times, count, &reader->lost);
        return r;
    }
    if (!reader_is_ring(reader) && runs_count > reader->times.rows)
        r = reader_column_grow(&reader->times, runs_count, &reader->lost);
    reader->info.runs_capacity = reader->times.rows;
    return r;
}

/* Narrows a snapshot to the runs that are there, and to the rows that these have times for. */
static int reader_snapshot_runs(const struct reader *reader, struct reader_snapshot *snapshot)
{
    struct reader_run run;
    int r;
    /* Runs of a block that is being appended, or that a killed writer left, have no rows yet. */
    snapshot->runs_first = reader_runs_first(reader, snapshot->runs_count);
    while (snapshot->runs_count > snapshot->runs_first) {
        r = reader_run_load(reader, snapshot->runs_count - 1, &run);
        if (r == -EBADMSG)
            return r;
        if (r == 0 && run.first_index < snapshot->count)
            break;
        snapshot->runs_count--;
    }
    /* The oldest run may be overwritten while it is read: take a newer one then, further off each
     * time. */
    uint64_t step = 1;
    while (snapshot->runs_first < snapshot->runs_count) {
        r = reader_run_load(reader, snapshot->runs_first, &run);
        if (r == 0) {
            if (run.first_index > snapshot->count)
                return -EBADMSG;
            if (run.first_index > snapshot->first)
                snapshot->first = run.first_index;
            return 0;
        }
        if (r != -ERANGE)
            return r;
        uint64_t left = snapshot->runs_count - snapshot->runs_first;
        snapshot->runs_first += step < left ? step : left;
        step *= 2;
    }
    snapshot->first = snapshot->count;
    return 0;
}

/* One look at the live words. -EAGAIN: the newest row was overwritten before its time was read. */
static int reader_snapshot_once(struct reader *reader, struct reader_snapshot *ret_snapshot)
{
    const _Atomic int64_t *words = reader_column_words(&reader->head);
    int64_t count = atomic_load_explicit(&words[HEAD_COUNT], memory_order_acquire);
    int64_t frontier = atomic_load_explicit(&words[HEAD_FRONTIER], memory_order_relaxed);
    int64_t runs_count = atomic_load_explicit(&words[HEAD_RUNS_COUNT], memory_order_acquire);
    int64_t durable = atomic_load_explicit(&words[HEAD_DURABLE], memory_order_relaxed);
    if (atomic_load_explicit(&words[HEAD_EPOCH], memory_order_relaxed) != reader->epoch)
        return -ESTALE;
    bool is_regular = reader->info.type.clock == SERIES_REGULAR;
    if (count < 0 || frontier < 0 || durable < 0 || (is_regular && runs_count < 0))
        return -EBADMSG;

    struct reader_snapshot snapshot = {
        .count = (uint64_t)count,
        /* It may have been read after a newer count. */
        .durable = (uint64_t)(durable < count ? durable : count),
        .runs_count = is_regular ? (uint64_t)runs_count : 0,
        .summarised = reader_summarised(reader, (uint64_t)count),
        .last_time_ns = INT64_MIN,
        .last_update_ns = reader_head_word(reader, HEAD_LAST_UPDATE_NS),
        .epoch = reader->epoch,
    };
    int r = reader_grow_columns(reader, snapshot.count, snapshot.runs_count);
    if (r < 0)
        return r;
    uint64_t newest = (uint64_t)(frontier > count && !PLANTED(BUG_NO_FRONTIER) ? frontier : count);
    if (reader_is_ring(reader) && newest > reader->info.capacity)
        snapshot.first = newest - reader->info.capacity;
    if (snapshot.first > snapshot.count)
        snapshot.first = snapshot.count;
    if (is_regular) {
        r = reader_snapshot_runs(reader, &snapshot);
        if (r < 0)
            return r;
        if (snapshot.count > 0 && runs_count == 0)
            return -EBADMSG;
    }

    reader->snapshot = snapshot;
    if (snapshot.count > 0) {
        r = snapshot.first == snapshot.count
                ? -ERANGE
                : reader_time_ns(reader, snapshot.count - 1, &snapshot.last_time_ns);
        if (r < 0 && r != -ERANGE)
            return r;
        /* The head's own word is of the count or of the block that is being appended. */
        if (r == -ERANGE)
            snapshot.last_time_ns = reader_head_word(reader, HEAD_LAST_TIME_NS);
        reader->snapshot = snapshot;
    }
    *ret_snapshot = snapshot;
    return r == -ERANGE ? -EAGAIN : 0;
}

int reader_snapshot(struct reader *reader, struct reader_snapshot *ret_snapshot)
{
    const struct reader_column *columns[] = {&reader->head, &reader->values, &reader->times};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        int r = reader_column_check(columns[i]);
        if (r < 0)
            return r;
    }
    reader_summaries_renew(reader);
    struct reader_snapshot snapshot;
    int r = -EAGAIN;
    for (unsigned tries = 0; tries < READER_SNAPSHOT_TRIES && r == -EAGAIN; tries++)
        r = reader_snapshot_once(reader, &snapshot);
    if (reader_fault(reader))
        return -ENODATA;
    if (r < 0 && r != -EAGAIN)
        return r;
    *ret_snapshot = snapshot;
    return 0;
}
