#include "cmocka_tests.h"

#include "clock_ns.h"
#include "progress.h"

#include <string.h>
#include <unistd.h>

static void tells_share_rate_and_time_left(void **state)
{
    (void)state;
    char text[128];
    progress_text("verifying", 25000000, 100000000, 2 * NS_PER_S, 80, text, sizeof text);
    assert_string_equal(text, "verifying   25 %  12.5 M rows/s  7 s left");
    progress_text("verifying", 5000, 0, NS_PER_S, 80, text, sizeof text);
    assert_string_equal(text, "verifying  5000 rows/s");
    progress_text("verifying", 25000000, 100000000, 2 * NS_PER_S, 16, text, sizeof text);
    assert_string_equal(text, "verifying   25 %");
}

static void odd_numbers_are_no_trap(void **state)
{
    (void)state;
    char text[128];
    progress_text("x", 0, 100, 0, 80, text, sizeof text);
    assert_string_equal(text, "x    0 %  0 rows/s");
    progress_text("x", 200, 100, NS_PER_S, 80, text,
                  sizeof text); /* a series that grew meanwhile */
    assert_non_null(strstr(text, "100 %"));
    progress_text("x", 1, UINT64_MAX, NS_PER_S, 80, text, sizeof text);
    assert_null(strstr(text, "left"));
}

static void says_nothing_into_a_file(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    progress_begin("verifying", 100);
    clock_sleep_ns(700 * NS_PER_MS);
    progress_update(50);
    progress_hide();
    progress_end();
    progress_end();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_share_rate_and_time_left),
        cmocka_unit_test(odd_numbers_are_no_trap),
        cmocka_unit_test(says_nothing_into_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
