/* Flushing: what is dirty, what becomes durable, and that the store goes on meanwhile. */
#include "store_fixture.h"

#include <pthread.h>

static struct series_rule rule;

static struct series *make(struct fixture *fixture, const char *name)
{
    rule = ring_of(1000);
    return fixture_create(fixture, name, SERIES_EXPLICIT, &rule);
}

static struct store_flush *begin(struct fixture *fixture)
{
    struct store_flush *flush = NULL;
    assert_int_equal(store_flush_begin(fixture->store, NULL, 0, &flush), 0);
    return flush;
}

static void test_nothing_is_dirty_at_first(void **state)
{
    struct fixture *fixture = *state;
    assert_null(begin(fixture));
    struct series *series = make(fixture, "a");
    fixture_flush(fixture); /* a new series is: its files and folders */
    assert_null(begin(fixture));
    assert_int_equal(append_count(series, 3), 0);
    fixture_flush(fixture);
    assert_null(begin(fixture));
    fixture_reopen(fixture);
    assert_null(begin(fixture));
}

static void test_durable_follows_the_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "plant1/a");
    struct store_flush_counts counts;
    assert_int_equal(append_count(series, 5), 0);
    struct store_flush *flush = begin(fixture);
    store_flush_counts(flush, &counts);
    assert_int_equal(counts.series, 1);
    assert_int_equal(counts.bytes, 5 * 16);
    assert_int_equal(append_count(series, 2), 0); /* after the snapshot: dirty again */
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    assert_int_equal(fixture_word(fixture, "plant1/a", HEAD_DURABLE), 0);
    store_flush_end(fixture->store, flush, true);
    assert_int_equal(fixture_word(fixture, "plant1/a", HEAD_DURABLE), 5);

    flush = begin(fixture);
    assert_non_null(flush);
    store_flush_counts(flush, &counts);
    assert_int_equal(counts.bytes, 2 * 16);
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    store_flush_end(fixture->store, flush, true);
    assert_int_equal(fixture_word(fixture, "plant1/a", HEAD_DURABLE), 7);
    assert_null(begin(fixture));
}

static void test_failed_flush_stays_dirty(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "a");
    assert_int_equal(append_count(series, 5), 0);
    store_flush_end(fixture->store, begin(fixture), false);
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 0);
    fixture_flush(fixture);
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 5);
}

/* Regular series count the runs that they began, and not the samples' stamps. */
static void test_bytes_of_a_regular_series(void **state)
{
    struct fixture *fixture = *state;
    struct store_flush_counts counts;
    rule = ring_of(1000);
    struct series *series = fixture_create(fixture, "r", SERIES_REGULAR, &rule);
    assert_int_equal(append_count(series, 5), 0);
    struct store_flush *flush = begin(fixture);
    store_flush_counts(flush, &counts);
    assert_int_equal(counts.bytes, 5 * 8 + 24);
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    store_flush_end(fixture->store, flush, true);
    assert_int_equal(append_count(series, 5), 0);
    flush = begin(fixture);
    store_flush_counts(flush, &counts);
    assert_int_equal(counts.bytes, 5 * 8);
    store_flush_end(fixture->store, flush, true);
}

/* While a checkpoint is under way. */
static void test_deleted_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct series *gone = make(fixture, "gone");
    struct series *stays = make(fixture, "stays");
    assert_int_equal(append_count(gone, 5), 0);
    assert_int_equal(append_count(stays, 5), 0);
    fixture_flush(fixture);
    struct store_checkpoint *checkpoint = NULL;
    assert_int_equal(store_checkpoint_begin(fixture->store, &checkpoint), 0);
    assert_non_null(checkpoint);
    assert_int_equal(fixture_delete(fixture, gone), 0);
    struct series *again = make(fixture, "gone");
    assert_int_equal(append_count(again, 9), 0);
    assert_int_equal(store_checkpoint_run(checkpoint, &fixture->error), 0);
    store_checkpoint_end(fixture->store, checkpoint, true);
    fixture_flush(fixture);
    assert_int_equal(fixture_word(fixture, "stays", HEAD_DURABLE), 5);
    assert_int_equal(fixture_word(fixture, "gone", HEAD_DURABLE), 9);
    fixture_reopen(fixture);
    assert_int_equal(series_count(fixture_find(fixture, "gone")), 9);
}

/* Of a series that was unmapped since: in its head all the same. */
static void test_unmapped_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct series *series = make(fixture, "a");
    assert_int_equal(append_count(series, 5), 0);
    struct store_flush *flush = begin(fixture);
    series_unmap(series);
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    store_flush_end(fixture->store, flush, true);
    assert_null(series->words);
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 5);
    assert_int_equal(append_count(series, 5), 0);
    assert_int_equal(fixture_word(fixture, "a", HEAD_DURABLE), 5);
}

struct runner {
    struct store_flush *flush;
    int result;
};

static void *run(void *context)
{
    struct runner *runner = context;
    runner->result = store_flush_run(runner->flush, NULL);
    return NULL;
}

/* The store appends, creates, maps and unmaps while the other thread syncs; many series, so that
 * the whole file system is synced, and few, one by one. */
static void test_beside_another_thread(void **state)
{
    struct fixture *fixture = *state;
    struct series *series[60];
    fixture->store->mapped_max = 16;
    for (int i = 0; i < 60; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d/x", i);
        series[i] = make(fixture, name);
    }
    fixture_flush(fixture);
    for (int round = 0; round < 12; round++) {
        int dirty = round % 2 == 0 ? 60 : 5;
        for (int i = 0; i < dirty; i++)
            assert_int_equal(append_count(series[i], 1), 0);
        struct runner runner = {.flush = begin(fixture), .result = -1};
        uint64_t count = series_count(series[0]);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run, &runner), 0);
        for (int i = 0; i < 60; i++)
            assert_int_equal(append_count(series[i], 2), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(runner.result, 0);
        store_flush_end(fixture->store, runner.flush, true);
        assert_int_equal(fixture_word(fixture, "t0/x", HEAD_DURABLE), count);
        fixture_flush(fixture);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_dirty_at_first), TEST(test_durable_follows_the_snapshot),
        TEST(test_failed_flush_stays_dirty),  TEST(test_bytes_of_a_regular_series),
        TEST(test_deleted_meanwhile),         TEST(test_unmapped_meanwhile),
        TEST(test_beside_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
