/* Records of blocks against two passes in 113 bits: every type, families of samples, row shapes,
 * places in memory, what is not finite, and trees of merges. A failure prints its seed, which the
 * first argument replays. */
#include "block_kernels.h"
#include "exact.h"
#include "stats_block.h"
#include "stats_record.h"
#include "stats_widen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS     ((size_t)STATS_BLOCK_ROWS)
#define BLOCKS   ((size_t)40)
#define RECORD   ((size_t)STATS_RECORD_DOUBLES)
#define ELEMENTS ((size_t)19)

static uint64_t only_seed;

static const char *const dtypes[] = {"f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"};

/* Puts a value where a number of that type is, and gives back what became of it. */
static union stats_value put(const char *dtype, char *to, union stats_value value)
{
    size_t bytes = stats_number_bytes(dtype);
    union stats_value stored;
    if (dtype[0] == 'f' && bytes == 4) {
        float narrow = (float)value.real;
        memcpy(to, &narrow, 4);
    } else {
        memcpy(to, &value, bytes);
    }
    stats_widen(dtype, to, 0, 1, &stored);
    return stored;
}

/* One record against all samples that it stands for; NaN among them are skipped. */
static void check_record(const double *record, const char *dtype, const union stats_value *values,
                         size_t count, double m2_bound, const char *what)
{
    exact sum = 0, m2 = 0;
    double min = (double)INFINITY, max = -(double)INFINITY, infinite = 0;
    size_t there = 0;
    enum stats_kind kind = stats_kind_of(dtype);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            exact x = kind == STATS_REAL     ? (exact)values[i].real
                      : kind == STATS_SIGNED ? (exact)values[i].integer
                                             : (exact)values[i].natural;
            if (kind == STATS_REAL && isnan(values[i].real))
                continue;
            if (pass == 1) {
                m2 += (x - sum / (exact)there) * (x - sum / (exact)there);
                continue;
            }
            infinite += isinf((double)x) ? (double)x : 0;
            there++;
            sum += x;
            min = (double)x < min ? (double)x : min;
            max = (double)x > max ? (double)x : max;
        }
    }
    assert_true(record[STATS_RECORD_COUNT] == (double)there);
    if (there == 0) {
        assert_true(isnan(record[0]) && record[1] == 0 && record[2] == 0 && isnan(record[3]) &&
                    isnan(record[4]));
        return;
    }
    if (!(record[STATS_RECORD_MIN] == min && record[STATS_RECORD_MAX] == max))
        fail_msg("%s: min %.17g max %.17g, not %.17g and %.17g", what, record[STATS_RECORD_MIN],
                 record[STATS_RECORD_MAX], min, max);
    if (infinite != 0) {
        assert_true(isnan(infinite) ? isnan(record[0]) : record[0] == infinite);
        assert_true(isnan(record[STATS_RECORD_M2]));
        return;
    }
    exact mean = sum / (exact)there;
    exact error = (exact)record[0] + (exact)record[1] - mean;
    exact sd = (exact)sqrt((double)(m2 / (exact)there));
    exact m2_error = (exact)record[STATS_RECORD_M2] - m2;
    if (error < 0)
        error = -error;
    if (m2_error < 0)
        m2_error = -m2_error;
    if (error > (exact)5e-15 * sd || m2_error > (exact)m2_bound * m2)
        fail_msg("%s, %s, %zu samples: mean off by %.2g (sd %.2g), m2 %.17g off by %.2g "
                 "of it",
                 what, dtype, there, (double)error, (double)sd, (double)m2,
                 (double)(m2_error / m2));
    if (kind != STATS_REAL && (there & (there - 1)) == 0)
        assert_true(error == 0);
}

