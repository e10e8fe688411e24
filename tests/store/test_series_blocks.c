/* Large blocks: on a first lap, and where a sync write-protected the pages, they are written by
 * system calls, else and among small ones through the mapping. Whichever it is, the rows are there,
 * and a file that is cut or a disk that is full is an error. */
#include "store_fixture.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define LARGE_ROWS 2500 /* 20 kB of f8 */

/* What pwritev() of the store does next: 0 = its work, > 0 = at most so many bytes, < 0 = fails. */
static long write_fault;
static unsigned writes;

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    writes++;
    if (write_fault < 0) {
        errno = (int)-write_fault;
        return -1;
    }
    if (write_fault > 0)
        return pwrite(fd, parts[0].iov_base,
                      parts[0].iov_len < (size_t)write_fault ? parts[0].iov_len
                                                             : (size_t)write_fault,
                      offset);
    return syscall(SYS_pwritev, fd, parts, count, (long)offset, 0L);
}

/* The same of pwrite(), over old rows. */
static long over_fault;
static unsigned overs;

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    overs++;
    if (over_fault < 0) {
        errno = (int)-over_fault;
        return -1;
    }
    if (over_fault > 0 && length > (size_t)over_fault)
        length = (size_t)over_fault;
    return syscall(SYS_pwrite64, fd, bytes, length, (long)offset);
}

static unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* All rows that must be there: value = index, stamp = T0 + index seconds. */
static void check_rows(struct fixture *fixture, const char *name, struct series *series)
{
    uint64_t count = series_count(series);
    uint64_t capacity = series_capacity(series) > 0 ? series_capacity(series) : count;
    uint64_t first = count > capacity ? count - capacity : 0;
    uint64_t rows = count < capacity ? count : capacity;
    bool has_times = series_type(series)->clock == SERIES_EXPLICIT;
    double *values = malloc(rows * sizeof *values);
    int64_t *times = malloc(rows * sizeof *times);
    if (values == NULL || times == NULL)
        abort();
    fixture_read(fixture, name, SERIES_VALUES_FILE, NPY_HEADER_BYTES, values, rows * 8);
    if (has_times)
        fixture_read(fixture, name, SERIES_TIMES_FILE, NPY_HEADER_BYTES, times, rows * 8);
    for (uint64_t i = first; i < count; i++) {
        assert_true(values[i % capacity] == (double)i);
        if (has_times)
            assert_int_equal(times[i % capacity], T0_NS + (int64_t)i * 1000000000);
    }
    free(values);
    free(times);
    assert_int_equal(fixture_word(fixture, name, HEAD_COUNT), count);
    assert_true((uint64_t)fixture_word(fixture, name, HEAD_FRONTIER) >= count);
}

/* Blocks of all sizes in any order, over several laps, with flushes and restarts in between. */
static void mix(struct fixture *fixture, const char *name, const struct series_rule *rule,
                enum series_clock clock, unsigned seed)
{
    static const uint64_t sizes[] = {1, 2, 40, 500, 1024, 1100, LARGE_ROWS, 9000};
    struct series *series = fixture_create(fixture, name, clock, rule);
    writes = 0;
    for (unsigned step = 0; step < 120; step++) {
        seed = seed * 1103515245 + 12345;
        uint64_t size = sizes[(seed >> 16) % (sizeof sizes / sizeof sizes[0])];
        if (step < 12) /* one after the other, as a fast sender's */
            size = LARGE_ROWS;
        assert_int_equal(append_count(series, size), 0);
        if (step % 10 == 9)
            check_rows(fixture, name, series);
        if (step % 25 == 20)
            fixture_flush(fixture);
        if (step % 50 == 49) {
            fixture_reopen(fixture);
            series = fixture_find(fixture, name);
            assert_null(series_broken(series));
            series_set_rule(series, rule, NULL);
        }
    }
    check_rows(fixture, name, series);
    assert_in_range(writes, 12, 240);
}

static void test_blocks_of_all_sizes(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule ring = ring_of(100000);
    struct series_rule grow = growing();
    mix(fixture, "ring/explicit", &ring, SERIES_EXPLICIT, 1);
    mix(fixture, "ring/regular", &ring, SERIES_REGULAR, 2);
    mix(fixture, "grow/explicit", &grow, SERIES_EXPLICIT, 3);
    mix(fixture, "grow/regular", &grow, SERIES_REGULAR, 4);
}

/* A file that somebody cut, removed or replaced is not written to, whether it stayed open or not.
 */
