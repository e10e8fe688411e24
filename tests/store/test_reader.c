#include "raw_series.h"
#include "reader.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static struct reader *open_sound(const char *store, const char *name)
{
    struct reader *reader = NULL;
    struct error_text error = {""};
    if (reader_open(store, name, &reader, &error) != 0)
        fail_msg("%s", error.text);
    return reader;
}

static double number_at(enum dtype dtype, const void *from)
{
    float f4;
    double f8;
    uint64_t whole = 0;
    if (dtype == DTYPE_F4) {
        memcpy(&f4, from, sizeof f4);
        return (double)f4;
    }
    if (dtype == DTYPE_F8) {
        memcpy(&f8, from, sizeof f8);
        return f8;
    }
    memcpy(&whole, from, dtype_size(dtype));
    return (double)whole;
}

/* Copies every row that is there and compares values and times with what was written. */
static void check_all_rows(const struct raw_series *files)
{
    struct reader *reader = open_sound(files->store, files->name);
    const struct reader_info *info = reader_info(reader);
    assert_string_equal(info->name, files->name);
    assert_true(series_type_equal(&info->type, &files->type));
    assert_int_equal(info->capacity, files->capacity);
    assert_int_equal(info->id, 17);

    struct reader_snapshot snapshot;
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.count, files->count);
    assert_int_equal(snapshot.durable, files->count);
    assert_int_equal(snapshot.epoch, RAW_SERIES_EPOCH);
    uint64_t first =
        files->capacity > 0 && files->count > files->capacity ? files->count - files->capacity : 0;
    assert_int_equal(snapshot.first, first);
    assert_true(snapshot.last_time_ns ==
                (files->count > 0 ? raw_series_time_ns(files, files->count - 1) : INT64_MIN));

    uint64_t rows = snapshot.count - first;
    char *values = malloc(rows * info->sample_bytes + 1);
    int64_t *times_ns = malloc(rows * sizeof *times_ns + 1);
    if (values == NULL || times_ns == NULL)
        abort();
    uint64_t first_valid = 99;
    assert_int_equal(reader_copy(reader, first, snapshot.count, values, times_ns, &first_valid), 0);
    assert_int_equal(first_valid, first);
    size_t element_bytes = dtype_size(files->type.dtype);
    for (uint64_t i = 0; i < rows; i++) {
        for (uint64_t e = 0; e < info->elements; e++) {
            double number =
                number_at(files->type.dtype, values + i * info->sample_bytes + e * element_bytes);
            assert_true(number == (double)raw_series_value(first + i, e));
        }
        assert_true(times_ns[i] == raw_series_time_ns(files, first + i));
    }
    if (rows > 0) {
        uint64_t middle = first + rows / 2;
        int64_t time_ns = 0;
        uint64_t index = 0;
        assert_int_equal(reader_time_ns(reader, middle, &time_ns), 0);
        assert_true(time_ns == raw_series_time_ns(files, middle));
        assert_int_equal(reader_find_time(reader, time_ns, &index), 0);
        assert_int_equal(index, middle);
    }
    assert_false(reader_fault(reader));
    free(values);
    free(times_ns);
    reader_close(reader);
}

static void all_dtypes_ranks_clocks_and_modes(void **state)
{
    static const uint32_t dims[STORE_RANK_MAX] = {2, 3, 1, 2};
    char name[64];
    unsigned number = 0;
    for (int d = DTYPE_NONE + 1; d < DTYPE_END; d++) {
        for (uint8_t rank = 0; rank <= STORE_RANK_MAX; rank++) {
            struct raw_series files = {.store = *state,
                                       .name = name,
                                       .run_rows = 13,
                                       .type = {.dtype = (enum dtype)d, .rank = rank}};
            memcpy(files.type.dims, dims, rank * sizeof dims[0]);
            for (unsigned variant = 0; variant < 10; variant++) {
                static const uint64_t counts[] = {0, 1, 39, 40, 107};
                files.type.clock = variant % 2 == 0 ? SERIES_REGULAR : SERIES_EXPLICIT;
                files.count = counts[variant / 2];
                files.capacity = number++ % 3 == 0 ? 0 : 40;
                snprintf(name, sizeof name, "a/b%u", number);
                raw_series_write(&files);
                check_all_rows(&files);
            }
        }
    }
}

