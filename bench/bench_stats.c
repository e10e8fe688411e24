/* The rolling kernels as a shared library for bench/query: whole arrays in, results written out or
 * reduced, so that ours and its peers run in one process on the same arrays. */
#include "stats_extremes.h"
#include "stats_kernels.h"
#include "stats_moments.h"
#include "stats_order.h"
#include "stats_spans.h"

#include <math.h>
#include <stdlib.h>

#define PIECE 16384 /* samples a call: what is in between stays in the cache */

void bench_read(const void *samples, int is_f4, size_t count, double *ret);
void bench_floor(const void *samples, int is_f4, size_t count, double *ret_a, double *ret_b);
int bench_moments(const void *samples, int is_f4, size_t count, size_t window, unsigned ddof,
                  double *ret_means, double *ret_vars);
int bench_reduce(const void *samples, int is_f4, size_t count, size_t window, double threshold,
                 double *ret_max, size_t *ret_above);
int bench_extremes(const double *samples, size_t count, size_t window, int largest, double *ret);
int bench_median(const double *samples, size_t count, size_t window, double *ret);
int bench_span(const int64_t *times_ns, const double *samples, size_t count, int64_t span_ns,
               size_t longest, double *ret_means, double *ret_vars);

static const void *at(const void *samples, int is_f4, size_t i)
{
    return is_f4 ? (const void *)((const float *)samples + i) : (const double *)samples + i;
}

/* A plain loop that reads, as fast as memory allows. */
void bench_read(const void *samples, int is_f4, size_t count, double *ret)
{
    const struct stats_kernels *kernels = stats_kernels_best();
    struct stats_sums sums = {.anchor = 0};
    (is_f4 ? &kernels->f4 : &kernels->f8)->sums(samples, count, &sums);
    *ret = sums.sum;
}

/* What reading the samples and writing two results of each costs, whatever they are. */
void bench_floor(const void *samples, int is_f4, size_t count, double *ret_a, double *ret_b)
{
    const struct stats_kernels *kernels = stats_kernels_best();
    for (size_t i = 0; i < count; i += 512) {
        size_t take = count - i < 512 ? count - i : 512;
        (is_f4 ? &kernels->f4 : &kernels->f8)->widen(at(samples, is_f4, i), take, ret_a + i);
        kernels->f8.widen(ret_a + i, take, ret_b + i);
    }
}

static struct stats_moments *make_moments(int is_f4, size_t window, size_t longest, unsigned ddof)
{
    struct stats_moments_rule rule = {
        is_f4 ? STATS_F4 : STATS_F8, window, longest, false, {.ddof = ddof}};
    void *memory = malloc(stats_moments_bytes(&rule));
    return memory != NULL ? stats_moments_init(memory, &rule, NULL) : NULL;
}

int bench_moments(const void *samples, int is_f4, size_t count, size_t window, unsigned ddof,
                  double *ret_means, double *ret_vars)
{
    struct stats_moments *moments = make_moments(is_f4, window, 0, ddof);
    if (moments == NULL)
        return -1;
    for (size_t i = 0; i < count; i += PIECE)
        stats_moments_slide(moments, at(samples, is_f4, i), NULL,
                            count - i < PIECE ? count - i : PIECE, ret_means + i, ret_vars + i,
                            NULL);
    free(moments);
    return 0;
}

/* The largest variance, and how many are above a threshold; nothing is written out. */
int bench_reduce(const void *samples, int is_f4, size_t count, size_t window, double threshold,
                 double *ret_max, size_t *ret_above)
{
    static double means[PIECE], vars[PIECE];
    struct stats_moments *moments = make_moments(is_f4, window, 0, 0);
    double max[8] = {0};
    int64_t above[8] = {0};
    if (moments == NULL)
        return -1;
    for (size_t i = 0, take; i < count; i += take) {
        /* Pieces that end where tiles do. */
        take = i == 0 ? 4096 + window % STATS_TILE : 4096;
        take = take < count - i ? take : count - i;
        stats_moments_slide(moments, at(samples, is_f4, i), NULL, take, means, vars, NULL);
        size_t first = i + 1 < window ? window - 1 - i : 0;
        for (size_t k = 0; k < first; k++)
            vars[k] = 0;
        for (size_t k = take; k % 8 != 0; k++)
            vars[k] = 0;
        for (size_t k = 0; k < take; k += 8) {
            for (size_t lane = 0; lane < 8; lane++) {
                double var = vars[k + lane];
                max[lane] = var > max[lane] ? var : max[lane];
                above[lane] += var > threshold ? 1 : 0;
            }
        }
    }
    for (size_t k = 1; k < 8; k++) {
        max[0] = max[k] > max[0] ? max[k] : max[0];
        above[0] += above[k];
    }
    free(moments);
    *ret_max = max[0];
    *ret_above = (size_t)above[0];
    return 0;
}

int bench_extremes(const double *samples, size_t count, size_t window, int largest, double *ret)
{
    struct stats_extremes_rule rule = {STATS_REAL, largest != 0, window, 0};
    void *memory = malloc(stats_extremes_bytes(&rule));
    if (memory == NULL)
        return -1;
    struct stats_extremes *extremes = stats_extremes_init(memory, &rule, NULL);
    for (size_t i = 0; i < count; i += PIECE)
        stats_extremes_slide(extremes, (const void *)(samples + i), NULL,
                             count - i < PIECE ? count - i : PIECE, (void *)(ret + i));
    free(extremes);
    return 0;
}

int bench_median(const double *samples, size_t count, size_t window, double *ret)
{
    static const double half[] = {0.5};
    void *memory = malloc(stats_order_bytes(window, 1));
    if (memory == NULL)
        return -1;
    struct stats_order *order = stats_order_init(memory, window, STATS_REAL, half, 1);
    for (size_t i = 0; i < count; i++) {
        union stats_value value = {.real = samples[i]};
        if (i < window)
            stats_order_add(order, value);
        else
            stats_order_replace(order, (union stats_value){.real = samples[i - window]}, value);
        ret[i] = i + 1 < window ? (double)NAN : stats_order_quantile(order, 0);
    }
    free(order);
    return 0;
}

int bench_span(const int64_t *times_ns, const double *samples, size_t count, int64_t span_ns,
               size_t longest, double *ret_means, double *ret_vars)
{
    static size_t lengths[PIECE];
    struct stats_spans *spans = NULL;
    struct stats_moments *moments = make_moments(0, 0, longest, 0);
    size_t bytes = stats_spans_bytes(longest, PIECE);
    void *memory = bytes > 0 ? malloc(bytes) : NULL;
    if (memory != NULL)
        spans = stats_spans_init(memory, longest, PIECE, span_ns);
    for (size_t i = 0; spans != NULL && moments != NULL && i < count; i += 4096) {
        size_t take = count - i < 4096 ? count - i : 4096;
        stats_spans_slide(spans, times_ns + i, take, lengths);
        stats_moments_slide(moments, samples + i, lengths, take, ret_means + i, ret_vars + i, NULL);
    }
    int result = spans != NULL && moments != NULL ? 0 : -1;
    free(spans);
    free(moments);
    return result;
}
