/* Ticks stand where people expect them and never read the same. */
#include "cmocka_tests.h"

#include "plot_axis.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void expect_labels(const struct axis *axis, const char *const *labels)
{
    size_t count = 0;
    for (; labels[count] != NULL; count++) {
        assert_true(count < axis->count);
        assert_string_equal(axis->ticks[count].label, labels[count]);
    }
    assert_int_equal(axis->count, count);
}

static void round_values_are_plain(void **state)
{
    (void)state;
    struct axis axis;
    axis_values(0, 1, 6, &axis);
    expect_labels(&axis, (const char *const[]){"0", "0.2", "0.4", "0.6", "0.8", "1.0", NULL});
    assert_true(fabs(axis.ticks[1].position - 0.2) < 1e-12);
    axis_values(-40, -3, 4, &axis);
    expect_labels(&axis, (const char *const[]){"-40", "-30", "-20", "-10", NULL});
    axis_values(0.1, 0.103, 3, &axis);
    expect_labels(&axis, (const char *const[]){"0.100", "0.101", "0.102", "0.103", NULL});
}

static void extreme_values_are_scientific(void **state)
{
    (void)state;
    struct axis axis;
    axis_values(1.7e9, 1.71e9, 5, &axis);
    assert_string_equal(axis.ticks[0].label, "1.700e9");
    axis_values(1e-9, 5e-9, 4, &axis);
    expect_labels(&axis, (const char *const[]){"1e-9", "2e-9", "3e-9", "4e-9", "5e-9", NULL});
    axis_values(-DBL_MAX, DBL_MAX, 4, &axis);
    expect_labels(&axis, (const char *const[]){"-1e308", "0", "1e308", NULL});
    axis_values(1, 1 + 4 * DBL_EPSILON, 5, &axis);
    assert_int_equal(axis.count, 2);
    assert_string_not_equal(axis.ticks[0].label, axis.ticks[1].label);
}

static double random_value(unsigned *seed)
{
    double mantissa = (double)rand_r(seed) / RAND_MAX - 0.5;
    return ldexp(mantissa, rand_r(seed) % 600 - 300);
}

static void no_two_values_read_the_same(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        double low = random_value(&seed);
        double high = round % 2 ? random_value(&seed) : low * (1 + 1e-3 * (rand_r(&seed) % 1000));
        if (low > high) {
            double swap = low;
            low = high;
            high = swap;
        }
        axis_pad_range(&low, &high);
        assert_true(low < high);
        unsigned wanted = 2 + (unsigned)rand_r(&seed) % 12;
        struct axis axis;
        axis_values(low, high, wanted, &axis);
        assert_true(axis.count >= 1 && axis.count <= (size_t)2 * wanted);
        for (size_t i = 0; i < axis.count; i++) {
            assert_true(axis.ticks[i].position >= 0 && axis.ticks[i].position <= 1);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(axis.ticks[i].label, axis.ticks[k].label);
            /* The label says the value that stands there. */
            double value = strtod(axis.ticks[i].label, NULL);
            double place = (value - low) / (high - low);
            assert_true(fabs(place - axis.ticks[i].position) < 1e-3);
        }
    }
}

static void ranges_get_air(void **state)
{
    (void)state;
    double low = 0;
    double high = 10;
    axis_pad_range(&low, &high);
    assert_true(low == 0 && high > 10); /* what is never negative is not shown below zero */
    low = high = 5;
    axis_pad_range(&low, &high);
    assert_true(low < 5 && high > 5);
    low = high = 0;
    axis_pad_range(&low, &high);
    assert_true(low < 0 && high > 0);
    low = -DBL_MAX;
    high = DBL_MAX;
    axis_pad_range(&low, &high);
    assert_true(isfinite(low) && isfinite(high));
}

static int64_t at(const char *text)
{
    int64_t time_ns;
    assert_true(time_parse_absolute(text, TIME_ZONE_LOCAL, &time_ns));
    return time_ns;
}

static void expect_times(const char *from, const char *to, unsigned width, enum time_zone zone,
                         const char *const *labels)
{
    struct axis axis;
    axis_times(at(from), at(to), width, zone, &axis);
    size_t count = 0;
    for (; labels[2 * count] != NULL; count++) {
        assert_true(count < axis.count);
        assert_string_equal(axis.ticks[count].label, labels[2 * count]);
        assert_string_equal(axis.ticks[count].context, labels[2 * count + 1]);
    }
    assert_int_equal(axis.count, count);
}