static void spoil(struct fixture *fixture, unsigned blocks_before, int how)
{
    char name[32];
    struct series_rule rule = ring_of(100000);
    snprintf(name, sizeof name, "s%u-%d", blocks_before, how);
    struct series *series = fixture_create(fixture, name, SERIES_REGULAR, &rule);
    for (unsigned i = 0; i < blocks_before; i++)
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
    if (blocks_before == 0)
        assert_int_equal(append_count(series, 1), 0);
    uint64_t count = series_count(series);
    char *path = fixture_file(fixture, name, SERIES_VALUES_FILE);
    char *other = fixture_file(fixture, name, "other");
    off_t length = NPY_HEADER_BYTES + 80;
    if (how == 0) {
        assert_int_equal(truncate(path, length), 0);
    } else if (how == 1) {
        assert_int_equal(rename(path, other), 0);
    } else {
        fs_close(fs_create_at(FS_HERE, other));
        assert_int_equal(truncate(other, length), 0);
        assert_int_equal(rename(other, path), 0);
    }
    assert_int_equal(append_count(series, LARGE_ROWS), -EBADF);
    assert_non_null(series_broken(series));
    assert_int_equal(series_count(series), count);
    struct stat status;
    if (how != 1) {
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_size, length);
    }
    free(path);
    free(other);
}

static void test_spoilt_files(void **state)
{
    for (int how = 0; how < 3; how++) {
        spoil(*state, 0, how);
        /* A file that is open and was only renamed cannot be told from one that was not. */
        if (how != 1)
            spoil(*state, 3, how);
        if (how != 1)
            spoil(*state, 10, how);
    }
}

/* What does not fit on the disk is not there, and comes again when there is space. */
static void test_full_disk(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(30000);
    struct series *series = fixture_create(fixture, "full", SERIES_EXPLICIT, &rule);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t count = series_count(series);
        write_fault = -ENOSPC;
        assert_int_equal(append_count(series, LARGE_ROWS), -ENOSPC);
        assert_int_equal(series_count(series), count);
        assert_null(series_broken(series));
        write_fault = i % 2 == 0 ? 5000 : 0; /* a short write is finished */
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
        assert_int_equal(append_count(series, 1), 0);
        write_fault = 0;
        check_rows(fixture, "full", series);
    }
    /* A failure does not count as pages that are there: the second lap makes its own. */
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
    check_rows(fixture, "full", series);
}

/* A lap after a sync is written over the oldest rows, the next one goes through the mapping. */
static void test_later_laps(void **state)
{
    struct fixture *fixture = *state;
    enum { BLOCKS = 12, ROWS = BLOCKS * LARGE_ROWS };
    struct series_rule rule = ring_of(ROWS - 100);
    struct series *series = fixture_create(fixture, "laps", SERIES_EXPLICIT, &rule);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
    fixture_flush(fixture);
    overs = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        over_fault = i % 3 == 1 ? 7000 : 0; /* a short write is finished */
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
        over_fault = 0;
        check_rows(fixture, "laps", series);
    }
    /* Two columns; across the seam two pieces of each; short ones are three. */
    assert_in_range(overs, 2 * BLOCKS + 2, 6 * BLOCKS);
    overs = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
    check_rows(fixture, "laps", series);
    assert_int_equal(overs, 0);

    /* What fails has overwritten something, and readers know. */
    fixture_flush(fixture);
    uint64_t count = series_count(series);
    over_fault = -EIO;
    assert_int_not_equal(append_count(series, LARGE_ROWS), 0);
    over_fault = 0;
    assert_int_equal(series_count(series), count);
    assert_int_equal(fixture_word(fixture, "laps", HEAD_FRONTIER), count + LARGE_ROWS);
}

/* Files stay open between large blocks, until a small one comes; few of them. */
static void test_open_files(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(10000);
    unsigned before = count_descriptors();
    struct series *series = fixture_create(fixture, "a", SERIES_EXPLICIT, &rule);
    assert_int_equal(append_count(series, 1), 0);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(append_count(series, LARGE_ROWS), 0);
    assert_int_equal(count_descriptors(), before + 2);
    assert_int_equal(append_count(series, LARGE_ROWS), 0);
    assert_int_equal(count_descriptors(), before + 2);
    assert_int_equal(append_count(series, 8000), 0); /* over the oldest rows */
    assert_int_equal(count_descriptors(), before + 2);
    assert_int_equal(append_count(series, 1), 0);
    assert_int_equal(count_descriptors(), before);

    struct rlimit limit;
    struct rlimit low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    char name[32];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "many%u", i);
        series = fixture_create(fixture, name, SERIES_REGULAR, &rule);
        assert_int_equal(append_count(series, LARGE_ROWS), 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(count_descriptors(), before + 16);
    fixture->store->mapped_max = 10;
    series = fixture_create(fixture, "b", SERIES_EXPLICIT, &rule);
    assert_int_equal(append_count(series, 1), 0);
    assert_in_range(count_descriptors(), before, before + 10);
    fixture_reopen(fixture);
    assert_int_equal(count_descriptors(), before);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_blocks_of_all_sizes), TEST(test_spoilt_files), TEST(test_full_disk),
        TEST(test_later_laps),          TEST(test_open_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
