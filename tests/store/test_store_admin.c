/* Retiring and renaming series, also where a crash cut it short. */
#include "store_fixture.h"

#include "reader.h"

static struct series_rule rule;

static struct series *make(struct fixture *fixture, const char *name, enum series_clock clock)
{
    rule = ring_of(1000);
    rule.unit = "C";
    struct series *series = fixture_create(fixture, name, clock, &rule);
    assert_int_equal(append_count(series, 10), 0);
    return series;
}

static void test_delete(void **state)
{
    struct fixture *fixture = *state;
    struct store_usage usage;
    make(fixture, "a/b/c", SERIES_EXPLICIT);
    make(fixture, "a/b", SERIES_REGULAR);
    store_usage(fixture->store, &usage);
    uint64_t reserved_bytes = usage.reserved_bytes;
    struct series *series = fixture_find(fixture, "a/b");
    uint64_t bytes = series->file_bytes;
    assert_int_equal(fixture_delete(fixture, series), 0);
    assert_null(fixture_find(fixture, "a/b"));
    /* Its folder holds another series; that one's goes with all above it. */
    assert_true(fixture_has_file(fixture, "a/b/c", SERIES_HEAD_FILE));
    assert_false(fixture_has_file(fixture, "a/b", SERIES_META_FILE));
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes, reserved_bytes - bytes);
    assert_int_equal(usage.series_count, 1);
    assert_int_equal(fixture_delete(fixture, fixture_find(fixture, "a/b/c")), 0);
    assert_false(fixture_has_file(fixture, "a", ""));
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes, 0);
    assert_int_equal(usage.series_mapped, 0);
    fixture_reopen(fixture);
    assert_null(fixture_find(fixture, "a/b/c"));
}

static void remove_file(const struct fixture *fixture, const char *name, const char *file)
{
    char *path = fixture_file(fixture, name, file);
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* The journal says that they are deleted, and their files went in part. Whoever opens the store
 * next finishes that, and leaves alone what has the same folder. */
static void test_delete_cut_short(void **state)
{
    static const char *const names[] = {"a", "b/c", "d", "e"};
    struct fixture *fixture = *state;
    struct store_recovery recovery;
    struct store_usage usage;
    for (size_t i = 0; i < 4; i++)
        make(fixture, names[i], SERIES_EXPLICIT);
    make(fixture, "a/below", SERIES_EXPLICIT);
    fixture_flush(fixture);
    fixture->store->removed = calloc(4, sizeof fixture->store->removed[0]);
    assert_non_null(fixture->store->removed);
    for (size_t i = 0; i < 4; i++)
        fixture->store->removed[fixture->store->removed_count++] =
            fixture_find(fixture, names[i])->journal_slot;
    fixture_flush(fixture);
    store_close(fixture->store);
    remove_file(fixture, "a", SERIES_HEAD_FILE);
    remove_file(fixture, "b/c", SERIES_HEAD_FILE);
    remove_file(fixture, "b/c", SERIES_VALUES_FILE);
    int64_t zero = 0; /* its head cannot be told from no head */
    fixture_write(fixture, "e", SERIES_HEAD_FILE, NPY_HEADER_BYTES, &zero, sizeof zero);
    fixture_open(fixture);
    store_recovery(fixture->store, &recovery);
    assert_int_equal(recovery.series_removed, 4);
    assert_false(fixture_has_file(fixture, "a", SERIES_VALUES_FILE));
    for (size_t i = 1; i < 4; i++)
        assert_false(fixture_has_file(fixture, names[i], ""));
    assert_false(fixture_has_file(fixture, "b", ""));
    assert_int_equal(series_count(fixture_find(fixture, "a/below")), 10);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_count, 1);
    assert_int_equal(usage.series_broken, 0);
    fixture_reopen(fixture);
    store_recovery(fixture->store, &recovery);
    assert_int_equal(recovery.series_removed, 0);
}

/* A reader that has the series keeps what it mapped. */
static void test_reader_keeps_a_deleted_series(void **state)
{
    struct fixture *fixture = *state;
    struct reader *reader;
    struct reader_snapshot snapshot;
    double values[10];
    uint64_t valid;
    make(fixture, "a", SERIES_EXPLICIT);
    assert_int_equal(reader_open(fixture->path, "a", &reader, &fixture->error), 0);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(fixture_delete(fixture, fixture_find(fixture, "a")), 0);
    assert_int_equal(reader_copy(reader, 0, 10, values, NULL, &valid), 0);
    assert_true(values[9] == 9.0);
    reader_close(reader);
}

