/* Backups of a store that another process writes to all the time: each is whole batches, with
 * the sessions of just those, and starts cleanly. Every batch follows from its number, so a copy is
 * checked against what it must be. */
#include "store_fixture.h"

#include "backup.h"
#include "clock_ns.h"
#include "reader.h"
#include "state_file.h"
#include "verify_findings.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#define SESSIONS     20 /* more than a head has room for */
#define BATCHES_MAX  (1 << 22)
#define BACKUPS      4
#define RUN_SPACE_NS INT64_C(1000000000)

/* Ways to be written to. */
static const struct plan {
    const char *name;
    enum series_clock clock;
    uint64_t capacity; /* 0 = grow */
    bool new_runs;     /* each batch begins a run */
} plans[] = {
    {"ring/regular", SERIES_REGULAR, 5000, false}, {"ring/runs", SERIES_REGULAR, 20000, true},
    {"ring/tiny", SERIES_EXPLICIT, 64, false},     {"grow/explicit", SERIES_EXPLICIT, 0, false},
    {"grow/runs", SERIES_REGULAR, 0, true},
};
#define PLANS (sizeof plans / sizeof plans[0])

static uint64_t batch_rows(uint64_t batch)
{
    return 1 + batch * 7 % 13;
}

/* Rows before a batch: 13 batches have 91. */
static uint64_t rows_before(uint64_t batch)
{
    uint64_t rows = batch / 13 * 91;
    for (uint64_t i = batch / 13 * 13; i < batch; i++)
        rows += batch_rows(i);
    return rows;
}

static int64_t row_time_ns(const struct plan *plan, uint64_t batch, uint64_t index)
{
    return T0_NS + (int64_t)index * 1000000 +
           (plan->new_runs ? (int64_t)batch * RUN_SPACE_NS : INT64_C(0));
}

static void append_batch(const struct plan *plan, struct series *series, uint64_t batch)
{
    double values[16];
    int64_t times_ns[16];
    uint64_t first = rows_before(batch);
    for (uint64_t i = 0; i < batch_rows(batch); i++) {
        values[i] = (double)(first + i);
        times_ns[i] = row_time_ns(plan, batch, first + i);
    }
    struct series_block block = {.values = values,
                                 .times_ns = times_ns,
                                 .count = batch_rows(batch),
                                 .clock =
                                     plan->clock == SERIES_REGULAR ? BLOCK_REGULAR : BLOCK_EXPLICIT,
                                 .t0_ns = times_ns[0],
                                 .period_ps = INT64_C(1000000000)};
    struct series_append_result result;
    if (series_append(series, &block, 1 + batch % SESSIONS, 1 + batch / SESSIONS, NOW_NS,
                      &result) != 0 ||
        result.appended != block.count)
        abort();
}

/* The writer: ends only when it is killed. */
static void write_for_ever(struct fixture *fixture, int ready_fd)
{
    static struct series_rule rules[PLANS];
    struct series *series[PLANS];
    for (size_t p = 0; p < PLANS; p++) {
        rules[p] = plans[p].capacity > 0 ? ring_of(plans[p].capacity) : growing();
        rules[p].unit = "mm";
        series[p] = fixture_create(fixture, plans[p].name, plans[p].clock, &rules[p]);
    }
    for (uint64_t batch = 0; batch < BATCHES_MAX; batch++) {
        for (size_t p = 0; p < PLANS; p++)
            append_batch(&plans[p], series[p], batch);
        if (batch % 64 == 0)
            fixture_flush(fixture);
        /* Between bursts, so that what is copied stays small. */
        if (batch % 50 == 0)
            clock_sleep_ns(NS_PER_MS);
        if (batch == 3000 && write(ready_fd, "x", 1) != 1)
            abort();
    }
    pause();
}

/* ---- what a copy must be ---- */

