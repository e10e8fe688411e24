/* The state of a set against two passes in 113 bits, over families of samples, scales, lengths and
 * ways to cut the set. */
#include "exact.h"
#include "stats_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLES_MAX 20011

static const struct stats_rules rules_ddof0 = {0};
static const struct stats_rules rules_ddof1 = {.ddof = 1};

static double relative(double got, exact want)
{
    exact error = (exact)got - want;
    if (error == 0)
        return 0;
    return fabs((double)(error / want));
}

/* All statistics of `state` against the exact ones of the samples. */
static void check_state(const struct stats_state *state, const union stats_value *values,
                        size_t count, const char *what)
{
    for (unsigned ddof = 0; ddof <= 1; ddof++) {
        const struct stats_rules *rules = ddof == 0 ? &rules_ddof0 : &rules_ddof1;
        struct exact_statistics want;
        exact_compute(values, count, ddof, &want);
        double mean = stats_state_get(state, STATS_MEAN, rules);
        double var = stats_state_get(state, STATS_VAR, rules);
        double std = stats_state_get(state, STATS_STD, rules);
        double rms = stats_state_get(state, STATS_RMS, rules);
        double want_rms = sqrt((double)want.mean_square);
        double mean_error = fabs((double)((exact)mean - want.mean)) / want_rms;
        if (mean_error > 2.3e-16 || (count > ddof && relative(var, want.var) > 1e-15) ||
            (want_rms > 0 && fabs(rms - want_rms) > 1e-15 * want_rms)) {
            fail_msg("%s, %zu samples, ddof %u: mean %.17g (error %.2g), var %.17g (error %.2g), "
                     "rms %.17g, not %.17g",
                     what, count, ddof, mean, mean_error, var, relative(var, want.var), rms,
                     want_rms);
        }
        if (count > ddof)
            assert_true(std == sqrt(var));
        else
            assert_true(isnan(var) && isnan(std));
        assert_true(stats_state_get(state, STATS_SUM, rules) == (double)want.sum);
        assert_true(stats_state_get(state, STATS_MIN, rules) == want.min);
        assert_true(stats_state_get(state, STATS_MAX, rules) == want.max);
        assert_true(stats_state_get(state, STATS_COUNT, rules) == (double)count);
        assert_true(stats_state_get(state, STATS_MISSING, rules) == 0);
    }
}

static void test_families(void **unused)
{
    (void)unused;
    static union stats_value values[SAMPLES_MAX];
    static const size_t lengths[] = {1, 2, 3, 7, 8, 9, 200, 1023, 1024, 1025, 4097, SAMPLES_MAX};
    static const double scales[] = {1, 1e-30, 1e29, -3.7};
    for (unsigned family = 0; family < FAMILY_COUNT; family++) {
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            family_fill((enum family)family, scales[s], 42 + family, values, SAMPLES_MAX);
            for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
                char what[64];
                struct stats_state state, one, part;
                stats_state_clear(&state, STATS_REAL);
                stats_state_add(&state, values, lengths[l]);
                snprintf(what, sizeof what, "family %u scale %g", family, scales[s]);
                check_state(&state, values, lengths[l], what);

                stats_state_clear(&one, STATS_REAL);
                for (size_t i = 0; i < lengths[l]; i++)
                    stats_state_add_one(&one, values[i]);
                snprintf(what, sizeof what, "family %u scale %g one by one", family, scales[s]);
                check_state(&one, values, lengths[l], what);

                stats_state_clear(&one, STATS_REAL);
                for (size_t i = 0; i < lengths[l]; i += 77) {
                    stats_state_clear(&part, STATS_REAL);
                    stats_state_add(&part, values + i, lengths[l] - i < 77 ? lengths[l] - i : 77);
                    stats_state_merge(&one, &part);
                }
                snprintf(what, sizeof what, "family %u scale %g merged", family, scales[s]);
                check_state(&one, values, lengths[l], what);
            }
        }
    }
}