static void spans_meet_at_the_seam(void **state)
{
    struct raw_series files = {.store = *state,
                               .name = "ring",
                               .type = {.dtype = DTYPE_U2, .clock = SERIES_EXPLICIT},
                               .capacity = 10,
                               .count = 27};
    raw_series_write(&files);
    struct reader *reader = open_sound(*state, "ring");
    struct reader_snapshot snapshot;
    struct reader_span spans[2];
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    for (uint64_t from = 17; from <= 27; from++) {
        for (uint64_t to = from; to <= 27; to++) {
            reader_spans(reader, from, to, spans);
            assert_int_equal(spans[0].count + spans[1].count, to - from);
            assert_int_equal(spans[0].first, from);
            assert_int_equal(spans[1].count, from < 20 && to > 20 ? to - 20 : 0);
            uint64_t index = from;
            for (unsigned s = 0; s < 2; s++) {
                const uint16_t *values = spans[s].values;
                for (uint64_t i = 0; i < spans[s].count; i++, index++) {
                    assert_int_equal(values[i], raw_series_value(index, 0));
                    assert_true(spans[s].times_ns[i] == raw_series_time_ns(&files, index));
                }
            }
        }
    }
    assert_int_equal(reader_first_valid(reader), 17);
    uint64_t first_valid;
    assert_int_equal(reader_copy(reader, 16, 20, NULL, NULL, &first_valid), -EINVAL);
    assert_int_equal(reader_copy(reader, 20, 28, NULL, NULL, &first_valid), -EINVAL);
    assert_int_equal(reader_copy(reader, 20, 19, NULL, NULL, &first_valid), -EINVAL);
    reader_close(reader);
}

/* The writer has raised its frontier and is copying. */
static void rows_under_the_frontier_are_not_there(void **state)
{
    struct raw_series files = {.store = *state,
                               .name = "ring",
                               .type = {.dtype = DTYPE_U2, .clock = SERIES_EXPLICIT},
                               .capacity = 10,
                               .count = 27};
    raw_series_write(&files);
    struct reader *reader = open_sound(*state, "ring");
    struct reader_snapshot snapshot;
    uint16_t values[10];
    int64_t times_ns[10];
    int64_t time_ns = 5;
    uint64_t first_valid;
    uint64_t index;
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.first, 17);
    raw_series_set_word(&files, HEAD_FRONTIER, 31);
    assert_int_equal(reader_first_valid(reader), 21);
    assert_int_equal(reader_copy(reader, 17, 27, values, times_ns, &first_valid), 0);
    assert_int_equal(first_valid, 21);
    assert_int_equal(reader_copy(reader, 17, 19, values, times_ns, &first_valid), 0);
    assert_int_equal(first_valid, 19);
    assert_int_equal(reader_time_ns(reader, 20, &time_ns), -ERANGE);
    assert_int_equal(reader_time_ns(reader, 21, &time_ns), 0);
    assert_int_equal(reader_find_time(reader, INT64_MIN, &index), 0);
    assert_int_equal(index, 21);

    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.first, 21);
    assert_int_equal(snapshot.count, 27);
    assert_true(snapshot.last_time_ns == raw_series_time_ns(&files, 26));
    /* The block covers the whole ring. */
    raw_series_set_word(&files, HEAD_FRONTIER, 37);
    assert_int_equal(reader_first_valid(reader), 27);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.first, 27);
    assert_int_equal(snapshot.count, 27);
    assert_true(snapshot.last_time_ns == raw_series_time_ns(&files, 26));
    reader_close(reader);
}

static void times_are_found(void **state)
{
    struct raw_series files = {
        .store = *state, .name = "s", .run_rows = 7, .type = {.dtype = DTYPE_F4}};
    for (unsigned variant = 0; variant < 4; variant++) {
        files.type.clock = variant % 2 == 0 ? SERIES_REGULAR : SERIES_EXPLICIT;
        files.capacity = variant < 2 ? 0 : 20;
        files.count = 53;
        /* The other clock's file is in the folder too, and is not looked at. */
        raw_series_write(&files);
        struct reader *reader = open_sound(*state, "s");
        struct reader_snapshot snapshot;
        assert_int_equal(reader_snapshot(reader, &snapshot), 0);
        for (uint64_t i = snapshot.first; i < snapshot.count; i++) {
            int64_t time_ns = raw_series_time_ns(&files, i);
            uint64_t index;
            assert_int_equal(reader_find_time(reader, time_ns, &index), 0);
            assert_int_equal(index, i);
            assert_int_equal(reader_find_time(reader, time_ns + 1, &index), 0);
            assert_int_equal(index, i + 1);
            assert_int_equal(reader_find_time(reader, time_ns - 1, &index), 0);
            assert_int_equal(index, i);
        }
        uint64_t index;
        assert_int_equal(reader_find_time(reader, INT64_MIN, &index), 0);
        assert_int_equal(index, snapshot.first);
        assert_int_equal(reader_find_time(reader, INT64_MAX, &index), 0);
        assert_int_equal(index, 53);
        int64_t time_ns;
        assert_int_equal(reader_time_ns(reader, 53, &time_ns), -ERANGE);
        if (snapshot.first > 0)
            assert_int_equal(reader_time_ns(reader, snapshot.first - 1, &time_ns), -ERANGE);
        reader_close(reader);
    }
}

