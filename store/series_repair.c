/* What a writer that was killed in the middle of an append left: columns that
 * reach beyond count, words that were written before count was. Count stands;
 * everything else follows from it. After a clean end all of this changes
 * nothing. */
#include "store_internal.h"

static int64_t *run_row(const struct series *series, uint64_t number)
{
    const struct column *runs = &series->stamps_column;
    char *row = runs->rows + number % runs->row_count * runs->row_bytes;
    return (int64_t *)(void *)row;
}

/* A dropped run has overwritten the oldest one that was kept. A copy of the run
 * after that one covers no sample, and keeps the order in which readers search. */
static void heal_runs_ring(struct series *series, uint64_t kept_count, uint64_t written_count)
{
    uint64_t capacity = series->stamps_column.row_count;
    if (series->capacity == 0 || written_count <= capacity || written_count == kept_count)
        return;
    const int64_t *oldest = run_row(series, written_count - capacity);
    for (uint64_t number = kept_count; number < written_count; number++) {
        int64_t *row = run_row(series, number);
        for (unsigned w = 0; w < RUN_WORDS; w++)
            row[w] = oldest[w];
    }
}

static void repair_runs(struct series *series)
{
    uint64_t written_count = series->runs_count;
    uint64_t oldest = written_count > series->stamps_column.row_count
                          ? written_count - series->stamps_column.row_count
                          : 0;
    while (series->runs_count > oldest) {
        const int64_t *row = run_row(series, series->runs_count - 1);
        if ((uint64_t)row[RUN_FIRST_INDEX] < series->count)
            break;
        series->runs_count--;
    }
    heal_runs_ring(series, series->runs_count, written_count);
    series->run = (struct time_run){0};
    series->last_time_ns = TIME_NONE_NS;
    if (series->count == 0)
        return;
    const int64_t *row = run_row(series, series->runs_count - 1);
    if (series->runs_count == oldest || row[RUN_FIRST_INDEX] < 0 ||
        row[RUN_PERIOD_PS] < RUN_PERIOD_PS_MIN) {
        series_break(series, "runs.npy: its newest sample has no run");
        return;
    }
    struct time_run run =
        time_run_make((uint64_t)row[RUN_FIRST_INDEX], row[RUN_T0_NS], row[RUN_PERIOD_PS]);
    int64_t last_ns = 0;
    if (series->count > run.end ||
        __builtin_add_overflow(
            run.t0_ns, (int64_t)(series->count - 1 - run.first) * run.period_ps / 1000, &last_ns)) {
        series_break(series, "runs.npy: its newest run is longer than a run can be");
        return;
    }
    series->run = run;
    series->last_time_ns = last_ns;
}

/* An explicit series' last time: the stamp of its newest row, or the head's word where a block that
 * was cut may have overwritten that row. The word is written after count, so it was not changed for
 * that block. */
static int64_t last_stamp(const struct series *series)
{
    if (series->count == 0)
        return TIME_NONE_NS;
    if (series->capacity > 0 && series->frontier - series->count >= series->capacity)
        return series_word_load(series, HEAD_LAST_TIME_NS);
    return series->times[(series->count - 1) % series->ring_rows];
}

void series_repair(struct series *series)
{
    series->ring_rows = series->values_column.row_count;
    /* A growing series does not wrap, also when it is just full. */
    series->slot = series->capacity > 0 ? series->count % series->ring_rows : series->count;
    series->ready = series->count;
    series->values = series->values_column.rows;
    series->times = NULL;
    if (series_is_regular(series)) {
        repair_runs(series);
    } else {
        series->times = (int64_t *)(void *)series->stamps_column.rows;
        series->last_time_ns = last_stamp(series);
    }
    series_session_repair(series);
    series_word_store(series, HEAD_ROWS, (int64_t)series->ring_rows);
    series_word_store(series, HEAD_RUNS_COUNT, (int64_t)series->runs_count);
    series_word_store(series, HEAD_LAST_TIME_NS, series->last_time_ns);
    series_word_store(series, HEAD_SUMMARISED, (int64_t)series->summarised);
    if (series->last_time_ns > series->store->newest_ns)
        series->store->newest_ns = series->last_time_ns;
}
