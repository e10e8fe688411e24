/* Appending, against a model in memory: what a reader then sees is what was sent.
 * `test_series_append SEED` repeats one. */
#include "store_fixture.h"

#include "reader.h"

#define MODEL_ROWS 4096

/* Every sample that the series should ever have had; index modulo MODEL_ROWS. */
struct model {
    uint64_t sample_bytes;
    uint64_t count;

    int64_t last_ns;
    unsigned char *values;
    int64_t times_ns[MODEL_ROWS];
};

static void model_add(struct model *model, const void *value, int64_t stamp_ns)
{
    uint64_t row = model->count++ % MODEL_ROWS;
    memcpy(model->values + row * model->sample_bytes, value, model->sample_bytes);
    model->times_ns[row] = stamp_ns;
    model->last_ns = stamp_ns;
}

static void compare_with_reader(const struct fixture *fixture, const char *name,
                                const struct model *model, uint64_t capacity)
{
    struct reader *reader;
    struct reader_snapshot snapshot;
    struct error_text error;
    if (reader_open(fixture->path, name, &reader, &error) < 0)
        fail_msg("reader_open: %s", error.text);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.count, model->count);
    uint64_t first = capacity > 0 && model->count > capacity ? model->count - capacity : 0;
    assert_int_equal(snapshot.first, first);
    if (first + MODEL_ROWS < model->count)
        first = model->count - MODEL_ROWS;
    uint64_t rows = model->count - first;
    if (rows > 0) {
        uint64_t valid;
        unsigned char *values = malloc(rows * model->sample_bytes);
        int64_t *times_ns = malloc(rows * sizeof *times_ns);
        assert_non_null(values);
        assert_non_null(times_ns);
        assert_int_equal(reader_copy(reader, first, model->count, values, times_ns, &valid), 0);
        assert_true(valid <= first);
        for (uint64_t i = 0; i < rows; i++) {
            uint64_t row = (first + i) % MODEL_ROWS;
            if (times_ns[i] != model->times_ns[row])
                fail_msg("%s: sample %lu of %lu: stamp %ld, not %ld", name, first + i, model->count,
                         times_ns[i], model->times_ns[row]);
            if (memcmp(values + i * model->sample_bytes, model->values + row * model->sample_bytes,
                       model->sample_bytes) != 0)
                fail_msg("sample %lu has another value", first + i);
        }
        assert_int_equal(snapshot.last_time_ns, model->last_ns);
        free(values);
        free(times_ns);
    }
    reader_close(reader);
}

/* One random block of an explicit series; the model judges each stamp by itself. */
static void append_random_explicit(struct series *series, struct model *model, bool clamp,
                                   uint64_t samples, const unsigned char *values, uint64_t *seed)
{
    int64_t times_ns[MODEL_ROWS];
    uint64_t late = 0;
    uint64_t clamped = 0;
    int64_t stamp_ns = model->count > 0 ? model->last_ns : T0_NS;
    uint64_t before = model->count;
    bool with_late = random_next(seed) % 3 == 0;
    for (uint64_t i = 0; i < samples; i++) {
        stamp_ns += 1 + (int64_t)(random_next(seed) % 1000);
        times_ns[i] = stamp_ns;
        if (with_late && random_next(seed) % 4 == 0)
            times_ns[i] -= (int64_t)(random_next(seed) % 3000);
    }
    for (uint64_t i = 0; i < samples; i++) {
        const unsigned char *value = values + i * model->sample_bytes;
        if (times_ns[i] > model->last_ns) {
            model_add(model, value, times_ns[i]);
        } else if (clamp) {
            model_add(model, value, model->last_ns + 1);
            clamped++;
        } else {
            late++;
        }
    }
    struct series_block block = {
        .values = values, .times_ns = times_ns, .count = samples, .clock = BLOCK_EXPLICIT};
    struct series_append_result result;
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    assert_int_equal(result.appended, model->count - before);
    assert_int_equal(result.late, late);
    assert_int_equal(result.clamped, clamped);
}

