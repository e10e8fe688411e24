/* Rolling minimum and maximum against a look at every sample of every window. */
#include "exact.h"
#include "stats_extremes.h"
#include "stats_kernels.h"

#include "cmocka_tests.h"

#include <stdlib.h>

#define SAMPLES 2000

static union stats_value values[SAMPLES], results[SAMPLES];
static size_t lengths[SAMPLES];

static void run(const struct stats_extremes_rule *rule, const struct stats_kernels *kernels,
                size_t take)
{
    void *memory = malloc(stats_extremes_bytes(rule));
    assert_non_null(memory);
    struct stats_extremes *extremes = stats_extremes_init(memory, rule, kernels);
    for (size_t i = 0; i < SAMPLES; take = take * 2 + 1) {
        if (take > SAMPLES - i)
            take = SAMPLES - i;
        stats_extremes_slide(extremes, values + i, rule->window > 0 ? NULL : lengths + i, take,
                             results + i);
        i += take;
    }
    free(memory);
}

static bool before(union stats_value a, union stats_value b, const struct stats_extremes_rule *rule)
{
    bool less = rule->kind == STATS_REAL     ? a.real < b.real
                : rule->kind == STATS_SIGNED ? a.integer < b.integer
                                             : a.natural < b.natural;
    bool more = rule->kind == STATS_REAL     ? a.real > b.real
                : rule->kind == STATS_SIGNED ? a.integer > b.integer
                                             : a.natural > b.natural;
    return rule->largest ? more : less;
}

static void check(const struct stats_extremes_rule *rule)
{
    for (size_t i = rule->window > 0 ? rule->window - 1 : 0; i < SAMPLES; i++) {
        size_t length = rule->window > 0 ? rule->window : lengths[i];
        const union stats_value *best = NULL;
        for (size_t k = i + 1 - length; k <= i; k++) {
            if (rule->kind == STATS_REAL && isnan(values[k].real))
                continue;
            if (best == NULL || before(values[k], *best, rule))
                best = &values[k];
        }
        if (best != NULL && (before(*best, results[i], rule) || before(results[i], *best, rule)))
            fail_msg("window of %zu at %zu, kind %d, largest %d", length, i, (int)rule->kind,
                     rule->largest);
    }
}

static void fill(unsigned data, uint64_t seed)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t bits = random_next(&seed);
        values[i].natural = bits;
        if (data == 0)
            values[i].real = random_normal(&seed);
        else if (data == 1)
            values[i].real = (double)i * (seed % 2 == 0 ? 1 : -1);
        else if (data == 2)
            values[i].real = bits % 3 == 0    ? (double)NAN
                             : bits % 50 == 1 ? 1.0 / 0.0
                             : bits % 50 == 2 ? -1.0 / 0.0
                                              : (double)(bits % 9);
    }
}

static void test_fixed_windows(void **unused)
{
    (void)unused;
    static const size_t windows[] = {1,   2,   3,   5,   20,  63,  64,  79,   80,   100,
                                     127, 128, 144, 200, 255, 256, 999, 1999, 2000, 3000};
    const struct stats_kernels *kernels;
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        for (unsigned data = 0; data < 5; data++) {
            struct stats_extremes_rule rule = {.kind = data < 3 ? STATS_REAL
                                                                : (enum stats_kind)(data - 2),
                                               .window = windows[w],
                                               .largest = w % 2 == data % 2};
            fill(data, w);
            for (size_t k = 0; (kernels = stats_kernels_at(k)) != NULL; k++) {
                run(&rule, kernels, 1 + data);
                check(&rule);
            }
        }
    }
}

static void test_any_windows(void **unused)
{
    (void)unused;
    for (unsigned data = 0; data < 10; data++) {
        uint64_t seed = data;
        size_t length = 0;
        struct stats_extremes_rule rule = {.kind = data % 5 < 3 ? STATS_REAL
                                                                : (enum stats_kind)(data % 5 - 2),
                                           .largest = data >= 5};
        fill(data % 5, data);
        for (size_t i = 0; i < SAMPLES; i++) {
            length++;
            if (random_next(&seed) % 4 == 0)
                length -= random_next(&seed) % (length < 9 ? length : 9);
            if (random_next(&seed) % 500 == 0)
                length = 1;
            lengths[i] = length;
            rule.longest = length > rule.longest ? length : rule.longest;
        }
        run(&rule, NULL, 1);
        check(&rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_windows),
        cmocka_unit_test(test_any_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
