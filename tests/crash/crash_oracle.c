/* Whether a store is what it must be. */
#include "crash_run.h"

#include "file_system.h"
#include "random_bits.h"
#include "reader.h"
#include "series_internal.h"
#include "state_file.h"
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the store's own view ---- */

struct view {
    struct crash_state state; /* as the store says */
    bool has_no_last[CRASH_SERIES_MAX];
};

struct session_visit {
    const struct crash_run *run;
    struct view *view;
};

static int note_session(uint64_t id, uint64_t stored, void *context)
{
    struct session_visit *visit = context;
    for (size_t i = 0; i < visit->run->plan.session_count; i++) {
        if (visit->run->sessions[i].id != id)
            continue;
        visit->view->state.stored[i] = stored;
        return 0;
    }
    crash_fail("the store knows a session %llu that there never was", (unsigned long long)id);
}

static void look(const struct crash_run *run, struct view *ret_view)
{
    *ret_view = (struct view){0};
    for (size_t i = 0; i < run->plan.series_count; i++) {
        const char *name = crash_name(run, i);
        struct series *series = store_find(run->store, name, strlen(name));
        if (series == NULL)
            continue;
        if (series_broken(series) != NULL)
            crash_fail("%s is refused: %s", name, series_broken(series));
        ret_view->state.series[i].exists = true;
        ret_view->state.series[i].id = series_id(series);
        ret_view->state.series[i].count = (uint32_t)series_count(series);
        ret_view->has_no_last[i] = series_count(series) > 0 &&
                                   series_last_time_ns(series) == INT64_MIN &&
                                   series->frontier - series->count >= series->capacity;
    }
    struct session_visit visit = {run, ret_view};
    (void)store_for_each_session(run->store, note_session, &visit);
}

enum store_state crash_oracle_find_state(void)
{
    enum store_state state = STORE_STATE_NONE;
    int folder = fs_open_folder_at(FS_HERE, CRASH_STORE);
    int result = folder < 0 ? folder : state_file_read(folder, &state);
    fs_close(folder);
    if (result < 0)
        crash_fail("STATE cannot be read: %s", strerror(-result));
    return state;
}

void crash_oracle_check_state(enum store_state wanted)
{
    enum store_state state = crash_oracle_find_state();
    if (state != wanted)
        crash_fail("STATE says: %s", state_text(state));
}

/* ---- which state it is ---- */

static bool has_series(const struct crash_run *run, const struct view *view, size_t number,
                       const struct crash_state *state)
{
    if (run->series[number].is_dying)
        return true;
    if (!state->series[number].exists)
        return !view->state.series[number].exists || view->state.series[number].count == 0;
    return view->state.series[number].exists &&
           view->state.series[number].id == state->series[number].id &&
           view->state.series[number].count == state->series[number].count;
}

static bool is_state(const struct crash_run *run, const struct view *view,
                     const struct crash_state *state)
{
    for (size_t i = 0; i < run->plan.series_count; i++)
        if (!has_series(run, view, i, state))
            return false;
    return memcmp(view->state.stored, state->stored, sizeof state->stored) == 0;
}

/* Of a series the shadow's own state is before or after the last append. */
static bool has_own_series(const struct crash_run *run, const struct view *view, size_t number)
{
    struct crash_state state;
    crash_state_now(run, &state);
    if (view->state.series[number].count == run->series[number].after)
        state.series[number].count = run->series[number].after;
    return has_series(run, view, number, &state);
}

static bool is_own_state(const struct crash_run *run, const struct view *view)
{
    for (size_t i = 0; i < run->plan.series_count; i++)
        if (!has_own_series(run, view, i))
            return false;
    /* The journal's sessions stand, which are behind what the series have. */
    for (size_t i = 0; i < run->plan.session_count; i++)
        if (view->state.stored[i] > run->sessions[i].stored)
            return false;
    return true;
}

