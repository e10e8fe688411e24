/* Opening a store: whose it is, what is damaged in it, and what a killed writer left. */
#include "store_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static int try_open(const char *path, struct error_text *error)
{
    struct store *store = NULL;
    int result = store_open(path, &fixture_limits, &store, error);
    store_close(store);
    return result;
}

static char *path_in(const char *folder, const char *name)
{
    char *path;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

/* ---- the folder and its lock ---- */

static void test_second_opening_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    char pid[32];
    assert_int_equal(try_open(fixture->path, &error), -EWOULDBLOCK);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_non_null(strstr(error.text, pid));

    /* Also from another process, and not after that one has gone. */
    store_close(fixture->store);
    fixture->store = NULL;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store;
        char byte = store_open(fixture->path, &fixture_limits, &store, NULL) == 0;
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    int result = try_open(fixture->path, &error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(result, -EWOULDBLOCK);
    snprintf(pid, sizeof pid, "%ld", (long)child);
    assert_non_null(strstr(error.text, pid));
    fixture_open(fixture);
}

static void test_what_is_not_a_store_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    char *other = path_in(fixture->folder, "other");
    char *file = path_in(other, "letter.txt");
    assert_int_equal(mkdir(other, 0700), 0);
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(try_open(other, &error), -ENOTEMPTY);
    assert_non_null(strstr(error.text, "not a store"));
    char *lock = path_in(other, "LOCK");
    assert_int_not_equal(access(lock, F_OK), 0);
    assert_int_equal(try_open(file, &error), -ENOTDIR);

    /* An empty one is taken, also with what mkfs puts there. */
    assert_int_equal(unlink(file), 0);
    char *lost = path_in(other, "lost+found");
    assert_int_equal(mkdir(lost, 0700), 0);
    assert_int_equal(try_open(other, &error), 0);
    free(lost);
    free(lock);
    free(file);
    free(other);
}

static void test_folders_are_made(void **state)
{
    struct fixture *fixture = *state;
    char *deep = path_in(fixture->folder, "a/b/c");
    struct stat status;
    assert_int_equal(try_open(deep, NULL), 0);
    assert_int_equal(stat(deep, &status), 0);
    assert_int_equal(status.st_mode & 0027, 0);
    free(deep);
}

/* ---- damage ---- */

static struct series_rule ring_rule;
static struct series_rule grow_rule;

/* A regular ring, an explicit ring and a growing series with samples. */
static void make_three(struct fixture *fixture)
{
    ring_rule = ring_of(16);
    grow_rule = growing();
    assert_int_equal(append_count(fixture_create(fixture, "r", SERIES_REGULAR, &ring_rule), 10), 0);
    assert_int_equal(append_count(fixture_create(fixture, "e", SERIES_EXPLICIT, &ring_rule), 10),
                     0);
    assert_int_equal(append_count(fixture_create(fixture, "g", SERIES_EXPLICIT, &grow_rule), 10),
                     0);
}

static void assert_refused(struct fixture *fixture, const char *name, const char *what)
{
    struct store_usage usage;
    struct series *series = fixture_find(fixture, name);
    if (series == NULL || series_broken(series) == NULL)
        fail_msg("%s: %s is not refused", what, name);
    assert_true(strlen(series_broken(series)) > 10);
    assert_int_equal(append_count(series, 1), -EBADF);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_broken, 1);
}

struct word_case {
    const char *name;
    unsigned word;
    int64_t value;
};

