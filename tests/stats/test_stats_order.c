/* Quantiles of rolling windows and of whole sets against sorted copies. */
#include "exact.h"
#include "stats_order.h"
#include "stats_select.h"

#include "cmocka_tests.h"

#include <stdlib.h>
#include <string.h>

static const double fractions[] = {0.5, 0, 1, 0.95, 0.01, 0.125};
#define FRACTIONS (sizeof fractions / sizeof *fractions)

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* By NumPy's formula, over a sorted copy. */
static double quantile(const double *values, size_t count, double fraction, double *ret_scale)
{
    double *sorted = malloc(count * sizeof *sorted + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i]))
            sorted[n++] = values[i];
    }
    double result = (double)NAN;
    *ret_scale = 0;
    if (n > 0) {
        qsort(sorted, n, sizeof *sorted, compare_reals);
        double place = (double)(n - 1) * fraction;
        size_t low = (size_t)place;
        double a = sorted[low], b = sorted[low + 1 < n ? low + 1 : low];
        *ret_scale = fabs(a) + fabs(b);
        result = a == b || place == floor(place) ? a
                 : isinf(a) || isinf(b)          ? a + b
                                                 : a + (b - a) * (place - floor(place));
    }
    free(sorted);
    return result;
}

static bool near(double got, double want, double scale)
{
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= 3e-16 * scale;
}

static void fill(unsigned data, uint64_t seed, double *ret, size_t count)
{
    double walk = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = random_next(&seed);
        double x = random_normal(&seed);
        walk += x;
        ret[i] = data == 0   ? x
                 : data == 1 ? walk
                 : data == 2 ? (double)(bits % 5)
                 : data == 3 ? (double)i
                 : data == 4 ? -(double)i
                             : (bits % 3 == 0   ? (double)NAN
                                : bits % 7 == 0 ? -1.0 / 0.0
                                                : x);
    }
}

static void *order_memory(size_t window)
{
    size_t bytes = stats_order_bytes(window, FRACTIONS);
    return malloc(bytes);
}

static void *select_memory(void)
{
    size_t bytes = stats_select_bytes(FRACTIONS);
    return malloc(bytes);
}

static void check_rolling(const double *values, size_t count, size_t window, uint64_t seed)
{
    void *memory = order_memory(window + 1);
    assert_non_null(memory);
    struct stats_order *order =
        stats_order_init(memory, window + 1, STATS_REAL, fractions, FRACTIONS);
    size_t begin = 0, step = window > 300 ? 97 : 3;
    for (size_t i = 0; i < count; i++) {
        union stats_value value = {.real = values[i]}, old = {.real = values[begin]};
        if (i - begin == window && seed % 2 == 0) {
            stats_order_replace(order, old, value);
            begin++;
        } else {
            stats_order_add(order, value);
            for (; i + 1 - begin > window; begin++)
                stats_order_remove(order, (union stats_value){.real = values[begin]});
        }
        if (i % 1009 == 500 && seed % 3 == 0) {
            for (; begin + 3 < i; begin++)
                stats_order_remove(order, (union stats_value){.real = values[begin]});
        }
        for (size_t f = 0; i % step == 0 && f < FRACTIONS; f++) {
            double scale, got = stats_order_quantile(order, f);
            double want = quantile(values + begin, i + 1 - begin, fractions[f], &scale);
            if (!near(got, want, scale))
                fail_msg("window of %zu at %zu, fraction %g: %.17g, not %.17g", i + 1 - begin, i,
                         fractions[f], got, want);
        }
    }
    free(memory);
}

static void test_rolling(void **unused)
{
    (void)unused;
    static double values[9000];
    static const size_t windows[] = {1, 2, 3, 17, 200, 511, 512, 513, 1500, 4000};
    for (unsigned data = 0; data < 6; data++) {
        for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
            size_t count = windows[w] > 300 ? 9000 : 1500;
            fill(data, w, values, count);
            check_rolling(values, count, windows[w], w + data);
        }
    }
}

static void test_whole_sets(void **unused)
{
    (void)unused;
    static double values[300000];
    static const size_t counts[] = {0, 1, 2, 3, 1000, 16384, 16385, 300000};
    struct stats_select *select =
        stats_select_init(select_memory(), STATS_REAL, fractions, FRACTIONS);
    for (unsigned data = 0; data < 6; data++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            int passes = 0;
            fill(data, c, values, counts[c]);
            stats_select_clear(select);
            do {
                for (size_t i = 0; i < counts[c]; i += 5000) {
                    static union stats_value part[5000];
                    size_t take = counts[c] - i < 5000 ? counts[c] - i : 5000;
                    memcpy(part, values + i, take * sizeof *values);
                    stats_select_add(select, part, take);
                }
                passes++;
            } while (stats_select_again(select));
            assert_true(passes <= (counts[c] <= 16384 ? 1 : 6));
            for (size_t f = 0; f < FRACTIONS; f++) {
                double scale, got = stats_select_quantile(select, f);
                double want = quantile(values, counts[c], fractions[f], &scale);
                if (!near(got, want, scale))
                    fail_msg("data %u, %zu samples, fraction %g: %.17g, not %.17g", data, counts[c],
                             fractions[f], got, want);
            }
        }
    }
    free(select);
}

static void test_integers(void **unused)
{
    (void)unused;
    static const double half[] = {0.5};
    union stats_value values[3] = {{.natural = UINT64_MAX}, {.natural = 1}, {.natural = 1}};
    struct stats_order *order =
        stats_order_init(malloc(stats_order_bytes(3, 1)), 3, STATS_UNSIGNED, half, 1);
    for (size_t i = 0; i < 2; i++)
        stats_order_add(order, values[i]);
    assert_true(stats_order_quantile(order, 0) == 0x1p63);
    stats_order_add(order, values[2]);
    assert_true(stats_order_quantile(order, 0) == 1);
    free(order);
    struct stats_select *select =
        stats_select_init(malloc(stats_select_bytes(1)), STATS_SIGNED, half, 1);
    stats_select_add(select, values, 3);
    assert_false(stats_select_again(select));
    assert_true(stats_select_quantile(select, 0) == 1);
    stats_select_clear(select);
    stats_select_add(select, values, 1);
    assert_false(stats_select_again(select));
    assert_true(stats_select_quantile(select, 0) == -1);
    free(select);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rolling),
        cmocka_unit_test(test_whole_sets),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