/* 1,024 runs of one row: the oldest slot may be half overwritten by the next one, so 1,023 are
 * there. */
static void a_full_ring_of_runs_keeps_all_but_one(void **state)
{
    struct raw_series files = {.store = *state,
                               .name = "r",
                               .run_rows = 2,
                               .capacity = 60000,
                               .type = {.dtype = DTYPE_I4, .clock = SERIES_REGULAR}};
    struct reader_snapshot snapshot;
    struct reader_run run;
    files.count = UINT64_C(2) * (RUNS_CAPACITY_MIN - 1);
    raw_series_write(&files);
    struct reader *reader = open_sound(*state, "r");
    assert_int_equal(reader_info(reader)->runs_capacity, RUNS_CAPACITY_MIN);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.first, 0);
    assert_int_equal(snapshot.runs_first, 0);
    assert_int_equal(snapshot.runs_count, RUNS_CAPACITY_MIN - 1);
    reader_close(reader);

    files.count = 2 * RUNS_CAPACITY_MIN + 1;
    raw_series_write(&files);
    reader = open_sound(*state, "r");
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.runs_count, RUNS_CAPACITY_MIN + 1);
    assert_int_equal(snapshot.runs_first, 2);
    assert_int_equal(snapshot.first, 4);
    assert_int_equal(reader_run(reader, 1, &run), -ERANGE);
    assert_int_equal(reader_run(reader, RUNS_CAPACITY_MIN + 1, &run), -ERANGE);
    assert_int_equal(reader_run(reader, 2, &run), 0);
    assert_int_equal(run.first_index, 4);
    assert_true(run.t0_ns == raw_series_time_ns(&files, 4));
    assert_int_equal(run.period_ps, RAW_SERIES_PERIOD_PS);

    /* Three more runs come while rows are copied. */
    raw_series_set_word(&files, HEAD_RUNS_COUNT, RUNS_CAPACITY_MIN + 4);
    int64_t times_ns[20];
    uint64_t first_valid;
    assert_int_equal(reader_copy(reader, 4, 20, NULL, times_ns, &first_valid), 0);
    assert_int_equal(first_valid, 10);
    for (uint64_t i = 10; i < 20; i++)
        assert_true(times_ns[i - 4] == raw_series_time_ns(&files, i));
    assert_int_equal(reader_run(reader, 4, &run), -ERANGE);
    assert_int_equal(reader_run(reader, 5, &run), 0);
    assert_int_equal(reader_time_ns(reader, 9, times_ns), -ERANGE);
    assert_int_equal(reader_time_ns(reader, 10, times_ns), 0);
    reader_close(reader);
}

/* The run of the block that is being appended is in the file before its rows are. */
static void runs_ahead_of_the_count_are_not_there(void **state)
{
    struct raw_series files = {.store = *state,
                               .name = "r",
                               .run_rows = 5,
                               .capacity = 100,
                               .count = 25,
                               .type = {.dtype = DTYPE_I4, .clock = SERIES_REGULAR}};
    raw_series_write(&files);
    raw_series_set_word(&files, HEAD_COUNT, 20);
    struct reader *reader = open_sound(*state, "r");
    struct reader_snapshot snapshot;
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.count, 20);
    assert_int_equal(snapshot.durable, 20);
    assert_int_equal(snapshot.runs_count, 4);
    assert_true(snapshot.last_time_ns == raw_series_time_ns(&files, 19));
    uint64_t index;
    assert_int_equal(reader_find_time(reader, INT64_MAX, &index), 0);
    assert_int_equal(index, 20);
    reader_close(reader);
}

static void a_growing_series_is_followed(void **state)
{
    for (unsigned variant = 0; variant < 2; variant++) {
        struct raw_series files = {.store = *state,
                                   .name = "g",
                                   .run_rows = 3,
                                   .count = 9,
                                   .type = {.dtype = DTYPE_F8, .rank = 1, .dims = {2}}};
        files.type.clock = variant == 0 ? SERIES_REGULAR : SERIES_EXPLICIT;
        raw_series_write(&files);
        struct reader *reader = open_sound(*state, "g");
        struct reader_snapshot snapshot;
        for (; files.count < 5000; files.count += 331) {
            raw_series_write(&files); /* the same files, longer */
            assert_int_equal(reader_snapshot(reader, &snapshot), 0);
            assert_int_equal(snapshot.first, 0);
            assert_int_equal(snapshot.count, files.count);
            double values[2];
            int64_t time_ns;
            uint64_t first_valid;
            assert_int_equal(
                reader_copy(reader, files.count - 1, files.count, values, &time_ns, &first_valid),
                0);
            assert_true(values[1] == (double)raw_series_value(files.count - 1, 1));
            assert_true(time_ns == raw_series_time_ns(&files, files.count - 1));
            assert_int_equal(first_valid, files.count - 1);
        }
        /* A count that the file does not hold. */
        raw_series_set_word(&files, HEAD_COUNT, 100000);
        assert_int_equal(reader_snapshot(reader, &snapshot), -EBADMSG);
        reader_close(reader);
    }
}