/* Families of floating-point samples at many scales, merged in two ways. */
static void test_families(void **unused)
{
    (void)unused;
    static union stats_value values[BLOCKS * ROWS];
    static char rows[ROWS * 8 + 8];
    static const double scales[] = {1, 1e-30, 1e29, -3.7};
    for (unsigned at = 0; at < 2 * FAMILY_COUNT * 4; at++) {
        const char *dtype = dtypes[at % 2];
        double records[BLOCKS * RECORD], merged[3 * RECORD];
        char what[64];
        snprintf(what, sizeof what, "family %u scale %g", at / 2 % FAMILY_COUNT,
                 scales[at / 2 / FAMILY_COUNT]);
        family_fill((enum family)(at / 2 % FAMILY_COUNT), scales[at / 2 / FAMILY_COUNT], at + 1,
                    values, BLOCKS * ROWS);
        size_t bytes = stats_number_bytes(dtype);
        for (size_t b = 0; b < BLOCKS; b++) {
            for (size_t i = 0; i < ROWS; i++)
                values[b * ROWS + i] = put(dtype, rows + i * bytes, values[b * ROWS + i]);
            stats_block_make(dtype, rows, ROWS, 1, records + b * RECORD);
            check_record(records + b * RECORD, dtype, values + b * ROWS, ROWS, 1e-14, what);
        }
        stats_block_merge(records, BLOCKS, 1, merged);
        check_record(merged, dtype, values, BLOCKS * ROWS, 1e-14, what);
        stats_block_merge(records, 7, 1, merged);
        stats_block_merge(records + 7 * RECORD, BLOCKS - 9, 1, merged + RECORD);
        stats_block_merge(records + (BLOCKS - 2) * RECORD, 2, 1, merged + 2 * RECORD);
        stats_block_merge(merged, 3, 1, merged);
        check_record(merged, dtype, values, BLOCKS * ROWS, 1e-14, what);
    }
}

/* A random sample of a kind: small, wide, far from 0, constant; for floats also not finite. */
static union stats_value random_value(const char *dtype, unsigned family, uint64_t *state)
{
    uint64_t bits = random_next(state);
    union stats_value value = {.natural = bits >> (family % 61)};
    if (family % 7 == 0)
        value.natural = UINT64_C(0xA5A5A5A5A5A5A5A5);
    if (dtype[0] != 'f')
        return value;
    value.real = ldexp(random_normal(state), (int)(family % 80) - 40) + (family % 3 == 0 ? 1e6 : 0);
    if (family % 7 == 0)
        value.real = 0.1;
    if (family % 5 == 0 && bits % 50 == 0)
        value.real = (double)NAN;
    if (family % 11 == 0 && bits % 300 == 0)
        value.real = bits % 600 == 0 ? (double)INFINITY : -(double)INFINITY;
    return value;
}

