/* The kernels of mean, variance and sum against two passes in 113 bits: every width of vectors that
 * this processor has, families, as doubles and rounded to floats, scales, windows, and ways to cut
 * the stream. */
#include "cmocka_tests.h"
#include "exact.h"
#include "stats_kernels.h"
#include "stats_moments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 1800

struct stream {
    union stats_value values[SAMPLES];
    double f8[SAMPLES]; /* the values once more */
    size_t lengths[SAMPLES];
    double means[SAMPLES], vars[SAMPLES];
    struct stats_special special[SAMPLES];
    bool any[SAMPLES]; /* special was written for it */
};

static struct stream stream;

/* Slides over the stream in pieces of odd lengths. */
static void run(const struct stats_moments_rule *rule, const struct stats_kernels *kernels,
                size_t take)
{
    void *memory = malloc(stats_moments_bytes(rule));
    assert_non_null(memory);
    struct stats_moments *moments = stats_moments_init(memory, rule, kernels);
    for (size_t i = 0; i < SAMPLES; take = take * 2 + 1) {
        if (take > SAMPLES - i)
            take = SAMPLES - i;
        bool any = stats_moments_slide(
            moments, stream.f8 + i, rule->window > 0 ? NULL : stream.lengths + i, take,
            stream.means + i, rule->sums ? NULL : stream.vars + i, stream.special + i);
        for (size_t k = 0; k < take; k++)
            stream.any[i + k] = any;
        i += take;
    }
    free(memory);
}