static uint64_t batches_of(const char *name, uint64_t count)
{
    uint64_t batch = count / 91 * 13;
    while (rows_before(batch) < count)
        batch++;
    if (rows_before(batch) != count)
        fail_msg("%s: %" PRIu64 " rows, which is no whole number of batches", name, count);
    return batch;
}

static void check_sessions(const char *store, const char *name, uint64_t batches)
{
    char path[4096];
    int64_t words[HEAD_WORDS];
    size_t read_bytes;
    snprintf(path, sizeof path, "%s/series/%s/head.npy", store, name);
    int fd = fs_open_read_at(FS_HERE, path);
    assert_true(fd >= 0);
    assert_int_equal(fs_read_at(fd, words, sizeof words, NPY_HEADER_BYTES, &read_bytes), 0);
    fs_close(fd);
    uint64_t found[SESSIONS + 1] = {0};
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        const int64_t *entry = &words[HEAD_SESSIONS + slot * HEAD_SESSION_WORDS];
        assert_in_range(entry[HEAD_SESSION_ID], 0, SESSIONS);
        if (entry[HEAD_SESSION_ID] == 0)
            continue;
        assert_true(entry[HEAD_SESSION_COUNT] <= words[HEAD_COUNT]);
        found[entry[HEAD_SESSION_ID]] = (uint64_t)entry[HEAD_SESSION_SEQUENCE];
    }
    /* The one that an append under way evicts may be gone. */
    for (uint64_t back = 1; back < HEAD_SESSION_SLOTS; back++) {
        uint64_t batch = batches - back;
        if (found[1 + batch % SESSIONS] != 1 + batch / SESSIONS)
            fail_msg("%s: %" PRIu64 " batches, and session %" PRIu64 " is at %" PRIu64
                     " instead of %" PRIu64,
                     name, batches, 1 + batch % SESSIONS, found[1 + batch % SESSIONS],
                     1 + batch / SESSIONS);
    }
}

static void check_rows(const struct plan *plan, struct reader *reader,
                       const struct reader_snapshot *snapshot)
{
    uint64_t rows = snapshot->count - snapshot->first;
    double *values = malloc(rows * sizeof *values + 1);
    int64_t *times_ns = malloc(rows * sizeof *times_ns + 1);
    uint64_t valid;
    assert_int_equal(
        reader_copy(reader, snapshot->first, snapshot->count, values, times_ns, &valid), 0);
    assert_int_equal(valid, snapshot->first);
    uint64_t batch = batches_of(plan->name, snapshot->count);
    for (uint64_t i = rows; i > 0; i--) {
        uint64_t index = snapshot->first + i - 1;
        if (index < rows_before(batch - 1))
            batch--;
        if (values[i - 1] != (double)index ||
            times_ns[i - 1] != row_time_ns(plan, batch - 1, index))
            fail_msg("%s: row %" PRIu64 " is %g at %" PRId64, plan->name, index, values[i - 1],
                     times_ns[i - 1]);
    }
    free(values);
    free(times_ns);
}

