/* Creating series: what is made, what is refused, and that a refusal leaves nothing behind. */
#include "store_fixture.h"

#include <dirent.h>

static int create(struct fixture *fixture, const char *name, const struct series_type *type,
                  const struct series_rule *rule, int64_t period_ps)
{
    struct series *series = NULL;
    fixture->error.text[0] = '\0';
    int result = store_create(fixture->store, name, strlen(name), type, rule, period_ps, &series,
                              &fixture->error);
    /* An error has a sentence, and a success a series. */
    assert_int_equal(result == 0, series != NULL);
    assert_int_equal(result < 0, fixture->error.text[0] != '\0');
    return result;
}

static void assert_nothing_made(struct fixture *fixture)
{
    char *path;
    assert_true(asprintf(&path, "%s/series", fixture->path) > 0);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    unsigned entries = 0;
    while (readdir(folder) != NULL)
        entries++;
    closedir(folder);
    free(path);
    assert_int_equal(entries, 2);
    struct store_usage usage;
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes, 0);
    assert_int_equal(usage.series_count, 0);
}

static void test_files_of_a_ring(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(100);
    rule.unit = "m/s2";
    rule.description = "two\nlines";
    struct series_type type = {
        .dtype = DTYPE_F4, .rank = 2, .dims = {3, 5}, .clock = SERIES_EXPLICIT};
    assert_int_equal(create(fixture, "plant1/boiler", &type, &rule, 0), 0);

    struct npy_shape values = fixture_shape(fixture, "plant1/boiler", SERIES_VALUES_FILE);
    assert_int_equal(values.rank, 3);
    assert_int_equal(values.dims[0], 100);
    assert_int_equal(values.dims[1], 3);
    assert_int_equal(values.dims[2], 5);
    assert_int_equal(values.dtype, DTYPE_F4);
    assert_int_equal(values.header_bytes, NPY_HEADER_BYTES);
    struct npy_shape times = fixture_shape(fixture, "plant1/boiler", SERIES_TIMES_FILE);
    assert_int_equal(times.rank, 1);
    assert_int_equal(times.dims[0], 100);
    assert_int_equal(fixture_file_bytes(fixture, "plant1/boiler", SERIES_VALUES_FILE),
                     NPY_HEADER_BYTES + 100 * 60);
    assert_int_equal(fixture_file_bytes(fixture, "plant1/boiler", SERIES_TIMES_FILE),
                     NPY_HEADER_BYTES + 100 * 8);
    assert_int_equal(fixture_file_bytes(fixture, "plant1/boiler", SERIES_HEAD_FILE),
                     HEAD_FILE_BYTES);
    assert_false(fixture_has_file(fixture, "plant1/boiler", SERIES_RUNS_FILE));
    assert_false(fixture_has_file(fixture, "plant1/boiler", ".head.npy.new"));

    char meta[64] = "";
    char *path = fixture_file(fixture, "plant1/boiler", SERIES_META_FILE);
    assert_int_equal(fs_read_text_at(FS_HERE, path, meta, sizeof meta), 0);
    assert_string_equal(meta, "[series]\nunit = m/s2\ndescription = two lines\n");
    free(path);

    static const int64_t words[][2] = {{HEAD_MAGIC, HEAD_MAGIC_VALUE},
                                       {HEAD_VERSION, 1},
                                       {HEAD_INCOMPATIBLE, 0},
                                       {HEAD_COMPATIBLE, 0},
                                       {HEAD_CAPACITY, 100},
                                       {HEAD_SAMPLE_BYTES, 60},
                                       {HEAD_DTYPE, 'f' | '4' << 8},
                                       {HEAD_RANK, 2},
                                       {HEAD_DIMS, 3},
                                       {HEAD_DIMS + 1, 5},
                                       {HEAD_DIMS + 2, 0},
                                       {HEAD_CLOCK, SERIES_EXPLICIT},
                                       {HEAD_COUNT, 0},
                                       {HEAD_FRONTIER, 0},
                                       {HEAD_ROWS, 100},
                                       {HEAD_RUNS_COUNT, 0},
                                       {HEAD_DURABLE, 0},
                                       {HEAD_LAST_TIME_NS, INT64_MIN}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_int_equal(fixture_word(fixture, "plant1/boiler", (unsigned)words[i][0]),
                         words[i][1]);
    assert_true(fixture_word(fixture, "plant1/boiler", HEAD_ID) > 0);

    /* A folder may be a series and hold others. */
    assert_int_equal(create(fixture, "plant1", &type, &rule, 0), 0);
    assert_int_equal(create(fixture, "plant1/boiler/temp", &type, &rule, 0), 0);
    assert_true(fixture_word(fixture, "plant1", HEAD_ID) >
                fixture_word(fixture, "plant1/boiler", HEAD_ID));
}

static void test_files_of_a_growing_series(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = growing();
    struct series_type type = scalar_type(DTYPE_I2, SERIES_REGULAR);
    assert_int_equal(create(fixture, "g", &type, &rule, 1000), 0);
    uint64_t rows = fixture_shape(fixture, "g", SERIES_VALUES_FILE).dims[0];
    assert_int_equal(npy_grow_rows(rows), rows);
    assert_int_equal(fixture_word(fixture, "g", HEAD_ROWS), rows);
    assert_int_equal(fixture_word(fixture, "g", HEAD_CAPACITY), 0);
    struct npy_shape runs = fixture_shape(fixture, "g", SERIES_RUNS_FILE);
    assert_int_equal(runs.rank, 2);
    assert_int_equal(runs.dims[1], 3);
    assert_int_equal(npy_grow_rows(runs.dims[0]), runs.dims[0]);
    assert_true(runs.dims[0] >= RUNS_CAPACITY_MIN);
    assert_false(fixture_has_file(fixture, "g", SERIES_META_FILE));
}

static void test_preallocate(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rules[2] = {ring_of(1 << 20), ring_of(1 << 20)};
    rules[1].preallocate = true;
    struct series_type type = scalar_type(DTYPE_F8, SERIES_EXPLICIT);
    assert_int_equal(create(fixture, "sparse", &type, &rules[0], 0), 0);
    assert_int_equal(create(fixture, "whole", &type, &rules[1], 0), 0);
    struct fs_status sparse;
    struct fs_status whole;
    char *path = fixture_file(fixture, "sparse", SERIES_VALUES_FILE);
    assert_int_equal(fs_stat_at(FS_HERE, path, &sparse), 0);
    free(path);
    path = fixture_file(fixture, "whole", SERIES_VALUES_FILE);
    assert_int_equal(fs_stat_at(FS_HERE, path, &whole), 0);
    free(path);
    assert_int_equal(sparse.size_bytes, whole.size_bytes);
    assert_true(whole.allocated_bytes >= whole.size_bytes);
    assert_true(sparse.allocated_bytes < 1 << 20);
}

/* ---- capacities ---- */

/* In the order in which one reads them. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct capacity_case {
    enum series_capacity_unit unit;
    uint64_t capacity;
    enum dtype dtype;
    uint32_t dim; /* 0 = scalar */
    enum series_clock clock;
    int64_t period_ps;
    int result;
    uint64_t rows;
};

