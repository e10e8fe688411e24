/* Calls that fail on demand. Series that cannot be read when the store is opened, for a reason that
 * passes: nothing in them is given up, and they are read again. A store without descriptors goes
 * on. A sync that fails outside a flush is not forgotten. */
#include "store_fixture.h"

#include "clock_ns.h"
#include "journal_format.h"

static const char *failing_path; /* opening it fails; "" = any path; NULL = none */
static int failing_with;
static bool syncs_fail;
static int64_t clock_ahead_ns;

static bool fails(const char *path)
{
    return failing_path != NULL && (failing_path[0] == '\0' || strcmp(path, failing_path) == 0);
}

#define FAILING_OPEN(name)                                                                         \
    int __real_##name(int folder, const char *path);                                               \
    int __wrap_##name(int folder, const char *path);                                               \
    int __wrap_##name(int folder, const char *path)                                                \
    {                                                                                              \
        return fails(path) ? failing_with : __real_##name(folder, path);                           \
    }

FAILING_OPEN(fs_open_read_at)
FAILING_OPEN(fs_open_write_at)
FAILING_OPEN(fs_open_or_create_at)
FAILING_OPEN(fs_open_folder_at)

int __real_fs_sync_data(int fd);
int __wrap_fs_sync_data(int fd);
int __wrap_fs_sync_data(int fd)
{
    return syncs_fail ? -ENOSPC : __real_fs_sync_data(fd);
}

int64_t __real_clock_monotonic_ns(void);
int64_t __wrap_clock_monotonic_ns(void);
int64_t __wrap_clock_monotonic_ns(void)
{
    return __real_clock_monotonic_ns() + clock_ahead_ns;
}

static int teardown(void **state)
{
    failing_path = NULL;
    syncs_fail = false;
    return fixture_teardown(state);
}

static const struct series_rule *rule(void)
{
    static struct series_rule ring;
    ring = ring_of(1000);
    return &ring;
}

static void open_failing(struct fixture *fixture, const char *path, int result)
{
    failing_path = path;
    failing_with = result;
    fixture_reopen(fixture);
}

/* A start that believes the journal alone. */
static void cut_power(struct fixture *fixture)
{
    fixture_distrust(fixture);
    fixture_open(fixture);
}

static bool takes(struct series *series)
{
    return series_takes(series, 1, 0, 1);
}

static void assert_unread(struct series *series, bool is_unread)
{
    struct series_append_result appended;
    assert_non_null(series);
    assert_non_null(series_broken(series));
    assert_int_equal(series_is_unread(series), is_unread);
    assert_true(takes(series)); /* so that the append says why not */
    assert_int_equal(append_stamped(series, T0_NS + 100, 9, 1, 9, &appended), -EBADF);
}

/* Five rows that are durable, and a sixth of session 1 that is not. */
static void make_series(struct fixture *fixture, const char *name)
{
    struct series_append_result appended;
    struct series *series = fixture_create(fixture, name, SERIES_EXPLICIT, rule());
    for (int i = 0; i < 6; i++) {
        assert_int_equal(append_stamped(series, T0_NS + i, i, 1, (uint64_t)i + 1, &appended), 0);
        if (i == 4)
            fixture_flush(fixture);
    }
}

