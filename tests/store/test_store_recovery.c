/* Recovery after a power cut: STATE is given another boot's id, so that the journal alone is
 * believed; the columns are spoilt first, as a power cut may have left them. */
#include "store_fixture.h"

#include "journal_format.h"
#include "reader.h"

static struct series_rule ring_rule;
static struct series_rule grow_rule;

/* What reached no disk is as good as anything. */
static void spoil_rows(const struct fixture *fixture, const char *name, const char *file,
                       uint64_t from, uint64_t row_bytes, uint64_t rows)
{
    char *path = fixture_file(fixture, name, file);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    char bytes[64];
    memset(bytes, 0xEE, sizeof bytes);
    for (uint64_t row = from; row < from + rows; row++)
        assert_int_equal(pwrite(fd, bytes, row_bytes, (off_t)(4096 + row * row_bytes)),
                         (ssize_t)row_bytes);
    close(fd);
    free(path);
}

/* The first `rows` values, to be compared with what is there after the cut. */
static void read_values(const struct fixture *fixture, const char *name, uint64_t rows,
                        double *ret_values)
{
    char *path = fixture_file(fixture, name, "values.npy");
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, ret_values, rows * 8, 4096), (ssize_t)(rows * 8));
    close(fd);
    free(path);
}

static void test_inline_rows_come_back(void **state)
{
    struct fixture *fixture = *state;
    double before[20];
    double after[20];
    ring_rule = ring_of(100);
    struct series *ring = fixture_create(fixture, "ring", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(ring, 12), 0);
    fixture_flush(fixture);
    assert_int_equal(append_count(ring, 8), 0);
    fixture_flush(fixture);
    assert_int_equal(append_count(ring, 5), 0); /* never flushed */
    read_values(fixture, "ring", 20, before);
    fixture_cut_power(fixture);
    spoil_rows(fixture, "ring", "values.npy", 0, 8, 30);
    spoil_rows(fixture, "ring", "times.npy", 0, 8, 30);
    spoil_rows(fixture, "ring", "head.npy", 16, 8, 6);
    fixture_open(fixture);
    assert_int_equal(fixture_recovery(fixture).start, STORE_START_POWER);
    assert_int_equal(fixture_recovery(fixture).rows_written, 20);
    assert_int_equal(series_count(fixture_find(fixture, "ring")), 20);
    read_values(fixture, "ring", 20, after);
    assert_memory_equal(before, after, sizeof before);
    /* RESERVE: an eighth of the ring, at least one. */
    assert_int_equal(fixture_word(fixture, "ring", HEAD_FRONTIER), 20 + 12);
    assert_int_equal(fixture_word(fixture, "ring", HEAD_DURABLE), 20);
    assert_int_equal(append_count(fixture_find(fixture, "ring"), 3), 0);
    fixture_reopen(fixture);
    assert_int_equal(fixture_recovery(fixture).start, STORE_START_KILLED);
    assert_int_equal(series_count(fixture_find(fixture, "ring")), 23);
}