static void test_capacities(void **state)
{
    static const struct capacity_case cases[] = {
        {SERIES_CAPACITY_DEFAULT, 0, DTYPE_F8, 0, SERIES_EXPLICIT, 0, 0, 1048576},
        {SERIES_CAPACITY_DEFAULT, 0, DTYPE_F8, 16, SERIES_EXPLICIT, 0, 0, 524288},
        {SERIES_CAPACITY_DEFAULT, 0, DTYPE_F8, 10000000, SERIES_EXPLICIT, 0, 0, 2},
        {SERIES_CAPACITY_SAMPLES, 2, DTYPE_F8, 0, SERIES_EXPLICIT, 0, 0, 2},
        {SERIES_CAPACITY_SAMPLES, 1, DTYPE_F8, 0, SERIES_EXPLICIT, 0, -EDOM, 0},
        {SERIES_CAPACITY_SAMPLES, 0, DTYPE_F8, 0, SERIES_EXPLICIT, 0, -EDOM, 0},
        {SERIES_CAPACITY_SAMPLES, UINT64_MAX, DTYPE_F8, 0, SERIES_EXPLICIT, 0, -EDOM, 0},
        {SERIES_CAPACITY_SAMPLES, UINT64_C(1) << 60, DTYPE_F8, 0, SERIES_EXPLICIT, 0, -EDOM, 0},
        {SERIES_CAPACITY_BYTES, 1 << 20, DTYPE_F4, 3, SERIES_REGULAR, 1000, 0, 87381},
        {SERIES_CAPACITY_BYTES, 23, DTYPE_F4, 3, SERIES_REGULAR, 1000, -EDOM, 0},
        {SERIES_CAPACITY_NS, UINT64_C(60000000000), DTYPE_F4, 0, SERIES_REGULAR,
         INT64_C(1000000000000), 0, 60},
        {SERIES_CAPACITY_NS, UINT64_C(60000000001), DTYPE_F4, 0, SERIES_REGULAR,
         INT64_C(1000000000000), 0, 61},
        {SERIES_CAPACITY_NS, UINT64_C(60000000000), DTYPE_F4, 0, SERIES_EXPLICIT,
         INT64_C(1000000000000), -EDOM, 0},
        {SERIES_CAPACITY_NS, UINT64_C(1000000000), DTYPE_F4, 0, SERIES_REGULAR,
         INT64_C(1000000000000), -EDOM, 0},
        {SERIES_CAPACITY_NS, UINT64_C(1) << 63, DTYPE_F8, 0, SERIES_REGULAR, 1, -EDOM, 0},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct capacity_case *c = &cases[i];
        struct series_rule rule = series_rule_default;
        rule.capacity_unit = c->unit;
        rule.capacity = c->capacity;
        struct series_type type = {.dtype = c->dtype, .clock = c->clock, .rank = c->dim > 0};
        type.dims[0] = c->dim;
        char name[16];
        snprintf(name, sizeof name, "c/%zu", i);
        int result = create(fixture, name, &type, &rule, c->period_ps);
        if (result != c->result)
            fail_msg("case %zu: %d, not %d: %s", i, result, c->result, fixture->error.text);
        bool is_large = c->capacity >= UINT64_C(1) << 60;
        assert_int_equal(strstr(fixture->error.text, "larger than a file") != NULL, is_large);
        if (result == 0)
            assert_int_equal(series_capacity(fixture_find(fixture, name)), c->rows);
        else
            assert_false(fixture_has_file(fixture, name, ""));
    }
}