/* A regular block, which goes on, leaves a gap, or has another period. In an explicit series it is
 * stored as its stamps. */
static void append_random_regular(struct series *series, struct model *model, uint64_t samples,
                                  const unsigned char *values, int64_t *period_ps, uint64_t *seed)
{
    bool goes_on = random_next(seed) % 4 != 0 && model->count > 0;
    if (!goes_on && random_next(seed) % 2 == 0)
        *period_ps = 1000 + (int64_t)(random_next(seed) % 5000000000);
    /* A run's fractions would have to be modelled too; whole nanoseconds have none. */
    *period_ps -= *period_ps % 1000;
    int64_t step_ns = *period_ps / 1000;
    int64_t t0_ns = (model->count > 0 ? model->last_ns : T0_NS) + step_ns +
                    (goes_on ? 0 : INT64_C(60000000000));
    struct series_block block = {.values = values,
                                 .count = samples,
                                 .clock = BLOCK_REGULAR,
                                 .t0_ns = t0_ns,
                                 .period_ps = *period_ps};
    for (uint64_t i = 0; i < samples; i++)
        model_add(model, values + i * model->sample_bytes, t0_ns + (int64_t)i * step_ns);
    struct series_append_result result;
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    assert_int_equal(result.appended, samples);
}

struct random_series {
    struct series_type type;
    uint64_t capacity; /* 0 = grow */
    bool clamp;
    bool regular_blocks;
};

static void run_random(struct fixture *fixture, const char *name, const struct random_series *kind,
                       struct series_rule *rule, uint64_t *seed)
{
    static unsigned char values[256 * 1024];
    struct series *series;
    *rule = kind->capacity > 0 ? ring_of(kind->capacity) : growing();
    rule->late = kind->clamp ? SERIES_LATE_CLAMP : SERIES_LATE_DROP;
    assert_int_equal(store_create(fixture->store, name, strlen(name), &kind->type, rule, 1000000,
                                  &series, &fixture->error),
                     0);
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->sample_bytes = series_type_sample_bytes(&kind->type);
    model->last_ns = TIME_NONE_NS;
    model->values = malloc(MODEL_ROWS * model->sample_bytes);
    assert_non_null(model->values);
    uint64_t rows_max = sizeof values / model->sample_bytes;
    if (kind->capacity > 0 && rows_max > kind->capacity)
        rows_max = kind->capacity;
    if (rows_max > 600)
        rows_max = 600;
    int64_t period_ps = 1000000;

    for (int step = 0; step < 60; step++) {
        uint64_t samples = 1 + random_next(seed) % (random_next(seed) % 3 == 0 ? rows_max : 5);
        if (samples > rows_max)
            samples = rows_max;
        for (size_t i = 0; i < samples * model->sample_bytes; i++)
            values[i] = (unsigned char)random_next(seed);
        if (kind->regular_blocks)
            append_random_regular(series, model, samples, values, &period_ps, seed);
        else
            append_random_explicit(series, model, kind->clamp, samples, values, seed);
        assert_int_equal(series_count(series), model->count);
        if (step % 10 == 9)
            compare_with_reader(fixture, name, model, kind->capacity);
        if (step % 25 == 24) {
            fixture_reopen(fixture);
            series = fixture_find(fixture, name);
            assert_non_null(series);
            assert_null(series_broken(series));
            assert_int_equal(series_count(series), model->count);
            assert_int_equal(series_last_time_ns(series), model->last_ns);
            series_set_rule(series, rule, NULL);
        }
    }
    free(model->values);
    free(model);
}

static uint64_t seed_given = 20240501;

/* Every dtype, ranks 0 to 4, both clocks, rings and growing files, blocks of every size up to the
 * ring. */
