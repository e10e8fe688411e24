/* Block summaries: what stands in the files against a model that keeps every sample, over appends,
 * laps, growths, and a writer that is killed or comes again to an older store. */
#include "store_fixture.h"

#include "reader.h"
#include "summary_form.h"
#include "verify.h"

#include <inttypes.h>
#include <math.h>

#define FOREVER INT64_MAX

/* ---- a plain twin of the arithmetic ---- */

static double element_of(const char dtype[2], const void *rows, size_t at)
{
    const char *bytes = rows;
    union {
        float f4;
        double f8;
        int8_t i1;
        int16_t i2;
        int32_t i4;
        int64_t i8;
        uint8_t u1;
        uint16_t u2;
        uint32_t u4;
        uint64_t u8;
    } value;
    size_t size = (size_t)(dtype[1] - '0');
    memcpy(&value, bytes + at * size, size);
    switch (dtype[0]) {
    case 'f':
        return size == 4 ? (double)value.f4 : value.f8;
    case 'i':
        return size == 1   ? value.i1
               : size == 2 ? value.i2
               : size == 4 ? value.i4
                           : (double)value.i8;
    default:
        return size == 1   ? value.u1
               : size == 2 ? value.u2
               : size == 4 ? value.u4
                           : (double)value.u8;
    }
}

static void make(const char dtype[2], const void *rows, size_t count, size_t elements,
                 double *ret_records)
{
    for (size_t e = 0; e < elements; e++) {
        long double sum = 0;
        long double m2 = 0;
        double *record = ret_records + e * SUMMARY_WORDS;
        double n = 0;
        double low = (double)NAN;
        double high = (double)NAN;
        for (size_t i = 0; i < count; i++) {
            double x = element_of(dtype, rows, i * elements + e);
            if (isnan(x))
                continue;
            sum += (long double)x;
            low = fmin(low, x);
            high = fmax(high, x);
            n++;
        }
        long double mean = n > 0 ? sum / (long double)n : 0;
        for (size_t i = 0; i < count; i++) {
            long double x = (long double)element_of(dtype, rows, i * elements + e);
            if (!isnan(x))
                m2 += (x - mean) * (x - mean);
        }
        record[SUMMARY_HI] = (double)mean;
        record[SUMMARY_LO] = (double)(mean - (long double)record[SUMMARY_HI]);
        record[SUMMARY_M2] = (double)m2;
        record[SUMMARY_MIN] = low;
        record[SUMMARY_MAX] = high;
        record[SUMMARY_COUNT] = n;
    }
}

static void merge(const double *records, size_t count, size_t elements, double *ret_records)
{
    for (size_t e = 0; e < elements; e++) {
        long double n = 0;
        long double sum = 0;
        long double m2 = 0;
        double low = (double)NAN;
        double high = (double)NAN;
        for (size_t i = 0; i < count; i++) {
            const double *r = records + (i * elements + e) * SUMMARY_WORDS;
            long double samples = (long double)r[SUMMARY_COUNT];
            n += samples;
            sum += samples * ((long double)r[SUMMARY_HI] + (long double)r[SUMMARY_LO]);
            low = fmin(low, r[SUMMARY_MIN]);
            high = fmax(high, r[SUMMARY_MAX]);
        }
        long double mean = n > 0 ? sum / n : 0;
        for (size_t i = 0; i < count; i++) {
            const double *r = records + (i * elements + e) * SUMMARY_WORDS;
            long double d = (long double)r[SUMMARY_HI] + (long double)r[SUMMARY_LO] - mean;
            m2 += (long double)r[SUMMARY_M2] + (long double)r[SUMMARY_COUNT] * d * d;
        }
        double *record = ret_records + e * SUMMARY_WORDS;
        record[SUMMARY_HI] = (double)mean;
        record[SUMMARY_LO] = (double)(mean - (long double)record[SUMMARY_HI]);
        record[SUMMARY_M2] = (double)m2;
        record[SUMMARY_MIN] = low;
        record[SUMMARY_MAX] = high;
        record[SUMMARY_COUNT] = (double)n;
    }
}

/* ---- the model ---- */