static void test_it_is_read_again(void **state)
{
    static const struct {
        const char *name, *path;
        int result;
    } cases[] = {
        {"a", "a/head.npy", -EACCES},     {"b", "b/head.npy", -EIO},
        {"c", "c/head.npy", -EMFILE},     {"d", "d/values.npy", -EIO},
        {"e/f", "e/f/times.npy", -EPERM}, {"g", "g/values.npy", -ENOSPC},
        {"h", "h/times.npy", -ENOMEM},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_usage usage;
        struct series_append_result appended;
        make_series(fixture, cases[i].name);
        open_failing(fixture, cases[i].path, cases[i].result);
        struct series *series = fixture_find(fixture, cases[i].name);
        assert_unread(series, true);
        failing_path = NULL;
        assert_unread(series, true); /* not yet: it was tried just now */
        clock_ahead_ns += 2 * NS_PER_S;
        assert_true(takes(series));
        assert_null(series_broken(series));
        store_usage(fixture->store, &usage);
        assert_int_equal(usage.series_broken, 0);
        assert_int_equal(series_count(series), 6);
        /* It knows what it has, and goes on. */
        assert_int_equal(append_stamped(series, T0_NS + 5, 5, 1, 6, &appended), 0);
        assert_true(appended.duplicate);
        assert_int_equal(append_stamped(series, T0_NS + 6, 6, 1, 7, &appended), 0);
        fixture_flush(fixture);
        assert_int_equal(fixture_word(fixture, cases[i].name, HEAD_DURABLE), 7);
        cut_power(fixture);
        assert_int_equal(series_count(fixture_find(fixture, cases[i].name)), 7);
    }
}

static void test_a_power_cut_before_it_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    make_series(fixture, "a");
    open_failing(fixture, "a/head.npy", -EIO);
    fixture_flush(fixture);
    failing_path = NULL;
    cut_power(fixture);
    assert_null(series_broken(fixture_find(fixture, "a")));
    assert_int_equal(series_count(fixture_find(fixture, "a")), 5);
}

/* Nothing in it was ever durable, so a power cut makes an end of it, whatever was made since. */
static void test_one_that_was_never_flushed(void **state)
{
    static const char *const paths[] = {"new/head.npy", "new/values.npy"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 2; i++) {
        struct store_recovery recovery;
        char other[] = "other0";
        other[5] += (char)i;
        assert_int_equal(append_count(fixture_create(fixture, "new", SERIES_EXPLICIT, rule()), 3),
                         0);
        open_failing(fixture, paths[i], -EIO);
        assert_unread(fixture_find(fixture, "new"), true);
        make_series(fixture, other);
        fixture_reopen(fixture); /* killed again */
        assert_unread(fixture_find(fixture, "new"), true);
        failing_path = NULL;
        cut_power(fixture);
        store_recovery(fixture->store, &recovery);
        assert_int_equal(recovery.series_forgotten, 1);
        assert_null(fixture_find(fixture, "new"));
        assert_false(fixture_has_file(fixture, "new", "values.npy"));
        assert_int_equal(series_count(fixture_find(fixture, other)), 6);
    }
}

static void test_one_that_is_read_and_flushed_at_last(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(append_count(fixture_create(fixture, "new", SERIES_REGULAR, rule()), 3), 0);
    open_failing(fixture, "new/runs.npy", -EACCES);
    make_series(fixture, "other");
    failing_path = NULL;
    clock_ahead_ns += 2 * NS_PER_S;
    assert_true(takes(fixture_find(fixture, "new")));
    fixture_flush(fixture);
    cut_power(fixture);
    assert_null(series_broken(fixture_find(fixture, "new")));
    assert_int_equal(series_count(fixture_find(fixture, "new")), 3);
}

static void test_damage_is_no_matter_of_time(void **state)
{
    struct fixture *fixture = *state;
    make_series(fixture, "a");
    open_failing(fixture, "a/values.npy", -ENOENT);
    failing_path = NULL;
    clock_ahead_ns += 2 * NS_PER_S;
    assert_unread(fixture_find(fixture, "a"), false);
}

/* Meanwhile somebody put an older head there. A position below the journal's would spoil it. */
static void test_other_files_are_not_taken(void **state)
{
    struct fixture *fixture = *state;
    make_series(fixture, "a");
    make_series(fixture, "b");
    open_failing(fixture, "a/head.npy", -EACCES);
    fixture_set_word(fixture, "a", HEAD_COUNT, 4);
    failing_path = NULL;
    clock_ahead_ns += 2 * NS_PER_S;
    assert_true(takes(fixture_find(fixture, "a")));
    assert_unread(fixture_find(fixture, "a"), false);
    /* Nor a second series of one id. */
    fixture_set_word(fixture, "a", HEAD_COUNT, 6);
    open_failing(fixture, "a/head.npy", -EACCES);
    fixture_set_word(fixture, "a", HEAD_ID, (int64_t)series_id(fixture_find(fixture, "b")));
    failing_path = NULL;
    clock_ahead_ns += 2 * NS_PER_S;
    assert_true(takes(fixture_find(fixture, "a")));
    assert_unread(fixture_find(fixture, "a"), false);
    assert_null(series_broken(fixture_find(fixture, "b")));
}

