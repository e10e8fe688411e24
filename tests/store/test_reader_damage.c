/* Any byte of a header or of the live words may be anything, and every file any shorter: an error
 * or a sane answer, never a crash. The sanitizer builds give this test its teeth. */
#include "raw_series.h"
#include "reader.h"
#include "temporary_folder.h"
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static int make_folder(void **state)
{
    *state = temporary_folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    temporary_folder_remove(*state);
    return 0;
}

static char last_finding[1024];

static void count_finding(const char *file, const char *text, void *context)
{
    assert_true(strlen(file) > 0 && strlen(text) > 0);
    snprintf(last_finding, sizeof last_finding, "%s: %s", file, text);
    ++*(uint64_t *)context;
}

static bool result_is_known(int result)
{
    return result == -EBADMSG || result == -ENODATA || result == -EPROTONOSUPPORT;
}

/* Does with the series what a query does. */
static void use(const struct raw_series *files)
{
    struct reader *reader = NULL;
    struct error_text error = {""};
    int result = reader_open(files->store, files->name, &reader, &error);
    if (result < 0) {
        assert_true(result_is_known(result));
        assert_true(strlen(error.text) > 0);
        assert_null(reader);
        return;
    }
    struct reader_snapshot snapshot;
    result = reader_snapshot(reader, &snapshot);
    if (result < 0) {
        assert_true(result_is_known(result));
        reader_close(reader);
        return;
    }
    const struct reader_info *info = reader_info(reader);
    assert_true(snapshot.first <= snapshot.count && snapshot.durable <= snapshot.count);
    assert_true(snapshot.runs_first <= snapshot.runs_count);
    uint64_t rows = snapshot.count - snapshot.first;
    assert_true(rows <= 1000);
    char *values = malloc((size_t)(rows * info->sample_bytes) + 1);
    int64_t *times_ns = malloc((size_t)rows * sizeof *times_ns + 1);
    assert_true(values != NULL && times_ns != NULL);
    uint64_t first_valid = 0;
    result = reader_copy(reader, snapshot.first, snapshot.count, values, times_ns, &first_valid);
    assert_true(result == 0 || result == -EBADMSG);
    if (result == 0)
        assert_true(first_valid >= snapshot.first && first_valid <= snapshot.count);
    for (uint64_t i = snapshot.first; i < snapshot.count; i += 7) {
        result = reader_time_ns(reader, i, times_ns);
        assert_true(result == 0 || result == -EBADMSG || result == -ERANGE);
    }
    static const int64_t wanted_ns[] = {INT64_MIN, -1, 0, RAW_SERIES_T0_NS + 30000, INT64_MAX};
    for (size_t i = 0; i < sizeof wanted_ns / sizeof wanted_ns[0]; i++) {
        uint64_t index = 0;
        result = reader_find_time(reader, wanted_ns[i], &index);
        assert_true(result == 0 || result == -EBADMSG);
        if (result == 0)
            assert_true(index >= snapshot.first && index <= snapshot.count);
    }
    struct reader_run run;
    if (snapshot.runs_count > snapshot.runs_first) {
        result = reader_run(reader, snapshot.runs_first, &run);
        assert_true(result == 0 || result == -EBADMSG || result == -ERANGE);
    }
    assert_false(reader_fault(reader));
    free(values);
    free(times_ns);
    reader_close(reader);
}

static uint64_t verify(const struct raw_series *files)
{
    uint64_t findings = 0;
    struct verify_totals totals = {0};
    const struct verify_sink sink = {.finding = count_finding, .context = &findings};
    assert_int_equal(verify_series(files->store, files->name, &sink, &totals), 0);
    assert_int_equal(totals.findings, findings);
    return findings;
}

static struct raw_series small_series(const char *store, unsigned variant)
{
    static const char *const names[] = {"ring/regular", "ring/explicit", "grow/regular",
                                        "grow/explicit"};
    return (struct raw_series){.store = store,
                               .name = names[variant],
                               .capacity = variant < 2 ? 50 : 0,
                               .count = 73,
                               .run_rows = 5,
                               .type = {.dtype = DTYPE_I2,
                                        .clock = variant % 2 ? SERIES_EXPLICIT : SERIES_REGULAR,
                                        .rank = 1,
                                        .dims = {3}}};
}

static const char *const file_names[3] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, NULL};

static const char *file_name(const struct raw_series *files, size_t number)
{
    if (file_names[number] != NULL)
        return file_names[number];
    return files->type.clock == SERIES_EXPLICIT ? SERIES_TIMES_FILE : SERIES_RUNS_FILE;
}

/* Headers: the text, a few of the blanks, and the end; each byte with a few values that mean
 * something. */
