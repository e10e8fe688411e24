#include "csv_cells.h"

#include "cmocka_tests.h"

#include <math.h>
#include <string.h>

static bool number(const char *text, enum dtype dtype, void *to)
{
    return csv_parse_number(text, strlen(text), dtype, to);
}

static void test_floats(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"1", 1},          {"-2.5", -2.5}, {"+3", 3},
        {".5", 0.5},       {"1e-3", 1e-3}, {"0.1", 0.1},
        {"1E5", 1e5},      {"-0", -0.0},   {"1.7976931348623157e308", 1.7976931348623157e308},
        {"5e-324", 5e-324}};
    static const char *const bad[] = {"",     " ",  "abc", "1 2", "1,5",
                                      "0x10", "1e", "--1", "1 ",  "nan(1)"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = -1;
        assert_true(number(good[i].text, DTYPE_F8, &value));
        assert_true(value == good[i].value && signbit(value) == signbit(good[i].value));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value;
        assert_false(number(bad[i], DTYPE_F8, &value));
    }
    double value;
    float narrow;
    assert_true(number("nan", DTYPE_F8, &value) && isnan(value));
    assert_true(number("-inf", DTYPE_F8, &value) && isinf(value) && value < 0);
    /* Between two floats, and just above the middle: by way of a double it would fall. */
    assert_true(number("1.00000005960464477541", DTYPE_F4, &narrow));
    assert_true(narrow == 0x1.000002p0f);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dtype dtype;
        bool is_good;
    } cases[] = {
        {"127", DTYPE_I1, true},
        {"128", DTYPE_I1, false},
        {"-128", DTYPE_I1, true},
        {"-129", DTYPE_I1, false},
        {"255", DTYPE_U1, true},
        {"256", DTYPE_U1, false},
        {"-1", DTYPE_U1, false},
        {"-0", DTYPE_U1, true},
        {"9223372036854775807", DTYPE_I8, true},
        {"9223372036854775808", DTYPE_I8, false},
        {"-9223372036854775808", DTYPE_I8, true},
        {"-9223372036854775809", DTYPE_I8, false},
        {"18446744073709551615", DTYPE_U8, true},
        {"18446744073709551616", DTYPE_U8, false},
        {"5.0", DTYPE_I4, true},
        {"5.5", DTYPE_I4, false},
        {"1e3", DTYPE_I2, true},
        {"nan", DTYPE_I2, false},
        {"", DTYPE_I2, false},
        {"-", DTYPE_I2, false},
        {"12a", DTYPE_U4, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value;
        assert_int_equal(number(cases[i].text, cases[i].dtype, &value), cases[i].is_good);
    }
    int64_t value;
    assert_true(number("-9223372036854775808", DTYPE_I8, &value) && value == INT64_MIN);
    assert_true(number("9007199254740993", DTYPE_I8, &value) && value == 9007199254740993);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum send_time_unit unit;
        int64_t ns;
    } good[] = {
        {"2013-12-02 21:15:00", TIME_UNIT_GUESS, 1386018900000000000},
        {"2013-12-02T21:15:00", TIME_UNIT_GUESS, 1386018900000000000},
        {"2013-12-02T21:15:00Z", TIME_UNIT_S, 1386018900000000000},
        {"2013-12-02T23:15:00.25+02:00", TIME_UNIT_GUESS, 1386018900250000000},
        {"1386018900", TIME_UNIT_S, 1386018900000000000},
        {"1386018900.123456789", TIME_UNIT_S, 1386018900123456789},
        {"1386018900123.5", TIME_UNIT_MS, 1386018900123500000},
        {"1386018900123456", TIME_UNIT_US, 1386018900123456000},
        {"1386018900123456789", TIME_UNIT_NS, 1386018900123456789},
        {"1.5e9", TIME_UNIT_S, 1500000000000000000},
        {"-1.5", TIME_UNIT_S, -1500000000},
    };
    static const struct {
        const char *text;
        enum send_time_unit unit;
    } bad[] = {{"", TIME_UNIT_S},
               {"noon", TIME_UNIT_S},
               {"99999999999", TIME_UNIT_S},
               {"2024-02-31", TIME_UNIT_GUESS},
               {"1.5.5", TIME_UNIT_S},
               {"5", TIME_UNIT_GUESS},
               {"nan", TIME_UNIT_S},
               {"1e300", TIME_UNIT_S}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = 0;
        assert_true(csv_parse_time(good[i].text, strlen(good[i].text), good[i].unit, &ns));
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ns;
        assert_false(csv_parse_time(bad[i].text, strlen(bad[i].text), bad[i].unit, &ns));
    }
}

static void test_the_unit_is_guessed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum send_time_unit unit;
    } cases[] = {{"1700000000", TIME_UNIT_S},           {"1700000000.5", TIME_UNIT_S},
                 {"1700000000000", TIME_UNIT_MS},       {"1700000000000000", TIME_UNIT_US},
                 {"1700000000000000000", TIME_UNIT_NS}, {"0", TIME_UNIT_S},
                 {"2024-05-01", TIME_UNIT_GUESS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(csv_guess_unit(cases[i].text, strlen(cases[i].text)), cases[i].unit);
    assert_true(csv_is_time_header("TimeStamp") && csv_is_time_header("ts"));
    assert_false(csv_is_time_header("times") || csv_is_time_header(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_the_unit_is_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