/* Of each series some state: one that could not be read when the others were recovered is where it
 * was before. */
static bool is_mixed(const struct crash_run *run, const struct view *view,
                     const struct crash_state *states, size_t state_count)
{
    for (size_t i = 0; i < run->plan.series_count; i++) {
        bool is_some = has_own_series(run, view, i);
        for (size_t s = 0; s < state_count && !is_some; s++)
            is_some = has_series(run, view, i, &states[s]);
        if (!is_some)
            return false;
    }
    return true;
}

static void describe(const struct crash_run *run, const char *what, const struct crash_state *state,
                     char *text, size_t text_bytes)
{
    int at = snprintf(text, text_bytes, "%s", what);
    for (size_t i = 0; i < run->plan.series_count; i++)
        if (state->series[i].exists)
            at += snprintf(text + at, text_bytes - (size_t)at, " %s:%u", crash_name(run, i),
                           state->series[i].count);
    for (size_t i = 0; i < run->plan.session_count && i < 4; i++)
        at += snprintf(text + at, text_bytes - (size_t)at, " session %zu:%llu", i,
                       (unsigned long long)state->stored[i]);
}

void crash_oracle_state(const struct crash_run *run, const struct crash_state *states,
                        size_t state_count, enum crash_allowed allowed)
{
    struct view view;
    look(run, &view);
    crash_oracle_check_state(STORE_STATE_RUNNING);
    for (size_t i = 0; i < run->plan.session_count; i++)
        if (view.state.stored[i] < run->sessions[i].durable)
            crash_fail("session %zu: %llu is stored after recovery, and %llu was durable", i,
                       (unsigned long long)view.state.stored[i],
                       (unsigned long long)run->sessions[i].durable);
    for (size_t i = 0; i < state_count; i++)
        if (is_state(run, &view, &states[i]))
            return;
    if (allowed != CRASH_ALLOW_STATES && is_own_state(run, &view))
        return;
    if (allowed == CRASH_ALLOW_MIXED && is_mixed(run, &view, states, state_count))
        return;
    char found[400];
    char wanted[400] = "nothing else";
    describe(run, "recovered:", &view.state, found, sizeof found);
    if (allowed != CRASH_ALLOW_STATES) {
        struct crash_state own;
        crash_state_now(run, &own);
        describe(run, "", &own, wanted, sizeof wanted);
    } else if (state_count > 0) {
        describe(run, "", &states[state_count - 1], wanted, sizeof wanted);
    }
    crash_fail("%s; allowed:%s", found, wanted);
}

/* Rows that a ring may have lost beside those that are overwritten: docs/durability.md. One that
 * had used up a reserve that was raised may have been raised in the company of another. */
static uint64_t reserve_for(uint64_t capacity, uint64_t ahead)
{
    for (unsigned shift = 3; shift > 0; shift--) {
        uint64_t rows = capacity >> shift;
        rows = rows > 0 ? rows : 1;
        if (ahead < rows || (ahead == rows && shift == 3))
            return rows;
    }
    return capacity;
}

static uint64_t runs_capacity(uint64_t capacity)
{
    uint64_t rows = capacity / RUNS_CAPACITY_DIVISOR;
    rows = rows < RUNS_CAPACITY_MIN ? RUNS_CAPACITY_MIN : rows;
    return rows > RUNS_CAPACITY_MAX ? RUNS_CAPACITY_MAX : rows;
}

/* One that was deleted leaves nothing that takes space. */
static void check_gone(const char *name)
{
    static const char *const files[] = {"values.npy", "times.npy", "runs.npy"};
    char path[256];
    struct fs_status status;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, CRASH_STORE "/series/%s/%s", name, files[i]);
        if (fs_stat_at(FS_HERE, path, &status) == 0)
            crash_fail("%s was deleted, and its %s is there", name, files[i]);
    }
}