static void test_runs_capacity(void **state)
{
    static const uint64_t cases[][2] = {
        {100, 1024}, {65536, 1024}, {128000, 2000}, {4194304, 65536}, {4194368, 65536}};
    struct fixture *fixture = *state;
    struct series_type type = scalar_type(DTYPE_U1, SERIES_REGULAR);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct series_rule rule = ring_of(cases[i][0]);
        char name[16];
        snprintf(name, sizeof name, "r%zu", i);
        assert_int_equal(create(fixture, name, &type, &rule, 1000), 0);
        assert_int_equal(fixture_shape(fixture, name, SERIES_RUNS_FILE).dims[0], cases[i][1]);
    }
}

/* ---- refusals ---- */

static void test_bad_requests(void **state)
{
    static const char *const names[] = {"",        "/a",    "a/",    "a//b", ".hidden", "a/-b",
                                        "~home/b", "a.npy", "x.ini", "a b",  "a/../b",  "\xc3\xa4"};
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series_type type = scalar_type(DTYPE_F8, SERIES_EXPLICIT);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(create(fixture, names[i], &type, &rule, 0), -EINVAL);
    char long_name[300];
    memset(long_name, 'a', sizeof long_name);
    long_name[256] = '\0';
    assert_int_equal(create(fixture, long_name, &type, &rule, 0), -EINVAL);

    struct series_type bad = type;
    bad.dtype = DTYPE_NONE;
    assert_int_equal(create(fixture, "a", &bad, &rule, 0), -EINVAL);
    bad = type;
    bad.rank = 1;
    assert_int_equal(create(fixture, "a", &bad, &rule, 0), -EINVAL);
    bad.rank = 5;
    assert_int_equal(create(fixture, "a", &bad, &rule, 0), -EINVAL);
    bad = (struct series_type){.dtype = DTYPE_F8,
                               .clock = SERIES_EXPLICIT,
                               .rank = 4,
                               .dims = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    assert_int_equal(create(fixture, "a", &bad, &rule, 0), -EINVAL);

    rule.mode = SERIES_MODE_REFUSE;
    assert_int_equal(create(fixture, "a", &type, &rule, 0), -EPERM);
    assert_nothing_made(fixture);
}

/* What series_append() would say of it, if the series were there. */
static void test_the_first_block_is_judged_before(void **state)
{
    (void)state;
    static const int64_t never[2] = {INT64_MIN, INT64_MIN};
    static const int64_t times[3] = {INT64_MIN, 7, INT64_MAX};
    static const struct series_type explicit = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT};
    static const struct series_type regular = {.dtype = DTYPE_F8, .clock = SERIES_REGULAR};
    struct series_block block = {.clock = BLOCK_EXPLICIT, .times_ns = times, .count = 3};
    struct series_rule rule = ring_of(2);
    uint64_t capacity = 0;
    assert_int_equal(series_judge_first(&explicit, &rule, &block, 5, &capacity), -EFBIG);
    assert_int_equal(capacity, 2);
    rule = growing();
    assert_int_equal(series_judge_first(&explicit, &rule, &block, 5, &capacity), 0);
    block.times_ns = never;
    block.count = 2;
    assert_int_equal(series_judge_first(&explicit, &rule, &block, 5, &capacity), -ENODATA);
    rule.late = SERIES_LATE_CLAMP;
    assert_int_equal(series_judge_first(&explicit, &rule, &block, 5, &capacity), 0);
    rule.late = SERIES_LATE_DROP;
    rule.mode = SERIES_MODE_REFUSE;
    assert_int_equal(series_judge_first(&explicit, &rule, &block, 5, &capacity), 0);

    /* A capacity in time is that of the block's period. */
    rule = ring_of(1000);
    rule.capacity_unit = SERIES_CAPACITY_NS;
    block = (struct series_block){.clock = BLOCK_REGULAR, .period_ps = 100000, .count = 11};
    assert_int_equal(series_judge_first(&regular, &rule, &block, 5, &capacity), -EFBIG);
    assert_int_equal(capacity, 10);
    block.count = 10;
    assert_int_equal(series_judge_first(&regular, &rule, &block, 5, &capacity), 0);
}

