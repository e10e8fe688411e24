/* Block summaries: what stands in the files against a model that keeps every sample, over appends,
 * laps, growths, and a writer that is killed or comes again to an older store. */
#include "summary_model.h"

#include "summary_form.h"
#include "verify.h"

#include <inttypes.h>

static int setup(void **state)
{
    int result = fixture_setup(state);
    struct fixture *fixture = *state;
    if (result == 0)
        result = store_keep_summaries(fixture->store, summary_model_records, summary_model_merge);
    return result;
}

static void reopen(struct fixture *fixture, bool keep)
{
    fixture_reopen(fixture);
    if (keep)
        assert_int_equal(
            store_keep_summaries(fixture->store, summary_model_records, summary_model_merge), 0);
}

static struct summary_model create_f8(struct fixture *fixture, const char *name,
                                      const struct series_rule *rule)
{
    return summary_model_create(fixture, name, DTYPE_F8, 0, NULL, SERIES_EXPLICIT, rule);
}

static void test_a_young_series_has_none(void **state)
{
    struct series_rule rule = ring_of(100000);
    struct summary_model model = create_f8(*state, "a", &rule);
    summary_model_append(&model, 1023);
    assert_false(store_catch_up(model.fixture->store, SUMMARY_FOREVER));
    assert_false(fixture_has_file(model.fixture, "a", "summary-0.npy"));
    summary_model_append(&model, 1);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 1);
    struct npy_shape shape = fixture_shape(model.fixture, "a", "summary-0.npy");
    assert_int_equal(shape.rank, 2);
    assert_int_equal(shape.dims[0], 99);
    assert_int_equal(shape.dims[1], SUMMARY_WORDS);
    assert_false(fixture_has_file(model.fixture, "a", "summary-1.npy"));
    /* From here on without anybody's help, but for a file that is new. */
    summary_model_append(&model, 5000);
    assert_int_equal(summary_model_summarised(&model), 5 * 1024);
    free(model.rows);
}

static void lap(struct fixture *fixture, const char *name, enum dtype dtype, uint8_t rank,
                const uint32_t *dims, const struct series_rule *rule, uint64_t count)
{
    struct summary_model model = summary_model_create(
        fixture, name, dtype, rank, dims, count % 2 ? SERIES_REGULAR : SERIES_EXPLICIT, rule);
    uint64_t records = 0;
    while (model.count < count) {
        uint64_t most = model.capacity > 0 ? model.capacity : 9000;
        uint64_t kind = random_next(&model.seed) % 16;
        uint64_t rows = kind == 0  ? 1 + random_next(&model.seed) % most
                        : kind < 4 ? 1
                                   : 1 + random_next(&model.seed) % (most < 3000 ? most : 3000);
        summary_model_append(&model, rows);
        if (random_next(&model.seed) % 8 == 0) {
            summary_model_catch_up(&model);
            records += summary_model_check(&model);
        }
        if (random_next(&model.seed) % 16 == 0)
            records += summary_model_check(&model);
        if (random_next(&model.seed) % 32 == 0)
            reopen(fixture, random_next(&model.seed) % 4 != 0);
        if (fixture->store->summary_make == NULL && random_next(&model.seed) % 4 == 0)
            reopen(fixture, true);
    }
    if (fixture->store->summary_make == NULL)
        reopen(fixture, true);
    summary_model_catch_up(&model);
    records += summary_model_check(&model);
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
    struct summary_model model =
        summary_model_create(*state, "deep", DTYPE_I2, 0, NULL, SERIES_REGULAR, &rule);
    for (unsigned i = 0; i < 70; i++) {
        summary_model_append(&model, 4321);
        summary_model_catch_up(&model);
    }
    uint64_t blocks = model.count / 1024;
    assert_true(blocks > 256);
    assert_int_equal(summary_model_check(&model), blocks + blocks / 16 + blocks / 256);
    assert_int_equal(fixture_shape(model.fixture, "deep", "summary-0.npy").dims[0], 399);
    free(model.rows);
}

static void test_large_samples_have_none(void **state)
{
    static const uint32_t most[] = {1024};
    static const uint32_t more[] = {1025};
    struct series_rule rule = ring_of(3000);
    struct summary_model model =
        summary_model_create(*state, "most", DTYPE_I1, 1, most, SERIES_REGULAR, &rule);
    summary_model_append(&model, 1500);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 1);
    free(model.rows);
    model = summary_model_create(*state, "more", DTYPE_I1, 1, more, SERIES_REGULAR, &rule);
    summary_model_append(&model, 1500);
    assert_false(store_catch_up(model.fixture->store, SUMMARY_FOREVER));
    assert_int_equal(summary_model_summarised(&model), 0);
    free(model.rows);
}

/* A store of before, or a daemon that kept none for a while. */
static void test_older_rows_are_caught_up_with(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(20000);
    struct summary_model model =
        summary_model_create(fixture, "old", DTYPE_F4, 0, NULL, SERIES_EXPLICIT, &rule);
    reopen(fixture, false);
    for (unsigned i = 0; i < 30; i++)
        summary_model_append(&model, 1777);
    assert_int_equal(summary_model_summarised(&model), 0);
    reopen(fixture, true);
    /* A time that is over leaves a block at a time. */
    assert_true(store_catch_up(fixture->store, 0));
    uint64_t first = summary_model_summarised(&model);
    assert_true(first > 0 && first < model.count);
    summary_model_check(&model);
    assert_int_equal(fixture->store->mapped_count, 1);
    summary_model_append(&model, 1);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 19);
    /* What nobody writes to costs no mapping. */
    reopen(fixture, false);
    fixture_set_word(fixture, "old", HEAD_SUMMARISED, 0);
    reopen(fixture, true);
    summary_model_catch_up(&model);
    assert_int_equal(fixture->store->mapped_count, 0);
    assert_int_equal(fixture->store->summary_maps, 0);
    summary_model_check(&model);
    free(model.rows);
}

