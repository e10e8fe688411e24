#include "library_series.h"

#include "stats_record.h"
#include "stats_select.h"
#include "stats_widen.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define QUANTILES_MAX 64
/* Looks at summaries whose oldest rows were overwritten meanwhile. */
#define TRIES_MAX 8

/* A state of some rows, and the first of them. */
struct totals {
    struct stats_state state;
    struct stats_select *select; /* NULL: no quantiles are wanted */
    uint64_t first;
    uint64_t rows;
};

static int add_chunk(void *context, const struct library_chunk *chunk)
{
    struct totals *totals = context;
    /* What came before a hole is no part of the rows that are told of. */
    if (chunk->is_cut) {
        totals->rows = 0;
        stats_state_clear(&totals->state, totals->state.kind);
    }
    if (totals->rows == 0)
        totals->first = chunk->first;
    totals->rows += chunk->count;
    if (totals->select != NULL)
        stats_select_add(totals->select, chunk->values, chunk->count);
    else
        stats_state_add(&totals->state, chunk->values, chunk->count);
    return 0;
}

/* The object for one element; NULL where there is none. */
static struct range_summary *summary_of(struct ingest_series *series, uint64_t element)
{
    if (series->summary != NULL && series->summary_element == element)
        return series->summary;
    range_summary_free(series->summary);
    series->summary = NULL;
    series->summary_element = element;
    if (range_summary_create(series->reader, &series->summary_element, 1, &series->summary) < 0)
        series->summary = NULL;
    return series->summary;
}

/* From the block summaries. True when they told all. */
static bool take_summaries(struct ingest_series *series, uint64_t from, uint64_t to,
                           uint64_t element, struct totals *totals)
{
    if (to - from < RANGE_SUMMARY_ROWS_MIN)
        return false;
    struct range_summary *summary = summary_of(series, element);
    for (unsigned tries = 0; summary != NULL && tries < TRIES_MAX; tries++) {
        const double *record;
        uint64_t first_valid = from;
        int result =
            range_summary_read(summary, &series->snapshot, from, to, &record, &first_valid);
        if (result == -ERANGE && first_valid < to) {
            from = first_valid;
            continue;
        }
        if (result < 0 || (totals->state.kind != STATS_REAL && !stats_record_is_exact(record)))
            return false;
        stats_state_add_record(&totals->state, record, to - from);
        totals->first = from;
        totals->rows = to - from;
        return true;
    }
    return false;
}

static uint64_t whole(const struct stats_state *state, enum stats_name name,
                      const struct stats_rules *rules)
{
    stats_i128 number = 0;
    (void)stats_state_get_integer(state, name, rules, &number);
    return (uint64_t)number;
}

int ingest_series_statistics(struct ingest_series *series, uint64_t from, uint64_t to,
                             uint64_t element, const struct ingest_rules *rules,
                             struct ingest_statistics *ret_statistics)
{
    struct totals totals = {.first = to};
    struct stats_rules how = library_rules(rules);
    int result = library_check(series, from, to, element);
    if (result < 0)
        return result;
    stats_state_clear(&totals.state, stats_kind_of(dtype_name(series->info->type.dtype)));
    if (!take_summaries(series, from, to, element, &totals))
        result = library_for_each_chunk(series, from, to, element, false, add_chunk, &totals);
    else if (reader_fault(series->reader))
        result = -EFAULT;
    if (result < 0)
        return result;
    /* The newest of them were overwritten too: nothing is left of the range. */
    if (totals.first + totals.rows < to) {
        stats_state_clear(&totals.state, totals.state.kind);
        totals.first = to;
    }
    const struct stats_state *state = &totals.state;
    *ret_statistics = (struct ingest_statistics){
        .first = totals.first,
        .count = whole(state, STATS_COUNT, &how),
        .missing = whole(state, STATS_MISSING, &how),
        .mean = stats_state_get(state, STATS_MEAN, &how),
        .var = stats_state_get(state, STATS_VAR, &how),
        .std = stats_state_get(state, STATS_STD, &how),
        .min = stats_state_get(state, STATS_MIN, &how),
        .max = stats_state_get(state, STATS_MAX, &how),
        .sum = stats_state_get(state, STATS_SUM, &how),
        .rms = stats_state_get(state, STATS_RMS, &how),
    };
    return 0;
}

int ingest_series_quantiles(struct ingest_series *series, uint64_t from, uint64_t to,
                            uint64_t element, const double *fractions, size_t count,
                            double *ret_quantiles)
{
    int result = library_check(series, from, to, element);
    for (size_t i = 0; i < count && result == 0; i++)
        if (!(fractions[i] >= 0.0 && fractions[i] <= 1.0))
            result = -EINVAL;
    if (result < 0 || count == 0 || count > QUANTILES_MAX)
        return result < 0 || count == 0 ? result : -EINVAL;
    struct totals totals = {.rows = 0};
    void *memory = malloc(stats_select_bytes(count));
    if (memory == NULL)
        return -ENOMEM;
    totals.select = stats_select_init(memory, stats_kind_of(dtype_name(series->info->type.dtype)),
                                      fractions, count);
    do {
        totals.rows = 0;
        result = library_for_each_chunk(series, from, to, element, false, add_chunk, &totals);
        /* Every pass must see all rows. */
        if (result == 0 && totals.rows != to - from)
            result = -EAGAIN;
    } while (result == 0 && stats_select_again(totals.select));
    for (size_t i = 0; i < count && result == 0; i++)
        ret_quantiles[i] = stats_select_quantile(totals.select, i);
    free(memory);
    return result;
}
