/* Standard error is a pipe for the length of one message, so that what was written can be read. */
#include "cmocka_tests.h"
#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int saved_stderr = -1;
static int pipe_ends[2];

static void capture_begin(void)
{
    assert_int_equal(pipe(pipe_ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(saved_stderr >= 0);
    assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
    close(pipe_ends[1]);
}

static size_t capture_end(char *text, size_t capacity)
{
    size_t length = 0;
    ssize_t got;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    while (length < capacity - 1 &&
           (got = read(pipe_ends[0], text + length, capacity - 1 - length)) > 0)
        length += (size_t)got;
    close(pipe_ends[0]);
    text[length] = '\0';
    return length;
}

static void test_line_on_a_terminal(void **state)
{
    (void)state;
    char text[256];
    unsetenv("JOURNAL_STREAM");
    log_open("ingestd");
    capture_begin();
    log_warning("disk %s is %d %% full", "sda", 93);
    capture_end(text, sizeof text);
    assert_string_equal(text, "ingestd: warning: disk sda is 93 % full\n");
}

static void test_line_in_the_journal(void **state)
{
    (void)state;
    char text[256];
    setenv("JOURNAL_STREAM", "8:1234", 1);
    log_open("ingestd");
    capture_begin();
    log_error("one");
    log_notice("two");
    capture_end(text, sizeof text);
    unsetenv("JOURNAL_STREAM");
    log_open("ingestd");
    assert_string_equal(text, "<3>one\n<5>two\n");
}

static void test_levels(void **state)
{
    (void)state;
    char text[256];
    enum log_level level;
    capture_begin();
    log_debug("unseen at first");
    assert_true(log_level_from_name("error", &level));
    log_set_level(level);
    log_warning("unseen");
    assert_true(log_level_from_name("debug", &level));
    log_set_level(level);
    log_debug("seen");
    log_set_level(LOG_LEVEL_INFO);
    capture_end(text, sizeof text);
    assert_string_equal(text, "ingestd: debug: seen\n");
    assert_false(log_level_from_name("Error", &level));
    assert_false(log_level_from_name("", &level));
    assert_false(log_level_from_name("errors", &level));
}

/* A peer's name with a line break must not become a line of its own. */
static void test_control_characters_forge_nothing(void **state)
{
    (void)state;
    char text[256];
    capture_begin();
    log_info("peer \"%s\" said hello", "x\n<0>kernel panic\r\033[2J\x7f\t");
    size_t length = capture_end(text, sizeof text);
    assert_string_equal(text, "ingestd: info: peer \"x?<0>kernel panic??[2J??\" said hello\n");
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
}

static void test_long_line_is_cut(void **state)
{
    (void)state;
    char text[8192];
    char name[4000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    capture_begin();
    log_info("%s", name);
    size_t length = capture_end(text, sizeof text);
    assert_in_range(length, 2000, 2048);
    assert_int_equal(text[length - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
}

static void *log_many(void *argument)
{
    for (int i = 0; i < 100; i++)
        log_info("%s", (const char *)argument);
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    static char text[65536];
    pthread_t threads[2];
    static char words[2][64];
    memset(words[0], 'a', 63);
    memset(words[1], 'b', 63);
    capture_begin();
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, words[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    capture_end(text, sizeof text);
    int lines = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++)
        assert_true(strcmp(line + strlen("ingestd: info: "), words[0]) == 0 ||
                    strcmp(line + strlen("ingestd: info: "), words[1]) == 0);
    assert_int_equal(lines, 200);
}

static void test_limit(void **state)
{
    (void)state;
    struct log_limit limit = {.interval_ns = 1000, .burst = 3};
    uint64_t suppressed = 77;
    int64_t now = 5000000;
    for (int i = 0; i < 3; i++)
        assert_true(log_limit_allow(&limit, now, &suppressed) && suppressed == 0);
    for (int i = 0; i < 5; i++)
        assert_false(log_limit_allow(&limit, now + 999, &suppressed));
    /* One interval gives one message, and it tells what was held back. */
    assert_true(log_limit_allow(&limit, now + 1000, &suppressed));
    assert_int_equal(suppressed, 5);
    assert_false(log_limit_allow(&limit, now + 1999, &suppressed));
    assert_true(log_limit_allow(&limit, now + 2000, &suppressed));
    assert_int_equal(suppressed, 1);
    /* A long silence fills the budget to its burst and no further. */
    for (int i = 0; i < 3; i++)
        assert_true(log_limit_allow(&limit, now + 1000000, &suppressed));
    assert_false(log_limit_allow(&limit, now + 1000000, &suppressed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_on_a_terminal),
        cmocka_unit_test(test_line_in_the_journal),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_control_characters_forge_nothing),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