static void test_against_model(void **state)
{
    static const uint64_t capacities[] = {2, 7, 512, 1000, 0};
    static struct series_rule rules[512];
    struct fixture *fixture = *state;
    uint64_t seed = seed_given;
    unsigned number = 0;
    for (int dtype = DTYPE_NONE + 1; dtype < DTYPE_END; dtype++) {
        for (unsigned c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
            for (unsigned kind = 0; kind < 4; kind++) {
                struct random_series random = {
                    .type = {.dtype = (enum dtype)dtype,
                             .clock = kind == 0 ? SERIES_REGULAR : SERIES_EXPLICIT,
                             .rank = (uint8_t)(number % (STORE_RANK_MAX + 1))},
                    .capacity = capacities[c],
                    .clamp = kind == 2,
                    .regular_blocks = kind == 0 || kind == 3,
                };
                for (unsigned d = 0; d < random.type.rank; d++)
                    random.type.dims[d] = 1 + (uint32_t)(random_next(&seed) % 3);
                char name[32];
                snprintf(name, sizeof name, "random/%u", number);
                run_random(fixture, name, &random, &rules[number], &seed);
                number++;
            }
        }
    }
}

/* The same window again and again: a row is only overwritten when its time has come. */
static void test_block_as_long_as_the_ring(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series *series = fixture_create(fixture, "full", SERIES_REGULAR, &rule);
    for (int lap = 0; lap < 5; lap++)
        assert_int_equal(append_count(series, 10), 0);
    assert_int_equal(append_count(series, 3), 0);
    assert_int_equal(append_count(series, 10), 0);
    double values[10];
    fixture_read(fixture, "full", SERIES_VALUES_FILE, NPY_HEADER_BYTES, values, sizeof values);
    for (int i = 0; i < 10; i++)
        assert_true(values[(53 + i) % 10] == (double)(53 + i));
}

static void test_refusals_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(4);
    struct series *regular = fixture_create(fixture, "regular", SERIES_REGULAR, &rule);
    struct series *explicit = fixture_create(fixture, "explicit", SERIES_EXPLICIT, &rule);
    double values[5] = {0};
    int64_t times_ns[5] = {1, 2, 3, 4, 5};
    struct series_append_result result;
    struct series_block block = {
        .values = values, .times_ns = times_ns, .count = 5, .clock = BLOCK_EXPLICIT};
    assert_int_equal(series_append(explicit, &block, 1, 1, NOW_NS, &result), -EFBIG);
    block.count = 2;
    assert_int_equal(series_append(regular, &block, 1, 1, NOW_NS, &result), -EINVAL);
    block = (struct series_block){
        .values = values, .count = 2, .clock = BLOCK_REGULAR, .t0_ns = T0_NS, .period_ps = 999};
    assert_int_equal(series_append(regular, &block, 1, 1, NOW_NS, &result), -EINVAL);
    assert_int_equal(series_append(explicit, &block, 1, 1, NOW_NS, &result), -EINVAL);
    block.t0_ns = INT64_MAX;
    block.period_ps = 1000000;
    assert_int_equal(series_append(regular, &block, 1, 1, NOW_NS, &result), -EOVERFLOW);
    assert_int_equal(series_append(explicit, &block, 1, 1, NOW_NS, &result), -EOVERFLOW);
    assert_int_equal(series_count(regular), 0);
    assert_int_equal(fixture_word(fixture, "regular", HEAD_FRONTIER), 0);
    assert_int_equal(fixture_word(fixture, "explicit", HEAD_FRONTIER), 0);
    assert_int_equal(fixture_word(fixture, "explicit", HEAD_SESSIONS), 0);
}

/* An arrival stamp is max(now, last + 1 ns). */
static void test_arrival(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series *series = fixture_create(fixture, "arrival", SERIES_EXPLICIT, &rule);
    double value = 1;
    struct series_block block = {.values = &value, .count = 1, .clock = BLOCK_ARRIVAL};
    struct series_append_result result;
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    assert_int_equal(series_last_time_ns(series), NOW_NS);
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS - 5000, &result), 0);
    assert_int_equal(series_last_time_ns(series), NOW_NS + 1);
    assert_int_equal(result.late + result.clamped, 0);
    assert_int_equal(store_newest_ns(fixture->store), NOW_NS + 1);
}

