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

/* All plain statistics, and the median. */
#define STATISTICS (STATS_NAMES + 1)
#define MEDIAN     STATS_NAMES
static struct stats_statistic all_statistics[STATISTICS];

static int make_statistics(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < STATS_NAMES; i++) {
        const char *text = stats_name_text((enum stats_name)i);
        assert_true(stats_statistic_parse(text, strlen(text), &all_statistics[i]));
    }
    assert_true(stats_statistic_parse("median", 6, &all_statistics[MEDIAN]));
    return 0;
}

struct results {
    double values[STATISTICS][SAMPLES];
    stats_i128 integers[STATISTICS][SAMPLES];
};

/* Slides over the samples in pieces of odd lengths, since a window must not depend on how its
 * samples came. `window`: fixed, without lengths. */
static void slide(const union stats_value *values, const size_t *lengths, size_t window,
                  size_t longest, enum stats_kind kind, struct stats_rules rules,
                  struct results *ret)
{
    struct stats_rolling_plan plan = {kind, window, longest, all_statistics, STATISTICS, rules};
    void *memory = malloc(stats_rolling_bytes(&plan));
    assert_non_null(memory);
    struct stats_rolling *rolling = stats_rolling_init(memory, &plan);
    for (size_t i = 0, take = 1; i < SAMPLES; i += take, take = take * 2 + 1) {
        if (take > SAMPLES - i)
            take = SAMPLES - i;
        stats_rolling_slide(rolling, values + i, window > 0 ? NULL : lengths + i, take, SAMPLES,
                            &ret->values[0][i], &ret->integers[0][i]);
    }
    free(memory);
}

/* The results of one window. */
static const double *row_of(const struct results *results, size_t i)
{
    static double row[STATISTICS];
    for (size_t k = 0; k < STATISTICS; k++)
        row[k] = results->values[k][i];
    return row;
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
    if (mean_error > 1e-14 * rms || var_error > 1e-13 * (double)want.var ||
        fabs(got[STATS_RMS] - rms) > 1e-14 * rms ||
        fabs((double)((exact)got[STATS_SUM] - want.sum)) > 1e-14 * rms * (double)want.count)
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
            /* As fixed windows, and as lengths that grow to it. */
            size_t fixed = w % 2 == family % 2 ? windows[w] : 0;
            slide(values, lengths, fixed, windows[w], STATS_REAL, (struct stats_rules){.ddof = 1},
                  &got);
            for (size_t i = fixed > 0 ? fixed - 1 : 0; i<SAMPLES; i += windows[w]> 300 ? 97 : 3)
                check_window(values, i, lengths[i], row_of(&got, i), what);
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
        size_t fixed = w % 2 == 0 ? windows[w] : 0, first = fixed > 0 ? fixed - 1 : 0;
        slide(values, lengths, fixed, windows[w], STATS_REAL, (struct stats_rules){.ddof = 1},
              &got);
        for (size_t i = first; i < SAMPLES; i += 3)
            check_window(values, i, lengths[i], row_of(&got, i), "not finite");

        slide(values, lengths, fixed, windows[w], STATS_REAL,
              (struct stats_rules){.propagate_nan = true}, &got);
        for (size_t i = first; i < SAMPLES; i++) {
            struct exact_statistics want;
            exact_compute(values + i + 1 - lengths[i], lengths[i], 0, &want);
            assert_true(got.values[STATS_COUNT][i] == (double)lengths[i]);
            assert_true(isnan(got.values[STATS_MIN][i]) == (want.missing > 0));
            assert_true(isnan(got.values[STATS_VAR][i]) == (want.missing > 0 || !want.finite));
            assert_true(isnan(got.values[MEDIAN][i]) == (want.missing > 0));
        }
        slide(values, lengths, fixed, windows[w], STATS_REAL,
              (struct stats_rules){.min_count = windows[w]}, &got);
        for (size_t i = first; i < SAMPLES; i++) {
            bool enough = got.values[STATS_COUNT][i] >= (double)windows[w];
            assert_true(isnan(got.values[STATS_MIN][i]) == !enough);
            assert_true(isnan(got.values[MEDIAN][i]) == !enough);
            assert_true(enough || isnan(got.values[STATS_SUM][i]));
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
    for (unsigned round = 0; round < 10; round++) {
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
        slide(values, lengths, 0, longest, STATS_REAL, (struct stats_rules){.ddof = 1}, &got);
        for (size_t i = 0; i < SAMPLES; i += 3)
            check_window(values, i, lengths[i], row_of(&got, i), "changing");
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
            size_t fixed = w % 2 == 0 ? windows[w] : 0;
            slide(values, lengths, fixed, windows[w], (enum stats_kind)kind,
                  (struct stats_rules){0}, &got);
            for (size_t i = fixed > 0 ? fixed - 1 : 0; i < SAMPLES; i += 7) {
                struct stats_state want;
                stats_i128 integer;
                struct stats_rules rules = {0};
                stats_state_clear(&want, (enum stats_kind)kind);
                stats_state_add(&want, values + i + 1 - lengths[i], lengths[i]);
                for (unsigned name = 0; name < STATS_NAMES; name++) {
                    assert_true(got.values[name][i] ==
                                stats_state_get(&want, (enum stats_name)name, &rules));
                    if (stats_state_get_integer(&want, (enum stats_name)name, &rules, &integer))
                        assert_true(got.integers[name][i] == integer);
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
    struct stats_rolling_plan plan = {STATS_REAL, 0, 100, all_statistics, STATISTICS, {.ddof = 1}};
    void *memory = malloc(stats_rolling_bytes(&plan));
    struct stats_rolling *from = stats_rolling_init(memory, &plan);
    double result[STATISTICS];
    size_t at = 0;
    for (; at < 777; at++) {
        size_t length = at < 90 ? at + 1 : 90;
        stats_rolling_slide(from, values + at, &length, 1, 1, result, NULL);
    }
    plan.longest = 1000;
    void *larger = malloc(stats_rolling_bytes(&plan));
    struct stats_rolling *to = stats_rolling_init(larger, &plan);
    stats_rolling_transfer(to, from);
    for (size_t length = 91; at < 1500; at++, length++) {
        stats_rolling_slide(to, values + at, &length, 1, 1, result, NULL);
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
    return cmocka_run_group_tests(tests, make_statistics, NULL);
}