/* The variances that run() has written, reduced on the way. */
static void check_reduction(const struct stats_moments_rule *rule,
                            const struct stats_kernels *kernels, size_t take, const char *what)
{
    struct stats_reduction reduction = {.threshold = 0};
    double largest = 0;
    size_t low = 0, high = 0;
    for (size_t i = rule->window - 1; i < SAMPLES; i++)
        largest = stream.vars[i] > largest ? stream.vars[i] : largest;
    reduction.threshold = largest / 3;
    for (size_t i = rule->window - 1; i < SAMPLES; i++) {
        low += stream.vars[i] > reduction.threshold * (1 + 1e-12) ? 1 : 0;
        high += stream.vars[i] > reduction.threshold * (1 - 1e-12) ? 1 : 0;
    }
    void *memory = malloc(stats_moments_bytes(rule));
    assert_non_null(memory);
    struct stats_moments *moments = stats_moments_init(memory, rule, kernels);
    for (size_t i = 0; i < SAMPLES; i += take, take = take * 2 + 1) {
        take = take < SAMPLES - i ? take : SAMPLES - i;
        stats_moments_reduce(moments, stream.f8 + i, take, &reduction);
    }
    free(memory);
    if (!(fabs(reduction.largest - largest) <= 1e-12 * largest) || reduction.above < low ||
        reduction.above > high)
        fail_msg("%s, window of %zu: largest %g, not %g; %zu above, not %zu to %zu", what,
                 rule->window, reduction.largest, largest, (size_t)reduction.above, low, high);
    assert_int_equal(reduction.count, SAMPLES + 1 - rule->window);
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static struct exact_statistics wanted[SAMPLES]; /* of the windows that are looked at */

static void check(const struct stats_moments_rule *rule, size_t end, size_t length,
                  const char *what)
{
    const struct exact_statistics want = wanted[end];
    unsigned ddof = rule->rules.ddof;
    double mean = stream.means[end], var = stream.vars[end];
    const struct stats_special *special = &stream.special[end];
    if (want.missing > 0 || !want.finite) {
        if (!stream.any[end] || special->missing != want.missing)
            fail_msg("%s, window of %zu at %zu: %zu missing, not %zu", what, length, end,
                     stream.any[end] ? (size_t)special->missing : 0, want.missing);
        assert_true((special->plus_infinite + special->minus_infinite > 0) == !want.finite);
    } else if (stream.any[end]) {
        assert_true(special->missing + special->plus_infinite + special->minus_infinite == 0);
    }
    if (rule->rules.propagate_nan && want.missing > 0) {
        assert_true(isnan(mean) && (rule->sums || isnan(var)));
        return;
    }
    if (rule->sums) {
        double all = 0;
        for (size_t i = end + 1 - length; i <= end; i++)
            all += isnan(stream.values[i].real) ? 0 : fabs(stream.values[i].real);
        if (want.finite ? fabs((double)((exact)mean - want.sum)) > 1e-14 * all
                        : !same(mean, (double)want.sum))
            fail_msg("%s, window of %zu at %zu: sum %.17g, not %.17g", what, length, end, mean,
                     (double)want.sum);
        return;
    }
    if (want.count == 0) {
        assert_true(isnan(mean) && isnan(var));
        return;
    }
    if (!want.finite) {
        if (!same(mean, (double)want.mean) || !isnan(var))
            fail_msg("%s, window of %zu at %zu: mean %g, not %g, var %g", what, length, end, mean,
                     (double)want.mean, var);
        return;
    }
    double rms = sqrt((double)want.mean_square);
    double mean_error = fabs((double)((exact)mean - want.mean));
    if (want.count <= ddof) {
        assert_true(isnan(var) && mean_error <= 1e-14 * rms);
        return;
    }
    double var_error = fabs((double)((exact)var - want.var));
    if (!(mean_error <= 1e-14 * rms) || !(var_error <= 1e-13 * (double)want.var) || !(var >= 0))
        fail_msg("%s, window of %zu at %zu: mean %.17g, error %.2g of rms, var %.17g, error %.2g",
                 what, length, end, mean, mean_error / rms, var, var_error / (double)want.var);
    if (want.min == want.max && !(mean == want.min && var == 0))
        fail_msg("%s, window of %zu at %zu: equal samples %.17g, mean %.17g, var %.17g", what,
                 length, end, want.min, mean, var);
}

/* All rules of one stream, with every set of kernels. */
static void check_stream(size_t window, const char *what)
{
    static union stats_value kept[SAMPLES];
    const struct stats_kernels *kernels;
    memcpy(kept, stream.values, sizeof kept);
    for (unsigned way = 0; way < 6; way++) {
        struct stats_moments_rule rule = {
            .window = window,
            .sums = way == 4,
            .rules = {.ddof = way / 2 % 2, .propagate_nan = way == 3},
        };
        size_t step = window > 500 ? 61 : window > 20 || way > 1 ? 19 : 3;
        for (size_t i = 0; i < SAMPLES; i++) {
            double value = kept[i].real;
            stream.f8[i] = stream.values[i].real = way % 2 == 1 ? (double)(float)value : value;
        }
        for (size_t i = 0; window == 0 && i < SAMPLES; i++)
            rule.longest = stream.lengths[i] > rule.longest ? stream.lengths[i] : rule.longest;
        for (size_t i = window > 0 ? window - 1 : 0; i < SAMPLES; i += step) {
            size_t length = window > 0 ? window : stream.lengths[i];
            exact_compute(stream.values + i + 1 - length, length, rule.rules.ddof, &wanted[i]);
        }
        for (size_t k = 0; (kernels = stats_kernels_at(k)) != NULL; k++) {
            char name[128];
            run(&rule, kernels, way + 1);
            snprintf(name, sizeof name, "%s, %u lanes, way %u", what, kernels->lanes, way);
            if (window > 0 && window <= SAMPLES && !rule.sums)
                check_reduction(&rule, kernels, way + 2, name);
            for (size_t i = window > 0 ? window - 1 : 0; i < SAMPLES; i += step)
                check(&rule, i, window > 0 ? window : stream.lengths[i], name);
        }
        memcpy(stream.values, kept, sizeof kept);
    }
}

static const size_t windows[] = {1,   2,   3,   7,   8,   16,  20,   63,   64,   65,
                                 100, 127, 128, 129, 192, 200, 1000, 1799, 1800, 5000};
#define WINDOWS (sizeof windows / sizeof *windows)

static void test_families(void **unused)
{
    (void)unused;
    static const double scales[] = {1, 1e-30, 1e29};
    for (unsigned family = 0; family < FAMILY_COUNT; family++) {
        for (size_t w = 0; w < WINDOWS; w++) {
            char what[64];
            double scale = scales[(family + w) % 3];
            family_fill((enum family)family, scale, family, stream.values, SAMPLES);
            snprintf(what, sizeof what, "family %u scale %g", family, scale);
            check_stream(windows[w], what);
        }
    }
}

/* What is not finite is seen by exactly the windows that hold it. */
static void test_not_finite(void **unused)
{
    (void)unused;
    for (size_t w = 0; w < WINDOWS; w++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            uint64_t seed = w;
            family_fill(FAMILY_FAR_NOISE, 1, w, stream.values, SAMPLES);
            for (size_t i = 0; i < SAMPLES; i++) {
                uint64_t dice = random_next(&seed) % (kind == 1 ? 5 : 700);
                bool gap = kind == 2 && i > 700 && i < 1200;
                if (dice == 0 || gap)
                    stream.values[i].real = (double)NAN;
                else if (dice == 1 && kind == 0)
                    stream.values[i].real = i % 2 == 0 ? (double)INFINITY : -(double)INFINITY;
            }
            check_stream(windows[w], kind == 0 ? "infinities" : kind == 1 ? "many NaN" : "a gap");
        }
    }
}