/* Each word of the head that must not be so, one at a time, in a store whose other series go on. */
static void test_broken_words(void **state)
{
    static const struct word_case cases[] = {
        {"r", HEAD_MAGIC, 1},
        {"r", HEAD_VERSION, 2},
        {"r", HEAD_VERSION, 0},
        {"r", HEAD_INCOMPATIBLE, 1},
        {"r", HEAD_COMPATIBLE, 2},
        {"r", HEAD_ID, 0},
        {"r", HEAD_ID, -5},
        {"r", HEAD_CAPACITY, 17},
        {"r", HEAD_CAPACITY, -1},
        {"r", HEAD_CAPACITY, 0},
        {"g", HEAD_CAPACITY, 9},
        {"r", HEAD_SAMPLE_BYTES, 4},
        {"r", HEAD_DTYPE, 'f' | '9' << 8},
        {"r", HEAD_DTYPE, 'f' | '4' << 8},
        {"r", HEAD_DTYPE, ('f' | '8' << 8) + (INT64_C(1) << 40)},
        {"r", HEAD_RANK, 5},
        {"r", HEAD_RANK, -1},
        {"r", HEAD_RANK, 1},
        {"r", HEAD_DIMS, 1},
        {"r", HEAD_CLOCK, 0},
        {"r", HEAD_CLOCK, 3},
        {"r", HEAD_CLOCK, SERIES_EXPLICIT},
        {"e", HEAD_CLOCK, SERIES_REGULAR},
        {"r", HEAD_COUNT, -1},
        {"r", HEAD_COUNT, 11},
        {"r", HEAD_COUNT, INT64_MAX},
        {"r", HEAD_FRONTIER, 9},
        {"r", HEAD_FRONTIER, INT64_MAX},
        {"g", HEAD_COUNT, 1000000},
    };
    struct fixture *fixture = *state;
    make_three(fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char what[64];
        store_close(fixture->store);
        int64_t sound = fixture_word(fixture, cases[i].name, cases[i].word);
        fixture_set_word(fixture, cases[i].name, cases[i].word, cases[i].value);
        fixture_open(fixture);
        snprintf(what, sizeof what, "word %u = %ld", cases[i].word, cases[i].value);
        assert_refused(fixture, cases[i].name, what);
        assert_null(series_broken(fixture_find(fixture, strcmp(cases[i].name, "e") ? "e" : "g")));
        store_close(fixture->store);
        fixture_set_word(fixture, cases[i].name, cases[i].word, sound);
        fixture_open(fixture);
        assert_null(series_broken(fixture_find(fixture, cases[i].name)));
    }
}

static void test_missing_and_foreign_files(void **state)
{
    static const char *const files[][2] = {{"r", SERIES_VALUES_FILE},
                                           {"r", SERIES_RUNS_FILE},
                                           {"e", SERIES_TIMES_FILE},
                                           {"g", SERIES_VALUES_FILE},
                                           {"g", SERIES_TIMES_FILE}};
    struct fixture *fixture = *state;
    make_three(fixture);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = fixture_file(fixture, files[i][0], files[i][1]);
        char *away = path_in(fixture->folder, "away");
        char *other = fixture_file(fixture, "r", SERIES_HEAD_FILE);
        store_close(fixture->store);
        assert_int_equal(rename(path, away), 0);
        fixture_open(fixture);
        assert_refused(fixture, files[i][0], "a missing column");
        store_close(fixture->store);
        assert_int_equal(link(other, path), 0); /* an array, but not of that shape */
        fixture_open(fixture);
        assert_refused(fixture, files[i][0], "a foreign array");
        store_close(fixture->store);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rename(away, path), 0);
        fixture_open(fixture);
        assert_int_equal(append_count(fixture_find(fixture, files[i][0]), 1), 0);
        free(other);
        free(away);
        free(path);
    }
}

static void test_broken_headers(void **state)
{
    static const char *const files[] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_RUNS_FILE};
    struct fixture *fixture = *state;
    make_three(fixture);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char sound[16];
        store_close(fixture->store);
        fixture_read(fixture, "r", files[i], 0, sound, sizeof sound);
        fixture_write(fixture, "r", files[i], 0, "not an array....", 16);
        fixture_open(fixture);
        assert_refused(fixture, "r", files[i]);
        store_close(fixture->store);
        fixture_write(fixture, "r", files[i], 0, sound, sizeof sound);
        fixture_open(fixture);
        assert_null(series_broken(fixture_find(fixture, "r")));
    }
    char *path = fixture_file(fixture, "r", SERIES_HEAD_FILE);
    store_close(fixture->store);
    assert_int_equal(truncate(path, HEAD_FILE_BYTES - 1), 0);
    fixture_open(fixture);
    assert_refused(fixture, "r", "a short head");
    free(path);
}

