#include "file_system.h"
#include "raw_series.h"
#include "reader.h"
#include "sigbus.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
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

/* In the test itself: cmocka has a handler of its own around each. */
static void install_handler(void)
{
    assert_int_equal(reader_install_sigbus_handler(), 0);
}

/* Pages whose file ends where they begin. */
static char *map_beyond_the_end(const char *folder, size_t pages)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/empty", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    void *address = mmap(NULL, pages * fs_page_bytes(), PROT_READ, MAP_SHARED, fd, 0);
    assert_true(address != MAP_FAILED);
    close(fd);
    return address;
}

static void a_lost_page_reads_as_zeros(void **state)
{
    size_t page = fs_page_bytes();
    char *mapping = map_beyond_the_end(*state, 3);
    const volatile char *bytes = mapping;
    int guard;
    int other;
    install_handler();
    assert_int_equal(sigbus_guard(mapping, 3 * page, &guard), 0);
    assert_int_equal(sigbus_guard(*state, 1, &other), 0);
    assert_int_not_equal(guard, other);
    assert_false(sigbus_fault(guard));
    assert_int_equal(bytes[2 * page + 77], 0);
    assert_true(sigbus_fault(guard));
    assert_int_equal(bytes[5], 0);
    assert_false(sigbus_fault(other));
    sigbus_release(guard);
    sigbus_release(other);
    sigbus_release(-1);
    assert_false(sigbus_fault(-1));
    assert_int_equal(sigbus_guard(*state, 1, &guard), 0);
    assert_false(sigbus_fault(guard)); /* a used slot begins anew */
    sigbus_release(guard);
    munmap(mapping, 3 * page);
}

static int signal_that_ends(void (*action)(const char *folder), const char *folder)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        action(folder);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void read_beyond_the_end(const char *folder)
{
    (void)*(const volatile char *)map_beyond_the_end(folder, 1);
}

static void send_to_itself(const char *folder)
{
    (void)folder;
    raise(SIGBUS);
}

static void other_faults_are_deadly(void **state)
{
    install_handler();
    assert_int_equal(signal_that_ends(read_beyond_the_end, *state), SIGBUS);
    assert_int_equal(signal_that_ends(send_to_itself, *state), SIGBUS);
}

/* More guards than one page of the table, taken and given back out of order. */
static void guards_are_found_again(void **state)
{
    (void)state;
    enum { GUARDS = 3000 };
    static char memory[GUARDS];
    static int guards[GUARDS];
    for (size_t i = 0; i < GUARDS; i++)
        assert_int_equal(sigbus_guard(&memory[i], 1, &guards[i]), 0);
    for (size_t i = 0; i < GUARDS; i += 2)
        sigbus_release(guards[i]);
    for (size_t i = 0; i < GUARDS; i += 2)
        assert_int_equal(sigbus_guard(&memory[i], 1, &guards[i]), 0);
    for (size_t i = 0; i < GUARDS; i++)
        for (size_t j = 0; j < 10 && j < i; j++)
            assert_int_not_equal(guards[i], guards[j]);
    for (size_t i = 0; i < GUARDS; i++) {
        assert_true(guards[i] < GUARDS);
        sigbus_release(guards[i]);
    }
}

static struct raw_series big_series(const char *store, enum series_clock clock)
{
    return (struct raw_series){.store = store,
                               .name = "s",
                               .capacity = 20000,
                               .count = 30000,
                               .run_rows = 10,
                               .type = {.dtype = DTYPE_F8, .clock = clock}};
}

/* Each file is cut under the mapping, before and after a snapshot. */
static void a_truncated_file_is_an_error(void **state)
{
    static double values[20000];
    static int64_t times_ns[20000];
    install_handler();
    for (unsigned variant = 0; variant < 6; variant++) {
        static const char *const names[2][3] = {
            {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_RUNS_FILE},
            {SERIES_HEAD_FILE, SERIES_VALUES_FILE, SERIES_TIMES_FILE},
        };
        bool is_explicit = variant % 2 != 0;
        const char *name = names[is_explicit][variant / 2];
        struct raw_series files =
            big_series(*state, is_explicit ? SERIES_EXPLICIT : SERIES_REGULAR);
        raw_series_write(&files);
        struct reader *reader = NULL;
        struct reader_snapshot snapshot;
        uint64_t first_valid = 1;
        assert_int_equal(reader_open(*state, "s", &reader, NULL), 0);
        assert_int_equal(reader_snapshot(reader, &snapshot), 0);
        assert_int_equal(truncate(raw_series_path(&files, name), 4096), 0);
        assert_int_equal(
            reader_copy(reader, snapshot.first, snapshot.count, values, times_ns, &first_valid),
            -EFAULT);
        assert_int_equal(first_valid, 1);
        assert_true(reader_fault(reader));
        assert_int_equal(reader_snapshot(reader, &snapshot), -ENODATA);
        reader_close(reader);

        raw_series_write(&files);
        assert_int_equal(reader_open(*state, "s", &reader, NULL), 0);
        assert_int_equal(truncate(raw_series_path(&files, name), 4096), 0);
        assert_int_equal(reader_snapshot(reader, &snapshot), -ENODATA);
        reader_close(reader);
    }
}

static void times_of_a_truncated_file_are_an_error(void **state)
{
    install_handler();
    for (unsigned variant = 0; variant < 2; variant++) {
        struct raw_series files = big_series(*state, variant ? SERIES_EXPLICIT : SERIES_REGULAR);
        raw_series_write(&files);
        struct reader *reader = NULL;
        struct reader_snapshot snapshot;
        int64_t time_ns = 3;
        uint64_t index = 3;
        struct reader_run run;
        assert_int_equal(reader_open(*state, "s", &reader, NULL), 0);
        assert_int_equal(reader_snapshot(reader, &snapshot), 0);
        const char *name = variant ? SERIES_TIMES_FILE : SERIES_RUNS_FILE;
        assert_int_equal(truncate(raw_series_path(&files, name), 4096), 0);
        assert_int_equal(reader_time_ns(reader, snapshot.count - 1, &time_ns), -EFAULT);
        assert_int_equal(reader_find_time(reader, 0, &index), -EFAULT);
        assert_int_equal(reader_run(reader, snapshot.runs_first, &run),
                         variant ? -ERANGE : -EFAULT);
        assert_int_equal(time_ns, 3);
        assert_int_equal(index, 3);
        reader_close(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_page_reads_as_zeros, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(other_faults_are_deadly, make_folder, remove_folder),
        cmocka_unit_test(guards_are_found_again),
        cmocka_unit_test_setup_teardown(a_truncated_file_is_an_error, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(times_of_a_truncated_file_are_an_error, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
