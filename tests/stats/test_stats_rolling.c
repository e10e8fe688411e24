/* The rolling window against two passes in 113 bits over every window. */
#include "exact.h"
#include "stats_rolling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLES 3000

static const enum stats_name all_names[STATS_NAMES] = {STATS_MEAN, STATS_VAR,   STATS_STD,
                                                       STATS_MIN,  STATS_MAX,   STATS_SUM,
                                                       STATS_RMS,  STATS_COUNT, STATS_MISSING};

struct results {
    double values[SAMPLES][STATS_NAMES];
    stats_i128 integers[SAMPLES][STATS_NAMES];
};

/* Slides over the samples in chunks of odd lengths, since a window must not depend on how its
 * samples came. */
static void slide(const union stats_value *values, const size_t *lengths, size_t longest,
                  enum stats_kind kind, struct stats_rules rules, struct results *ret)
{
    size_t bytes = stats_rolling_bytes(longest);
    void *memory = malloc(bytes);
    assert_non_null(memory);
    struct stats_rolling *rolling = stats_rolling_init(memory, longest, kind);
    struct stats_wanted wanted = {all_names, STATS_NAMES, rules};
    for (size_t i = 0, take = 1; i < SAMPLES; i += take, take = take * 2 + 1) {
        if (take > SAMPLES - i)
            take = SAMPLES - i;
        stats_rolling_slide(rolling, values + i, lengths + i, take, &wanted, STATS_NAMES,
                            ret->values[i], ret->integers[i]);
    }
    free(memory);
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_window(const union stats_value *values, size_t end, size_t length,
                         const double *got, const char *what)
{
    struct exact_statistics want;
    const union stats_value *window = values + end + 1 - length;
    exact_compute(window, length, 1, &want);
    assert_true(same(got[STATS_COUNT], (double)want.count));
    assert_true(same(got[STATS_MISSING], (double)want.missing));
    if (want.count == 0) {
        assert_true(isnan(got[STATS_MEAN]) && isnan(got[STATS_VAR]) && got[STATS_SUM] == 0);
        return;
    }
    assert_true(same(got[STATS_MIN], want.min) && same(got[STATS_MAX], want.max));
    if (!want.finite) {
        assert_true(same(got[STATS_SUM], (double)want.sum) &&
                    same(got[STATS_MEAN], (double)want.mean));
        assert_true(isnan(got[STATS_VAR]) && isnan(got[STATS_STD]) && isinf(got[STATS_RMS]));
        return;
    }
    double rms = sqrt((double)want.mean_square);
    double mean_error = fabs((double)((exact)got[STATS_MEAN] - want.mean));
    double var_error = want.count > 1 ? fabs((double)((exact)got[STATS_VAR] - want.var)) : 0;
    if (mean_error > 2.3e-16 * rms || var_error > 2e-15 * (double)want.var)
        fail_msg("%s, window of %zu at %zu: mean error %.2g of rms, variance %.17g, error %.2g",
                 what, length, end, mean_error / rms, got[STATS_VAR], var_error / (double)want.var);
    if (want.min == want.max)
        assert_true(got[STATS_MEAN] == want.min && (want.count < 2 || got[STATS_VAR] == 0));
    assert_true(want.count > 1 ? got[STATS_VAR] >= 0 : isnan(got[STATS_VAR]));
}

static void fixed_lengths(size_t window, size_t *ret_lengths)
{
    for (size_t i = 0; i < SAMPLES; i++)
        ret_lengths[i] = i + 1 < window ? i + 1 : window;
}

static const size_t windows[] = {1, 2, 3, 63, 64, 65, 127, 128, 129, 200, 1000, 2999, 3000, 5000};
#define WINDOWS (sizeof windows / sizeof *windows)

static void test_families(void **unused)
{
    (void)unused;
    static union stats_value values[SAMPLES];
    static size_t lengths[SAMPLES];
    static struct results got;
    static const double scales[] = {1, 1e-30, 1e29};
    for (unsigned family = 0; family < FAMILY_COUNT; family++) {
        double scale = scales[family % 3];
        family_fill((enum family)family, scale, family, values, SAMPLES);
        for (size_t w = 0; w < WINDOWS; w++) {
            char what[64];
            snprintf(what, sizeof what, "family %u scale %g", family, scale);
            fixed_lengths(windows[w], lengths);
            slide(values, lengths, windows[w], STATS_REAL, (struct stats_rules){.ddof = 1}, &got);
            for (size_t i = 0; i<SAMPLES; i += windows[w]> 300 ? 13 : 1)
                check_window(values, i, lengths[i], got.values[i], what);
        }
    }
}

/* What is not finite is seen by exactly the windows that hold it. */
static void test_not_finite(void **unused)
{
    (void)unused;
    static union stats_value values[SAMPLES];
    static size_t lengths[SAMPLES];
    static struct results got;
    family_fill(FAMILY_COSINE, 1, 5, values, SAMPLES);
    for (size_t i = 400; i < SAMPLES; i += 391) {
        values[i].real = i % 2 == 0 ? (double)INFINITY : (double)NAN;
        values[i + 1].real = (double)NAN;
    }
    for (size_t w = 0; w < 10; w++) {
        fixed_lengths(windows[w], lengths);
        slide(values, lengths, windows[w], STATS_REAL, (struct stats_rules){.ddof = 1}, &got);
        for (size_t i = 0; i < SAMPLES; i++)
            check_window(values, i, lengths[i], got.values[i], "not finite");

        slide(values, lengths, windows[w], STATS_REAL, (struct stats_rules){.propagate_nan = true},
              &got);
        for (size_t i = 0; i < SAMPLES; i++) {
            struct exact_statistics want;
            exact_compute(values + i + 1 - lengths[i], lengths[i], 0, &want);
            assert_true(got.values[i][STATS_COUNT] == (double)lengths[i]);
            assert_true(isnan(got.values[i][STATS_MIN]) == (want.missing > 0));
            assert_true(isnan(got.values[i][STATS_VAR]) == (want.missing > 0 || !want.finite));
        }
    }
}

/* Windows by time: lengths that grow and shrink. */
static void test_changing_lengths(void **unused)
{
    (void)unused;
    static union stats_value values[SAMPLES];
    static size_t lengths[SAMPLES];
    static struct results got;
    uint64_t seed = 99;
    family_fill(FAMILY_FAR_NOISE, 1, 5, values, SAMPLES);
    for (unsigned round = 0; round < 20; round++) {
        size_t length = 0, longest = 1;
        for (size_t i = 0; i < SAMPLES; i++) {
            length++;
            if (random_next(&seed) % 5 == 0)
                length = 1 + random_next(&seed) % length;
            else if (random_next(&seed) % 400 == 0)
                length = 1;
            lengths[i] = length;
            longest = length > longest ? length : longest;
        }
        slide(values, lengths, longest, STATS_REAL, (struct stats_rules){.ddof = 1}, &got);
        for (size_t i = 0; i < SAMPLES; i++)
            check_window(values, i, lengths[i], got.values[i], "changing");
    }
}

static void test_integers(void **unused)
{
    (void)unused;
    static union stats_value values[SAMPLES];
    static size_t lengths[SAMPLES];
    static struct results got;
    uint64_t seed = 3;
    for (size_t i = 0; i < SAMPLES; i++)
        values[i].natural = random_next(&seed) >> (i % 3 == 0 ? 0 : 40);
    for (unsigned kind = STATS_SIGNED; kind <= STATS_UNSIGNED; kind++) {
        for (size_t w = 0; w < WINDOWS; w++) {
            fixed_lengths(windows[w], lengths);
            slide(values, lengths, windows[w], (enum stats_kind)kind, (struct stats_rules){0},
                  &got);
            for (size_t i = 0; i < SAMPLES; i += 7) {
                struct stats_state want;
                stats_i128 integer;
                struct stats_rules rules = {0};
                stats_state_clear(&want, (enum stats_kind)kind);
                stats_state_add(&want, values + i + 1 - lengths[i], lengths[i]);
                for (unsigned name = 0; name < STATS_NAMES; name++) {
                    assert_true(got.values[i][name] ==
                                stats_state_get(&want, (enum stats_name)name, &rules));
                    if (stats_state_get_integer(&want, (enum stats_name)name, &rules, &integer))
                        assert_true(got.integers[i][name] == integer);
                }
            }
        }
    }
}

static void test_transfer_keeps_the_window(void **unused)
{
    (void)unused;
    static union stats_value values[SAMPLES];
    family_fill(FAMILY_NOISE, 1, 5, values, SAMPLES);
    void *memory = malloc(stats_rolling_bytes(100)), *larger = malloc(stats_rolling_bytes(1000));
    struct stats_rolling *from = stats_rolling_init(memory, 100, STATS_REAL);
    struct stats_wanted wanted = {all_names, STATS_NAMES, {.ddof = 1}};
    size_t at = 0;
    for (; at < 777; at++) {
        size_t length = at < 90 ? at + 1 : 90;
        double result[STATS_NAMES];
        stats_rolling_slide(from, values + at, &length, 1, &wanted, STATS_NAMES, result, NULL);
    }
    struct stats_rolling *to = stats_rolling_init(larger, 1000, STATS_REAL);
    stats_rolling_transfer(to, from);
    assert_int_equal(stats_rolling_count(to), 90);
    for (size_t length = 91; at < 1500; at++, length++) {
        double result[STATS_NAMES];
        stats_rolling_slide(to, values + at, &length, 1, &wanted, STATS_NAMES, result, NULL);
        check_window(values, at, length, result, "transfer");
    }
    free(memory);
    free(larger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_changing_lengths),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_transfer_keeps_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
