#include "verdict.h"

#include "cmocka_tests.h"

#include <string.h>

static void refuse(struct verdict *verdict, uint32_t block)
{
    verdict->block = block;
    verdict_refuse(verdict, WIRE_TYPE_MISMATCH, "a/b", 3, "no");
}

static void test_the_text_lists_what_was_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t blocks[6], count;
        const char *text;
    } cases[] = {
        {{0}, 1, "series a/b: no [blocks 0]"},
        {{7}, 1, "series a/b: no [blocks 7]"},
        {{0, 1, 2}, 3, "series a/b: no [blocks 0-2]"},
        {{0, 3, 4, 5, 7}, 5, "series a/b: no [blocks 0,3-5,7]"},
        {{1, 2, 8, 9}, 4, "series a/b: no [blocks 1-2,8-9]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict;
        verdict_begin(&verdict);
        for (uint32_t at = 0; at < cases[i].count; at++)
            refuse(&verdict, cases[i].blocks[at]);
        verdict_end(&verdict, 10);
        assert_string_equal(verdict.text, cases[i].text);
    }
}

static void test_nothing_is_listed_of_all_or_none(void **state)
{
    (void)state;
    struct verdict verdict;
    verdict_begin(&verdict);
    verdict_end(&verdict, 10);
    assert_string_equal(verdict.text, "");
    for (uint32_t block = 0; block < 10; block++)
        refuse(&verdict, block);
    verdict_end(&verdict, 10);
    assert_string_equal(verdict.text, "series a/b: no");
}

static void test_a_list_that_is_too_long_is_left_out(void **state)
{
    (void)state;
    struct verdict verdict;
    verdict_begin(&verdict);
    for (uint32_t block = 0; block < 1000; block += 2)
        refuse(&verdict, block);
    verdict_end(&verdict, 1000);
    assert_string_equal(verdict.text, "series a/b: no");
    assert_int_equal(verdict.refused_blocks, 500);
}

static void test_a_long_reason_gives_way(void **state)
{
    (void)state;
    struct verdict verdict;
    char reason[WIRE_REPLY_TEXT_MAX + 1];
    /* Characters of two bytes: none is cut in two. */
    for (size_t i = 0; i < WIRE_REPLY_TEXT_MAX; i++)
        reason[i] = i % 2 == 0 ? '\xc3' : '\xa9';
    reason[WIRE_REPLY_TEXT_MAX] = '\0';
    verdict_begin(&verdict);
    verdict.block = 4;
    verdict_refuse(&verdict, WIRE_BAD_NAME, NULL, 0, "%s", reason);
    verdict_end(&verdict, 10);
    size_t length = strlen(verdict.text);
    assert_true(length <= WIRE_REPLY_TEXT_MAX && length >= WIRE_REPLY_TEXT_MAX - 1);
    const char *list = strstr(verdict.text, " [blocks 4]");
    assert_non_null(list);
    assert_int_equal((list - verdict.text) % 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_text_lists_what_was_refused),
        cmocka_unit_test(test_nothing_is_listed_of_all_or_none),
        cmocka_unit_test(test_a_list_that_is_too_long_is_left_out),
        cmocka_unit_test(test_a_long_reason_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