static void test_delete_a_broken_series(void **state)
{
    struct fixture *fixture = *state;
    struct store_usage usage;
    make(fixture, "a", SERIES_EXPLICIT);
    store_close(fixture->store);
    fixture_set_word(fixture, "a", HEAD_MAGIC, 0);
    fixture_open(fixture);
    assert_non_null(series_broken(fixture_find(fixture, "a")));
    assert_int_equal(fixture_delete(fixture, fixture_find(fixture, "a")), 0);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_broken, 0);
    assert_false(fixture_has_file(fixture, "a", ""));
}

static void test_foreign_files_stay(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "a", SERIES_EXPLICIT);
    char *path = fixture_file(fixture, "a", "notes.txt");
    int fd = fs_create_at(FS_HERE, path);
    assert_true(fd >= 0);
    fs_close(fd);
    free(path);
    assert_int_equal(fixture_delete(fixture, fixture_find(fixture, "a")), 0);
    assert_true(fixture_has_file(fixture, "a", "notes.txt"));
    assert_false(fixture_has_file(fixture, "a", SERIES_VALUES_FILE));
}

static void test_rename(void **state)
{
    struct fixture *fixture = *state;
    for (int clock = SERIES_REGULAR; clock <= SERIES_EXPLICIT; clock++) {
        struct series *series = make(fixture, "old/name", (enum series_clock)clock);
        struct series *renamed = NULL;
        uint64_t id = series_id(series);
        assert_int_equal(
            store_rename(fixture->store, series, "new/name/deep", &renamed, &fixture->error), 0);
        assert_null(fixture_find(fixture, "old/name"));
        assert_false(fixture_has_file(fixture, "old", ""));
        assert_ptr_equal(fixture_find(fixture, "new/name/deep"), renamed);
        assert_int_equal(series_id(renamed), id);
        assert_int_equal(series_count(renamed), 10);
        assert_ptr_equal(series_rule(renamed), &rule);
        assert_true(fixture_has_file(fixture, "new/name/deep", SERIES_META_FILE));
        assert_int_equal(append_count(renamed, 1), 0);
        fixture_flush(fixture);
        fixture_reopen(fixture);
        assert_int_equal(series_count(fixture_find(fixture, "new/name/deep")), 11);
        assert_null(fixture_find(fixture, "old/name"));
        assert_int_equal(fixture_delete(fixture, fixture_find(fixture, "new/name/deep")), 0);
    }
}

static void test_rename_into_itself_and_out(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "a", SERIES_EXPLICIT);
    assert_int_equal(store_rename(fixture->store, series, "a/b", &series, &fixture->error), 0);
    assert_int_equal(store_rename(fixture->store, series, "a", &series, &fixture->error), 0);
    assert_int_equal(series_count(series), 10);
    assert_false(fixture_has_file(fixture, "a/b", ""));
}

static void test_rename_refused(void **state)
{
    struct fixture *fixture = *state;
    struct series *a = make(fixture, "a", SERIES_EXPLICIT);
    make(fixture, "b", SERIES_EXPLICIT);
    struct series *ret = NULL;
    assert_int_equal(store_rename(fixture->store, a, "b", &ret, &fixture->error), -EEXIST);
    assert_int_equal(store_rename(fixture->store, a, "a", &ret, &fixture->error), -EEXIST);
    assert_int_equal(store_rename(fixture->store, a, "../b", &ret, &fixture->error), -EINVAL);
    assert_null(ret);
    assert_int_equal(append_count(a, 1), 0);
}

/* After each link that a crash could have come after: opening shows one name, or both and none to
 * write to, and renaming again finishes. */
static void test_rename_cut_short(void **state)
{
    static const char *const links[] = {SERIES_VALUES_FILE, SERIES_TIMES_FILE, SERIES_META_FILE,
                                        SERIES_HEAD_FILE};
    struct fixture *fixture = *state;
    for (size_t cut = 0; cut <= 4; cut++) {
        make(fixture, "from", SERIES_EXPLICIT);
        char *folder = fixture_file(fixture, ".", "to");
        store_close(fixture->store);
        assert_int_equal(mkdir(folder, 0750), 0);
        free(folder);
        for (size_t i = 0; i < cut; i++) {
            char *from = fixture_file(fixture, "from", links[i]);
            char *to = fixture_file(fixture, "to", links[i]);
            assert_int_equal(link(from, to), 0);
            free(from);
            free(to);
        }
        fixture_open(fixture);
        struct series *from = fixture_find(fixture, "from");
        struct series *to = fixture_find(fixture, "to");
        assert_int_equal(to != NULL, cut == 4);
        assert_int_equal(series_broken(from) != NULL, cut == 4);
        if (cut == 4) {
            assert_non_null(strstr(series_broken(to), "rename"));
            assert_int_equal(append_count(from, 1), -EBADF);
        }
        struct series *renamed;
        assert_int_equal(store_rename(fixture->store, from, "to", &renamed, &fixture->error), 0);
        assert_null(series_broken(renamed));
        assert_int_equal(append_count(renamed, 1), 0);
        assert_int_equal(series_count(renamed), 11);
        assert_false(fixture_has_file(fixture, "from", ""));
        struct store_usage usage;
        store_usage(fixture->store, &usage);
        assert_int_equal(usage.series_count, 1);
        assert_int_equal(usage.series_broken, 0);
        assert_int_equal(usage.reserved_bytes, renamed->file_bytes);
        assert_int_equal(fixture_delete(fixture, renamed), 0);
    }
}