/* Files that change while the store is open are met at the first write. */
static void test_files_exchanged_while_open(void **state)
{
    struct fixture *fixture = *state;
    make_three(fixture);
    fixture_reopen(fixture);
    char *path = fixture_file(fixture, "r", SERIES_VALUES_FILE);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_int_equal(append_count(fixture_find(fixture, "r"), 1), -EBADF);
    assert_non_null(series_broken(fixture_find(fixture, "r")));
    fixture_set_word(fixture, "e", HEAD_ID, 12345);
    assert_int_equal(append_count(fixture_find(fixture, "e"), 1), -EBADF);
    assert_int_equal(append_count(fixture_find(fixture, "g"), 1), 0);
}

/* A file that is cut while it is mapped is an error of that series, and not the end of the process.
 */
static void test_file_cut_while_mapped(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(100000);
    struct series *series = fixture_create(fixture, "cut", SERIES_EXPLICIT, &rule);
    assert_int_equal(append_count(series, 10), 0);
    char *path = fixture_file(fixture, "cut", SERIES_VALUES_FILE);
    assert_int_equal(truncate(path, NPY_HEADER_BYTES + 80), 0);
    free(path);
    assert_int_equal(append_count(series, 50000), -EBADF);
    assert_non_null(series_broken(series));
    assert_int_equal(series_count(series), 10);
}

static void test_strange_folders_are_ignored(void **state)
{
    struct fixture *fixture = *state;
    make_three(fixture);
    char *hidden = fixture_file(fixture, ".", ".hidden");
    char *e = fixture_file(fixture, ".", "e");
    store_close(fixture->store);
    assert_int_equal(rename(e, hidden), 0);
    fixture_open(fixture);
    struct store_usage usage;
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_count, 2);
    assert_int_equal(usage.series_broken, 0);
    free(hidden);
    free(e);
}

static void test_copied_series_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_TIMES_FILE};
    make_three(fixture);
    store_close(fixture->store);
    char *folder = fixture_file(fixture, ".", "copy");
    assert_int_equal(mkdir(folder, 0750), 0);
    free(folder);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char bytes[16384];
        size_t length = (size_t)fixture_file_bytes(fixture, "e", files[i]);
        char *path = fixture_file(fixture, "copy", files[i]);
        assert_true(length <= sizeof bytes);
        fixture_read(fixture, "e", files[i], 0, bytes, length);
        fs_close(fs_create_at(FS_HERE, path));
        fixture_write(fixture, "copy", files[i], 0, bytes, length);
        free(path);
    }
    fixture_open(fixture);
    assert_non_null(series_broken(fixture_find(fixture, "e")));
    assert_non_null(strstr(series_broken(fixture_find(fixture, "copy")), "copy"));
    assert_null(series_broken(fixture_find(fixture, "r")));
    assert_int_equal(fixture_delete(fixture, fixture_find(fixture, "copy")), 0);
    fixture_reopen(fixture);
    assert_int_equal(append_count(fixture_find(fixture, "e"), 1), 0);
}

/* ---- what a killed writer left ---- */

/* Rows and stamps beyond count were copied, count was not published: they are not there, and the
 * next append goes over them. */