/* Rows of any shape at any place, blocks of any length, any tree of merges. */
static void check_random(uint64_t seed)
{
    static union stats_value values[ELEMENTS][6 * ROWS];
    static char memory[ROWS * ELEMENTS * 8 + 8];
    uint64_t state = seed;
    const char *dtype = dtypes[random_next(&state) % 10];
    size_t elements = 1 + random_next(&state) % (random_next(&state) % 2 == 0 ? 3 : ELEMENTS);
    size_t bytes = stats_number_bytes(dtype), blocks = 1 + random_next(&state) % 6, total = 0;
    unsigned family = (unsigned)(random_next(&state) >> 33);
    double records[6 * ELEMENTS * RECORD];
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    for (size_t b = 0; b < blocks; b++) {
        size_t count = random_next(&state) % 3 == 0 ? ROWS : random_next(&state) % (ROWS + 1);
        char *rows = memory + random_next(&state) % 8;
        for (size_t i = 0; i < count * elements; i++)
            values[i % elements][total + i / elements] =
                put(dtype, rows + i * bytes, random_value(dtype, family, &state));
        stats_block_make(dtype, rows, count, elements, records + b * elements * RECORD);
        for (size_t e = 0; e < elements; e++)
            check_record(records + (b * elements + e) * RECORD, dtype, values[e] + total, count,
                         dtype[0] == 'f' ? 1e-14 : 4e-16, what);
        total += count;
    }
    while (blocks > 1) {
        size_t first = random_next(&state) % blocks;
        size_t count = 1 + random_next(&state) % (blocks - first);
        stats_block_merge(records + first * elements * RECORD, count, elements,
                          records + first * elements * RECORD);
        memmove(records + (first + 1) * elements * RECORD,
                records + (first + count) * elements * RECORD,
                (blocks - first - count) * elements * RECORD * sizeof *records);
        blocks -= count - 1;
    }
    for (size_t e = 0; e < elements; e++)
        check_record(records + e * RECORD, dtype, values[e], total, dtype[0] == 'f' ? 2e-14 : 1e-15,
                     what);

    /* The state that takes a record in, and other samples beside it, tells what a state of all
     * samples tells. */
    static const struct stats_rules rules = {.ddof = 1};
    struct stats_state state_of_record, state_of_all;
    enum stats_kind kind = stats_kind_of(dtype);
    for (size_t e = 0; e < elements; e++) {
        size_t beside = total < 100 ? total : 100;
        stats_state_clear(&state_of_record, kind);
        stats_state_clear(&state_of_all, kind);
        stats_state_add_record(&state_of_record, records + e * RECORD, total);
        stats_state_add(&state_of_record, values[e], beside);
        stats_state_add(&state_of_all, values[e], total);
        stats_state_add(&state_of_all, values[e], beside);
        for (unsigned name = 0; name < STATS_NAMES; name++) {
            double got = stats_state_get(&state_of_record, (enum stats_name)name, &rules);
            double want = stats_state_get(&state_of_all, (enum stats_name)name, &rules);
            double rms = stats_state_get(&state_of_all, STATS_RMS, &rules);
            bool is_moment = name == STATS_VAR || name == STATS_STD || name == STATS_RMS ||
                             (kind == STATS_REAL && (name == STATS_MEAN || name == STATS_SUM));
            bool is_rounded = (name == STATS_MIN || name == STATS_MAX) &&
                              !stats_record_is_exact(records + e * RECORD);
            double scale = name == STATS_MEAN  ? rms
                           : name == STATS_SUM ? rms * (double)total
                                               : want;
            if (is_rounded || (isnan(want) && isnan(got)) || got == want ||
                (is_moment && fabs(got - want) <= 2e-14 * fabs(scale)))
                continue;
            fail_msg("%s, %s: %s is %.17g, not %.17g", what, dtype,
                     stats_name_text((enum stats_name)name), got, want);
        }
    }
}

static void test_random_shapes_and_trees(void **unused)
{
    (void)unused;
    uint64_t first = only_seed != 0 ? only_seed : 1, count = only_seed != 0 ? 1 : 250;
    for (uint64_t seed = first; seed < first + count; seed++)
        check_random(seed);
}

static void test_equal_samples_are_exact(void **unused)
{
    (void)unused;
    static const double constants[] = {0.1,   1e9 / 3, -1e300, 1e-300, 1.7976931348623157e308,
                                       5e-324};
    double samples[ROWS], records[2 * RECORD];
    for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
        for (size_t i = 0; i < ROWS; i++)
            samples[i] = constants[c];
        for (size_t n = 1; n <= ROWS; n = n < 60 ? n + 1 : n < 1000 ? n * 5 / 3 : n + 1) {
            stats_block_make("f8", samples, n, 1, records);
            stats_block_make("f8", samples, ROWS - n / 2, 1, records + RECORD);
            for (size_t r = 0; r < 2; r++) {
                assert_true(records[0] == constants[c] && records[1] == 0 && records[2] == 0);
                stats_block_merge(records, 2, 1, records);
            }
        }
    }
}