/* The old head is gone, and files beside it are not: after a power cut, too, there is one series,
 * under the new name. */
static void test_rename_cut_in_removal(void **state)
{
    static const char *const links[] = {SERIES_VALUES_FILE, SERIES_TIMES_FILE};
    struct fixture *fixture = *state;
    make(fixture, "a", SERIES_EXPLICIT);
    fixture_flush(fixture);
    fixture_cut_power(fixture);
    char *from_folder = fixture_file(fixture, ".", "a");
    char *to_folder = fixture_file(fixture, ".", "b");
    assert_int_equal(rename(from_folder, to_folder), 0);
    assert_int_equal(mkdir(from_folder, 0750), 0);
    for (size_t i = 0; i < 2; i++) {
        char *from = fixture_file(fixture, "a", links[i]);
        char *to = fixture_file(fixture, "b", links[i]);
        assert_int_equal(link(to, from), 0);
        free(from);
        free(to);
    }
    free(from_folder);
    free(to_folder);
    fixture_open(fixture);
    assert_int_equal(fixture_recovery(fixture).start, STORE_START_POWER);
    assert_null(fixture_find(fixture, "a"));
    struct series *renamed = fixture_find(fixture, "b");
    assert_non_null(renamed);
    assert_null(series_broken(renamed));
    assert_int_equal(series_count(renamed), 10);
    assert_int_equal(append_count(renamed, 1), 0);
}

/* Recovery writes a new head under the old name: both names have it, and the rename goes on. The
 * reserve that the journal has of the series is that of the new name. */
static void test_rename_cut_and_recovered(void **state)
{
    static const char *const links[] = {SERIES_VALUES_FILE, SERIES_TIMES_FILE, SERIES_META_FILE,
                                        SERIES_HEAD_FILE};
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "a", SERIES_EXPLICIT);
    series->rows_reserve_wanted = RESERVE_HALF;
    fixture_flush(fixture);
    char *folder = fixture_file(fixture, ".", "b");
    assert_int_equal(mkdir(folder, 0750), 0);
    free(folder);
    for (size_t i = 0; i < 4; i++) {
        char *from = fixture_file(fixture, "a", links[i]);
        char *to = fixture_file(fixture, "b", links[i]);
        assert_int_equal(link(from, to), 0);
        free(from);
        free(to);
    }
    fixture_cut_power(fixture);
    fixture_open(fixture);
    assert_non_null(strstr(series_broken(fixture_find(fixture, "b")), "rename"));
    assert_int_equal(
        store_rename(fixture->store, fixture_find(fixture, "a"), "b", &series, &fixture->error), 0);
    assert_null(series_broken(series));
    assert_int_equal(series_count(series), 10);
    assert_int_equal(series->rows_reserve, RESERVE_HALF);
    fixture_reopen(fixture);
    assert_int_equal(fixture_find(fixture, "b")->rows_reserve, RESERVE_HALF);
}

/* What a creation that was cut left under the new name is no series and in nobody's way. */
static void test_rename_over_leftovers(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "a", SERIES_EXPLICIT);
    char *folder = fixture_file(fixture, ".", "b");
    char *values = fixture_file(fixture, "b", SERIES_VALUES_FILE);
    char *runs = fixture_file(fixture, "b", SERIES_RUNS_FILE);
    assert_int_equal(mkdir(folder, 0750), 0);
    fs_close(fs_create_at(FS_HERE, values));
    fs_close(fs_create_at(FS_HERE, runs));
    free(folder);
    free(values);
    free(runs);
    assert_int_equal(store_rename(fixture->store, series, "b", &series, &fixture->error), 0);
    assert_int_equal(append_count(series, 1), 0);
    assert_false(fixture_has_file(fixture, "b", SERIES_RUNS_FILE));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_delete),
        TEST(test_delete_cut_short),
        TEST(test_reader_keeps_a_deleted_series),
        TEST(test_delete_a_broken_series),
        TEST(test_foreign_files_stay),
        TEST(test_rename),
        TEST(test_rename_into_itself_and_out),
        TEST(test_rename_refused),
        TEST(test_rename_cut_short),
        TEST(test_rename_cut_in_removal),
        TEST(test_rename_cut_and_recovered),
        TEST(test_rename_over_leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
