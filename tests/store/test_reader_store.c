/* What a reader finds in a store: names, meta.ini and the lock. */
#include "raw_series.h"
#include "reader.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
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

static struct reader *open_sound(const char *store, const char *name)
{
    struct reader *reader = NULL;
    struct error_text error = {""};
    if (reader_open(store, name, &reader, &error) != 0)
        fail_msg("%s", error.text);
    return reader;
}

static void meta_is_shown(void **state)
{
    struct raw_series files = {.store = *state,
                               .name = "m",
                               .capacity = 50,
                               .count = 5,
                               .type = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT}};
    raw_series_write(&files);
    struct reader *reader = open_sound(*state, "m");
    assert_string_equal(reader_meta(reader, "unit"), "");
    reader_close(reader);

    FILE *file = fopen(raw_series_path(&files, SERIES_META_FILE), "w");
    assert_non_null(file);
    fputs("# by hand\n[meta]\n unit =  \xc2\xb0"
          "C \r\nunit = K\n;elements = no\n"
          "description = a = b; bell \a, escape \033[31m\nother = 1\nnonsense\nelements = x y z",
          file);
    fclose(file);
    reader = open_sound(*state, "m");
    assert_string_equal(reader_meta(reader, "unit"), "\xc2\xb0"
                                                     "C");
    assert_string_equal(reader_meta(reader, "description"), "a = b; bell ?, escape ?[31m");
    assert_string_equal(reader_meta(reader, "elements"), "x y z");
    assert_string_equal(reader_meta(reader, "other"), "");
    reader_close(reader);
}

static void check_list(const char *store, const char *glob, const char *wanted)
{
    char **names = NULL;
    size_t count = 0;
    char all[1024] = "";
    assert_int_equal(reader_list(store, glob, &names, &count, NULL), 0);
    for (size_t i = 0; i < count; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s ", names[i]);
    assert_string_equal(all, wanted);
    reader_names_free(names, count);
}

static void names_are_listed(void **state)
{
    char **names = NULL;
    size_t count = 0;
    struct error_text error;
    assert_int_equal(reader_list(*state, NULL, &names, &count, &error), -ENOENT);
    assert_int_equal(reader_list("/nowhere", NULL, &names, &count, &error), -ENOENT);

    static const char *const series[] = {"b",   "a/z",     "a",      "a/x/temp",
                                         "a-b", "c/d/e/f", "c/.new", "c/x.npy"};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        struct raw_series files = {.store = *state,
                                   .name = series[i],
                                   .capacity = 5,
                                   .type = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT}};
        raw_series_write(&files);
    }
    check_list(*state, NULL, "a a-b a/x/temp a/z b c/d/e/f ");
    check_list(*state, "**", "a a-b a/x/temp a/z b c/d/e/f ");
    check_list(*state, "*", "a a-b b ");
    check_list(*state, "a", "a ");
    check_list(*state, "a/x/temp", "a/x/temp ");
    check_list(*state, "a/x", "");
    check_list(*state, "a/*", "a/z ");
    check_list(*state, "a/**", "a/x/temp a/z ");
    check_list(*state, "c/d/*/f", "c/d/e/f ");
    check_list(*state, "c/d/e/f*", "c/d/e/f ");
    check_list(*state, "none/*", "");
    check_list(*state, "../*", "");
    check_list(*state, "c/.new", "");
    check_list(*state, "**/temp", "a/x/temp ");
}

static void the_lock_is_seen(void **state)
{
    long pid = 7;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, STORE_LOCK_FILE);
    assert_int_equal(reader_store_is_locked("/nowhere", &pid), -ENOENT);
    assert_int_equal(reader_store_is_locked(*state, &pid), 0);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(reader_store_is_locked(*state, &pid), 0);
    assert_int_equal(pid, 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_int_equal(reader_store_is_locked(*state, &pid), 1);
    assert_int_equal(pid, 0);
    assert_int_equal(write(fd, "1234\n", 5), 5);
    assert_int_equal(reader_store_is_locked(*state, &pid), 1);
    assert_int_equal(pid, 1234);
    close(fd);
    assert_int_equal(reader_store_is_locked(*state, &pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(meta_is_shown, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(names_are_listed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_lock_is_seen, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