struct model {
    struct fixture *fixture;
    const char *name;
    struct series_type type;
    uint64_t elements;
    uint64_t sample_bytes;
    uint64_t capacity;
    char *rows; /* every sample ever appended */
    uint64_t count;
    uint64_t seed;
};

static int setup(void **state)
{
    int result = fixture_setup(state);
    struct fixture *fixture = *state;
    if (result == 0)
        result = store_keep_summaries(fixture->store, make, merge);
    return result;
}

static void reopen(struct fixture *fixture, bool keep)
{
    fixture_reopen(fixture);
    if (keep)
        assert_int_equal(store_keep_summaries(fixture->store, make, merge), 0);
}

static bool near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-9 * scale || (isnan(a) && isnan(b));
}

static void check_record(const struct model *model, unsigned level, uint64_t block,
                         const double *record)
{
    uint64_t rows = summary_block_rows(level);
    double *wanted = calloc(model->elements * SUMMARY_WORDS, sizeof *wanted);
    assert_non_null(wanted);
    make(dtype_name(model->type.dtype), model->rows + block * rows * model->sample_bytes, rows,
         model->elements, wanted);
    for (uint64_t e = 0; e < model->elements; e++) {
        const double *w = wanted + e * SUMMARY_WORDS;
        const double *r = record + e * SUMMARY_WORDS;
        bool is_right = w[SUMMARY_COUNT] == r[SUMMARY_COUNT] &&
                        near(w[SUMMARY_MIN], r[SUMMARY_MIN], 0) &&
                        near(w[SUMMARY_MAX], r[SUMMARY_MAX], 0) &&
                        near(w[SUMMARY_HI] + w[SUMMARY_LO], r[SUMMARY_HI] + r[SUMMARY_LO],
                             1 + fabs(w[SUMMARY_HI])) &&
                        near(w[SUMMARY_M2], r[SUMMARY_M2], 1 + w[SUMMARY_M2]);
        if (!is_right)
            fail_msg("level %u block %" PRIu64 " element %" PRIu64
                     ": %g %g %g %g, and the rows say %g %g %g %g",
                     level, block, e, r[0], r[SUMMARY_M2], r[SUMMARY_MIN], r[SUMMARY_COUNT], w[0],
                     w[SUMMARY_M2], w[SUMMARY_MIN], w[SUMMARY_COUNT]);
    }
    free(wanted);
}

/* Every record that a reader may use says what the rows say; returns how many there are. */
static uint64_t check_records(const struct model *model)
{
    struct reader *reader = NULL;
    struct reader_snapshot snapshot;
    struct error_text error;
    uint64_t records = 0;
    assert_int_equal(reader_open(model->fixture->path, model->name, &reader, &error), 0);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.count, model->count);
    for (unsigned k = 0; k < reader_summary_levels(reader); k++) {
        uint64_t rows = summary_block_rows(k);
        uint64_t first = (snapshot.first + rows - 1) / rows;
        uint64_t end = snapshot.summarised / rows;
        struct reader_summary_span spans[2];
        if (first >= end)
            break;
        assert_int_equal(reader_summaries(reader, k, first, end - first, spans), 0);
        assert_int_equal(spans[0].count + spans[1].count, end - first);
        for (unsigned s = 0; s < 2; s++)
            for (uint64_t i = 0; i < spans[s].count; i++)
                check_record(model, k, spans[s].first + i,
                             spans[s].records + i * model->elements * SUMMARY_WORDS);
        records += end - first;
        assert_int_equal(reader_summaries(reader, k, first, end - first + 1, spans), -ERANGE);
    }
    reader_close(reader);
    return records;
}

static struct model model_make(struct fixture *fixture, const char *name, enum dtype dtype,
                               uint8_t rank, const uint32_t *dims, enum series_clock clock,
                               const struct series_rule *rule)
{
    struct model model = {.fixture = fixture, .name = name, .seed = 88172645463325252u};
    model.type = (struct series_type){.dtype = dtype, .clock = clock, .rank = rank};
    for (unsigned d = 0; d < rank; d++)
        model.type.dims[d] = dims[d];
    model.elements = series_type_elements(&model.type);
    model.sample_bytes = series_type_sample_bytes(&model.type);
    struct series *series = NULL;
    assert_int_equal(store_create(fixture->store, name, strlen(name), &model.type, rule,
                                  INT64_C(1000000000000), &series, &fixture->error),
                     0);
    model.capacity = series_capacity(series);
    return model;
}