void crash_oracle_adopt(struct crash_run *run, bool was_cut)
{
    struct view view;
    look(run, &view);
    for (size_t i = 0; i < run->plan.series_count; i++) {
        struct crash_series *series = &run->series[i];
        const struct crash_plan_series *plan = &run->plan.series[i];
        const char *name = crash_name(run, i);
        uint64_t ahead = series->ahead;
        if (!view.state.series[i].exists || view.state.series[i].id != series->id) {
            crash_shadow_forget(series);
            series->exists = view.state.series[i].exists;
            series->id = view.state.series[i].id;
        }
        if (series->is_dying && !series->exists)
            check_gone(name);
        series->is_dying = series->is_moving = false;
        if (view.state.series[i].count > series->count)
            crash_shadow_commit(series);
        crash_shadow_cut(series, view.state.series[i].count);
        series->has_no_last = view.has_no_last[i];
        if (was_cut && plan->capacity > 0 && series->exists) {
            if (view.has_no_last[i] && reserve_for(plan->capacity, ahead) < plan->capacity)
                crash_fail("%s has lost its last time", crash_name(run, i));
            uint64_t frontier = series->count + reserve_for(plan->capacity, ahead);
            if (frontier > series->frontier)
                series->frontier = frontier;
            uint64_t runs =
                series->run_count + reserve_for(runs_capacity(plan->capacity), series->runs_ahead);
            if (runs > series->runs_frontier)
                series->runs_frontier = runs;
        }
    }
    crash_gateway_greet(run, view.state.stored);
}

/* ---- what readers see ---- */

struct crash_reader {
    struct reader *reader;
    struct reader_snapshot snapshot;
    unsigned series;
    bool is_used;
};

/* The lowest row that must be there. */
static uint64_t first_kept(const struct crash_run *run, unsigned number, uint64_t count)
{
    const struct crash_series *series = &run->series[number];
    const struct crash_plan_series *plan = &run->plan.series[number];
    if (plan->capacity == 0)
        return 0;
    uint64_t newest = count > series->frontier ? count : series->frontier;
    uint64_t first = newest > plan->capacity ? newest - plan->capacity : 0;
    if (plan->type.clock == SERIES_REGULAR) {
        /* A reader takes the slot of the next run for half overwritten. */
        uint64_t kept = runs_capacity(plan->capacity) - 1;
        uint64_t runs =
            series->run_count > series->runs_frontier ? series->run_count : series->runs_frontier;
        if (runs > kept && runs - kept < series->run_count && series->runs[runs - kept] > first)
            first = series->runs[runs - kept];
        else if (runs > kept && runs - kept >= series->run_count)
            first = count;
    }
    return first < count ? first : count;
}

static void compare_rows(const struct crash_run *run, unsigned number, uint64_t from, uint64_t to,
                         const char *values, const int64_t *times_ns)
{
    static char expected[CRASH_ROWS_MAX * CRASH_SAMPLE_BYTES_MAX];
    const struct crash_series *series = &run->series[number];
    const struct crash_plan_series *plan = &run->plan.series[number];
    if (from >= to)
        return;
    crash_values(plan, &series->keys[from], to - from, expected);
    crash_totals.rows += to - from;
    for (uint64_t i = from; i < to; i++) {
        uint64_t at = (i - from) * plan->sample_bytes;
        if (memcmp(values + at, expected + at, plan->sample_bytes) != 0)
            crash_fail("%s: row %llu of %u is not the one that was appended",
                       crash_name(run, number), (unsigned long long)i, series->count);
        if (times_ns[i - from] != series->times[i])
            crash_fail("%s: row %llu of %u has the time %lld, not %lld", crash_name(run, number),
                       (unsigned long long)i, series->count, (long long)times_ns[i - from],
                       (long long)series->times[i]);
    }
}