static void test_equal_samples_are_exact(void **unused)
{
    (void)unused;
    static union stats_value values[5000];
    static const double constants[] = {0.1,   1e9 / 3, -1e300, 1e-300, 1.7976931348623157e308,
                                       5e-324};
    for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
        for (size_t i = 0; i < 5000; i++)
            values[i].real = constants[c];
        for (size_t n = 1; n <= 5000; n = n * 3 + 1) {
            struct stats_state state;
            stats_state_clear(&state, STATS_REAL);
            stats_state_add(&state, values, n);
            stats_state_add_one(&state, values[0]);
            assert_true(stats_state_get(&state, STATS_MEAN, &rules_ddof0) == constants[c]);
            assert_true(stats_state_get(&state, STATS_VAR, &rules_ddof1) == 0);
            assert_true(stats_state_get(&state, STATS_RMS, &rules_ddof1) == fabs(constants[c]));
        }
    }
}

static void test_near_the_end_of_the_range(void **unused)
{
    (void)unused;
    union stats_value values[3] = {{.real = 1.5e308}, {.real = -1.5e308}, {.real = 1.2e308}};
    struct stats_state state;
    stats_state_clear(&state, STATS_REAL);
    stats_state_add(&state, values, 3);
    double mean = stats_state_get(&state, STATS_MEAN, &rules_ddof0);
    assert_true(fabs(mean / 0.4e308 - 1) < 1e-15);
    assert_true(isinf(stats_state_get(&state, STATS_VAR, &rules_ddof0)));
}

static void check_special(const union stats_value *values, size_t count, double mean, double sum,
                          double min, double max, size_t finite_count, size_t missing)
{
    struct stats_state state;
    stats_state_clear(&state, STATS_REAL);
    stats_state_add(&state, values, count);
    double got[] = {stats_state_get(&state, STATS_MEAN, &rules_ddof0),
                    stats_state_get(&state, STATS_SUM, &rules_ddof0),
                    stats_state_get(&state, STATS_MIN, &rules_ddof0),
                    stats_state_get(&state, STATS_MAX, &rules_ddof0)};
    double want[] = {mean, sum, min, max};
    for (size_t i = 0; i < 4; i++)
        assert_true(isnan(want[i]) ? isnan(got[i]) : got[i] == want[i]);
    assert_true(stats_state_get(&state, STATS_COUNT, &rules_ddof0) == (double)finite_count);
    assert_true(stats_state_get(&state, STATS_MISSING, &rules_ddof0) == (double)missing);

    struct stats_rules propagate = {.propagate_nan = true};
    assert_true(stats_state_get(&state, STATS_COUNT, &propagate) == (double)count);
    if (missing > 0) {
        for (unsigned name = STATS_MEAN; name <= STATS_RMS; name++)
            assert_true(isnan(stats_state_get(&state, (enum stats_name)name, &propagate)));
    }
}

static void test_not_a_number_and_infinities(void **unused)
{
    (void)unused;
    double nan = (double)NAN, inf = (double)INFINITY;
    check_special((union stats_value[]){{.real = nan}, {.real = 3}, {.real = 5}}, 3, 4, 8, 3, 5, 2,
                  1);
    check_special((union stats_value[]){{.real = nan}, {.real = nan}}, 2, nan, 0, nan, nan, 0, 2);
    check_special((union stats_value[]){{.real = inf}, {.real = 1}}, 2, inf, inf, 1, inf, 2, 0);
    check_special((union stats_value[]){{.real = -inf}, {.real = 1}}, 2, -inf, -inf, -inf, 1, 2, 0);
    check_special((union stats_value[]){{.real = -inf}, {.real = inf}, {.real = nan}}, 3, nan, nan,
                  -inf, inf, 2, 1);
    check_special((union stats_value[]){{.real = inf}}, 1, inf, inf, inf, inf, 1, 0);
    struct stats_state state;
    stats_state_clear(&state, STATS_REAL);
    stats_state_add_one(&state, (union stats_value){.real = inf});
    stats_state_add_one(&state, (union stats_value){.real = 1});
    assert_true(isnan(stats_state_get(&state, STATS_VAR, &rules_ddof0)));
    assert_true(isinf(stats_state_get(&state, STATS_RMS, &rules_ddof0)));
}