/* A block that is late as a whole leaves no trace, and so is late again when it is sent again. */
static void test_late_block(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(100);
    struct series *series = fixture_create(fixture, "late", SERIES_REGULAR, &rule);
    assert_int_equal(append_count(series, 10), 0);
    double values[3] = {0};
    struct series_block block = {.values = values,
                                 .count = 3,
                                 .clock = BLOCK_REGULAR,
                                 .t0_ns = T0_NS,
                                 .period_ps = INT64_C(1000000000000)};
    struct series_append_result result;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(series_append(series, &block, 9, 1, NOW_NS, &result), 0);
        assert_int_equal(result.appended, 0);
        assert_int_equal(result.late, 3);
        assert_false(result.duplicate);
    }
    assert_int_equal(series_count(series), 10);
    assert_int_equal(fixture_word(fixture, "late", HEAD_SESSIONS), 0);
}

/* Periods so long that a block takes several runs; every one of them is found again. */
static void test_many_runs_in_a_block(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(2000);
    struct series *series = fixture_create(fixture, "runs", SERIES_REGULAR, &rule);
    double values[100] = {0};
    int64_t period_ps = INT64_C(20) * 86400 * 1000000000000; /* three samples a run */
    struct series_block block = {
        .values = values, .count = 100, .clock = BLOCK_REGULAR, .t0_ns = 0, .period_ps = period_ps};
    struct series_append_result result;
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    assert_int_equal(result.appended, 100);
    assert_int_equal(series->runs_count, 34);
    struct reader *reader;
    struct reader_snapshot snapshot;
    int64_t times_ns[100];
    uint64_t valid;
    assert_int_equal(reader_open(fixture->path, "runs", &reader, &fixture->error), 0);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(reader_copy(reader, 0, 100, NULL, times_ns, &valid), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(times_ns[i], i * (period_ps / 1000));
    reader_close(reader);
    assert_int_equal(series_last_time_ns(series), 99 * (period_ps / 1000));
    fixture_reopen(fixture);
    series = fixture_find(fixture, "runs");
    assert_int_equal(series_last_time_ns(series), 99 * (period_ps / 1000));
}

/* More runs than the ring of runs holds: it wraps, and the samples of lost runs are no longer
 * there. */
static void test_runs_ring_wraps(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(4000);
    struct series *series = fixture_create(fixture, "wrap", SERIES_REGULAR, &rule);
    double value = 0;
    struct series_append_result result;
    for (int i = 0; i < 3000; i++) {
        struct series_block block = {.values = &value,
                                     .count = 1,
                                     .clock = BLOCK_REGULAR,
                                     .t0_ns = T0_NS + (int64_t)i * i * 1000000000,
                                     .period_ps = INT64_C(1000000000)};
        assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    }
    assert_int_equal(fixture_word(fixture, "wrap", HEAD_RUNS_COUNT), 3000);
    assert_int_equal(fixture_shape(fixture, "wrap", SERIES_RUNS_FILE).dims[0], 1024);
    struct reader *reader;
    struct reader_snapshot snapshot;
    int64_t stamp_ns;
    assert_int_equal(reader_open(fixture->path, "wrap", &reader, &fixture->error), 0);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_in_range(snapshot.first, 3000 - 1024, 3000 - 1023);
    for (uint64_t i = snapshot.first; i < 3000; i++) {
        assert_int_equal(reader_time_ns(reader, i, &stamp_ns), 0);
        assert_int_equal(stamp_ns, T0_NS + (int64_t)(i * i) * 1000000000);
    }
    reader_close(reader);
}

/* From the first row to thousands: at each step the shape is of the family, the file is as long as
 * it says, and the file is never shorter than any shape that was ever there. */
static void check_growth(struct fixture *fixture, const char *name, enum series_clock clock,
                         const struct series_rule *rule)
{
    struct series *series = fixture_create(fixture, name, clock, rule);
    const char *stamps_file = series_stamps_file(clock);
    uint64_t rows_before = 0;
    unsigned growths = 0;
    for (uint64_t count = 1; count < 30000; count += 1 + count / 7) {
        assert_int_equal(append_count(series, count - series_count(series)), 0);
        uint64_t rows = fixture_shape(fixture, name, SERIES_VALUES_FILE).dims[0];
        assert_int_equal(npy_grow_rows(rows), rows);
        assert_true(rows >= count);
        assert_int_equal(fixture_file_bytes(fixture, name, SERIES_VALUES_FILE),
                         NPY_HEADER_BYTES + rows * 8);
        assert_int_equal(fixture_word(fixture, name, HEAD_ROWS), rows);
        if (clock == SERIES_EXPLICIT) {
            assert_int_equal(fixture_shape(fixture, name, stamps_file).dims[0], rows);
            assert_int_equal(fixture_file_bytes(fixture, name, stamps_file),
                             NPY_HEADER_BYTES + rows * 8);
        }
        growths += rows != rows_before;
        rows_before = rows;
    }
    assert_true(growths > 5);
    double *values = malloc(series_count(series) * 8);
    assert_non_null(values);
    fixture_read(fixture, name, SERIES_VALUES_FILE, NPY_HEADER_BYTES, values,
                 series_count(series) * 8);
    for (uint64_t i = 0; i < series_count(series); i++)
        assert_true(values[i] == (double)i);
    free(values);
}

static void test_growth(void **state)
{
    struct series_rule rule = growing();
    check_growth(*state, "grow/explicit", SERIES_EXPLICIT, &rule);
    check_growth(*state, "grow/regular", SERIES_REGULAR, &rule);
}

/* The runs of a growing series grow too and are never overwritten. */
static void test_growing_runs(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = growing();
    struct series *series = fixture_create(fixture, "runs/grow", SERIES_REGULAR, &rule);
    double value = 0;
    struct series_append_result result;
    for (int i = 0; i < 4100; i++) {
        struct series_block block = {.values = &value,
                                     .count = 1,
                                     .clock = BLOCK_REGULAR,
                                     .t0_ns = T0_NS + (int64_t)i * i * 1000000000,
                                     .period_ps = INT64_C(1000000000)};
        assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    }
    uint64_t rows = fixture_shape(fixture, "runs/grow", SERIES_RUNS_FILE).dims[0];
    assert_int_equal(rows, 7999);
    assert_int_equal(fixture_file_bytes(fixture, "runs/grow", SERIES_RUNS_FILE),
                     NPY_HEADER_BYTES + rows * 24);
    for (int64_t i = 0; i < 4100; i++) {
        int64_t run[RUN_WORDS];
        fixture_read(fixture, "runs/grow", SERIES_RUNS_FILE, NPY_HEADER_BYTES + (uint64_t)i * 24,
                     run, sizeof run);
        assert_int_equal(run[RUN_FIRST_INDEX], i);
        assert_int_equal(run[RUN_T0_NS], T0_NS + i * i * 1000000000);
    }
}

/* The frontier is set before and count after; neither falls. */
static void test_words(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(8);
    struct series *series = fixture_create(fixture, "words", SERIES_EXPLICIT, &rule);
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(append_count(series, 1), 0);
        assert_int_equal(fixture_word(fixture, "words", HEAD_COUNT), i);
        assert_int_equal(fixture_word(fixture, "words", HEAD_FRONTIER), i);
        assert_int_equal(fixture_word(fixture, "words", HEAD_LAST_UPDATE_NS), NOW_NS);
        assert_int_equal(fixture_word(fixture, "words", HEAD_LAST_TIME_NS),
                         series_last_time_ns(series));
    }
    assert_int_equal(fixture_word(fixture, "words", HEAD_DURABLE), 0);
    assert_true(fixture_word(fixture, "words", HEAD_EPOCH) > 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seed_given = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_against_model, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_block_as_long_as_the_ring, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_refusals_change_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_arrival, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_late_block, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_many_runs_in_a_block, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_runs_ring_wraps, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_growth, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_growing_runs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_words, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