static void read_rows(const struct crash_run *run, const struct crash_reader *reader, uint64_t from,
                      uint64_t to)
{
    static char values[CRASH_ROWS_MAX * CRASH_SAMPLE_BYTES_MAX];
    static int64_t times_ns[CRASH_ROWS_MAX];
    uint64_t first_valid = 0;
    const struct crash_plan_series *plan = &run->plan.series[reader->series];
    int result = reader_copy(reader->reader, from, to, values, times_ns, &first_valid);
    if (result < 0)
        crash_fail("%s: rows %llu to %llu cannot be read: %s", crash_name(run, reader->series),
                   (unsigned long long)from, (unsigned long long)to, strerror(-result));
    if (first_valid < from)
        first_valid = from;
    compare_rows(run, reader->series, first_valid, to,
                 values + (first_valid - from) * plan->sample_bytes,
                 times_ns + (first_valid - from));
}

struct crash_reader *crash_reader_begin(const struct crash_run *run, unsigned number)
{
    static struct crash_reader readers[4];
    size_t slot = 0;
    while (readers[slot].is_used)
        slot++;
    struct crash_reader *reader = &readers[slot];
    struct error_text error = {{0}};
    const struct crash_series *series = &run->series[number];
    const char *name = crash_name(run, number);
    if (series->is_moving)
        return NULL;
    int result = reader_open(CRASH_STORE, name, &reader->reader, &error);
    if (result == -ENOENT && !series->exists)
        return NULL;
    if (result < 0)
        crash_fail("%s: a reader cannot open it: %s", name, error.text);
    if (!series->exists) {
        reader_close(reader->reader);
        return NULL;
    }
    result = reader_snapshot(reader->reader, &reader->snapshot);
    if (result < 0)
        crash_fail("%s: a reader has no snapshot: %s", name, strerror(-result));
    uint64_t count = reader->snapshot.count;
    if (count != series->count && count != series->after)
        crash_fail("%s: a reader sees %llu rows of %u", name, (unsigned long long)count,
                   series->count);
    uint64_t kept = first_kept(run, number, series->after > count ? series->after : count);
    if (reader->snapshot.first > kept)
        crash_fail("%s: of %llu rows those below %llu are lost, and below %llu was allowed", name,
                   (unsigned long long)count, (unsigned long long)reader->snapshot.first,
                   (unsigned long long)kept);
    reader->series = number;
    reader->is_used = true;
    return reader;
}

void crash_reader_end(const struct crash_run *run, struct crash_reader *reader)
{
    if (reader == NULL)
        return;
    crash_summaries_check(run, reader->series, reader->reader);
    read_rows(run, reader, reader->snapshot.first, reader->snapshot.count);
    reader_close(reader->reader);
    reader->is_used = false;
}

#define FEW_ROWS UINT64_C(128)

void crash_oracle_read(const struct crash_run *run, bool few_rows)
{
    for (unsigned i = 0; i < run->plan.series_count; i++) {
        struct crash_reader *reader = crash_reader_begin(run, i);
        if (reader == NULL)
            continue;
        uint64_t count = reader->snapshot.count - reader->snapshot.first;
        if (few_rows && count > 2 * FEW_ROWS) {
            read_rows(run, reader, reader->snapshot.first, reader->snapshot.first + FEW_ROWS);
            reader->snapshot.first = reader->snapshot.count - FEW_ROWS;
        }
        crash_reader_end(run, reader);
    }
}

/* ---- ingest-query verify ---- */

static void note_finding(const char *file, const char *text, void *context)
{
    (void)context;
    crash_fail("verify finds: %s: %s", file, text);
}

void crash_oracle_verify(const struct crash_run *run)
{
    /* Of the series alone: files of one whose making was cut may lie about. */
    struct verify_sink sink = {.finding = note_finding};
    int result = 0;
    for (size_t i = 0; i < run->plan.series_count && result == 0; i++)
        if (run->series[i].exists)
            result = verify_series(CRASH_STORE, crash_name(run, i), &sink, NULL);
    if (result < 0)
        crash_fail("verify fails: %s", strerror(-result));
}
