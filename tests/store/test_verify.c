#include "npy_header.h"
#include "raw_series.h"
#include "reader.h"
#include "status_file.h"
#include "verify_findings.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct raw_series a_series(const char *store, enum series_clock clock, uint64_t capacity)
{
    return (struct raw_series){.store = store,
                               .name = "a/series",
                               .capacity = capacity,
                               .count = 250,
                               .run_rows = 20,
                               .type = {.dtype = DTYPE_F4, .clock = clock, .rank = 1, .dims = {2}}};
}

static void sound_series(void **state)
{
    static const uint64_t counts[] = {0, 1, 99, 100, 101, 5000};
    static const char *const names[] = {"rr", "re", "gr", "ge"};
    for (unsigned variant = 0; variant < 4; variant++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            struct raw_series files = a_series(
                *state, variant % 2 ? SERIES_EXPLICIT : SERIES_REGULAR, variant < 2 ? 100 : 0);
            files.name = names[variant];
            files.count = counts[i];
            files.run_rows = 3;
            raw_series_write(&files);
            struct findings findings = verify_one(*state, files.name);
            expect_nothing(&findings);
            assert_int_equal(findings.progress,
                             files.capacity > 0 && counts[i] > 100 ? 100 : counts[i]);
        }
    }
    struct findings findings = verify_rest(*state);
    expect_nothing(&findings);
}

/* What a killed writer leaves, and the next start finishes. */
static void cut_appends_are_no_damage(void **state)
{
    struct raw_series files = a_series(*state, SERIES_REGULAR, 200);
    files.name = "cut";
    raw_series_write(&files);
    raw_series_set_word(&files, HEAD_COUNT, 240);
    raw_series_set_word(&files, HEAD_DURABLE, 100);
    raw_series_set_word(&files, HEAD_FRONTIER, 260);
    static const int64_t entry[HEAD_SESSION_WORDS] = {-5, 9, 260, 8};
    for (unsigned w = 0; w < HEAD_SESSION_WORDS; w++)
        raw_series_set_word(&files, HEAD_SESSIONS + w, entry[w]);
    struct findings findings = verify_one(*state, "cut");
    expect_nothing(&findings);
}