static void fill(struct model *model, char *rows, uint64_t count)
{
    uint64_t elements = count * model->elements;
    size_t size = (size_t)(model->sample_bytes / model->elements);
    for (uint64_t i = 0; i < elements; i++) {
        uint64_t random = random_next(&model->seed);
        if (dtype_is_float(model->type.dtype)) {
            double f8 = random % 97 == 0 ? (double)NAN : (double)(random % 100000) / 7.0 - 3000;
            float f4 = (float)f8;
            memcpy(rows + i * size, size == 8 ? (void *)&f8 : (void *)&f4, size);
        } else {
            memcpy(rows + i * size, &random, size);
        }
    }
}

static void append(struct model *model, uint64_t count)
{
    struct series *series = fixture_find(model->fixture, model->name);
    model->rows = realloc(model->rows, (model->count + count) * model->sample_bytes);
    int64_t *times_ns = calloc(count, sizeof *times_ns);
    assert_non_null(model->rows);
    assert_non_null(times_ns);
    char *rows = model->rows + model->count * model->sample_bytes;
    fill(model, rows, count);
    for (uint64_t i = 0; i < count; i++)
        times_ns[i] = T0_NS + (int64_t)(model->count + i) * 1000000000;
    struct series_block block = {.values = rows,
                                 .times_ns = times_ns,
                                 .count = count,
                                 .clock = model->type.clock == SERIES_REGULAR ? BLOCK_REGULAR
                                                                              : BLOCK_EXPLICIT,
                                 .t0_ns = times_ns[0],
                                 .period_ps = INT64_C(1000000000000)};
    struct series_append_result appended;
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS + times_ns[count - 1], &appended),
                     0);
    assert_int_equal(appended.appended, count);
    model->count += count;
    free(times_ns);
}

static uint64_t summarised(const struct model *model)
{
    return (uint64_t)fixture_word(model->fixture, model->name, HEAD_SUMMARISED);
}

static void catch_up(const struct model *model)
{
    while (store_catch_up(model->fixture->store, FOREVER))
        ;
    assert_int_equal(summarised(model), model->count / SUMMARY_BLOCK_ROWS * SUMMARY_BLOCK_ROWS);
}

/* ---- tests ---- */