static void test_files_are_made_again(void **state)
{
    struct fixture *fixture = *state;
    double before[700];
    double after[700];
    ring_rule = ring_of(100);
    grow_rule = growing();
    struct series *grow = fixture_create(fixture, "deep/er/grow", SERIES_REGULAR, &grow_rule);
    struct series *ring = fixture_create(fixture, "ring", SERIES_REGULAR, &ring_rule);
    assert_int_equal(append_count(grow, 700), 0);
    assert_int_equal(append_count(ring, 60), 0);
    fixture_flush(fixture);
    int64_t last_ns = series_last_time_ns(grow);
    read_values(fixture, "deep/er/grow", 700, before);
    fixture_cut_power(fixture);
    char *command;
    if (asprintf(&command, "rm -r %s/series/deep", fixture->path) < 0)
        abort();
    // NOLINTNEXTLINE(cert-env33-c): a command of our own
    assert_int_equal(system(command), 0);
    free(command);
    char *path = fixture_file(fixture, "ring", "head.npy");
    assert_int_equal(truncate(path, 0), 0);
    free(path);
    fixture_open(fixture);
    assert_int_equal(fixture_recovery(fixture).series_made, 2);
    assert_int_equal(fixture_recovery(fixture).series_lost, 0);
    assert_int_equal(series_count(fixture_find(fixture, "deep/er/grow")), 700);
    assert_int_equal(series_last_time_ns(fixture_find(fixture, "deep/er/grow")), last_ns);
    assert_int_equal(series_count(fixture_find(fixture, "ring")), 60);
    read_values(fixture, "deep/er/grow", 700, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(append_count(fixture_find(fixture, "deep/er/grow"), 5000), 0);
}

/* A series that was made after the last flush has nothing durable in it. */
static void test_what_no_flush_saw_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    ring_rule = ring_of(100);
    struct series *old = fixture_create(fixture, "old", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(old, 5), 0);
    fixture_flush(fixture);
    struct series *young = fixture_create(fixture, "young", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(young, 7), 0);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    assert_null(fixture_find(fixture, "young"));
    assert_false(fixture_has_file(fixture, "young", "head.npy"));
    assert_int_equal(fixture_recovery(fixture).series_forgotten, 1);
    assert_int_equal(fixture_recovery(fixture).rows_lost_min, 7);
    assert_int_equal(series_count(fixture_find(fixture, "old")), 5);
}

/* Over several journal files, with rows in all of them. */
static void test_checkpoints(void **state)
{
    struct fixture *fixture = *state;
    static double before[3000];
    static double after[3000];
    grow_rule = growing();
    struct series *grow = fixture_create(fixture, "grow", SERIES_EXPLICIT, &grow_rule);
    for (unsigned round = 0; round < 300; round++) {
        assert_int_equal(append_count(grow, 10), 0);
        fixture_flush(fixture);
        struct store_checkpoint *checkpoint = NULL;
        if (!store_checkpoint_is_due(fixture->store))
            continue;
        assert_int_equal(store_checkpoint_begin(fixture->store, &checkpoint), 0);
        assert_int_equal(store_checkpoint_run(checkpoint, &fixture->error), 0);
        store_checkpoint_end(fixture->store, checkpoint, true);
    }
    struct store_journal_usage usage;
    store_journal_usage(fixture->store, &usage);
    assert_in_range(usage.number, 4, 30);
    read_values(fixture, "grow", 3000, before);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    assert_int_equal(series_count(fixture_find(fixture, "grow")), 3000);
    read_values(fixture, "grow", 3000, after);
    assert_memory_equal(before, after, sizeof before);
}

static int no_session(uint64_t session, uint64_t stored, void *context)
{
    (void)session;
    (void)stored;
    *(unsigned *)context += 1;
    return 0;
}

/* Of a session the journal keeps how far it was stored; what a batch left in part is known again.
 */
static void test_sessions(void **state)
{
    struct fixture *fixture = *state;
    struct series_append_result appended;
    ring_rule = ring_of(100);
    struct series *a = fixture_create(fixture, "a", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_stamped(a, T0_NS + 1, 1, 7, 1, &appended), 0);
    /* Batch 2 went into this series, and into no other; it will come again. */
    assert_int_equal(append_stamped(a, T0_NS + 2, 2, 7, 2, &appended), 0);
    assert_int_equal(store_note_partial(fixture->store, 7, 2), 0);
    struct store_flush *flush = NULL;
    assert_int_equal(store_flush_begin(fixture->store, &(struct store_session){7, 1}, 1, &flush),
                     0);
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    store_flush_end(fixture->store, flush, true);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    unsigned count = 0;
    store_for_each_session(fixture->store, no_session, &count);
    assert_int_equal(count, 1);
    a = fixture_find(fixture, "a");
    assert_int_equal(append_stamped(a, T0_NS + 2, 2, 7, 2, &appended), 0);
    assert_true(appended.duplicate);
    assert_int_equal(append_stamped(a, T0_NS + 3, 3, 7, 3, &appended), 0);
    assert_int_equal(appended.appended, 1);
}