/* ---- integers ---- */

static void check_integers(const union stats_value *values, size_t count, enum stats_kind kind)
{
    struct stats_state state, part;
    stats_state_clear(&state, kind);
    size_t half = count / 2;
    stats_state_add(&state, values, half);
    stats_state_clear(&part, kind);
    stats_state_add(&part, values + half, count - half);
    stats_state_merge(&state, &part);

    stats_i128 sum = 0, min = 0, max = 0;
    for (size_t i = 0; i < count; i++) {
        stats_i128 x =
            kind == STATS_SIGNED ? (stats_i128)values[i].integer : (stats_i128)values[i].natural;
        sum += x;
        min = i == 0 || x < min ? x : min;
        max = i == 0 || x > max ? x : max;
    }
    stats_i128 got;
    assert_true(stats_state_get_integer(&state, STATS_SUM, &rules_ddof0, &got) && got == sum);
    assert_true(stats_state_get_integer(&state, STATS_MIN, &rules_ddof0, &got) && got == min);
    assert_true(stats_state_get_integer(&state, STATS_MAX, &rules_ddof0, &got) && got == max);
    assert_true(stats_state_get_integer(&state, STATS_COUNT, &rules_ddof0, &got) &&
                got == (stats_i128)count);
    assert_false(stats_state_get_integer(&state, STATS_MEAN, &rules_ddof0, &got));

    exact mean = (exact)sum / (exact)count, var = 0;
    for (size_t i = 0; i < count; i++) {
        exact x = kind == STATS_SIGNED ? (exact)values[i].integer : (exact)values[i].natural;
        var += (x - mean) * (x - mean);
    }
    assert_true(stats_state_get(&state, STATS_MEAN, &rules_ddof0) == (double)mean);
    assert_true(stats_state_get(&state, STATS_VAR, &rules_ddof0) == (double)(var / (exact)count));
    if (count > 1)
        assert_true(stats_state_get(&state, STATS_VAR, &rules_ddof1) ==
                    (double)(var / (exact)(count - 1)));
    else
        assert_true(isnan(stats_state_get(&state, STATS_VAR, &rules_ddof1)));
}

static void test_integers_are_exact(void **unused)
{
    (void)unused;
    static union stats_value values[3001];
    uint64_t seed = 7;
    static const unsigned shifts[] = {0, 1, 8, 20, 40, 56, 63};
    for (size_t s = 0; s < sizeof shifts / sizeof *shifts; s++) {
        for (size_t n = 1; n <= 3001; n = n * 7 + 2) {
            for (size_t i = 0; i < n; i++)
                values[i].natural = random_next(&seed) >> shifts[s];
            check_integers(values, n, STATS_UNSIGNED);
            check_integers(values, n, STATS_SIGNED);
            for (size_t i = 0; i < n; i++)
                values[i].natural = UINT64_MAX - (values[i].natural & 1);
            check_integers(values, n, STATS_UNSIGNED);
            for (size_t i = 0; i < n; i++)
                values[i].integer = INT64_MIN;
            check_integers(values, n, STATS_SIGNED);
        }
    }
}

static void test_names(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < STATS_NAMES; i++) {
        enum stats_name name;
        const char *text = stats_name_text((enum stats_name)i);
        assert_true(stats_name_parse(text, strlen(text), &name) && name == (enum stats_name)i);
        assert_false(stats_name_parse(text, strlen(text) - 1, &name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_equal_samples_are_exact),
        cmocka_unit_test(test_near_the_end_of_the_range),
        cmocka_unit_test(test_not_a_number_and_infinities),
        cmocka_unit_test(test_integers_are_exact),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