static void test_kill_before_count_explicit(void **state)
{
    struct fixture *fixture = *state;
    make_three(fixture);
    int64_t last_ns = series_last_time_ns(fixture_find(fixture, "e"));
    store_close(fixture->store);
    int64_t beyond_ns = T0_NS + INT64_C(900000000000);
    fixture_write(fixture, "e", SERIES_TIMES_FILE, NPY_HEADER_BYTES + 80, &beyond_ns, 8);
    fixture_set_word(fixture, "e", HEAD_FRONTIER, 14);
    fixture_set_word(fixture, "e", HEAD_LAST_TIME_NS, beyond_ns);
    fixture_open(fixture);
    struct series *series = fixture_find(fixture, "e");
    assert_int_equal(series_count(series), 10);
    assert_int_equal(series_last_time_ns(series), last_ns);
    assert_int_equal(store_newest_ns(fixture->store), last_ns);
    assert_int_equal(fixture_word(fixture, "e", HEAD_LAST_TIME_NS), last_ns);
    /* The frontier never falls: what it announced may have been overwritten. */
    assert_int_equal(fixture_word(fixture, "e", HEAD_FRONTIER), 14);
    assert_int_equal(append_count(series, 2), 0);
    assert_int_equal(fixture_word(fixture, "e", HEAD_FRONTIER), 14);
    assert_int_equal(append_count(series, 3), 0);
    assert_int_equal(fixture_word(fixture, "e", HEAD_FRONTIER), 15);
}

static void test_kill_before_count_regular(void **state)
{
    struct fixture *fixture = *state;
    make_three(fixture);
    int64_t last_ns = series_last_time_ns(fixture_find(fixture, "r"));
    store_close(fixture->store);
    /* Two runs of a block that was never counted. */
    int64_t runs[2][RUN_WORDS] = {{10, T0_NS + 900000000000, 5000},
                                  {12, T0_NS + 990000000000, 5000}};
    fixture_write(fixture, "r", SERIES_RUNS_FILE, NPY_HEADER_BYTES + 24, runs, sizeof runs);
    fixture_set_word(fixture, "r", HEAD_RUNS_COUNT, 3);
    fixture_set_word(fixture, "r", HEAD_FRONTIER, 14);
    fixture_open(fixture);
    struct series *series = fixture_find(fixture, "r");
    assert_int_equal(fixture_word(fixture, "r", HEAD_RUNS_COUNT), 1);
    assert_int_equal(series_last_time_ns(series), last_ns);
    assert_int_equal(append_count(series, 5), 0);
    assert_int_equal(series_last_time_ns(series), last_ns + INT64_C(5000000000));
    assert_int_equal(fixture_word(fixture, "r", HEAD_RUNS_COUNT), 1);
}

/* The same where the runs ring had wrapped: the dropped run lies on the oldest one kept, which must
 * not mislead a reader's search. */
static void test_kill_with_wrapped_runs(void **state)
{
    struct fixture *fixture = *state;
    ring_rule = ring_of(4000);
    struct series *series = fixture_create(fixture, "w", SERIES_REGULAR, &ring_rule);
    double value = 0;
    struct series_append_result result;
    for (int i = 0; i < 1500; i++) {
        struct series_block block = {.values = &value,
                                     .count = 1,
                                     .clock = BLOCK_REGULAR,
                                     .t0_ns = T0_NS + (int64_t)i * i * 1000000000,
                                     .period_ps = INT64_C(1000000000)};
        assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    }
    store_close(fixture->store);
    int64_t run[RUN_WORDS] = {1500, T0_NS + INT64_C(9000000000000000), 5000};
    uint64_t offset = NPY_HEADER_BYTES + (1500 % 1024) * 24;
    fixture_write(fixture, "w", SERIES_RUNS_FILE, offset, run, sizeof run);
    fixture_set_word(fixture, "w", HEAD_RUNS_COUNT, 1501);
    fixture_set_word(fixture, "w", HEAD_FRONTIER, 1501);
    fixture_open(fixture);
    assert_int_equal(fixture_word(fixture, "w", HEAD_RUNS_COUNT), 1500);
    fixture_read(fixture, "w", SERIES_RUNS_FILE, offset, run, sizeof run);
    assert_int_equal(run[RUN_FIRST_INDEX], 1501 - 1024);
    assert_int_equal(run[RUN_T0_NS], T0_NS + INT64_C(477) * 477 * 1000000000);
}