/* A level whose first blocks were overwritten before anybody summarised them. */
static void test_a_late_beginning(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(40000);
    struct summary_model model =
        summary_model_create(fixture, "late", DTYPE_F4, 0, NULL, SERIES_REGULAR, &rule);
    reopen(fixture, false);
    for (unsigned i = 0; i < 30; i++)
        summary_model_append(&model, 3001);
    reopen(fixture, true);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 38 + 1);
    for (unsigned i = 0; i < 30; i++)
        summary_model_append(&model, 3001);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 38 + 1);
    free(model.rows);
}

/* After a power cut no record is believed. */
static void test_a_power_cut_drops_them(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = growing();
    struct summary_model model = create_f8(fixture, "cut", &rule);
    summary_model_append(&model, 5000);
    summary_model_catch_up(&model);
    fixture_flush(fixture);
    double wrong = 1e300;
    fixture_distrust(fixture);
    fixture_write(fixture, "cut", "summary-0.npy", NPY_HEADER_BYTES + 48, &wrong, 8);
    fixture_open(fixture);
    assert_int_equal(summary_model_summarised(&model), 0);
    assert_int_equal(
        store_keep_summaries(fixture->store, summary_model_records, summary_model_merge), 0);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 4);
    free(model.rows);
}

/* A file that is not what it should be makes way for a new one, and nothing is refused. */
static void test_damaged_files_are_made_again(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(40000);
    struct summary_model model = create_f8(fixture, "bad", &rule);
    summary_model_append(&model, 20000);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 19 + 1);
    store_close(fixture->store);
    fixture_write(fixture, "bad", "summary-1.npy", 0, "nonsense", 8);
    fixture_open(fixture);
    assert_int_equal(
        store_keep_summaries(fixture->store, summary_model_records, summary_model_merge), 0);
    summary_model_append(&model, 20000);
    (void)store_catch_up(fixture->store, SUMMARY_FOREVER);
    assert_int_equal(summary_model_summarised(&model), 0);
    fixture->store->summary_retry_ns = 0;
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 39 + 2);
    free(model.rows);
}

/* No room for summaries is no reason to refuse samples. */
static void test_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(20000);
    struct summary_model model = create_f8(fixture, "full", &rule);
    struct store_usage usage;
    struct store_limits limits = fixture_limits;
    store_usage(fixture->store, &usage);
    limits.bytes_max = usage.reserved_bytes;
    assert_int_equal(store_set_limits(fixture->store, &limits, &fixture->error), 0);
    summary_model_append(&model, 3000);
    assert_false(store_catch_up(fixture->store, SUMMARY_FOREVER));
    assert_int_equal(summary_model_summarised(&model), 0);
    summary_model_append(&model, 3000);
    assert_int_equal(store_set_limits(fixture->store, &fixture_limits, &fixture->error), 0);
    fixture->store->summary_retry_ns = 0;
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 5);
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
static void verify(const struct summary_model *model, const char *wanted)
{
    char found[256] = "";
    struct verify_sink sink = {.finding = note,
                               .context = found,
                               .make = summary_model_records,
                               .merge = summary_model_merge};
    struct verify_totals totals = {0};
    assert_int_equal(verify_series(model->fixture->path, model->name, &sink, &totals), 0);
    if (wanted[0] == '\0' ? found[0] != '\0' : strstr(found, wanted) == NULL)
        fail_msg("verify finds \"%s\", not \"%s\"", found, wanted);
    assert_int_equal(totals.findings > 0, wanted[0] != '\0');
}

static void swap_word(const struct summary_model *model, const char *file, uint64_t record,
                      unsigned word, double *value)
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
    struct summary_model model = create_f8(fixture, "seen", &rule);
    for (unsigned i = 0; i < 30; i++)
        summary_model_append(&model, 2000);
    summary_model_catch_up(&model);
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
    struct summary_model model = create_f8(fixture, "one", &rule);
    summary_model_append(&model, 20000);
    summary_model_catch_up(&model);
    struct series *series = NULL;
    assert_int_equal(store_rename(fixture->store, fixture_find(fixture, "one"), "two/three",
                                  &series, &fixture->error),
                     0);
    assert_false(fixture_has_file(fixture, "one", "summary-0.npy"));
    model.name = "two/three";
    assert_int_equal(summary_model_check(&model), 19 + 1);
    summary_model_append(&model, 2000);
    summary_model_catch_up(&model);
    assert_int_equal(summary_model_check(&model), 21 + 1);
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
        struct summary_model model = create_f8(fixture, name, &rule);
        summary_model_append(&model, 20000);
        summary_model_catch_up(&model);
        assert_true(fixture->store->mapped_count * 3 + fixture->store->summary_maps <= 30);
        assert_int_equal(summary_model_check(&model), 19 + 1);
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
