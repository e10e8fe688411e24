/* The runs of a regular series after a power cut: those that were not durable may lie where older
 * ones lay. */
#include "store_fixture.h"

#include "reader.h"
#include "verify_findings.h"

static struct series_rule ring_rule;

/* Runs that were not durable may have overwritten the oldest ones, and where they come faster than
 * a ring of them is long, all of them. What is shown then has its right times, or is not shown. */
static void test_runs_that_lap(void **state)
{
    struct fixture *fixture = *state;
    ring_rule = ring_of(3000);
    struct series *ring = fixture_create(fixture, "runs", SERIES_REGULAR, &ring_rule);
    uint64_t counts[] = {1100, 60, 1200, 1500};
    uint64_t count = 0;
    for (unsigned round = 0; round < 4; round++) {
        for (uint64_t i = 0; i < counts[round]; i++, count++) {
            double value = (double)count;
            struct series_append_result appended;
            /* Each a run of its own: a second later than the one before would have it. */
            struct series_block block = {.values = &value,
                                         .count = 1,
                                         .clock = BLOCK_REGULAR,
                                         .t0_ns = T0_NS + (int64_t)count * 2000000000,
                                         .period_ps = INT64_C(1000000000000)};
            if (!series_takes(ring, 1, block.period_ps, 0))
                fixture_flush(fixture);
            assert_int_equal(series_append(ring, &block, 0, 0, NOW_NS, &appended), 0);
        }
        if (round % 2 == 0)
            fixture_flush(fixture);
        if (round % 2 == 0)
            continue;
        fixture_cut_power(fixture);
        fixture_open(fixture);
        assert_int_equal(fixture_recovery(fixture).series_lost, 0);
        ring = fixture_find(fixture, "runs");
        assert_non_null(ring);
        assert_null(series_broken(ring));
        count = series_count(ring);
        assert_int_equal(series_last_time_ns(ring), T0_NS + (int64_t)(count - 1) * 2000000000);
        struct reader *reader = NULL;
        struct reader_snapshot snapshot;
        assert_int_equal(reader_open(fixture->path, "runs", &reader, &fixture->error), 0);
        assert_int_equal(reader_snapshot(reader, &snapshot), 0);
        for (uint64_t index = snapshot.first; index < snapshot.count; index++) {
            int64_t time_ns = 0;
            assert_int_equal(reader_time_ns(reader, index, &time_ns), 0);
            assert_int_equal(time_ns, T0_NS + (int64_t)index * 2000000000);
        }
        reader_close(reader);
    }
}

/* One sample that begins a run. */
static void append_run(struct series *series, uint64_t number)
{
    struct series_append_result result;
    double value = (double)number;
    struct series_block block = {.values = &value,
                                 .count = 1,
                                 .clock = BLOCK_REGULAR,
                                 .t0_ns = T0_NS + (int64_t)number * 1000000000,
                                 .period_ps = INT64_C(1000000)};
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS, &result), 0);
    assert_int_equal(result.appended, 1);
}

/* The ring of runs has wrapped, and runs that were not durable have overwritten its oldest ones. */
static void test_runs_that_were_overwritten(void **state)
{
    struct fixture *fixture = *state;
    enum { RUNS = 1100, MORE = 60 };
    ring_rule = ring_of(5000);
    struct series *series = fixture_create(fixture, "ring", SERIES_REGULAR, &ring_rule);
    for (uint64_t i = 0; i < RUNS; i++) {
        append_run(series, i);
        if (i % 50 == 49)
            fixture_flush(fixture);
    }
    /* The journal begins anew: the runs are in their file alone. */
    fixture_reopen(fixture);
    series = fixture_find(fixture, "ring");
    for (uint64_t i = RUNS; i < RUNS + MORE; i++)
        append_run(series, i);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    struct reader *reader;
    struct reader_snapshot snapshot;
    double value;
    int64_t time_ns;
    uint64_t valid;
    assert_int_equal(reader_open(fixture->path, "ring", &reader, &fixture->error), 0);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.count, RUNS);
    /* An eighth of the runs is given up. */
    assert_int_equal(snapshot.first, RUNS + 1024 / 8 - 1024);
    for (uint64_t i = snapshot.first; i < snapshot.count; i++) {
        assert_int_equal(reader_copy(reader, i, i + 1, &value, &time_ns, &valid), 0);
        assert_true(value == (double)i);
        assert_int_equal(time_ns, T0_NS + (int64_t)i * 1000000000);
    }
    reader_close(reader);
    struct findings findings = verify_one(fixture->path, "ring");
    expect_nothing(&findings);
    series = fixture_find(fixture, "ring");
    for (uint64_t i = RUNS; i < RUNS + 2000; i++)
        append_run(series, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs_that_lap, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_runs_that_were_overwritten, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