static void check_series(const struct plan *plan, const char *store)
{
    struct error_text error = {""};
    struct reader *reader;
    struct reader_snapshot snapshot;
    struct findings findings = verify_one(store, plan->name);
    expect_nothing(&findings);
    if (reader_open(store, plan->name, &reader, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.durable, snapshot.count);
    assert_string_equal(reader_meta(reader, "unit"), "mm");
    /* Rows are lost only where the ring laps while it is copied. */
    if (plan->capacity == 0)
        assert_int_equal(snapshot.first, 0);
    check_rows(plan, reader, &snapshot);
    check_sessions(store, plan->name, batches_of(plan->name, snapshot.count));
    reader_close(reader);
}

/* The daemon's side: it starts, knows the last batch, and takes the next. */
static void check_start(const char *path)
{
    struct error_text error = {""};
    struct store *store;
    struct store_recovery recovery;
    if (store_open(path, &fixture_limits, &store, &error) < 0)
        fail_msg("%s", error.text);
    store_recovery(store, &recovery);
    assert_int_equal(recovery.start, STORE_START_CLEAN);
    for (size_t p = 0; p < PLANS; p++) {
        struct series *series = store_find(store, plans[p].name, strlen(plans[p].name));
        assert_non_null(series);
        uint64_t batch = batches_of(plans[p].name, series_count(series));
        uint64_t last = batch - 1;
        struct series_append_result result;
        double value = 0;
        struct series_block again = {.values = &value,
                                     .times_ns = &(int64_t){NOW_NS},
                                     .count = 1,
                                     .clock = plans[p].clock == SERIES_REGULAR ? BLOCK_REGULAR
                                                                               : BLOCK_EXPLICIT,
                                     .t0_ns = NOW_NS,
                                     .period_ps = INT64_C(1000000000)};
        assert_int_equal(series_append(series, &again, 1 + last % SESSIONS, 1 + last / SESSIONS,
                                       NOW_NS, &result),
                         0);
        assert_true(result.duplicate);
        append_batch(&plans[p], series, batch);
    }
    assert_int_equal(store_finish(store, NULL, 0, &error), 0);
    store_close(store);
    for (size_t p = 0; p < PLANS; p++)
        check_series(&plans[p], path);
}

static int take_backup(const char *store, const char *to, struct backup_totals *ret_totals,
                       struct error_text *error)
{
    struct backup *backup;
    char **names;
    size_t count;
    int result = backup_begin(store, to, &backup, error);
    if (result < 0)
        return result;
    assert_int_equal(reader_list(store, NULL, &names, &count, error), 0);
    for (size_t i = 0; i < count && result == 0; i++) {
        enum backup_outcome outcome = BACKUP_GONE;
        result = backup_series(backup, names[i], NULL, NULL, &outcome, error);
        if (result == 0 && outcome == BACKUP_SKIPPED)
            fail_msg("%s", error->text);
    }
    if (result == 0)
        result = backup_end(backup, ret_totals, error);
    backup_free(backup);
    reader_names_free(names, count);
    return result;
}

static void check_copy(const char *store, const char *to)
{
    struct error_text error = {""};
    struct backup_totals totals = {0};
    if (take_backup(store, to, &totals, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(totals.series, PLANS);
    struct findings findings = verify_rest(to);
    expect_nothing(&findings);
    for (size_t p = 0; p < PLANS; p++)
        check_series(&plans[p], to);
    check_start(to);
}

static void test_while_it_is_written(void **state)
{
    struct fixture *fixture = *state;
    char to[4096];
    char byte;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t writer = fork();
    if (writer == 0) {
        fixture_open(fixture);
        write_for_ever(fixture, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    for (unsigned i = 0; i < BACKUPS; i++) {
        snprintf(to, sizeof to, "%s/backup%u", fixture->folder, i);
        check_copy(fixture->path, to);
    }
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    close(ends[0]);
    /* And of what it left. */
    snprintf(to, sizeof to, "%s/killed", fixture->folder);
    check_copy(fixture->path, to);
    fixture_open(fixture);
}

/* ---- folders ---- */

static void test_folders_that_will_not_do(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    struct backup_totals totals = {0};
    char path[4096];
    fixture_create(fixture, "a", SERIES_EXPLICIT, &series_rule_default);
    assert_int_equal(take_backup(fixture->path, fixture->path, &totals, &error), -ENOTEMPTY);
    snprintf(path, sizeof path, "%s/series/b", fixture->path);
    assert_int_equal(take_backup(fixture->path, path, &totals, &error), -EXDEV);
    assert_non_null(strstr(error.text, "within the store"));
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/file", fixture->folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(take_backup(fixture->path, path, &totals, &error), -ENOTDIR);
    snprintf(path, sizeof path, "%s/deep/er", fixture->folder);
    assert_int_equal(take_backup(fixture->path, path, &totals, &error), 0);
    assert_int_equal(totals.series, 1);
    assert_int_equal(take_backup(fixture->path, path, &totals, &error), -ENOTEMPTY);
}

static void test_half_a_copy_is_no_store(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error = {""};
    struct backup *backup;
    struct store *store;
    enum backup_outcome outcome;
    char path[4096];
    struct series *series = fixture_create(fixture, "a", SERIES_EXPLICIT, &series_rule_default);
    assert_int_equal(append_count(series, 10), 0);
    snprintf(path, sizeof path, "%s/half", fixture->folder);
    assert_int_equal(backup_begin(fixture->path, path, &backup, &error), 0);
    assert_int_equal(store_open(path, &fixture_limits, &store, &error), -EWOULDBLOCK);
    assert_int_equal(backup_series(backup, "a", NULL, NULL, &outcome, &error), 0);
    assert_int_equal(outcome, BACKUP_COPIED);
    assert_int_equal(backup_series(backup, "gone", NULL, NULL, &outcome, &error), 0);
    assert_int_equal(outcome, BACKUP_GONE);
    backup_free(backup);
    assert_int_equal(store_open(path, &fixture_limits, &store, &error), -EBADMSG);
    assert_int_equal(reader_store_ready(path, &error), -EAGAIN);
}

static void test_damage_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error = {""};
    struct backup *backup;
    struct backup_totals totals = {0};
    enum backup_outcome outcome;
    char path[4096];
    assert_int_equal(
        append_count(fixture_create(fixture, "plant/a", SERIES_EXPLICIT, &series_rule_default), 9),
        0);
    assert_int_equal(
        append_count(fixture_create(fixture, "plant/b", SERIES_REGULAR, &series_rule_default), 9),
        0);
    fixture_set_word(fixture, "plant/a", HEAD_RANK, 99);
    snprintf(path, sizeof path, "%s/copy", fixture->folder);
    assert_int_equal(backup_begin(fixture->path, path, &backup, &error), 0);
    assert_int_equal(backup_series(backup, "plant/a", NULL, NULL, &outcome, &error), 0);
    assert_int_equal(outcome, BACKUP_SKIPPED);
    assert_non_null(strstr(error.text, "plant/a"));
    assert_int_equal(backup_series(backup, "plant/b", NULL, NULL, &outcome, &error), 0);
    assert_int_equal(outcome, BACKUP_COPIED);
    char *file = fixture_file(fixture, "plant/b", "values.npy");
    assert_int_equal(truncate(file, 5000), 0);
    free(file);
    assert_int_equal(backup_end(backup, &totals, &error), 0);
    assert_int_equal(totals.rows, 9);
    backup_free(backup);
    struct findings findings = verify_rest(path);
    expect_nothing(&findings);

    snprintf(path, sizeof path, "%s/copy2", fixture->folder);
    assert_int_equal(backup_begin(fixture->path, path, &backup, &error), 0);
    assert_int_equal(backup_series(backup, "plant/b", NULL, NULL, &outcome, &error), 0);
    assert_int_equal(outcome, BACKUP_SKIPPED);
    assert_non_null(strstr(error.text, "plant/b"));
    backup_free(backup);
}

static void test_a_store_that_falls_due_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error = {""};
    struct backup *backup;
    struct backup_totals totals = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/copy", fixture->folder);
    assert_int_equal(backup_begin(fixture->path, path, &backup, &error), 0);
    assert_int_equal(state_file_write(fixture->store->folder_fd, STORE_STATE_RECOVERING), 0);
    assert_int_equal(backup_end(backup, &totals, &error), -EAGAIN);
    backup_free(backup);
    snprintf(path, sizeof path, "%s/copy2", fixture->folder);
    assert_int_equal(backup_begin(fixture->path, path, &backup, &error), -EAGAIN);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    assert(reader_install_sigbus_handler() == 0);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_while_it_is_written),
        TEST(test_folders_that_will_not_do),
        TEST(test_half_a_copy_is_no_store),
        TEST(test_damage_is_left_out),
        TEST(test_a_store_that_falls_due_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