/* Whole numbers up to 2^40 with both signs, and holes among them: every sum of them is exact. */
static void test_sums_of_whole_numbers_are_exact(void **unused)
{
    (void)unused;
    double samples[ROWS], records[17 * RECORD];
    uint64_t state = 99;
    for (unsigned round = 0; round < 400; round++) {
        double sum = 0;
        int64_t range = INT64_C(1) << (2 + round % 38);
        for (size_t b = 0; b < 16; b++) {
            size_t count = round % 2 == 0 ? ROWS : 1 + random_next(&state) % ROWS;
            for (size_t i = 0; i < count; i++) {
                samples[i] = (double)((int64_t)(random_next(&state) >> 1) % range -
                                      (round % 3 == 0 ? 0 : range / 2));
                sum += samples[i];
                if (round % 5 == 0 && random_next(&state) % 40 == 0) {
                    sum -= samples[i];
                    samples[i] = (double)NAN;
                }
            }
            stats_block_make("f8", samples, count, 1, records + b * RECORD);
        }
        samples[0] = -sum;
        stats_block_make("f8", samples, 1, 1, records + 16 * RECORD);
        double low, got;
        stats_block_merge(records, 16, 1, records);
        got = stats_record_sum(records, &low);
        if (got != sum || low != 0)
            fail_msg("round %u: the sum is %.17g + %.17g, not %.17g", round, got, low, sum);
        memcpy(records + RECORD, records + 16 * RECORD, RECORD * sizeof *records);
        stats_block_merge(records, 2, 1, records);
        got = stats_record_sum(records, &low);
        if (got != 0 || low != 0)
            fail_msg("round %u: the sum is %.17g + %.17g, not 0", round, got, low);
    }
}

static void test_near_the_end_of_the_range(void **unused)
{
    (void)unused;
    double samples[3] = {1.5e308, -1.5e308, 1.2e308}, records[3 * RECORD];
    stats_block_make("f8", samples, 3, 1, records);
    assert_true(fabs(records[0] / 0.4e308 - 1) < 1e-15 && isinf(records[STATS_RECORD_M2]));
    for (size_t i = 0; i < 3; i++)
        stats_block_make("f8", samples + i, 1, 1, records + i * RECORD);
    samples[1] = 1.5e308;
    stats_block_make("f8", samples + 1, 1, 1, records + RECORD);
    stats_block_merge(records, 3, 1, records);
    assert_true(fabs(records[0] / 1.4e308 - 1) < 1e-15 && isinf(records[STATS_RECORD_M2]));
}

/* Both widths of the loops, whichever this processor chooses. */
static void check_kernels(const struct block_kernels *kernels)
{
    float narrow[ROWS];
    double wide[ROWS];
    for (size_t n = 1; n <= ROWS; n = n < 70 ? n + 1 : n * 2 - 3) {
        exact sum = 0, squares = 0;
        double min = (double)INFINITY, max = -(double)INFINITY;
        for (size_t i = 0; i < n; i++) {
            narrow[i] = (float)(cos((double)(i * n)) * 100);
            wide[i] = (double)narrow[i];
            sum += (exact)wide[i];
            squares += ((exact)wide[i] - 3) * ((exact)wide[i] - 3);
            min = wide[i] < min ? wide[i] : min;
            max = wide[i] > max ? wide[i] : max;
        }
        for (unsigned type = 0; type < 2; type++) {
            struct block_range range;
            struct block_squares about;
            if (type == 0) {
                kernels->range_f4(narrow, n, &range);
                about = kernels->squares_f4(narrow, n, 3);
            } else {
                kernels->range_f8(wide, n, &range);
                about = kernels->squares_f8(wide, n, 3);
            }
            assert_true(range.min == min && range.max == max && range.sum == (double)sum);
            assert_true(about.sum == (double)(sum - 3 * (exact)n));
            assert_true(fabs(about.squares / (double)squares - 1) < 1e-14);
        }
    }
}

static void test_loops(void **unused)
{
    (void)unused;
    check_kernels(&block_kernels_2);
    check_kernels(block_kernels_best());
}

int main(int argc, char **argv)
{
    if (argc > 1)
        only_seed = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_random_shapes_and_trees),
        cmocka_unit_test(test_equal_samples_are_exact),
        cmocka_unit_test(test_sums_of_whole_numbers_are_exact),
        cmocka_unit_test(test_near_the_end_of_the_range),
        cmocka_unit_test(test_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
