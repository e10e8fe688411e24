/* Names and numbers that others wrote. */
#include "series_path.h"

#include "cmocka_tests.h"
#include "value_convert.h"

#include <string.h>

static void test_segments_are_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *segment, *expected;
    } cases[] = {
        {"temp", "p/temp"},         {"Temp (C)", "p/Temp%20%28C%29"},
        {".hidden", "p/%2Ehidden"}, {"-x", "p/%2Dx"},
        {"~x", "p/%7Ex"},           {"a.b-c~d", "p/a.b-c~d"},
        {"a/b", "p/a%2Fb"},         {"x.npy", "p/x%2Enpy"},
        {"x.INI", "p/x%2EINI"},     {"\xc3\xa4", "p/%C3%A4"},
        {"_:=@+%", "p/_:=@+%"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[64] = "p";
        assert_true(series_path_append(path, sizeof path, cases[i].segment));
        assert_string_equal(path, cases[i].expected);
    }
    char path[8] = "";
    assert_true(series_path_append(path, sizeof path, "abc"));
    assert_false(series_path_append(path, sizeof path, ""));
    assert_false(series_path_append(path, sizeof path, "defg"));
    assert_false(series_path_append(path, sizeof path, "  "));
    assert_string_equal(path, "abc");
    assert_true(series_path_append(path, sizeof path, "def"));
    assert_string_equal(path, "abc/def");
    assert_false(series_path_append(path, sizeof path, "x"));
    assert_string_equal(path, "abc/def");
}

static void test_numbers_are_converted_without_silent_loss(void **state)
{
    (void)state;
    const double doubles[] = {1, -2, 3.5, 1e300};
    float floats[4];
    int16_t shorts[4];
    assert_int_equal(value_convert(DTYPE_F8, doubles, DTYPE_F4, floats, 4), 4);
    assert_true(floats[0] == 1 && floats[1] == -2 && floats[2] == 3.5f);
    assert_int_equal(value_convert(DTYPE_F8, doubles, DTYPE_I2, shorts, 4), 2);
    assert_true(shorts[0] == 1 && shorts[1] == -2);

    const int64_t integers[] = {0, -1, 255, 256};
    uint8_t bytes[4];
    assert_int_equal(value_convert(DTYPE_I8, integers, DTYPE_U1, bytes, 1), 1);
    assert_int_equal(value_convert(DTYPE_I8, integers, DTYPE_U1, bytes, 4), 1);
    assert_int_equal(value_convert(DTYPE_I8, integers + 2, DTYPE_U1, bytes, 2), 1);
    assert_int_equal(bytes[0], 255);

    const uint64_t large[] = {UINT64_MAX};
    int64_t narrow;
    double wide;
    assert_int_equal(value_convert(DTYPE_U8, large, DTYPE_I8, &narrow, 1), 0);
    assert_int_equal(value_convert(DTYPE_U8, large, DTYPE_F8, &wide, 1), 1);
    assert_true(wide == 0x1p64);
    assert_int_equal(value_convert(DTYPE_F8, &wide, DTYPE_U8, &narrow, 1), 0);

    char text[32];
    assert_string_equal(value_text(DTYPE_I8, integers, 1, text, sizeof text), "-1");
    assert_string_equal(value_text(DTYPE_U8, large, 0, text, sizeof text), "18446744073709551615");
    assert_string_equal(value_text(DTYPE_F8, doubles, 2, text, sizeof text), "3.5");
}

/* Each dtype to each other one keeps what both can hold. */
static void test_all_pairs_of_dtypes(void **state)
{
    (void)state;
    const uint8_t small[] = {0, 1, 77, 127};
    for (enum dtype from = DTYPE_F4; from < DTYPE_END; from++) {
        for (enum dtype to = DTYPE_F4; to < DTYPE_END; to++) {
            uint64_t a[4], b[4];
            uint8_t back[4];
            assert_int_equal(value_convert(DTYPE_U1, small, from, a, 4), 4);
            assert_int_equal(value_convert(from, a, to, b, 4), 4);
            assert_int_equal(value_convert(to, b, DTYPE_U1, back, 4), 4);
            assert_memory_equal(back, small, sizeof small);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_are_encoded),
        cmocka_unit_test(test_numbers_are_converted_without_silent_loss),
        cmocka_unit_test(test_all_pairs_of_dtypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