/* The reserve is raised before it is used, and each ring is told of. */
static void test_reserve_is_raised(void **state)
{
    struct fixture *fixture = *state;
    struct store_raised raised;
    ring_rule = ring_of(80);
    struct series *ring = fixture_create(fixture, "ring", SERIES_EXPLICIT, &ring_rule);
    assert_true(series_takes(ring, 80, 0, 0));
    assert_int_equal(append_count(ring, 80), 0); /* the first lap overwrites nothing */
    fixture_flush(fixture);
    assert_true(series_takes(ring, 10, 0, 0));
    assert_false(series_takes(ring, 11, 0, 0));
    assert_true(store_take_raised(fixture->store, &raised));
    assert_int_equal(raised.share_of_8, 2);
    assert_false(store_take_raised(fixture->store, &raised));
    fixture_flush(fixture);
    assert_true(series_takes(ring, 20, 0, 0));
    assert_int_equal(append_count(ring, 20), 0);
    assert_false(series_takes(ring, 80, 0, 0));
    fixture_flush(fixture);
    assert_true(series_takes(ring, 80, 0, 0));
    assert_int_equal(append_count(ring, 80), 0);
    assert_true(series_takes(ring, 80, 0, 0));
    fixture_flush(fixture);
    assert_int_equal(append_count(ring, 30), 0);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    /* All was given up: nothing false can be shown. */
    assert_int_equal(series_count(fixture_find(fixture, "ring")), 180);
    assert_int_equal(fixture_word(fixture, "ring", HEAD_FRONTIER), 260);
}

/* A ring that needs a flush raises those that lap as it does, and no others. */
static void test_reserve_of_many_is_raised_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct store_raised raised;
    ring_rule = ring_of(80);
    struct series *first = fixture_create(fixture, "first", SERIES_EXPLICIT, &ring_rule);
    struct series *alike = fixture_create(fixture, "alike", SERIES_EXPLICIT, &ring_rule);
    struct series *burst = fixture_create(fixture, "burst", SERIES_EXPLICIT, &ring_rule);
    struct series *slow = fixture_create(fixture, "slow", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(slow, 80), 0);
    fixture_flush(fixture);
    assert_int_equal(append_count(first, 80), 0);
    assert_int_equal(append_count(alike, 80), 0);
    assert_int_equal(append_count(burst, 40), 0);
    assert_int_equal(append_count(slow, 10), 0);
    assert_false(series_takes(first, 40, 0, 0));
    fixture_flush(fixture);
    assert_true(series_takes(first, 40, 0, 0));
    assert_true(series_takes(alike, 40, 0, 0));
    assert_true(store_take_raised(fixture->store, &raised));
    assert_true(store_take_raised(fixture->store, &raised));
    assert_false(store_take_raised(fixture->store, &raised));
    assert_int_equal(append_count(burst, 40), 0);
    fixture_flush(fixture);
    assert_false(series_takes(burst, 11, 0, 0));
    assert_false(series_takes(slow, 11, 0, 0));
}

/* Blocks of rings that lap alike do not end where their reserves do: they are raised together all
 * the same. */
static void test_reserve_of_many_is_raised_by_blocks(void **state)
{
    enum { RINGS = 20, BLOCK = 50, CAPACITY = 312 };
    struct fixture *fixture = *state;
    struct series *rings[RINGS];
    struct store_raised raised;
    unsigned flushes = 0;
    ring_rule = ring_of(CAPACITY);
    for (unsigned i = 0; i < RINGS; i++) {
        char name[16];
        snprintf(name, sizeof name, "ring%u", i);
        rings[i] = fixture_create(fixture, name, SERIES_EXPLICIT, &ring_rule);
    }
    for (unsigned round = 0; round < 40; round++) {
        /* Until they are full, in time. */
        if (round < CAPACITY / BLOCK)
            fixture_flush(fixture);
        for (unsigned i = 0; i < RINGS; i++) {
            for (; !series_takes(rings[i], BLOCK, 0, 0); flushes++)
                fixture_flush(fixture);
            assert_int_equal(append_count(rings[i], BLOCK), 0);
        }
    }
    /* An eighth has no room for a block, a quarter has for one, a half for three. */
    assert_in_range(flushes, 1, 10);
    for (unsigned i = 0; i < RINGS; i++)
        assert_int_equal(rings[i]->rows_reserve, RESERVE_ALL);
    while (store_take_raised(fixture->store, &raised))
        ;
}

