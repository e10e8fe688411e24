/* The rolling kernels as a shared library for bench/query: whole arrays in, results written out or
 * reduced, so that ours and its peers run in one process on the same arrays. */
#include "stats_extremes.h"
#include "stats_moments.h"
#include "stats_order.h"
#include "stats_reduce.h"
#include "stats_spans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384 /* samples a call: what is in between stays in the cache */
#define BLOCK 1024  /* samples that something is done with on the way to the kernels */
#define LANES 16

/* Loops that are not ours, in the widest vectors of the processor as well. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define EVERY_WIDTH __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#elif defined(__x86_64__) && defined(__GNUC__) &&                                                  \
    !defined(__clang__) /* knows no levels to choose by */
#define EVERY_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EVERY_WIDTH
#endif

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

EVERY_WIDTH static double sum_f8(const double *samples, size_t count)
{
    double sum[LANES] = {0};
    for (size_t i = 0; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sum[k] += samples[i + k];
    for (size_t k = 1; k < LANES; k++)
        sum[0] += sum[k];
    return sum[0];
}

EVERY_WIDTH static double sum_f4(const float *samples, size_t count)
{
    double sum[LANES] = {0};
    for (size_t i = 0; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sum[k] += (double)samples[i + k];
    for (size_t k = 1; k < LANES; k++)
        sum[0] += sum[k];
    return sum[0];
}

/* A plain loop that reads, as fast as memory allows. */
void bench_read(const void *samples, int is_f4, size_t count, double *ret)
{
    *ret = is_f4 ? sum_f4(samples, count) : sum_f8(samples, count);
}

EVERY_WIDTH static void widen(const float *restrict samples, size_t count, double *restrict ret)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (double)samples[i];
}

/* What reading the samples and writing two results of each costs, whatever they are. */
void bench_floor(const void *samples, int is_f4, size_t count, double *ret_a, double *ret_b)
{
    for (size_t i = 0; i < count; i += 512) {
        size_t take = count - i < 512 ? count - i : 512;
        if (is_f4)
            widen((const float *)samples + i, take, ret_a + i);
        else
            memcpy(ret_a + i, (const double *)samples + i, take * sizeof *ret_a);
        memcpy(ret_b + i, ret_a + i, take * sizeof *ret_a);
    }
}

/* Samples as the kernels want them: doubles, behind those of the window. */
struct feed {
    const void *samples;
    int is_f4;
    size_t window, filled, room;
    double *wide; /* floats are widened into it, as in stats_rolling.c */
};

static int feed_open(struct feed *feed, const void *samples, int is_f4, size_t window)
{
    *feed = (struct feed){.samples = samples, .is_f4 = is_f4, .window = window};
    feed->room = window + (window > PIECE ? window : PIECE) + PIECE;
    feed->wide = is_f4 ? malloc(feed->room * sizeof *feed->wide) : NULL;
    return is_f4 && feed->wide == NULL ? -1 : 0;
}

static const double *feed_take(struct feed *feed, size_t i, size_t count)
{
    if (!feed->is_f4)
        return (const double *)feed->samples + i;
    if (feed->filled + count > feed->room) {
        memmove(feed->wide, feed->wide + feed->filled - feed->window,
                feed->window * sizeof *feed->wide);
        feed->filled = feed->window;
    }
    double *to = feed->wide + feed->filled;
    widen((const float *)feed->samples + i, count, to);
    feed->filled += count;
    return to;
}

static struct stats_moments *make_moments(size_t window, size_t longest, unsigned ddof)
{
    struct stats_moments_rule rule = {window, longest, false, {.ddof = ddof}};
    void *memory = malloc(stats_moments_bytes(&rule));
    return memory != NULL ? stats_moments_init(memory, &rule, NULL) : NULL;
}

/* Pieces that end where tiles do. */
static size_t piece_of(size_t i, size_t count, size_t window, size_t piece)
{
    size_t take = i == 0 ? piece + window % 64 : piece;
    return take < count - i ? take : count - i;
}

int bench_moments(const void *samples, int is_f4, size_t count, size_t window, unsigned ddof,
                  double *ret_means, double *ret_vars)
{
    struct feed feed;
    struct stats_moments *moments = make_moments(window, 0, ddof);
    if (feed_open(&feed, samples, is_f4, window) < 0 || moments == NULL) {
        free(feed.wide);
        free(moments);
        return -1;
    }
    size_t piece = is_f4 ? 4 * BLOCK : PIECE;
    for (size_t i = 0, take; i < count; i += take) {
        take = piece_of(i, count, window, piece);
        stats_moments_slide(moments, feed_take(&feed, i, take), NULL, take, ret_means + i,
                            ret_vars + i, NULL);
    }
    free(moments);
    free(feed.wide);
    return 0;
}

/* The largest variance, and how many are above a threshold; nothing is written out. */
int bench_reduce(const void *samples, int is_f4, size_t count, size_t window, double threshold,
                 double *ret_max, size_t *ret_above)
{
    struct feed feed;
    struct stats_moments *moments = make_moments(window, 0, 0);
    struct stats_reduction reduction = {.threshold = threshold};
    if (feed_open(&feed, samples, is_f4, window) < 0 || moments == NULL) {
        free(feed.wide);
        free(moments);
        return -1;
    }
    for (size_t i = 0, take; i < count; i += take) {
        take = piece_of(i, count, window, is_f4 ? BLOCK : PIECE);
        stats_moments_reduce(moments, feed_take(&feed, i, take), take, &reduction);
    }
    free(moments);
    free(feed.wide);
    *ret_max = reduction.largest;
    *ret_above = reduction.above;
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
    struct stats_moments *moments = make_moments(0, longest, 0);
    size_t bytes = stats_spans_bytes(longest, PIECE);
    void *memory = bytes > 0 ? malloc(bytes) : NULL;
    if (memory != NULL)
        spans = stats_spans_init(memory, longest, PIECE, span_ns);
    for (size_t i = 0; spans != NULL && moments != NULL && i < count; i += BLOCK) {
        size_t take = count - i < BLOCK ? count - i : BLOCK;
        stats_spans_slide(spans, times_ns + i, take, lengths);
        stats_moments_slide(moments, samples + i, lengths, take, ret_means + i, ret_vars + i, NULL);
    }
    int result = spans != NULL && moments != NULL ? 0 : -1;
    free(spans);
    free(moments);
    return result;
}