/* Windows of about as many samples each. */
static void test_even_lengths(void **unused)
{
    (void)unused;
    static const size_t targets[] = {2, 5, 20, 31, 45, 70, 110};
    for (unsigned family = 0; family < FAMILY_COUNT; family++) {
        for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
            uint64_t seed = family;
            size_t length = 0;
            family_fill((enum family)family, 1, family, stream.values, SAMPLES);
            for (size_t i = 0; i < SAMPLES; i++) {
                length++;
                if (length > targets[t])
                    length -= random_next(&seed) % (length < 6 ? length : 6);
                stream.lengths[i] = length;
            }
            char what[64];
            snprintf(what, sizeof what, "family %u, lengths of about %zu", family, targets[t]);
            check_stream(0, what);
        }
    }
}

/* Outliers where the anchor of windows is looked for that hold many other samples. The one alone is
 * of those whose roundings all go into the same direction. */
static void test_outliers(void **unused)
{
    (void)unused;
    uint64_t seed = 1;
    for (size_t i = 0; i < SAMPLES; i++) {
        stream.values[i].real = 0;
        stream.lengths[i] = i % STATS_TILE < 40 ? i % STATS_TILE + 1 : 40;
        if (i % STATS_TILE == 39)
            stream.values[i].real = 0x1.e396c9d99a87p+0;
    }
    check_stream(0, "an outlier");
    for (size_t i = 0, tile = (size_t)STATS_TILE * 24; i < SAMPLES; i++) {
        bool near = i == tile - 2 || i == tile - 1;
        stream.values[i].real = (near ? 1e6 : 0) + random_normal(&seed);
        stream.lengths[i] = i <= tile ? i + 1 : i + 3 - tile;
    }
    check_stream(0, "two outliers");
}

/* Windows that grow by one, shrink a little, and shrink to one. */
static void test_changing_lengths(void **unused)
{
    (void)unused;
    for (unsigned family = 0; family < FAMILY_COUNT; family++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            static const unsigned shrinks[] = {3, 300, 2000, 40};
            uint64_t seed = family;
            size_t length = 0;
            family_fill((enum family)family, 1, family, stream.values, SAMPLES);
            for (size_t i = 0; i < SAMPLES; i++) {
                length++;
                if (random_next(&seed) % shrinks[kind] == 0)
                    length = 1 + random_next(&seed) % length;
                else if (kind == 3 && length > 400)
                    length -= 1 + random_next(&seed) % 3;
                stream.lengths[i] = length;
                if (family % 2 == 1 && random_next(&seed) % 200 == 0)
                    stream.values[i].real = random_next(&seed) % 2 == 0 ? (double)NAN : 1.0 / 0.0;
            }
            char what[64];
            snprintf(what, sizeof what, "family %u, lengths of kind %u", family, kind);
            check_stream(0, what);
        }
    }
}

/* Sums of whole numbers are exact, and squares that overflow are infinite, not unknown. */
static void test_ends_of_the_range(void **unused)
{
    (void)unused;
    for (size_t w = 0; w < WINDOWS; w++) {
        struct stats_moments_rule rule = {.window = windows[w], .sums = true};
        double sum = 0;
        for (size_t i = 0; i < SAMPLES; i++)
            stream.f8[i] = (double)(i * i % 1000003) - 3e5;
        run(&rule, NULL, 5);
        for (size_t i = 0; i < SAMPLES; i++) {
            sum += stream.f8[i] - (i >= rule.window ? stream.f8[i - rule.window] : 0);
            assert_true(i + 1 < rule.window || stream.means[i] == sum);
        }
        rule.sums = false;
        for (size_t i = 0; i < SAMPLES; i++)
            stream.f8[i] = i == 1000 ? 1e200 : (double)(i % 7);
        run(&rule, NULL, 5);
        for (size_t i = rule.window - 1; i < SAMPLES; i++) {
            bool huge = i >= 1000 && i - 1000 < rule.window;
            double n = (double)rule.window;
            assert_true(!huge || fabs(stream.means[i] / (1e200 / n) - 1) < 1e-14);
            assert_true(!huge || rule.window == 1 || stream.vars[i] == 1.0 / 0.0);
            if (!huge && !(stream.means[i] < 7 && stream.vars[i] <= 9))
                fail_msg("window of %zu at %zu: mean %g, var %g", rule.window, i, stream.means[i],
                         stream.vars[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),     cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_even_lengths), cmocka_unit_test(test_changing_lengths),
        cmocka_unit_test(test_outliers),     cmocka_unit_test(test_ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