static void test_kill_in_a_growth(void **state)
{
    struct fixture *fixture = *state;
    make_three(fixture);
    struct series *series = fixture_find(fixture, "g");
    uint64_t rows = (uint64_t)fixture_word(fixture, "g", HEAD_ROWS);
    assert_int_equal(append_count(series, rows - 10), 0);
    store_close(fixture->store);

    /* The files were extended, and the header of values.npy changed; those of times.npy and the
     * head were not. */
    char header[NPY_HEADER_BYTES];
    size_t at;
    char byte;
    uint64_t next = npy_grow_rows(rows + 1);
    char *path = fixture_file(fixture, "g", SERIES_VALUES_FILE);
    fixture_read(fixture, "g", SERIES_VALUES_FILE, 0, header, sizeof header);
    assert_int_equal(npy_grow_patch(header, rows, next, &at, &byte), 0);
    fixture_write(fixture, "g", SERIES_VALUES_FILE, at, &byte, 1);
    assert_int_equal(truncate(path, (off_t)(NPY_HEADER_BYTES + next * 8)), 0);
    free(path);

    fixture_open(fixture);
    series = fixture_find(fixture, "g");
    assert_null(series_broken(series));
    assert_int_equal(fixture_file_bytes(fixture, "g", SERIES_VALUES_FILE),
                     NPY_HEADER_BYTES + next * 8);
    assert_int_equal(append_count(series, 1), 0);
    assert_int_equal(fixture_shape(fixture, "g", SERIES_TIMES_FILE).dims[0], next);
    assert_int_equal(fixture_word(fixture, "g", HEAD_ROWS), next);
    double value;
    fixture_read(fixture, "g", SERIES_VALUES_FILE, NPY_HEADER_BYTES + rows * 8, &value, 8);
    assert_true(value == (double)rows);
    fixture_read(fixture, "g", SERIES_VALUES_FILE, NPY_HEADER_BYTES, &value, 8);
    assert_true(value == 0.0);
}

static void test_epoch_and_id(void **state)
{
    struct fixture *fixture = *state;
    make_three(fixture);
    int64_t epoch = fixture_word(fixture, "r", HEAD_EPOCH);
    uint64_t id = series_id(fixture_find(fixture, "g"));
    /* Ahead of the clock: both go on from there. */
    store_close(fixture->store);
    fixture_set_word(fixture, "e", HEAD_ID, INT64_MAX / 2);
    fixture_set_word(fixture, "e", HEAD_EPOCH, INT64_MAX / 2);
    fixture_open(fixture);
    assert_int_equal(fixture_word(fixture, "r", HEAD_EPOCH), epoch); /* not written to yet */
    assert_int_equal(append_count(fixture_find(fixture, "r"), 1), 0);
    assert_true(fixture_word(fixture, "r", HEAD_EPOCH) > INT64_MAX / 2);
    struct series *series = fixture_create(fixture, "n", SERIES_REGULAR, &ring_rule);
    assert_true(series_id(series) == INT64_MAX / 2 + 1);
    assert_true(series_id(series) > id);
}

static void test_nothing_is_mapped_before_a_write(void **state)
{
    struct fixture *fixture = *state;
    struct store_usage usage;
    make_three(fixture);
    int64_t newest_ns = store_newest_ns(fixture->store);
    fixture_reopen(fixture);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_count, 3);
    assert_int_equal(usage.series_mapped, 0);
    assert_int_equal(store_newest_ns(fixture->store), newest_ns);
    assert_int_equal(append_count(fixture_find(fixture, "r"), 1), 0);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_mapped, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_second_opening_is_refused),
        TEST(test_what_is_not_a_store_is_left_alone),
        TEST(test_folders_are_made),
        TEST(test_broken_words),
        TEST(test_missing_and_foreign_files),
        TEST(test_broken_headers),
        TEST(test_files_exchanged_while_open),
        TEST(test_file_cut_while_mapped),
        TEST(test_strange_folders_are_ignored),
        TEST(test_copied_series_are_refused),
        TEST(test_kill_before_count_explicit),
        TEST(test_kill_before_count_regular),
        TEST(test_kill_with_wrapped_runs),
        TEST(test_kill_in_a_growth),
        TEST(test_epoch_and_id),
        TEST(test_nothing_is_mapped_before_a_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