/* More than fill the journal file in use several times over, in which the arrays are synced, too.
 */
static void test_no_descriptor_is_needed_to_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct store_recovery recovery;
    struct store_journal_usage before;
    struct store_journal_usage after;
    struct series *series = fixture_create(fixture, "a", SERIES_EXPLICIT, rule());
    assert_int_equal(append_count(series, 1), 0);
    fixture_flush(fixture);
    store_journal_usage(fixture->store, &before);
    failing_path = "";
    failing_with = -EMFILE;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(append_count(series, 1), 0);
        fixture_flush(fixture);
    }
    store_journal_usage(fixture->store, &after);
    assert_true(after.number >= before.number + 3);
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), 0);
    failing_path = NULL;
    fixture_reopen(fixture);
    store_recovery(fixture->store, &recovery);
    assert_int_equal(recovery.start, STORE_START_CLEAN);
    assert_int_equal(series_count(fixture_find(fixture, "a")), 301);
}

/* Somebody took away the file that waits: what is written to it then nobody would find. */
static void test_a_waiting_journal_that_is_gone_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    struct store_journal_usage usage;
    char *path;
    store_journal_usage(fixture->store, &usage);
    if (asprintf(&path, "%s/journal-%ju", fixture->path, (uintmax_t)usage.number + 1) < 0)
        abort();
    assert_int_equal(unlink(path), 0);
    make_series(fixture, "a");
    assert_int_equal(store_flush_now(fixture->store, FLUSH_SYNC, NULL, 0, &fixture->error), 0);
    assert_int_equal(access(path, F_OK), 0);
    free(path);
    cut_power(fixture);
    assert_int_equal(series_count(fixture_find(fixture, "a")), 6);
}

/* The checkpoint's thread hears of the error, and the flusher's, on the same file, is told that all
 * is well. */
static void test_a_checkpoint_that_fails_takes_the_flush_along(void **state)
{
    struct fixture *fixture = *state;
    struct store_flush *flush = NULL;
    struct store_checkpoint *checkpoint = NULL;
    make_series(fixture, "a");
    assert_int_equal(store_checkpoint_begin(fixture->store, &checkpoint), 0);
    assert_int_equal(store_flush_begin(fixture->store, NULL, 0, &flush), 0);
    syncs_fail = true;
    assert_int_equal(store_checkpoint_run(checkpoint, &fixture->error), -ENOSPC);
    syncs_fail = false;
    assert_int_equal(store_flush_run(flush, &fixture->error), -EIO);
    store_checkpoint_end(fixture->store, checkpoint, false);
    store_flush_end(fixture->store, flush, false);
    fixture_reopen(fixture);
    assert_int_equal(series_count(fixture_find(fixture, "a")), 5);
}

/* A file that grows is synced, and that sync may be told of rows of before: it is as a flush that
 * fails. */
static void test_a_sync_that_fails_as_a_file_grows(void **state)
{
    struct fixture *fixture = *state;
    struct store_recovery recovery;
    struct store_flush *flush = NULL;
    static struct series_rule grow;
    grow = growing();
    struct series *series = fixture_create(fixture, "a", SERIES_EXPLICIT, &grow);
    assert_int_equal(append_count(series, 5), 0);
    fixture_flush(fixture);
    assert_int_equal(append_count(series, 5), 0);
    syncs_fail = true;
    assert_int_equal(append_count(series, 5000), -EIO);
    syncs_fail = false;
    assert_int_equal(store_flush_begin(fixture->store, NULL, 0, &flush), 0);
    assert_int_equal(store_flush_run(flush, &fixture->error), -EIO);
    store_flush_end(fixture->store, flush, false);
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), -EIO);
    fixture_reopen(fixture);
    store_recovery(fixture->store, &recovery);
    assert_int_equal(recovery.start, STORE_START_POWER);
    assert_int_equal(series_count(fixture_find(fixture, "a")), 5);
}