static void every_byte_of_a_header(void **state)
{
    static const unsigned char values[] = {0, ' ', '\n', '0', '9', '\'', ')', ',', 'f', 0x80, 0xff};
    for (unsigned variant = 0; variant < 4; variant++) {
        struct raw_series files = small_series(*state, variant);
        raw_series_write(&files);
        for (size_t f = 0; f < 3; f++) {
            const char *name = file_name(&files, f);
            char header[NPY_HEADER_BYTES];
            int fd = open(raw_series_path(&files, name), O_RDWR);
            assert_true(fd >= 0);
            assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
            for (size_t at = 0; at < sizeof header; at = at == 140 ? sizeof header - 3 : at + 1) {
                for (size_t v = 0; v < sizeof values; v++) {
                    if ((unsigned char)header[at] == values[v])
                        continue;
                    assert_int_equal(pwrite(fd, &values[v], 1, (off_t)at), 1);
                    use(&files);
                    if (v % 4 == 0 && verify(&files) == 0)
                        fail_msg("byte %zu of %s as %u: nothing found", at, name, values[v]);
                }
                assert_int_equal(pwrite(fd, header + at, 1, (off_t)at), 1);
            }
            close(fd);
        }
        if (verify(&files) != 0)
            fail_msg("variant %u, sound: %s", variant, last_finding);
    }
}

static void every_byte_of_the_head(void **state)
{
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    for (unsigned variant = 0; variant < 4; variant++) {
        struct raw_series files = small_series(*state, variant);
        raw_series_write(&files);
        int fd = open(raw_series_path(&files, SERIES_HEAD_FILE), O_RDWR);
        assert_true(fd >= 0);
        unsigned char words[HEAD_WORDS * 8];
        assert_int_equal(pread(fd, words, sizeof words, NPY_HEADER_BYTES), sizeof words);
        for (size_t at = 0; at < sizeof words; at++) {
            for (size_t f = 0; f < sizeof flips; f++) {
                unsigned char byte = words[at] ^ flips[f];
                assert_int_equal(pwrite(fd, &byte, 1, (off_t)(NPY_HEADER_BYTES + at)), 1);
                use(&files);
                (void)verify(&files);
            }
            assert_int_equal(pwrite(fd, &words[at], 1, (off_t)(NPY_HEADER_BYTES + at)), 1);
        }
        close(fd);
        if (verify(&files) != 0)
            fail_msg("variant %u, sound: %s", variant, last_finding);
    }
}

static void extreme_live_words(void **state)
{
    static const unsigned live[] = {HEAD_COUNT,      HEAD_FRONTIER,     HEAD_ROWS,
                                    HEAD_RUNS_COUNT, HEAD_LAST_TIME_NS, HEAD_DURABLE,
                                    HEAD_CAPACITY,   HEAD_SAMPLE_BYTES, HEAD_DIMS};
    static const int64_t values[] = {INT64_MIN,
                                     -1,
                                     0,
                                     1,
                                     49,
                                     51,
                                     72,
                                     74,
                                     80,
                                     1023,
                                     1024,
                                     1025,
                                     5000,
                                     INT64_C(1) << 32,
                                     INT64_C(1) << 61,
                                     INT64_MAX - 1,
                                     INT64_MAX};
    for (unsigned variant = 0; variant < 4; variant++) {
        struct raw_series files = small_series(*state, variant);
        raw_series_write(&files);
        for (size_t a = 0; a < sizeof live / sizeof live[0]; a++) {
            int64_t sound_a = raw_series_get_word(&files, live[a]);
            for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                raw_series_set_word(&files, live[a], values[i]);
                use(&files);
                (void)verify(&files);
                /* And with a second one wrong as well. */
                unsigned second = live[(a + i) % 4];
                int64_t sound_second = raw_series_get_word(&files, second);
                raw_series_set_word(&files, second, values[(i * 5 + a) % 17]);
                use(&files);
                (void)verify(&files);
                raw_series_set_word(&files, second, sound_second);
            }
            raw_series_set_word(&files, live[a], sound_a);
        }
    }
}

static void every_word_of_the_runs(void **state)
{
    static const int64_t values[] = {INT64_MIN, -1, 0, 1, 36, 999, INT64_C(1) << 61, INT64_MAX};
    struct raw_series files = small_series(*state, 0);
    for (unsigned word = 0; word < 15 * RUN_WORDS; word++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            raw_series_write(&files);
            raw_series_patch(&files, SERIES_RUNS_FILE, NPY_HEADER_BYTES + word * 8, &values[i], 8);
            use(&files);
            (void)verify(&files);
        }
    }
}

static void every_length(void **state)
{
    for (unsigned variant = 0; variant < 4; variant++) {
        struct raw_series files = small_series(*state, variant);
        for (size_t f = 0; f < 3; f++) {
            const char *name = file_name(&files, f);
            raw_series_write(&files);
            off_t length = NPY_HEADER_BYTES + (f == 0 ? HEAD_WORDS * 8 : 79 * 6);
            for (; length >= 0; length -= length > NPY_HEADER_BYTES - 8 ? 7 : 331) {
                assert_int_equal(truncate(raw_series_path(&files, name), length), 0);
                use(&files);
                if (length < NPY_HEADER_BYTES + 50 * 6)
                    assert_true(verify(&files) > 0);
            }
        }
    }
}

int main(void)
{
#ifdef __SANITIZE_THREAD__
    /* ThreadSanitizer clears its shadow of every mapping, and this maps ten thousands of times. */
    puts("skipped: one thread only, and far too slow under ThreadSanitizer");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_byte_of_a_header, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_byte_of_the_head, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(extreme_live_words, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_word_of_the_runs, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_length, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
