#include "cmocka_tests.h"
#include "dtype.h"

#include <string.h>

static const struct {
    const char *name;
    const char *descr;
    size_t size;
    enum dtype dtype;
    bool is_float;
    bool is_signed;
} rows[] = {
    {"f4", "<f4", 4, DTYPE_F4, true, true},   {"f8", "<f8", 8, DTYPE_F8, true, true},
    {"i1", "|i1", 1, DTYPE_I1, false, true},  {"i2", "<i2", 2, DTYPE_I2, false, true},
    {"i4", "<i4", 4, DTYPE_I4, false, true},  {"i8", "<i8", 8, DTYPE_I8, false, true},
    {"u1", "|u1", 1, DTYPE_U1, false, false}, {"u2", "<u2", 2, DTYPE_U2, false, false},
    {"u4", "<u4", 4, DTYPE_U4, false, false}, {"u8", "<u8", 8, DTYPE_U8, false, false},
};

static void test_all_ten(void **state)
{
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], DTYPE_END - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dtype_from_chars(rows[i].name[0], rows[i].name[1]), rows[i].dtype);
        assert_int_equal(dtype_from_name(rows[i].name), rows[i].dtype);
        assert_int_equal(dtype_from_name(rows[i].descr), rows[i].dtype);
        assert_string_equal(dtype_name(rows[i].dtype), rows[i].name);
        assert_string_equal(dtype_descr(rows[i].dtype), rows[i].descr);
        assert_int_equal(dtype_size(rows[i].dtype), rows[i].size);
        assert_int_equal(dtype_is_float(rows[i].dtype), rows[i].is_float);
        assert_int_equal(dtype_is_signed(rows[i].dtype), rows[i].is_signed);
    }
}

/* Of all pairs of bytes exactly ten are dtypes. */
static void test_every_pair_of_bytes(void **state)
{
    (void)state;
    int found = 0;
    for (int kind = -128; kind < 128; kind++)
        for (int digit = -128; digit < 128; digit++)
            found += dtype_from_chars((char)kind, (char)digit) != DTYPE_NONE;
    assert_int_equal(found, DTYPE_END - 1);
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    static const char *const names[] = {"",    "f",    "f2", "f16", "F4", ">f4", "=f4",
                                        "|f4", "<f4 ", "u3", "i0",  "b1", "c8",  "<f"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(dtype_from_name(names[i]), DTYPE_NONE);
    assert_int_equal(dtype_size(DTYPE_NONE), 0);
    assert_int_equal(dtype_size(DTYPE_END), 0);
    assert_string_equal(dtype_name(DTYPE_END), "??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ten),
        cmocka_unit_test(test_every_pair_of_bytes),
        cmocka_unit_test(test_names_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