/* A start that cannot open the journal's next file has written nothing: what is in the cache is
 * believed by the next, as after a clean end. */
static void test_a_start_that_opens_no_journal(void **state)
{
    struct fixture *fixture = *state;
    make_series(fixture, "a");
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), 0);
    struct store_journal_usage usage;
    store_journal_usage(fixture->store, &usage);
    store_close(fixture->store);
    fixture->store = NULL;
    char *path;
    if (asprintf(&path, "%s/journal-%ju", fixture->path, (uintmax_t)usage.number + 1) < 0)
        abort();
    assert_int_equal(unlink(path), 0);
    failing_path = strrchr(path, '/') + 1;
    failing_with = -EACCES;
    assert_int_equal(store_open(fixture->path, &fixture_limits, &fixture->store, &fixture->error),
                     -EACCES);
    failing_path = NULL;
    free(path);
    fixture_open(fixture);
    assert_int_equal(fixture_recovery(fixture).start, STORE_START_CLEAN);
    assert_int_equal(series_count(fixture_find(fixture, "a")), 6);
}

/* A head that could not be mapped when its rows became durable is told of it by the next flush. */
static void test_a_head_that_is_behind(void **state)
{
    struct fixture *fixture = *state;
    struct store_flush *flush = NULL;
    make_series(fixture, "a");
    assert_int_equal(store_flush_begin(fixture->store, NULL, 0, &flush), 0);
    series_unmap(fixture_find(fixture, "a"));
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    failing_path = "a/head.npy";
    failing_with = -EIO;
    store_flush_end(fixture->store, flush, true);
    failing_path = NULL;
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 5);
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), 0);
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 6);
}

/* One that nobody wrote to while it could not be read is read at the end. */
static void test_the_end_reads_again(void **state)
{
    struct fixture *fixture = *state;
    make_series(fixture, "a");
    open_failing(fixture, "a/head.npy", -EMFILE);
    assert_unread(fixture_find(fixture, "a"), true);
    failing_path = NULL;
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 5);
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), 0);
    assert_null(series_broken(fixture_find(fixture, "a")));
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 6);
}

/* After a clean end and a power cut the head may have an older number: it is not believed when the
 * series is mapped. */
static void test_an_older_head_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    make_series(fixture, "a");
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), 0);
    store_close(fixture->store);
    fixture_set_word(fixture, "a", HEAD_DURABLE, 5);
    fixture_open(fixture);
    struct series *series = fixture_find(fixture, "a");
    assert_int_equal(series_map(series), 0);
    assert_int_equal(series->durable, 6);
    assert_int_equal(store_finish(fixture->store, NULL, 0, &fixture->error), 0);
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_read_again),
        TEST(test_a_power_cut_before_it_is_read_again),
        TEST(test_one_that_was_never_flushed),
        TEST(test_one_that_is_read_and_flushed_at_last),
        TEST(test_damage_is_no_matter_of_time),
        TEST(test_other_files_are_not_taken),
        TEST(test_no_descriptor_is_needed_to_go_on),
        TEST(test_a_waiting_journal_that_is_gone_is_made_again),
        TEST(test_a_checkpoint_that_fails_takes_the_flush_along),
        TEST(test_a_sync_that_fails_as_a_file_grows),
        TEST(test_a_start_that_opens_no_journal),
        TEST(test_a_head_that_is_behind),
        TEST(test_the_end_reads_again),
        TEST(test_an_older_head_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
