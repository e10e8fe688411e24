#include "library_series.h"

#include "stats_moments.h"
#include "stats_reduce.h"
#include "stats_widen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reducing {
    enum stats_kind kind;
    struct stats_moments *moments;
    struct stats_reduction reduction;
    double *history; /* the window's samples, with those of the chunk behind them */
    size_t window, room, filled;
};

static void widen(enum stats_kind kind, const union stats_value *values, size_t count,
                  double *ret_samples)
{
    for (size_t i = 0; i < count; i++)
        ret_samples[i] = kind == STATS_REAL     ? values[i].real
                         : kind == STATS_SIGNED ? (double)values[i].integer
                                                : (double)values[i].natural;
}

static int reduce_chunk(void *context, const struct library_chunk *chunk)
{
    struct reducing *reducing = context;
    if (chunk->is_cut) {
        stats_moments_clear(reducing->moments);
        reducing->filled = 0;
    }
    if (reducing->filled + chunk->count > reducing->room) {
        double *kept = reducing->history + reducing->filled - reducing->window;
        memmove(reducing->history, kept, reducing->window * sizeof *kept);
        reducing->filled = reducing->window;
    }
    double *samples = reducing->history + reducing->filled;
    widen(reducing->kind, chunk->values, chunk->count, samples);
    stats_moments_reduce(reducing->moments, samples, chunk->count, &reducing->reduction);
    reducing->filled += chunk->count;
    return 0;
}

int ingest_series_reduce(struct ingest_series *series, uint64_t from, uint64_t to, uint64_t element,
                         uint64_t rows, const struct ingest_rules *rules, double threshold,
                         struct ingest_reduction *ret_reduction)
{
    struct reducing reducing = {
        .kind = stats_kind_of(dtype_name(series->info->type.dtype)),
        .reduction = {.threshold = threshold},
        .window = (size_t)rows,
    };
    struct stats_moments_rule rule = {.window = (size_t)rows, .rules = library_rules(rules)};
    int result = library_check(series, from, to, element);
    if (result == 0 && (rows == 0 || rule.rules.min_count > 0))
        result = -EINVAL;
    if (result < 0)
        return result;
    *ret_reduction = (struct ingest_reduction){0};
    /* A window longer than the range is never full. */
    if (rows > to - from)
        return 0;
    size_t chunks = 2 * LIBRARY_ROWS_MAX, bytes = stats_moments_bytes(&rule);
    size_t spare = rows > chunks ? (size_t)rows : chunks;
    void *memory = bytes > 0 ? malloc(bytes) : NULL;
    if (!__builtin_add_overflow(reducing.window, spare, &reducing.room))
        reducing.history = calloc(reducing.room, sizeof *reducing.history);
    if (memory == NULL || reducing.history == NULL) {
        result = -ENOMEM;
    } else {
        reducing.moments = stats_moments_init(memory, &rule, NULL);
        result = library_for_each_chunk(series, from, to, element, false, reduce_chunk, &reducing);
    }
    free(reducing.history);
    free(memory);
    *ret_reduction = (struct ingest_reduction){.windows = reducing.reduction.count,
                                               .above = reducing.reduction.above,
                                               .largest = reducing.reduction.largest};
    return result;
}
