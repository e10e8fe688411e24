/* Random streams, windows and ways to cut them through the rolling kernels, and into blocks whose
 * records are merged, against two passes in 113 bits and sorted copies.
 *
 *     fuzz_stats [SECONDS [SEED]]
 *
 * Without arguments a second of fresh seeds from 1 on. A failure names its seed; that seed alone is
 * run again by SECONDS 0. The last line has totals. */
#include "exact.h"
#include "stats_block.h"
#include "stats_rolling.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX 3000

enum { MEAN, VAR, MINIMUM, MAXIMUM, SUM, COUNT, MEDIAN, STATISTICS };
static const char *const names[STATISTICS] = {"mean", "var",   "min",   "max",
                                              "sum",  "count", "median"};
static struct stats_statistic statistics[STATISTICS];

struct stream {
    size_t count, window, longest;
    unsigned ddof;
    union stats_value values[SAMPLES_MAX];
    size_t lengths[SAMPLES_MAX];
    double results[STATISTICS][SAMPLES_MAX];
};

static uint64_t windows_checked, equal_windows, special_windows;
static double worst_var, worst_mean;

/* Samples of a family, at a scale, perhaps far away, perhaps with holes and infinities. */
static void make_values(struct stream *stream, uint64_t *seed)
{
    double scale = pow(10, (double)(random_next(seed) % 60) - 30);
    double offset = random_next(seed) % 3 == 0 ? 0 : pow(10, (double)(random_next(seed) % 9));
    unsigned family = (unsigned)(random_next(seed) % 9),
             special = (unsigned)(random_next(seed) % 6);
    double level = 0, walk = 0;
    for (size_t i = 0; i < stream->count; i++) {
        double x = random_normal(seed);
        uint64_t dice = random_next(seed);
        walk += x;
        switch (family) {
        case 0:
            break;
        case 1:
            level = dice % 200 == 0 ? x * pow(10, (double)(dice / 200 % 12)) : level;
            x += level;
            break;
        case 2:
            x *= dice % 300 == 0 ? pow(10, (double)(dice / 300 % 13)) : 1;
            break;
        case 3:
            x = walk;
            break;
        case 4:
            x = level = dice % 400 == 0 ? x : level;
            break;
        case 5:
            x *= exp(10 * sin((double)i * 0.01));
            break;
        case 6:
            x = pow(tan(3.141592653589793 * (random_unit(seed) - 0.5)), 3);
            break;
        case 7:
            x = dice % 50 == 0 ? x : 0;
            break;
        default:
            x = (double)i * 0.001;
            break;
        }
        x = (x + offset) * scale;
        if (special == 0 && dice % 100 == 7)
            x = (double)NAN;
        if (special == 1 && dice % 500 == 7)
            x = dice % 2 == 0 ? 1.0 / 0.0 : -1.0 / 0.0;
        if (special == 2 && dice / 4 % 2 == 0)
            x = (double)NAN;
        stream->values[i].real = x;
    }
}

static void make_lengths(struct stream *stream, uint64_t *seed)
{
    size_t length = 0, target = 1 + random_next(seed) % stream->window;
    stream->longest = 1;
    for (size_t i = 0; i < stream->count; i++) {
        length++;
        if (length > target)
            length -= random_next(seed) % (length < 4 ? length : 4);
        assert(length > 0);
        if (random_next(seed) % 500 == 0)
            length = 1 + random_next(seed) % length;
        stream->lengths[i] = length;
        stream->longest = length > stream->longest ? length : stream->longest;
    }
}

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const union stats_value *values, size_t length)
{
    static double sorted[SAMPLES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isnan(values[i].real))
            sorted[n++] = values[i].real;
    }
    if (n == 0)
        return (double)NAN;
    qsort(sorted, n, sizeof *sorted, compare_reals);
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* NULL, or what is wrong with the window that ends at i. */
static const char *check(const struct stream *stream, size_t i)
{
    struct exact_statistics want;
    size_t length = stream->longest > 0 ? stream->lengths[i] : stream->window;
    const union stats_value *window = stream->values + i + 1 - length;
    exact_compute(window, length, stream->ddof, &want);
    double mean = stream->results[MEAN][i], var = stream->results[VAR][i];
    windows_checked++;
    if (stream->results[COUNT][i] != (double)want.count)
        return "count";
    if (!same(stream->results[MEDIAN][i], median_of(window, length)))
        return "median";
    if (want.count == 0)
        return isnan(mean) && isnan(var) && isnan(stream->results[MINIMUM][i]) ? NULL : "nothing";
    if (stream->results[MINIMUM][i] != want.min || stream->results[MAXIMUM][i] != want.max)
        return "extremes";
    if (!want.finite) {
        special_windows++;
        return same(mean, (double)want.mean) && isnan(var) ? NULL : "infinities";
    }
    double rms = sqrt((double)want.mean_square);
    double mean_error = fabs((double)((exact)mean - want.mean)) / (rms > 0 ? rms : 1);
    worst_mean = mean_error > worst_mean ? mean_error : worst_mean;
    if (!(mean_error <= 1e-14))
        return "mean";
    if (!(fabs((double)((exact)stream->results[SUM][i] - want.sum)) <=
          1e-14 * rms * (double)want.count))
        return "sum";
    if (want.count <= stream->ddof)
        return isnan(var) ? NULL : "variance of too few";
    if (want.min == want.max) {
        equal_windows++;
        return mean == want.min && var == 0 ? NULL : "equal samples";
    }
    double var_error = fabs((double)(((exact)var - want.var) / want.var));
    worst_var = var_error > worst_var ? var_error : worst_var;
    return var_error <= 1e-13 && var >= 0 ? NULL : "variance";
}