static void damaged_heads(void **state)
{
    static const struct {
        enum series_clock clock;
        uint64_t capacity;
        unsigned word;
        int64_t value;
        const char *text;
    } cases[] = {
        {SERIES_EXPLICIT, 100, HEAD_DURABLE, 251, "durable 251 is above the count 250"},
        {SERIES_EXPLICIT, 100, HEAD_FRONTIER, 249, "the frontier 249 is below the count 250"},
        {SERIES_EXPLICIT, 100, HEAD_FRONTIER, 351, "the frontier 351 is more than the capacity"},
        {SERIES_EXPLICIT, 100, HEAD_COUNT, 251, "is below the count 251"},
        {SERIES_EXPLICIT, 100, HEAD_COUNT, -1, "negative"},
        {SERIES_EXPLICIT, 100, HEAD_ROWS, 99, "99 rows"},
        {SERIES_EXPLICIT, 0, HEAD_ROWS, 300, "300 rows"},
        {SERIES_EXPLICIT, 0, HEAD_ROWS, 799, "values.npy has only 399"},
        {SERIES_EXPLICIT, 0, HEAD_ROWS, 199, "the count 250 is above the rows 199"},
        {SERIES_EXPLICIT, 0, HEAD_COUNT, 400, "the count 400 is above the rows 399"},
        {SERIES_EXPLICIT, 100, HEAD_RUNS_COUNT, 1, "1 runs for 250 samples"},
        {SERIES_REGULAR, 100, HEAD_RUNS_COUNT, 0, "0 runs for 250 samples"},
        {SERIES_EXPLICIT, 100, HEAD_LAST_TIME_NS, 5, "the last time 5 is not the last row's"},
        {SERIES_REGULAR, 100, HEAD_LAST_TIME_NS, 5, "the last time 5 is not the last row's"},
        {SERIES_EXPLICIT, 100, 500, 1, "a word that has no meaning is not 0"},
        {SERIES_EXPLICIT, 100, 50, 1, "a word that has no meaning is not 0"},
        {SERIES_EXPLICIT, 100, HEAD_MAGIC, 1, "the head is damaged: no magic"},
        {SERIES_EXPLICIT, 100, HEAD_VERSION, 2, "format version 2"},
        {SERIES_EXPLICIT, 100, HEAD_INCOMPATIBLE, 4, "incompatible flags 0x4"},
        {SERIES_EXPLICIT, 100, HEAD_RANK, 5, "the head is damaged: the rank"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw_series files = a_series(*state, cases[i].clock, cases[i].capacity);
        char name[32];
        snprintf(name, sizeof name, "head%zu", i);
        files.name = name;
        raw_series_write(&files);
        raw_series_set_word(&files, cases[i].word, cases[i].value);
        struct findings findings = verify_one(*state, name);
        char file[64];
        snprintf(file, sizeof file, "series/%s/head.npy", name);
        expect(&findings, file, cases[i].text);
    }
}

static void set_session(const struct raw_series *files, unsigned slot, int64_t id, int64_t sequence,
                        int64_t count, int64_t before)
{
    const int64_t entry[HEAD_SESSION_WORDS] = {id, sequence, count, before};
    for (unsigned w = 0; w < HEAD_SESSION_WORDS; w++)
        raw_series_set_word(files, HEAD_SESSIONS + slot * HEAD_SESSION_WORDS + w, entry[w]);
}

static void damaged_sessions(void **state)
{
    struct raw_series files = a_series(*state, SERIES_EXPLICIT, 100);
    raw_series_write(&files);
    set_session(&files, 3, 0x77, 10, 250, 9);
    set_session(&files, 15, -1, INT64_MIN, 200, INT64_MAX); /* sequences are unsigned */
    struct findings findings = verify_one(*state, "a/series");
    expect_nothing(&findings);

    set_session(&files, 3, 0x77, 10, 250, 11);
    findings = verify_one(*state, "a/series");
    expect(&findings, "head.npy", "session entry 3 (session 77): sequence 10 is 0, or below");
    set_session(&files, 3, 0x77, 10, 251, 9);
    findings = verify_one(*state, "a/series");
    expect(&findings, "head.npy", "session entry 3 (session 77): its count 251 is beyond");
    set_session(&files, 3, -1, 10, 250, 9);
    findings = verify_one(*state, "a/series");
    expect(&findings, "head.npy", "session ffffffffffffffff has two entries");
    set_session(&files, 3, 0, 10, 251, 99); /* free, whatever is left in it */
    findings = verify_one(*state, "a/series");
    expect_nothing(&findings);
}

static void damaged_times(void **state)
{
    struct raw_series files = a_series(*state, SERIES_EXPLICIT, 100);
    raw_series_write(&files);
    int64_t time_ns = raw_series_time_ns(&files, 209);
    raw_series_patch(&files, SERIES_TIMES_FILE, NPY_HEADER_BYTES + 10 * 8, &time_ns, 8);
    struct findings findings = verify_one(*state, "a/series");
    expect(&findings, "series/a/series/times.npy", "row 210: time");
    assert_int_equal(findings.count, 1);
    /* The seam: row 199 is slot 99, row 200 slot 0. */
    raw_series_write(&files);
    time_ns = raw_series_time_ns(&files, 200);
    raw_series_patch(&files, SERIES_TIMES_FILE, NPY_HEADER_BYTES + 99 * 8, &time_ns, 8);
    findings = verify_one(*state, "a/series");
    expect(&findings, "times.npy", "row 200: time");
    /* Beyond 64 Ki rows, at the end of a chunk. */
    files.count = 70000;
    files.capacity = 0;
    raw_series_write(&files);
    time_ns = 7;
    raw_series_patch(&files, SERIES_TIMES_FILE, NPY_HEADER_BYTES + 65536 * 8, &time_ns, 8);
    findings = verify_one(*state, "a/series");
    expect(&findings, "times.npy", "row 65536: time 7 is not after the row before");
    assert_int_equal(findings.count, 1);
    /* All zeros: the first ones, and a number. */
    static const char zeros[8 * 1000];
    raw_series_patch(&files, SERIES_TIMES_FILE, NPY_HEADER_BYTES, zeros, sizeof zeros);
    findings = verify_one(*state, "a/series");
    expect(&findings, "times.npy", "row 1: time 0");
    expect(&findings, "times.npy", "990 more rows like these");
}

static void damaged_runs(void **state)
{
    static const struct {
        unsigned run;
        unsigned word;
        int64_t value;
        unsigned reported;
        const char *text;
    } cases[] = {
        {5, RUN_PERIOD_PS, 0, 5, "its period is not positive"},
        {5, RUN_PERIOD_PS, -1, 5, "its period is not positive"},
        {5, RUN_PERIOD_PS, 999, 5, "its period is below a nanosecond"},
        {5, RUN_PERIOD_PS, INT64_C(1) << 59, 5, "it is longer than a run may be"},
        {5, RUN_PERIOD_PS, INT64_C(1) << 50, 6, "not after the row before"},
        {5, RUN_FIRST_INDEX, -1, 5, "its first index is negative"},
        {5, RUN_FIRST_INDEX, 80, 4, "it begins at or after the run that follows"},
        {5, RUN_FIRST_INDEX, 120, 5, "it begins at or after the run that follows"},
        {5, RUN_T0_NS, INT64_MAX - 5, 5, "its last time is no 64-bit number"},
        {5, RUN_T0_NS, 5, 5, "not after the row before"},
        {0, RUN_FIRST_INDEX, 1, 0, "begins at row 1"},
        {12, RUN_PERIOD_PS, INT64_C(1) << 60, 12, "it is longer than a run may be"},
        {12, RUN_FIRST_INDEX, -1, 12, "its first index is negative"},
        {12, RUN_PERIOD_PS, 0, 12, "its period is not positive"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned grows = 0; grows < 2; grows++) {
            struct raw_series files = a_series(*state, SERIES_REGULAR, grows ? 0 : 1000);
            char name[32];
            char text[128];
            snprintf(name, sizeof name, "runs%zu-%u", i, grows);
            files.name = name;
            raw_series_write(&files);
            raw_series_patch(&files, SERIES_RUNS_FILE,
                             NPY_HEADER_BYTES + (cases[i].run * RUN_WORDS + cases[i].word) * 8,
                             &cases[i].value, 8);
            struct findings findings = verify_one(*state, name);
            expect(&findings, "runs.npy", cases[i].text);
            snprintf(text, sizeof text, "run %u ", cases[i].reported);
            expect(&findings, "runs.npy", text);
        }
    }
}

static void damaged_headers_and_lengths(void **state)
{
    static const char *const names[] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_TIMES_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct raw_series files = a_series(*state, SERIES_EXPLICIT, 100);
        raw_series_write(&files);
        raw_series_patch(&files, names[i], 3000, "\n", 1); /* a blank all the same */
        struct findings findings = verify_one(*state, "a/series");
        expect(&findings, names[i],
               "the header's text is not what it should be, from byte 3000 on");
        raw_series_patch(&files, names[i], 3000, "x", 1);
        findings = verify_one(*state, "a/series");
        expect(&findings, names[i], "the header is damaged");

        raw_series_write(&files);
        struct stat status;
        const char *path = raw_series_path(&files, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(truncate(path, status.st_size - 1), 0);
        findings = verify_one(*state, "a/series");
        expect(&findings, names[i], "bytes long, and its header says");
        assert_int_equal(truncate(path, status.st_size + 1), 0);
        findings = verify_one(*state, "a/series");
        expect(&findings, names[i], "bytes long, and its header says");
        assert_int_equal(unlink(path), 0);
        if (i > 0) {
            findings = verify_one(*state, "a/series");
            expect(&findings, names[i], "No such file");
        }
    }
    /* Rows of the columns that do not agree. */
    struct raw_series files = a_series(*state, SERIES_EXPLICIT, 100);
    raw_series_write(&files);
    char header[NPY_HEADER_BYTES];
    const struct npy_shape shorter = {.dtype = DTYPE_I8, .rank = 1, .dims = {90}};
    assert_int_equal(npy_header_write(&shorter, 0, header), 0);
    raw_series_patch(&files, SERIES_TIMES_FILE, 0, header, sizeof header);
    struct findings findings = verify_one(*state, "a/series");
    expect(&findings, "times.npy", "the header does not agree with head.npy");
    /* A growing file of a length that growing does not give. */
    files = a_series(*state, SERIES_EXPLICIT, 0);
    files.name = "grown";
    raw_series_write(&files);
    const struct npy_shape odd = {.dtype = DTYPE_I8, .rank = 1, .dims = {398}};
    assert_int_equal(npy_header_write(&odd, 20, header), 0);
    raw_series_patch(&files, SERIES_TIMES_FILE, 0, header, sizeof header);
    findings = verify_one(*state, "grown");
    expect(&findings, "times.npy", "398 rows: no length that a growing file can have");
    expect(&findings, "times.npy", "fewer than head.npy needs");
    /* The file of the other clock. */
    raw_series_write(&files);
    files.type.clock = SERIES_REGULAR;
    raw_series_write(&files);
    findings = verify_one(*state, "grown");
    expect(&findings, "series/grown/times.npy", "a series with this clock has no such file");
}

static void write_text(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
}

static void damaged_meta(void **state)
{
    struct raw_series files = a_series(*state, SERIES_EXPLICIT, 100);
    raw_series_write(&files);
    static const char sound[] = "[series]\n# c\n\nunit = \xc2\xb0"
                                "C\r\n; d\nelements = a b";
    static const char bad_line[] = "unit = K\nnonsense\n";
    static const char bad_text[] = "unit = \xff\n";
    static const char long_form[] = "unit = \xc0\xaf\n";
    static const char zero[] = "unit = K\0\n";
    const char *path = raw_series_path(&files, SERIES_META_FILE);
    write_text(path, sound, sizeof sound - 1);
    struct findings findings = verify_one(*state, "a/series");
    expect_nothing(&findings);
    write_text(path, bad_line, sizeof bad_line - 1);
    findings = verify_one(*state, "a/series");
    expect(&findings, "series/a/series/meta.ini", "line 2 is not");
    write_text(path, bad_text, sizeof bad_text - 1);
    findings = verify_one(*state, "a/series");
    expect(&findings, "meta.ini", "not UTF-8");
    write_text(path, long_form, sizeof long_form - 1);
    findings = verify_one(*state, "a/series");
    expect(&findings, "meta.ini", "not UTF-8");
    write_text(path, zero, sizeof zero - 1);
    findings = verify_one(*state, "a/series");
    expect(&findings, "meta.ini", "zero byte");
    assert_int_equal(truncate(path, 70000), 0);
    findings = verify_one(*state, "a/series");
    expect(&findings, "meta.ini", "longer than");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    findings = verify_one(*state, "a/series");
    expect(&findings, "meta.ini", "not a regular file");
}

static void what_belongs_to_no_series(void **state)
{
    struct raw_series files = a_series(*state, SERIES_EXPLICIT, 100);
    raw_series_write(&files);
    struct status_file *status = NULL;
    char path[4096];
    const char *store = *state;
    assert_int_equal(status_file_create(store, &status, NULL), 0);
    status_file_close(status);
    struct findings findings = verify_rest(store);
    expect_nothing(&findings);

    static const char *const strays[][2] = {
        {"series/a/series/notes.txt", "no file of a series"},
        {"series/a/loose.npy", "a file where no series is"},
        {"series/b/values.npy", "a file where no series is"},
        {"series/top", "a file where no series is"},
    };
    snprintf(path, sizeof path, "%s/series/b", store);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", store, strays[i][0]);
        write_text(path, "x", 1);
        findings = verify_rest(store);
        expect(&findings, strays[i][0], strays[i][1]);
        assert_int_equal(unlink(path), 0);
    }
    findings = verify_rest(store);
    expect(&findings, "series/b", "a folder without a series");
    snprintf(path, sizeof path, "%s/series/b", store);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/series/a/.hidden", store);
    assert_int_equal(mkdir(path, 0700), 0);
    findings = verify_rest(store);
    expect(&findings, "series/a/.hidden", "a folder that no series can have");
    assert_int_equal(rmdir(path), 0);

    snprintf(path, sizeof path, "%s/status.npy", store);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\t", 1, 2000), 1);
    findings = verify_rest(store);
    expect(&findings, "status.npy", "the header's text");
    assert_int_equal(pwrite(fd, "x", 1, 2000), 1);
    findings = verify_rest(store);
    expect(&findings, "status.npy", "not a status file");
    close(fd);
}

static void what_cannot_be_verified(void **state)
{
    struct findings findings = {.count = 0};
    const struct verify_sink sink = {.finding = add_finding, .context = &findings};
    struct verify_totals totals = {0};
    assert_int_equal(verify_series(*state, "none", &sink, &totals), -ENOENT);
    assert_int_equal(verify_series(*state, "../x", &sink, &totals), -EINVAL);
    assert_int_equal(verify_store(*state, &sink, &totals), -ENOENT);
    assert_int_equal(verify_store("/nowhere", &sink, &totals), -ENOENT);
    assert_int_equal(findings.count + totals.findings + totals.series, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_series, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(cut_appends_are_no_damage, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_heads, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_sessions, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_times, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_runs, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_headers_and_lengths, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_meta, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_belongs_to_no_series, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_verified, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