static void test_delete_survives(void **state)
{
    struct fixture *fixture = *state;
    ring_rule = ring_of(100);
    struct series *gone = fixture_create(fixture, "gone", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(gone, 5), 0);
    fixture_flush(fixture);
    assert_int_equal(append_count(gone, 5), 0); /* not flushed */
    assert_int_equal(fixture_delete(fixture, gone), 0);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    assert_null(fixture_find(fixture, "gone"));
}

/* A journal that lost a record in its middle is not read as if it ended there. */
static void test_damaged_journal_is_no_guess(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;
    struct store_journal_usage usage;
    ring_rule = ring_of(100);
    struct series *ring = fixture_create(fixture, "ring", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(ring, 5), 0);
    fixture_flush(fixture);
    store_journal_usage(fixture->store, &usage);
    assert_int_equal(append_count(ring, 5), 0);
    fixture_flush(fixture);
    fixture_cut_power(fixture);
    char *path;
    if (asprintf(&path, "%s/journal-%llu", fixture->path, (unsigned long long)usage.number) < 0)
        abort();
    int fd = open(path, O_RDWR);
    char byte;
    off_t offset = (off_t)(usage.used_bytes - JOURNAL_BLOCK_BYTES + 70);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
    free(path);
    assert_int_equal(store_open(fixture->path, &fixture_limits, &store, &fixture->error), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "--repair"));
}

/* A growth had lengthened one column and not the other. */
static void test_growth_that_was_cut(void **state)
{
    struct fixture *fixture = *state;
    char header[NPY_HEADER_BYTES];
    size_t offset;
    char byte;
    grow_rule = growing();
    struct series *grow = fixture_create(fixture, "grow", SERIES_EXPLICIT, &grow_rule);
    assert_int_equal(append_count(grow, 5), 0);
    fixture_flush(fixture);
    uint64_t rows = (uint64_t)fixture_word(fixture, "grow", HEAD_ROWS);
    uint64_t next = npy_grow_rows(rows + 1);
    fixture_cut_power(fixture);
    char *path = fixture_file(fixture, "grow", "values.npy");
    assert_int_equal(truncate(path, (off_t)(NPY_HEADER_BYTES + next * 8)), 0);
    free(path);
    fixture_read(fixture, "grow", "values.npy", 0, header, sizeof header);
    assert_int_equal(npy_grow_patch(header, rows, next, &offset, &byte), 0);
    fixture_write(fixture, "grow", "values.npy", offset, &byte, 1);
    fixture_open(fixture);
    assert_int_equal(fixture_word(fixture, "grow", HEAD_ROWS), rows);
    grow = fixture_find(fixture, "grow");
    assert_int_equal(append_count(grow, next), 0);
    assert_int_equal(series_count(grow), 5 + next);
    assert_true(fixture_shape(fixture, "grow", "times.npy").dims[0] >= 5 + next);
}

/* In the place of the newest durable row there is a later one, which no flush saw: its stamp is not
 * believed, or what comes again would be late. */
static void test_stamp_of_a_row_that_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct store_limits limits = fixture_limits;
    limits.direct_bytes = 1; /* no rows in the journal */
    assert_int_equal(store_set_limits(fixture->store, &limits, &fixture->error), 0);
    ring_rule = ring_of(16);
    struct series *ring = fixture_create(fixture, "ring", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(ring, 16), 0);
    fixture_flush(fixture);
    assert_false(series_takes(ring, 16, 0, 0));
    fixture_flush(fixture);
    assert_true(series_takes(ring, 16, 0, 0));
    assert_int_equal(append_count(ring, 16), 0);
    fixture_cut_power(fixture);
    fixture_open(fixture);
    ring = fixture_find(fixture, "ring");
    assert_int_equal(series_count(ring), 16);
    assert_int_equal(series_last_time_ns(ring), INT64_MIN);
    assert_int_equal(append_count(ring, 16), 0);
    assert_int_equal(series_count(ring), 32);
}