static void test_names_as_long_as_they_may_be(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series_type type = scalar_type(DTYPE_F8, SERIES_EXPLICIT);
    char name[256];
    memset(name, 'a', 255);
    name[255] = '\0';
    assert_int_equal(create(fixture, name, &type, &rule, 0), 0);
    memset(name, 'b', 255);
    for (size_t i = 1; i < 16; i++)
        name[i * 15] = '/';
    assert_int_equal(create(fixture, name, &type, &rule, 0), 0);
    assert_int_equal(create(fixture, name, &type, &rule, 0), -EEXIST);
    assert_int_equal(append_count(fixture_find(fixture, name), 3), 0);
    fixture_reopen(fixture);
    assert_int_equal(series_count(fixture_find(fixture, name)), 3);
}

static void set_limits(struct fixture *fixture, uint64_t bytes_max, uint64_t free_bytes_min,
                       uint64_t series_max)
{
    struct store_limits limits = {
        .bytes_max = bytes_max, .free_bytes_min = free_bytes_min, .series_max = series_max};
    assert_int_equal(store_set_limits(fixture->store, &limits, &fixture->error), 0);
}

static void test_budget(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(1000);
    struct series_type type = scalar_type(DTYPE_F8, SERIES_EXPLICIT);
    uint64_t one_bytes = 2 * (NPY_HEADER_BYTES + 8000) + HEAD_FILE_BYTES;
    struct store_usage usage;

    set_limits(fixture, one_bytes - 1, 0, 10);
    assert_int_equal(create(fixture, "a", &type, &rule, 0), -EDQUOT);
    assert_nothing_made(fixture);
    set_limits(fixture, one_bytes * 2, 0, 10);
    assert_int_equal(create(fixture, "a", &type, &rule, 0), 0);
    assert_int_equal(create(fixture, "b", &type, &rule, 0), 0);
    assert_int_equal(create(fixture, "c", &type, &rule, 0), -EDQUOT);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes, one_bytes * 2);
    assert_int_equal(usage.bytes_max, one_bytes * 2);
    assert_int_equal(usage.series_count, 2);

    fixture_reopen(fixture);
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.reserved_bytes, one_bytes * 2);
    set_limits(fixture, one_bytes, 0,
               10); /* below what is there: nothing more, and nothing breaks */
    assert_int_equal(create(fixture, "c", &type, &rule, 0), -EDQUOT);
    assert_int_equal(append_count(fixture_find(fixture, "a"), 10), 0);

    set_limits(fixture, 0, 0, 2);
    assert_int_equal(create(fixture, "c", &type, &rule, 0), -EDQUOT);
    set_limits(fixture, 0, 0, 3);
    assert_int_equal(create(fixture, "c", &type, &rule, 0), 0);
    store_usage(fixture->store, &usage);
    assert_true(usage.bytes_max > 0);
    assert_true(usage.free_bytes > 0);
}