static void other_files_are_stale(void **state)
{
    struct raw_series files = {.store = *state,
                               .name = "x/y",
                               .capacity = 50,
                               .count = 5,
                               .type = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT}};
    struct reader_snapshot snapshot;
    raw_series_write(&files);
    struct reader *reader = open_sound(*state, "x/y");
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    raw_series_set_word(&files, HEAD_EPOCH, 12);
    assert_int_equal(reader_snapshot(reader, &snapshot), -ESTALE);
    reader_close(reader);

    static const char *const names[] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_TIMES_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        reader = open_sound(*state, "x/y");
        assert_int_equal(reader_snapshot(reader, &snapshot), 0);
        assert_int_equal(unlink(raw_series_path(&files, names[i])), 0);
        assert_int_equal(reader_snapshot(reader, &snapshot), -ESTALE);
        raw_series_write(&files); /* another file with the same name */
        assert_int_equal(reader_snapshot(reader, &snapshot), -ESTALE);
        reader_close(reader);
    }
}

static void what_cannot_be_opened(void **state)
{
    struct reader *reader = NULL;
    struct error_text error = {""};
    struct raw_series files = {.store = *state,
                               .name = "x/y",
                               .capacity = 50,
                               .count = 5,
                               .type = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT}};
    raw_series_write(&files);
    assert_int_equal(reader_open(*state, "../x", &reader, &error), -EINVAL);
    assert_int_equal(reader_open(*state, "", &reader, &error), -EINVAL);
    assert_int_equal(reader_open(*state, "x", &reader, &error), -ENOENT);
    assert_int_equal(reader_open(*state, "x/y/z", &reader, &error), -ENOENT);
    assert_int_equal(reader_open("/nowhere", "x/y", &reader, NULL), -ENOENT);

    assert_int_equal(unlink(raw_series_path(&files, SERIES_TIMES_FILE)), 0);
    assert_int_equal(reader_open(*state, "x/y", &reader, &error), -EBADMSG);
    assert_non_null(strstr(error.text, SERIES_TIMES_FILE));
    /* Opening a pipe would wait for ever. */
    assert_int_equal(mkfifo(raw_series_path(&files, SERIES_TIMES_FILE), 0600), 0);
    assert_int_equal(reader_open(*state, "x/y", &reader, &error), -EBADMSG);
    assert_int_equal(unlink(raw_series_path(&files, SERIES_TIMES_FILE)), 0);

    static const struct {
        unsigned word;
        int64_t value;
        int result;
    } cases[] = {
        {HEAD_VERSION, 2, -EPROTONOSUPPORT},
        {HEAD_INCOMPATIBLE, 1, -EPROTONOSUPPORT},
        {HEAD_MAGIC, 1, -EBADMSG},
        {HEAD_CAPACITY, 51, -EBADMSG},
        {HEAD_CAPACITY, -1, -EBADMSG},
        {HEAD_SAMPLE_BYTES, 4, -EBADMSG},
        {HEAD_DTYPE, 0x3466, -EBADMSG},
        {HEAD_RANK, 1, -EBADMSG},
        {HEAD_RANK, 9, -EBADMSG},
        {HEAD_DIMS, 1, -EBADMSG},
        {HEAD_CLOCK, 3, -EBADMSG},
        {HEAD_CLOCK, 1, -EBADMSG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        raw_series_write(&files);
        raw_series_set_word(&files, cases[i].word, cases[i].value);
        assert_int_equal(reader_open(*state, "x/y", &reader, &error), cases[i].result);
        assert_non_null(strstr(error.text, "x/y"));
        assert_null(reader);
    }
    /* A compatible flag is for those who know it. */
    raw_series_write(&files);
    raw_series_set_word(&files, HEAD_COMPATIBLE, 1);
    check_all_rows(&files);

    static const char *const names[] = {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_TIMES_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        static const off_t lengths[] = {0, 9, 4095, 4096, 4100};
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            raw_series_write(&files);
            assert_int_equal(truncate(raw_series_path(&files, names[i]), lengths[j]), 0);
            assert_int_equal(reader_open(*state, "x/y", &reader, &error), -ENODATA);
            assert_non_null(strstr(error.text, names[i]));
        }
    }
    assert_null(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_dtypes_ranks_clocks_and_modes, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(spans_meet_at_the_seam, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(rows_under_the_frontier_are_not_there, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(times_are_found, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_full_ring_of_runs_keeps_all_but_one, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(runs_ahead_of_the_count_are_not_there, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_growing_series_is_followed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(other_files_are_stale, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
