/* What libingest-query tells of a range whose rows a ring's writer overwrites between two chunks:
 * with a reader that loses them at a chosen place, which no real writer can be made to do. */
#include "cmocka_tests.h"

#include "library_series.h"

#include <errno.h>

#define ROWS (3 * (uint64_t)LIBRARY_ROWS_MAX)

static uint64_t lost_from;
static uint64_t lost_to;

int reader_install_sigbus_handler(void)
{
    return 0;
}

int reader_store_ready(const char *store_path, struct error_text *error)
{
    (void)store_path, (void)error;
    return 0;
}

int reader_open(const char *store_path, const char *name, struct reader **ret_reader,
                struct error_text *error)
{
    (void)store_path, (void)name, (void)error;
    *ret_reader = NULL;
    return 0;
}

void reader_close(struct reader *reader)
{
    (void)reader;
}

const struct reader_info *reader_info(const struct reader *reader)
{
    static const struct reader_info info = {
        .name = "x", .type = {.dtype = DTYPE_F8}, .sample_bytes = 8, .elements = 1};
    (void)reader;
    return &info;
}

const char *reader_meta(struct reader *reader, const char *key)
{
    (void)reader, (void)key;
    return "";
}

int reader_snapshot(struct reader *reader, struct reader_snapshot *ret_snapshot)
{
    (void)reader;
    *ret_snapshot = (struct reader_snapshot){.count = ROWS};
    return 0;
}

int reader_find_time(struct reader *reader, int64_t time_ns, uint64_t *ret_index)
{
    (void)reader, (void)time_ns;
    *ret_index = 0;
    return 0;
}

bool reader_fault(const struct reader *reader)
{
    (void)reader;
    return false;
}

int reader_copy(struct reader *reader, uint64_t from, uint64_t to, void *values, int64_t *times_ns,
                uint64_t *ret_first_valid)
{
    double *numbers = values;
    (void)reader, (void)times_ns;
    for (uint64_t i = from; i < to; i++)
        numbers[i - from] = (double)i;
    *ret_first_valid = from >= lost_from && from < lost_to ? to : from;
    return 0;
}

int range_summary_create(struct reader *reader, const uint64_t *elements, size_t elements_count,
                         struct range_summary **ret_summary)
{
    (void)reader, (void)elements, (void)elements_count, (void)ret_summary;
    return -ENOTSUP;
}

void range_summary_free(struct range_summary *summary)
{
    (void)summary;
}

int range_summary_read(struct range_summary *summary, const struct reader_snapshot *snapshot,
                       uint64_t from, uint64_t to, const double **ret_records,
                       uint64_t *ret_first_valid)
{
    (void)summary, (void)snapshot, (void)from, (void)to, (void)ret_records, (void)ret_first_valid;
    return -EAGAIN;
}

static void expect(uint64_t lose_from, uint64_t lose_to, uint64_t first, int quantile_result)
{
    struct ingest_series *series;
    struct ingest_statistics found;
    const double half = 0.5;
    double median = 0;
    lost_from = lose_from;
    lost_to = lose_to;
    assert_int_equal(ingest_series_open("store", "x", &series, NULL), 0);
    assert_int_equal(ingest_series_statistics(series, 0, ROWS, 0, NULL, &found), 0);
    assert_int_equal(found.first, first);
    assert_int_equal(found.count, ROWS - first);
    if (first < ROWS)
        assert_true(found.min == (double)first && found.max == (double)(ROWS - 1));
    assert_int_equal(ingest_series_quantiles(series, 0, ROWS, 0, &half, 1, &median),
                     quantile_result);
    if (quantile_result == 0)
        assert_true(median == (double)(ROWS - 1) / 2);
    ingest_series_close(series);
}

static void test_rows_that_are_lost(void **state)
{
    (void)state;
    expect(0, 0, 0, 0);
    expect(0, LIBRARY_ROWS_MAX, LIBRARY_ROWS_MAX, -EAGAIN);
    expect(LIBRARY_ROWS_MAX, 2 * LIBRARY_ROWS_MAX, 2 * LIBRARY_ROWS_MAX, -EAGAIN);
    expect(LIBRARY_ROWS_MAX, ROWS, ROWS, -EAGAIN);
    expect(0, ROWS, ROWS, -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_that_are_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