static void test_free_space(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(1000);
    struct series_type type = scalar_type(DTYPE_F8, SERIES_EXPLICIT);
    set_limits(fixture, 0, UINT64_MAX / 2, 10);
    assert_int_equal(create(fixture, "a", &type, &rule, 0), -ENOSPC);
    assert_non_null(strstr(fixture->error.text, "free space or lower min_free"));
    assert_nothing_made(fixture);

    struct series_rule large = ring_of(UINT64_C(1) << 44);
    set_limits(fixture, UINT64_MAX / 2, 1, 10);
    assert_int_equal(create(fixture, "a", &type, &large, 0), -ENOSPC);
    assert_non_null(strstr(fixture->error.text, "lower the rule's capacity or free space"));
    assert_nothing_made(fixture);
}

/* A growing file is not extended past the budget or into what is to stay free; what it has, it
 * keeps and can fill. */
static void test_growth_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = growing();
    struct series *series = fixture_create(fixture, "g", SERIES_EXPLICIT, &rule);
    struct store_usage usage;
    assert_int_equal(append_count(series, 10), 0);
    uint64_t rows = (uint64_t)fixture_word(fixture, "g", HEAD_ROWS);
    store_usage(fixture->store, &usage);
    set_limits(fixture, usage.reserved_bytes, 0, 10);
    assert_int_equal(append_count(series, rows - 10), 0);
    assert_int_equal(append_count(series, 1), -ENOSPC);
    assert_int_equal(series_count(series), rows);
    assert_int_equal(fixture_word(fixture, "g", HEAD_FRONTIER), rows);
    set_limits(fixture, 0, UINT64_MAX / 2, 10);
    assert_int_equal(append_count(series, 1), -ENOSPC);
    set_limits(fixture, 0, 0, 10);
    assert_int_equal(append_count(series, 1), 0);
    store_usage(fixture->store, &usage);
    uint64_t grown = (uint64_t)fixture_word(fixture, "g", HEAD_ROWS);
    assert_int_equal(usage.reserved_bytes, HEAD_FILE_BYTES + 2 * (NPY_HEADER_BYTES + grown * 8));
}

