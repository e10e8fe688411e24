#include "checked.h"
#include "clock_ns.h"
#include "cmocka_tests.h"
#include "error_text.h"
#include "little_endian.h"

#include <errno.h>
#include <string.h>

static void test_overflow_is_told_and_stores_nothing(void **state)
{
    (void)state;
    int64_t i64 = 77;
    uint64_t u64 = 77;
    assert_false(checked_add_i64(INT64_MAX, 1, &i64));
    assert_false(checked_subtract_i64(INT64_MIN, 1, &i64));
    assert_false(checked_multiply_i64(INT64_MIN, -1, &i64));
    assert_false(checked_add_u64(UINT64_MAX, 1, &u64));
    assert_false(checked_multiply_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &u64));
    assert_int_equal(i64, 77);
    assert_int_equal(u64, 77);
    assert_true(checked_add_i64(INT64_MAX, INT64_MIN, &i64));
    assert_int_equal(i64, -1);
    assert_true(checked_multiply_u64(UINT32_MAX, UINT32_MAX, &u64));
    assert_true(u64 == UINT64_C(0xFFFFFFFE00000001));
}

static void test_error_text(void **state)
{
    (void)state;
    struct error_text error;
    assert_int_equal(error_set(&error, -EINVAL, "line %d", 3), -EINVAL);
    assert_string_equal(error.text, "line 3");
    assert_int_equal(error_set_errno(&error, -ENOENT, "cannot open %s", "x"), -ENOENT);
    assert_string_equal(error.text, "cannot open x: No such file or directory");
    assert_int_equal(error_set_errno(&error, -EBADMSG, "cannot open x"), -EBADMSG);
    assert_string_equal(error.text, "cannot open x: it is damaged, or is no regular file");
    assert_int_equal(error_set(NULL, -EIO, "unseen"), -EIO);
    assert_int_equal(error_set_errno(NULL, -EIO, "unseen"), -EIO);
}

static void test_error_text_is_cut_not_overrun(void **state)
{
    (void)state;
    struct error_text error;
    char long_name[2000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    error_set_errno(&error, -EIO, "%s", long_name);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

static void test_numbers_at_any_alignment(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(le_load_u16(bytes + 1), 0x0201);
    assert_int_equal(le_load_u32(bytes + 1), 0x04030201);
    assert_true(le_load_u64(bytes + 1) == UINT64_C(0x0807060504030201));
    le_store_i64(bytes + 3, -2);
    assert_int_equal(bytes[3], 0xFE);
    assert_int_equal(bytes[10], 0xFF);
    assert_int_equal(le_load_i64(bytes + 3), -2);
}

static void test_clocks_go_on(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_ns();
    clock_sleep_ns(2 * NS_PER_MS);
    assert_true(clock_monotonic_ns() - before >= 2 * NS_PER_MS);
    assert_true(clock_realtime_ns() > INT64_C(1600000000) * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_is_told_and_stores_nothing),
        cmocka_unit_test(test_error_text),
        cmocka_unit_test(test_error_text_is_cut_not_overrun),
        cmocka_unit_test(test_numbers_at_any_alignment),
        cmocka_unit_test(test_clocks_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