/* NULL, or what is wrong with the record of the whole stream, merged from those of its pieces. */
static const char *check_records(const struct stream *stream, uint64_t *seed)
{
    double records[SAMPLES_MAX / 64 + 2][STATS_RECORD_DOUBLES] = {{0}}, *all = records[0];
    size_t count = 0;
    for (size_t i = 0, take; i < stream->count; i += take) {
        take = 64 + random_next(seed) % (STATS_BLOCK_ROWS - 63);
        take = take < stream->count - i ? take : stream->count - i;
        stats_block_make("f8", stream->values + i, take, 1, records[count++]);
        if (count > 2 && random_next(seed) % 4 == 0) {
            stats_block_merge(records[count - 2], 2, 1, records[count - 2]);
            count--;
        }
    }
    stats_block_merge(records[0], count, 1, all);
    struct exact_statistics want;
    exact_compute(stream->values, stream->count, 0, &want);
    if (all[STATS_RECORD_COUNT] != (double)want.count)
        return "count";
    if (want.count == 0)
        return NULL;
    if (all[STATS_RECORD_MIN] != want.min || all[STATS_RECORD_MAX] != want.max)
        return "extremes";
    if (!want.finite)
        return isnan(all[STATS_RECORD_M2]) && same(all[STATS_RECORD_HI], (double)want.mean)
                   ? NULL
                   : "infinities";
    exact mean = (exact)all[STATS_RECORD_HI] + (exact)all[STATS_RECORD_LO];
    exact m2 = want.var * (exact)want.count;
    double sd = sqrt((double)want.var);
    double mean_error = fabs((double)(mean - want.mean));
    double m2_error = fabs((double)((exact)all[STATS_RECORD_M2] - m2));
    if (!(mean_error <= 5e-15 * sd))
        return "mean";
    return m2_error <= 2e-14 * (double)m2 ? NULL : "squares";
}

static bool run(uint64_t first_seed)
{
    static struct stream stream;
    uint64_t seed = first_seed;
    stream.count = 200 + random_next(&seed) % (SAMPLES_MAX - 200);
    stream.window = 1 + random_next(&seed) % (random_next(&seed) % 2 == 0 ? 150 : 1400);
    stream.ddof = (unsigned)(random_next(&seed) % 2);
    stream.longest = 0;
    make_values(&stream, &seed);
    if (random_next(&seed) % 2 == 0)
        make_lengths(&stream, &seed);
    struct stats_rolling_plan plan = {STATS_REAL,     stream.longest > 0 ? 0 : stream.window,
                                      stream.longest, statistics,
                                      STATISTICS,     {.ddof = stream.ddof}};
    struct stats_rolling *rolling = stats_rolling_init(malloc(stats_rolling_bytes(&plan)), &plan);
    for (size_t i = 0; i < stream.count;) {
        size_t take = 1 + random_next(&seed) % 1500;
        take = take < stream.count - i ? take : stream.count - i;
        stats_rolling_slide(rolling, stream.values + i,
                            stream.longest > 0 ? stream.lengths + i : NULL, take, SAMPLES_MAX,
                            &stream.results[0][i], NULL);
        i += take;
    }
    free(rolling);
    const char *fault = check_records(&stream, &seed);
    if (fault != NULL) {
        printf("seed %" PRIu64 ": %s of the merged record; replay: fuzz_stats 0 %" PRIu64 "\n",
               first_seed, fault, first_seed);
        return false;
    }
    size_t step = 1 + random_next(&seed) % (stream.window > 100 ? 60 : 7);
    for (size_t i = stream.longest > 0 ? 0 : stream.window - 1; i < stream.count; i += step) {
        const char *wrong = check(&stream, i);
        if (wrong != NULL) {
            printf("seed %" PRIu64 ": %s of the window that ends with sample %zu; replay: "
                   "fuzz_stats 0 %" PRIu64 "\n",
                   first_seed, wrong, i, first_seed);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, streams = 0;
    clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
    bool good = true;
    for (size_t i = 0; i < STATISTICS; i++)
        good = stats_statistic_parse(names[i], strlen(names[i]), &statistics[i]) && good;
    do {
        good = run(seed++) && good;
        streams++;
    } while (good && clock() < end);
    printf("%" PRIu64 " streams, %" PRIu64 " windows (%" PRIu64 " of equal samples, %" PRIu64
           " with infinities): worst error of a variance %.2g, of a mean %.2g of the rms\n",
           streams, windows_checked, equal_windows, special_windows, worst_var, worst_mean);
    return good ? 0 : 1;
}