/* ---- leftovers ---- */

static void test_leftovers_are_overwritten(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series *series = fixture_create(fixture, "left/over", SERIES_EXPLICIT, &rule);
    assert_int_equal(append_count(series, 5), 0);
    store_close(fixture->store);
    /* As a creation that was cut before the rename leaves it. */
    char *head = fixture_file(fixture, "left/over", SERIES_HEAD_FILE);
    char *new_head = fixture_file(fixture, "left/over", ".head.npy.new");
    assert_int_equal(rename(head, new_head), 0);
    free(head);
    free(new_head);
    fixture_open(fixture);
    assert_null(fixture_find(fixture, "left/over"));
    series = fixture_create(fixture, "left/over", SERIES_REGULAR, &rule);
    assert_int_equal(series_count(series), 0);
    assert_false(fixture_has_file(fixture, "left/over", SERIES_TIMES_FILE));
    assert_false(fixture_has_file(fixture, "left/over", ".head.npy.new"));
    assert_int_equal(append_count(series, 5), 0);
}

/* A file where a folder would have to be. */
static void test_failure_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series_type type = scalar_type(DTYPE_F8, SERIES_EXPLICIT);
    char *path = fixture_file(fixture, ".", "blocked");
    int fd = fs_create_at(FS_HERE, path);
    assert_true(fd >= 0);
    fs_close(fd);
    assert_int_equal(create(fixture, "blocked/a", &type, &rule, 0), -ENOTDIR);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_nothing_made(fixture);
    assert_int_equal(create(fixture, "blocked/a", &type, &rule, 0), 0);
}

/* ---- rules ---- */

static void test_rules_that_disagree(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10);
    struct series *series = fixture_create(fixture, "a", SERIES_REGULAR, &rule);
    bool disagrees;
    assert_ptr_equal(series_rule(series), &rule);
    series_set_rule(series, &rule, &disagrees);
    assert_false(disagrees);
    struct series_rule other = ring_of(11);
    series_set_rule(series, &other, &disagrees);
    assert_true(disagrees);
    other = growing();
    series_set_rule(series, &other, &disagrees);
    assert_true(disagrees);
    other = ring_of(10);
    other.late = SERIES_LATE_CLAMP;
    series_set_rule(series, &other, &disagrees);
    assert_false(disagrees);
    /* A capacity in time is compared when the series has a period. */
    other.capacity_unit = SERIES_CAPACITY_NS;
    other.capacity = UINT64_C(10000000000);
    series_set_rule(series, &other, &disagrees);
    assert_false(disagrees);
    assert_int_equal(append_count(series, 1), 0);
    series_set_rule(series, &other, &disagrees);
    assert_false(disagrees);
    other.capacity *= 2;
    series_set_rule(series, &other, &disagrees);
    assert_true(disagrees);
    assert_int_equal(series_capacity(series), 10);
    fixture_reopen(fixture);
    assert_null(series_rule(fixture_find(fixture, "a")));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_of_a_ring),
        TEST(test_files_of_a_growing_series),
        TEST(test_preallocate),
        TEST(test_capacities),
        TEST(test_runs_capacity),
        TEST(test_bad_requests),
        TEST(test_the_first_block_is_judged_before),
        TEST(test_names_as_long_as_they_may_be),
        TEST(test_budget),
        TEST(test_free_space),
        TEST(test_growth_is_limited),
        TEST(test_leftovers_are_overwritten),
        TEST(test_failure_leaves_nothing),
        TEST(test_rules_that_disagree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