/* The journal knows a series that has the name of one that was deleted, and on disk there is still
 * that one. */
static void test_deleted_and_made_anew(void **state)
{
    struct fixture *fixture = *state;
    char *command;
    ring_rule = ring_of(100);
    struct series *series = fixture_create(fixture, "x", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(series, 50), 0);
    fixture_flush(fixture);
    if (asprintf(&command, "cp -r %s/series/x %s/old", fixture->path, fixture->folder) < 0)
        abort();
    // NOLINTNEXTLINE(cert-env33-c): a command of our own
    assert_int_equal(system(command), 0);
    free(command);
    assert_int_equal(fixture_delete(fixture, series), 0);
    series = fixture_create(fixture, "x", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(series, 7), 0);
    fixture_flush(fixture);
    uint64_t id = series_id(series);
    fixture_cut_power(fixture);
    if (asprintf(&command, "rm -r %s/series/x && cp -r %s/old %s/series/x", fixture->path,
                 fixture->folder, fixture->path) < 0)
        abort();
    // NOLINTNEXTLINE(cert-env33-c): a command of our own
    assert_int_equal(system(command), 0);
    free(command);
    fixture_open(fixture);
    assert_int_equal(fixture_recovery(fixture).series_lost, 0);
    series = fixture_find(fixture, "x");
    assert_null(series_broken(series));
    assert_int_equal(series_id(series), id);
    assert_int_equal(series_count(series), 7);
}

/* Of a series that no flush saw, some files reached the disk. */
static void test_half_made_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    char zeros[NPY_HEADER_BYTES] = {0};
    ring_rule = ring_of(100);
    struct series *young = fixture_create(fixture, "young/values", SERIES_EXPLICIT, &ring_rule);
    assert_int_equal(append_count(young, 7), 0);
    young = fixture_create(fixture, "young/head", SERIES_REGULAR, &ring_rule);
    assert_int_equal(append_count(young, 7), 0);
    fixture_cut_power(fixture);
    fixture_write(fixture, "young/values", "values.npy", 0, zeros, sizeof zeros);
    fixture_write(fixture, "young/head", "head.npy", 0, zeros, sizeof zeros);
    fixture_open(fixture);
    assert_null(fixture_find(fixture, "young/values"));
    assert_null(fixture_find(fixture, "young/head"));
    assert_false(fixture_has_file(fixture, "young/head", "head.npy"));
}

/* A container may tell a reader another boot id than the daemon: a writer at work is known by its
 * lock, and what a dead one left is not believed. */
static void test_a_writer_at_work_is_no_power_cut(void **state)
{
    struct fixture *fixture = *state;
    struct error_text error;
    fixture_state_of_another_boot(fixture);
    assert_int_equal(reader_store_ready(fixture->path, &error), 0);
    fixture_cut_power(fixture);
    assert_int_equal(reader_store_ready(fixture->path, &error), -EAGAIN);
    assert_non_null(strstr(error.text, "power was lost"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_inline_rows_come_back),
        TEST(test_files_are_made_again),
        TEST(test_what_no_flush_saw_is_forgotten),
        TEST(test_checkpoints),
        TEST(test_sessions),
        TEST(test_reserve_is_raised),
        TEST(test_reserve_of_many_is_raised_at_once),
        TEST(test_reserve_of_many_is_raised_by_blocks),
        TEST(test_delete_survives),
        TEST(test_damaged_journal_is_no_guess),
        TEST(test_growth_that_was_cut),
        TEST(test_stamp_of_a_row_that_is_lost),
        TEST(test_deleted_and_made_anew),
        TEST(test_half_made_is_forgotten),
        TEST(test_a_writer_at_work_is_no_power_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
