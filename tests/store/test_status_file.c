#include "status_file.h"
#include "store_format.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
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

static int open_status(const char *folder, int flags)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, STORE_STATUS_FILE);
    int fd = open(path, flags, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void counters_are_seen_by_a_reader(void **state)
{
    struct status_file *status = NULL;
    int64_t words[STATUS_WORDS];
    assert_int_equal(status_file_read(*state, words, NULL), -ENOENT);
    assert_int_equal(status_file_create(*state, &status, NULL), 0);
    status_set(status, STATUS_PID, 77);
    status_add(status, STATUS_SAMPLES, 5);
    status_add(status, STATUS_SAMPLES, 6);
    status_set(status, STATUS_NEWEST_NS, INT64_MIN);
    assert_int_equal(status_get(status, STATUS_SAMPLES), 11);
    assert_int_equal(status_file_read(*state, words, NULL), 0);
    assert_int_equal(words[STATUS_PID], 77);
    assert_int_equal(words[STATUS_SAMPLES], 11);
    assert_int_equal(words[STATUS_VERSION], 1);
    assert_true(words[STATUS_NEWEST_NS] == INT64_MIN);
    assert_int_equal(words[STATUS_REFUSED + 6], 0);
    status_file_close(status);
    status_file_close(NULL);
}

static void a_new_start_keeps_the_file_and_begins_at_zero(void **state)
{
    struct status_file *status = NULL;
    assert_int_equal(status_file_create(*state, &status, NULL), 0);
    status_set(status, STATUS_FRAMES, 9);
    status_file_close(status);
    struct stat before;
    struct stat after;
    int fd = open_status(*state, O_RDONLY);
    assert_int_equal(fstat(fd, &before), 0);
    close(fd);

    assert_int_equal(status_file_create(*state, &status, NULL), 0);
    assert_int_equal(status_get(status, STATUS_FRAMES), 0);
    status_file_close(status);
    fd = open_status(*state, O_RDONLY);
    assert_int_equal(fstat(fd, &after), 0);
    close(fd);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(after.st_size, NPY_HEADER_BYTES + STATUS_WORDS * 8);
}

static void a_damaged_file_is_refused_and_replaced(void **state)
{
    struct status_file *status = NULL;
    struct error_text error;
    int64_t words[STATUS_WORDS];
    static const off_t damages[] = {0, 20, NPY_HEADER_BYTES, NPY_HEADER_BYTES + 8};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        assert_int_equal(status_file_create(*state, &status, NULL), 0);
        status_file_close(status);
        int fd = open_status(*state, O_WRONLY);
        assert_int_equal(pwrite(fd, "XX", 2, damages[i]), 2);
        close(fd);
        error.text[0] = '\0';
        assert_int_equal(status_file_read(*state, words, &error), -EBADMSG);
        assert_non_null(strstr(error.text, STORE_STATUS_FILE));
        assert_int_equal(status_file_create(*state, &status, NULL), 0);
        status_file_close(status);
        assert_int_equal(status_file_read(*state, words, NULL), 0);
    }
    int fd = open_status(*state, O_WRONLY | O_TRUNC);
    close(fd);
    assert_int_equal(status_file_read(*state, words, NULL), -EBADMSG);
    assert_int_equal(status_file_create(*state, &status, NULL), 0);
    status_file_close(status);
    assert_int_equal(status_file_read(*state, words, NULL), 0);
}

static void a_missing_store_is_told(void **state)
{
    struct status_file *status = NULL;
    struct error_text error = {""};
    char path[4096];
    snprintf(path, sizeof path, "%s/none", (const char *)*state);
    assert_int_equal(status_file_create(path, &status, &error), -ENOENT);
    assert_null(status);
    assert_non_null(strstr(error.text, "none"));
}

static void words_have_names(void **state)
{
    (void)state;
    assert_string_equal(status_word_name(STATUS_PID), "pid");
    assert_string_equal(status_word_name(STATUS_FLUSH_DURATION_MAX_NS), "flush_duration_max_ns");
    assert_string_equal(status_word_name(STATUS_REFUSED + 13), "refused_no_room");
    assert_null(status_word_name(STATUS_WORDS));
    assert_null(status_word_name(STATUS_WRITTEN_BYTES + 1));
    for (unsigned word = 0; word <= STATUS_WRITTEN_BYTES; word++)
        assert_non_null(status_word_name(word));
    for (unsigned a = 0; a < STATUS_WORDS; a++)
        for (unsigned b = 0; b < a; b++)
            if (status_word_name(a) != NULL && status_word_name(b) != NULL)
                assert_string_not_equal(status_word_name(a), status_word_name(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_are_seen_by_a_reader, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_new_start_keeps_the_file_and_begins_at_zero, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused_and_replaced, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_missing_store_is_told, make_folder, remove_folder),
        cmocka_unit_test(words_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