static void test_a_young_series_has_none(void **state)
{
    struct series_rule rule = ring_of(100000);
    struct model model = model_make(*state, "a", DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
    append(&model, 1023);
    assert_false(store_catch_up(model.fixture->store, FOREVER));
    assert_false(fixture_has_file(model.fixture, "a", "summary-0.npy"));
    append(&model, 1);
    catch_up(&model);
    assert_int_equal(check_records(&model), 1);
    struct npy_shape shape = fixture_shape(model.fixture, "a", "summary-0.npy");
    assert_int_equal(shape.rank, 2);
    assert_int_equal(shape.dims[0], 99);
    assert_int_equal(shape.dims[1], SUMMARY_WORDS);
    assert_false(fixture_has_file(model.fixture, "a", "summary-1.npy"));
    /* From here on without anybody's help, but for a file that is new. */
    append(&model, 5000);
    assert_int_equal(summarised(&model), 5 * 1024);
    free(model.rows);
}

static void lap(struct fixture *fixture, const char *name, enum dtype dtype, uint8_t rank,
                const uint32_t *dims, const struct series_rule *rule, uint64_t count)
{
    struct model model = model_make(fixture, name, dtype, rank, dims,
                                    count % 2 ? SERIES_REGULAR : SERIES_EXPLICIT, rule);
    uint64_t records = 0;
    while (model.count < count) {
        uint64_t most = model.capacity > 0 ? model.capacity : 9000;
        uint64_t kind = random_next(&model.seed) % 16;
        uint64_t rows = kind == 0  ? 1 + random_next(&model.seed) % most
                        : kind < 4 ? 1
                                   : 1 + random_next(&model.seed) % (most < 3000 ? most : 3000);
        append(&model, rows);
        if (random_next(&model.seed) % 8 == 0) {
            catch_up(&model);
            records += check_records(&model);
        }
        if (random_next(&model.seed) % 16 == 0)
            records += check_records(&model);
        if (random_next(&model.seed) % 32 == 0)
            reopen(fixture, random_next(&model.seed) % 4 != 0);
        if (fixture->store->summary_make == NULL && random_next(&model.seed) % 4 == 0)
            reopen(fixture, true);
    }
    if (fixture->store->summary_make == NULL)
        reopen(fixture, true);
    catch_up(&model);
    records += check_records(&model);
    assert_true(records > 0);
    free(model.rows);
}

static void test_every_type_over_laps_and_kills(void **state)
{
    static const uint32_t dims[] = {3, 2};
    struct series_rule rules[] = {ring_of(2048), ring_of(5000), ring_of(33000), growing()};
    unsigned number = 0;
    for (int dtype = DTYPE_NONE + 1; dtype < DTYPE_END; dtype++)
        for (unsigned r = 0; r < sizeof rules / sizeof rules[0]; r++) {
            char name[16];
            uint8_t rank = (uint8_t)(number % 3);
            snprintf(name, sizeof name, "s%u", number);
            lap(*state, name, (enum dtype)dtype, rank, dims, &rules[r],
                (rules[r].capacity > 20000 || rank == 0 ? 90000 : 20000) + number % 2);
            number++;
        }
}

/* 16 blocks of level 1 in one of level 2, and a file that grows past its first shape. */
static void test_levels(void **state)
{
    struct series_rule rule = growing();
    struct model model = model_make(*state, "deep", DTYPE_I2, 0, NULL, SERIES_REGULAR, &rule);
    for (unsigned i = 0; i < 70; i++) {
        append(&model, 4321);
        catch_up(&model);
    }
    uint64_t blocks = model.count / 1024;
    assert_true(blocks > 256);
    assert_int_equal(check_records(&model), blocks + blocks / 16 + blocks / 256);
    assert_int_equal(fixture_shape(model.fixture, "deep", "summary-0.npy").dims[0], 399);
    free(model.rows);
}

static void test_large_samples_have_none(void **state)
{
    static const uint32_t most[] = {1024};
    static const uint32_t more[] = {1025};
    struct series_rule rule = ring_of(3000);
    struct model model = model_make(*state, "most", DTYPE_I1, 1, most, SERIES_REGULAR, &rule);
    append(&model, 1500);
    catch_up(&model);
    assert_int_equal(check_records(&model), 1);
    free(model.rows);
    model = model_make(*state, "more", DTYPE_I1, 1, more, SERIES_REGULAR, &rule);
    append(&model, 1500);
    assert_false(store_catch_up(model.fixture->store, FOREVER));
    assert_int_equal(summarised(&model), 0);
    free(model.rows);
}

/* A store of before, or a daemon that kept none for a while. */
static void test_older_rows_are_caught_up_with(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(20000);
    struct model model = model_make(fixture, "old", DTYPE_F4, 0, NULL, SERIES_EXPLICIT, &rule);
    reopen(fixture, false);
    for (unsigned i = 0; i < 30; i++)
        append(&model, 1777);
    assert_int_equal(summarised(&model), 0);
    reopen(fixture, true);
    /* A time that is over leaves a block at a time. */
    assert_true(store_catch_up(fixture->store, 0));
    uint64_t first = summarised(&model);
    assert_true(first > 0 && first < model.count);
    check_records(&model);
    assert_int_equal(fixture->store->mapped_count, 1);
    append(&model, 1);
    catch_up(&model);
    assert_int_equal(check_records(&model), 19);
    /* What nobody writes to costs no mapping. */
    reopen(fixture, false);
    fixture_set_word(fixture, "old", HEAD_SUMMARISED, 0);
    reopen(fixture, true);
    catch_up(&model);
    assert_int_equal(fixture->store->mapped_count, 0);
    assert_int_equal(fixture->store->summary_maps, 0);
    check_records(&model);
    free(model.rows);
}

/* A level whose first blocks were overwritten before anybody summarised them. */
static void test_a_late_beginning(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(40000);
    struct model model = model_make(fixture, "late", DTYPE_F4, 0, NULL, SERIES_REGULAR, &rule);
    reopen(fixture, false);
    for (unsigned i = 0; i < 30; i++)
        append(&model, 3001);
    reopen(fixture, true);
    catch_up(&model);
    assert_int_equal(check_records(&model), 38 + 1);
    for (unsigned i = 0; i < 30; i++)
        append(&model, 3001);
    catch_up(&model);
    assert_int_equal(check_records(&model), 38 + 1);
    free(model.rows);
}

/* After a power cut no record is believed. */
static void test_a_power_cut_drops_them(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = growing();
    struct model model = model_make(fixture, "cut", DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
    append(&model, 5000);
    catch_up(&model);
    fixture_flush(fixture);
    double wrong = 1e300;
    store_close(fixture->store);
    fixture_write(fixture, "cut", "summary-0.npy", NPY_HEADER_BYTES + 48, &wrong, 8);
    char *path;
    if (asprintf(&path, "%s/STATE", fixture->path) < 0)
        abort();
    int fd = fs_open_write_at(FS_HERE, path);
    assert_true(fd >= 0);
    static const char recovering[128] = "recovering";
    char line[128];
    memset(line, ' ', sizeof line);
    memcpy(line, recovering, strlen(recovering));
    line[127] = '\n';
    assert_int_equal(fs_write_at(fd, line, sizeof line, 0), 0);
    fs_close(fd);
    free(path);
    fixture_open(fixture);
    assert_int_equal(summarised(&model), 0);
    assert_int_equal(store_keep_summaries(fixture->store, make, merge), 0);
    catch_up(&model);
    assert_int_equal(check_records(&model), 4);
    free(model.rows);
}

/* A file that is not what it should be makes way for a new one, and nothing is refused. */
static void test_damaged_files_are_made_again(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(40000);
    struct model model = model_make(fixture, "bad", DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
    append(&model, 20000);
    catch_up(&model);
    assert_int_equal(check_records(&model), 19 + 1);
    store_close(fixture->store);
    fixture_write(fixture, "bad", "summary-1.npy", 0, "nonsense", 8);
    fixture_open(fixture);
    assert_int_equal(store_keep_summaries(fixture->store, make, merge), 0);
    append(&model, 20000);
    (void)store_catch_up(fixture->store, FOREVER);
    assert_int_equal(summarised(&model), 0);
    fixture->store->summary_retry_ns = 0;
    catch_up(&model);
    assert_int_equal(check_records(&model), 39 + 2);
    free(model.rows);
}

/* No room for summaries is no reason to refuse samples. */
static void test_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(20000);
    struct model model = model_make(fixture, "full", DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
    struct store_usage usage;
    struct store_limits limits = fixture_limits;
    store_usage(fixture->store, &usage);
    limits.bytes_max = usage.reserved_bytes;
    assert_int_equal(store_set_limits(fixture->store, &limits, &fixture->error), 0);
    append(&model, 3000);
    assert_false(store_catch_up(fixture->store, FOREVER));
    assert_int_equal(summarised(&model), 0);
    append(&model, 3000);
    assert_int_equal(store_set_limits(fixture->store, &fixture_limits, &fixture->error), 0);
    fixture->store->summary_retry_ns = 0;
    catch_up(&model);
    assert_int_equal(check_records(&model), 5);
    uint64_t before = usage.reserved_bytes;
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes - before,
                     fixture_file_bytes(fixture, "full", "summary-0.npy"));
    /* The next start counts the same. */
    before = usage.reserved_bytes;
    reopen(fixture, false);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes, before);
    free(model.rows);
}

static void note(const char *file, const char *text, void *context)
{
    snprintf(context, 256, "%s: %s", file, text);
}

/* What verify finds last; "" = nothing. */
static void verify(const struct model *model, const char *wanted)
{
    char found[256] = "";
    struct verify_sink sink = {.finding = note, .context = found, .make = make, .merge = merge};
    struct verify_totals totals = {0};
    assert_int_equal(verify_series(model->fixture->path, model->name, &sink, &totals), 0);
    if (wanted[0] == '\0' ? found[0] != '\0' : strstr(found, wanted) == NULL)
        fail_msg("verify finds \"%s\", not \"%s\"", found, wanted);
    assert_int_equal(totals.findings > 0, wanted[0] != '\0');
}

static void swap_word(const struct model *model, const char *file, uint64_t record, unsigned word,
                      double *value)
{
    uint64_t at = NPY_HEADER_BYTES + (record * SUMMARY_WORDS + word) * sizeof *value;
    double before;
    fixture_read(model->fixture, model->name, file, at, &before, sizeof before);
    fixture_write(model->fixture, model->name, file, at, value, sizeof *value);
    *value = before;
}

static void test_verify_compares_them(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(40000);
    struct model model = model_make(fixture, "seen", DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
    for (unsigned i = 0; i < 30; i++)
        append(&model, 2000);
    catch_up(&model);
    verify(&model, "");
    for (unsigned word = 0; word < SUMMARY_WORDS; word++) {
        double wrong = 0.25;
        /* Block 50 in a ring of 41 records. */
        swap_word(&model, "summary-0.npy", 50 - 41, word, &wrong);
        verify(&model, "summary-0.npy: block 50");
        swap_word(&model, "summary-0.npy", 50 - 41, word, &wrong);
        wrong = 1e-30;
        swap_word(&model, "summary-1.npy", 2, word, &wrong);
        verify(&model, word == SUMMARY_LO ? "" : "summary-1.npy: block 2");
        swap_word(&model, "summary-1.npy", 2, word, &wrong);
    }
    verify(&model, "");
    /* Of a block that is gone nothing is said. */
    double wrong = 5;
    swap_word(&model, "summary-0.npy", (model.count / 1024) % 41, 0, &wrong);
    verify(&model, "");
    int64_t before = fixture_word(fixture, "seen", HEAD_SUMMARISED);
    fixture_set_word(fixture, "seen", HEAD_SUMMARISED, before + 1);
    verify(&model, "head.npy: 59393 rows are summarised");
    fixture_set_word(fixture, "seen", HEAD_SUMMARISED, before + 1024);
    verify(&model, "head.npy: 60416 rows are summarised");
    fixture_set_word(fixture, "seen", HEAD_SUMMARISED, before);
    char *path = fixture_file(fixture, "seen", "summary-1.npy");
    fixture_write(fixture, "seen", "summary-1.npy", 0, "nonsense", 8);
    verify(&model, "summary-1.npy: the header is damaged");
    assert_int_equal(unlink(path), 0);
    verify(&model, "");
    free(path);
    free(model.rows);
}

/* Deleted and renamed with the rest. */
static void test_names(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = growing();
    struct model model = model_make(fixture, "one", DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
    append(&model, 20000);
    catch_up(&model);
    struct series *series = NULL;
    assert_int_equal(store_rename(fixture->store, fixture_find(fixture, "one"), "two/three",
                                  &series, &fixture->error),
                     0);
    assert_false(fixture_has_file(fixture, "one", "summary-0.npy"));
    model.name = "two/three";
    assert_int_equal(check_records(&model), 19 + 1);
    append(&model, 2000);
    catch_up(&model);
    assert_int_equal(check_records(&model), 21 + 1);
    assert_int_equal(fixture_delete(fixture, series), 0);
    assert_false(fixture_has_file(fixture, "two/three", "summary-0.npy"));
    assert_false(fixture_has_file(fixture, "two/three", "summary-1.npy"));
    free(model.rows);
}

/* The map cache counts the mappings of summaries. */
static void test_mappings_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(40000);
    fixture->store->mapped_max = 10;
    for (unsigned i = 0; i < 12; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%u", i);
        struct model model = model_make(fixture, name, DTYPE_F8, 0, NULL, SERIES_EXPLICIT, &rule);
        append(&model, 20000);
        catch_up(&model);
        assert_true(fixture->store->mapped_count * 3 + fixture->store->summary_maps <= 30);
        assert_int_equal(check_records(&model), 19 + 1);
        free(model.rows);
    }
    assert_int_equal(fixture->store->mapped_count, 6);
    assert_int_equal(fixture->store->summary_maps, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_young_series_has_none, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_every_type_over_laps_and_kills, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_levels, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_large_samples_have_none, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_older_rows_are_caught_up_with, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_late_beginning, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_power_cut_drops_them, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files_are_made_again, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_verify_compares_them, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_mappings_are_counted, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
