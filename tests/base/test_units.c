#include "cmocka_tests.h"
#include "units.h"

#include <locale.h>
#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"1us", 1000},
        {"250ms", 250000000},
        {"1.5s", 1500000000},
        {"0.3s", 300000000},
        {"0.000000001s", 1},
        {"10m", 600000000000},
        {"10min", 600000000000},
        {"1h", 3600000000000},
        {"30d", 2592000000000000},
        {"2w", 1209600000000000},
        {"0.5w", 302400000000000},
        {"007s", 7000000000},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036.854775807s", INT64_MAX},
    };
    static const char *const bad[] = {
        "",
        "s",
        "abc",
        "1",
        "1 s",
        " 1s",
        "1s ",
        "-1s",
        "+1s",
        "1.s",
        ".5s",
        "1,5s",
        "1S",
        "1sec",
        "5parsecs",
        "1e3s",
        "0x1s",
        "0.5ns",
        "1.5.5s",
        "0.0000000001s",
        "nan",
        "9223372036854775808ns",
        "99999999999999999999s",
        "15251w",
        "1.0000000000000000000s",
        "1s\n",
        "00",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t ns = -1;
        assert_true(units_parse_duration_ns(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ns = -77;
        if (units_parse_duration_ns(bad[i], &ns))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(ns, -77);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {"4096B", 4096},
        {"64KiB", 65536},
        {"512MiB", 536870912},
        {"1.5GiB", 1610612736},
        {"2TiB", UINT64_C(2199023255552)},
        {"10kB", 10000},
        {"1.25MB", 1250000},
        {"3GB", UINT64_C(3000000000)},
        {"1TB", UINT64_C(1000000000000)},
        {"18446744073709551615", UINT64_MAX},
        {"16777215.5TiB", UINT64_C(18446743523953737728)},
    };
    static const char *const bad[] = {"",           "KiB", "1.5",  "-1",    "+1",
                                      "1K",         "1KB", "1kib", "1 KiB", "1KiBB",
                                      "0.3KiB",     "abc", "80%",  "1e6",   "18446744073709551616",
                                      "16777216TiB"};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t bytes = 1;
        assert_true(units_parse_bytes(good[i].text, &bytes));
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t bytes = 77;
        if (units_parse_bytes(bad[i], &bytes))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(bytes, 77);
    }
}

static void test_whole_numbers(void **state)
{
    (void)state;
    uint64_t u64;
    int64_t i64;
    assert_true(units_parse_u64("0", 0, &u64) && u64 == 0);
    assert_true(units_parse_u64("65535", 65535, &u64) && u64 == 65535);
    assert_false(units_parse_u64("65536", 65535, &u64));
    assert_true(units_parse_u64("18446744073709551615", UINT64_MAX, &u64) && u64 == UINT64_MAX);
    assert_true(units_parse_i64("-9223372036854775808", &i64) && i64 == INT64_MIN);
    assert_true(units_parse_i64("+9223372036854775807", &i64) && i64 == INT64_MAX);
    assert_true(units_parse_i64("-0", &i64) && i64 == 0);
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "--1",
                                      "1 ",
                                      " 1",
                                      "1.0",
                                      "abc",
                                      "0x10",
                                      "1e3",
                                      "18446744073709551616",
                                      "9223372036854775808x"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(units_parse_u64(bad[i], UINT64_MAX, &u64));
        assert_false(units_parse_i64(bad[i], &i64));
    }
    assert_false(units_parse_u64("-1", UINT64_MAX, &u64));
    assert_false(units_parse_u64("+1", UINT64_MAX, &u64));
    assert_false(units_parse_i64("9223372036854775808", &i64));
    assert_false(units_parse_i64("-9223372036854775809", &i64));
}

static void test_decimal_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"1.5", 1.5},
        {".5", 0.5},
        {"5.", 5.0},
        {"-1e-3", -0.001},
        {"+1E+3", 1000.0},
        {"0.1", 0.1},
        {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
        {"5e-324", 0x1p-1074},
        {"1e-400", 0.0},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000001", 9007199254740994.0},
    };
    static const char *const bad[] = {
        "",     ".",   "-",  "e5", "1e",   "1e+",   "nan", "inf",   "NaN",    "-inf",     "0x1p3",
        "1.5x", "1,5", "1 ", " 1", "1..5", "1e5.0", "--1", "1e400", "-1e400", "infinity", "1_000"};
    for (size_t i = 0; i < COUNT(good); i++) {
        double value = 77;
        assert_true(units_parse_double(good[i].text, &value));
        assert_memory_equal(&value, &good[i].value, sizeof value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        double value = 77;
        if (units_parse_double(bad[i], &value))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

/* A program that uses our library may have set a locale in which a point is no point. */
static void test_decimal_numbers_in_another_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *set = NULL;
    for (size_t i = 0; i < COUNT(names) && set == NULL; i++)
        set = setlocale(LC_ALL, names[i]);
    if (set == NULL)
        skip();
    double value = 0;
    bool taken = units_parse_double("1.5", &value);
    setlocale(LC_ALL, "C");
    assert_true(taken && value == 1.5);
}

static void test_bytes_are_shown(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1 KiB"},
        {4096, "4 KiB"},
        {1610612736, "1.5 GiB"},
        {1048575, "1 MiB"},
        {1047552, "1023 KiB"},
        {UINT64_C(1) << 40, "1 TiB"},
        {UINT64_MAX, "16 EiB"},
    };
    char buffer[16];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(units_format_bytes(rows[i].bytes, buffer, sizeof buffer), rows[i].text);
}

static void test_durations_are_shown(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1500, "1.5 us"},
        {250000000, "250 ms"},
        {1500000000, "1.5 s"},
        {1234567890, "1.234 s"},
        {1050000000, "1.05 s"},
        {59999999999, "59.999 s"},
        {60000000000, "1 m"},
        {90000000000, "1 m 30 s"},
        {3600000000000, "1 h"},
        {183600000000000, "2 d 3 h"},
        {-1500000000, "-1.5 s"},
        {INT64_MAX, "106751 d 23 h"},
        {INT64_MIN, "-106751 d 23 h"},
    };
    char buffer[32];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(units_format_duration(rows[i].ns, buffer, sizeof buffer), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_decimal_numbers),
        cmocka_unit_test(test_decimal_numbers_in_another_locale),
        cmocka_unit_test(test_bytes_are_shown),
        cmocka_unit_test(test_durations_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