static void times_name_what_changes(void **state)
{
    (void)state;
    expect_times(
        "2024-05-01T10:00:07Z", "2024-05-01T10:20:00Z", 40, TIME_ZONE_UTC,
        (const char *const[]){"10:05", "2024-05-01", "10:10", "", "10:15", "", "10:20", "", NULL});
    expect_times("2024-05-01T20:00:00Z", "2024-05-02T04:00:00Z", 50, TIME_ZONE_UTC,
                 (const char *const[]){"20:00", "2024-05-01", "22:00", "", "00:00", "2024-05-02",
                                       "02:00", "", "04:00", "", NULL});
    expect_times("2023-11-20T00:00:00Z", "2024-03-02T00:00:00Z", 40, TIME_ZONE_UTC,
                 (const char *const[]){"Dec", "2023", "Jan", "2024", "Feb", "", "Mar", "", NULL});
    expect_times("2024-05-01T12:00:00.9985Z", "2024-05-01T12:00:01.0005Z", 60, TIME_ZONE_UTC,
                 (const char *const[]){"500 µs", "2024-05-01 12:00:00.998", "0 µs", ".999",
                                       "500 µs", "", "0 µs", "12:00:01.000", "500 µs", "", NULL});
    expect_times("1700-01-01T00:00:00Z", "2200-01-01T00:00:00Z", 45, TIME_ZONE_UTC,
                 (const char *const[]){"1700", "", "1800", "", "1900", "", "2000", "", "2100", "",
                                       "2200", "", NULL});
}

static void changes_of_the_clock_are_named(void **state)
{
    (void)state;
    /* 02:00 comes twice. */
    expect_times("2024-10-27 00:30", "2024-10-27T04:30:00Z", 70, TIME_ZONE_LOCAL,
                 (const char *const[]){"01:00", "2024-10-27", "02:00", "", "02:00",
                                       "2024-10-27 CET", "03:00", "", "04:00", "", "05:00", "",
                                       NULL});
    /* Midnight stays midnight across a day of 23 hours. */
    expect_times("2024-03-30 12:00", "2024-04-02 12:00", 30, TIME_ZONE_LOCAL,
                 (const char *const[]){"Mar 31", "2024", "Apr 01", "", "Apr 02", "", NULL});
    char zone[16];
    assert_string_equal(axis_zone_text(at("2024-07-01"), TIME_ZONE_LOCAL, zone, sizeof zone),
                        "CEST");
    assert_string_equal(axis_zone_text(at("2024-07-01"), TIME_ZONE_UTC, zone, sizeof zone), "UTC");
}

static void no_two_times_read_the_same(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (int round = 0; round < 20000; round++) {
        int64_t low_ns =
            at("1900-01-01T00:00:00Z") + (int64_t)rand_r(&seed) * 3000000000 + rand_r(&seed);
        int64_t span_ns = ((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) >> (rand_r(&seed) % 62);
        unsigned width = 20 + (unsigned)rand_r(&seed) % 200;
        struct axis axis;
        axis_times(low_ns, low_ns + span_ns, width, round % 2 ? TIME_ZONE_UTC : TIME_ZONE_LOCAL,
                   &axis);
        assert_true(axis.count <= width / 4);
        const char *context = "";
        for (size_t i = 0; i < axis.count; i++) {
            const struct axis_tick *tick = &axis.ticks[i];
            assert_true(tick->position >= 0 && tick->position <= 1.0000001);
            assert_true(i == 0 || tick->position > tick[-1].position);
            bool changed = tick->context[0] != '\0';
            assert_false(i > 0 && !changed && strcmp(tick->label, tick[-1].label) == 0);
            assert_false(i > 0 && changed && strcmp(tick->context, context) == 0);
            context = changed ? tick->context : context;
        }
    }
}

static void the_ends_of_time_are_no_trap(void **state)
{
    (void)state;
    struct axis axis;
    axis_times(INT64_MIN, INT64_MAX, 80, TIME_ZONE_UTC, &axis);
    assert_true(axis.count > 0);
    axis_times(INT64_MAX - 5, INT64_MAX, 80, TIME_ZONE_LOCAL, &axis);
    axis_times(INT64_MIN, INT64_MIN + 5, 80, TIME_ZONE_LOCAL, &axis);
    axis_times(17, 17, 80, TIME_ZONE_UTC, &axis);
    assert_int_equal(axis.count, 1);
}

int main(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_values_are_plain),
        cmocka_unit_test(extreme_values_are_scientific),
        cmocka_unit_test(no_two_values_read_the_same),
        cmocka_unit_test(ranges_get_air),
        cmocka_unit_test(times_name_what_changes),
        cmocka_unit_test(changes_of_the_clock_are_named),
        cmocka_unit_test(no_two_times_read_the_same),
        cmocka_unit_test(the_ends_of_time_are_no_trap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
