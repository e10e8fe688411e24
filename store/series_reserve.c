/* The reserve of rings (reserve.h): whether a block may be appended before the next flush, and what
 * to do where it may not. */
#include "store_internal.h"

#include "planted.h"

#include <stdlib.h>

static uint64_t runs_ring(const struct series *series)
{
    return series_stamps_rows(SERIES_REGULAR, series->capacity, false);
}

/* A ring that gives up all has nothing left to lose. */
static uint64_t limit_of(uint64_t capacity, uint64_t durable, enum reserve_level level)
{
    if (level == RESERVE_ALL)
        return UINT64_MAX;
    uint64_t limit = durable + reserve_rows(capacity, level);
    /* What overwrites nothing needs no reserve. */
    return limit > capacity ? limit : capacity;
}

void series_limit_rows(struct series *series)
{
    series->rows_limit = UINT64_MAX;
    series->runs_limit = UINT64_MAX;
    if (series->capacity == 0 || PLANTED(BUG_NO_RESERVE))
        return;
    series->rows_limit = limit_of(series->capacity, series->durable, series->rows_reserve);
    if (series_is_regular(series))
        series->runs_limit =
            limit_of(runs_ring(series), series->durable_runs, series->runs_reserve);
}

/* How many runs the block may begin. */
static uint64_t runs_of(uint64_t count, int64_t period_ps)
{
    return period_ps > 0 ? (count - 1) / time_run_samples_max(period_ps) + 1 : 0;
}

/* The next level up, or a higher one where the block alone takes more. */
static uint8_t raised(uint64_t capacity, enum reserve_level level, uint64_t block)
{
    while (level < RESERVE_ALL) {
        level++;
        if (reserve_rows(capacity, level) >= block)
            break;
    }
    return (uint8_t)level;
}

/* Has the next flush write a higher reserve, where there is one. */
static void raise_reserve(struct series *series, uint64_t rows, uint64_t runs, bool is_of_runs)
{
    struct store *store = series->store;
    uint64_t capacity = is_of_runs ? runs_ring(series) : series->capacity;
    uint8_t *wanted = is_of_runs ? &series->runs_reserve_wanted : &series->rows_reserve_wanted;
    uint8_t now = is_of_runs ? series->runs_reserve : series->rows_reserve;
    if (*wanted > now)
        return;
    *wanted = raised(capacity, (enum reserve_level)now, is_of_runs ? runs : rows);
    store_mark_dirty(store, series);
    if (store->raised_count == store->raised_capacity) {
        size_t raised_capacity = store->raised_capacity * 2 + 16;
        struct store_raised *raised =
            reallocarray(store->raised, raised_capacity, sizeof store->raised[0]);
        /* What is not told is raised all the same. */
        if (raised == NULL)
            return;
        store->raised = raised;
        store->raised_capacity = raised_capacity;
    }
    store->raised[store->raised_count++] = (struct store_raised){
        .series = series,
        .is_of_runs = is_of_runs,
        .share_of_8 = 1u << *wanted,
        .capacity_wanted = (is_of_runs ? series->runs_count + runs - series->durable_runs
                                       : series->count + rows - series->durable) *
                           8 * (is_of_runs ? RUNS_CAPACITY_DIVISOR : 1),
    };
}

bool series_reserve_takes(struct series *series, uint64_t count, int64_t period_ps)
{
    struct store *store = series->store;
    if (series->broken != NULL && series_read_again(series) < 0)
        return true; /* the append says what is wrong with it, */
    if (count > series->block_rows_max)
        return true; /* or with the block */
    bool takes = true;
    if (series->count + count > series->rows_limit) {
        raise_reserve(series, count, 0, false);
        takes = false;
    }
    uint64_t runs = runs_of(count, period_ps);
    if (series->runs_count + runs > series->runs_limit) {
        raise_reserve(series, 0, runs, true);
        takes = false;
    }
    store->reserve_is_short = store->reserve_is_short || !takes;
    return takes;
}

/* A ring that needs more than it has asks for so many flushes before their time at most, until it
 * gives up all. */
#define SHORT_FLUSHES_OF_ONE ((unsigned)RESERVE_ALL)

/* Whether rows (or runs) have used up a reserve. A ring that keeps to its eighth is left alone; one
 * that was raised before is so when it is full: when a block (or run) more has no room. */
static bool is_used_up(uint64_t capacity, enum reserve_level level, uint64_t rows, uint64_t block)
{
    uint64_t reserve = reserve_rows(capacity, level);
    return rows > reserve || (level > RESERVE_EIGHTH && rows + block > reserve);
}

void store_reserve_company(struct store *store)
{
    store->short_flushes = store->reserve_is_short ? store->short_flushes + 1 : 0;
    if (!store->reserve_is_short)
        return;
    store->reserve_is_short = false;
    /* Blocks seldom end where a reserve does: of rings that need flushes one after the other those
     * are full that have no room for another block like their last. */
    bool are_many = store->short_flushes > SHORT_FLUSHES_OF_ONE;
    for (size_t i = 0; i < store->dirty_count; i++) {
        struct series *series = store->dirty[i];
        if (series->broken != NULL)
            continue;
        uint64_t rows = series->count - series->durable;
        uint64_t runs = series->runs_count - series->durable_runs;
        uint64_t block = are_many ? series->last_block : 1;
        if (series->count + (are_many ? block : rows) > series->rows_limit &&
            is_used_up(series->capacity, series->rows_reserve, rows, block))
            raise_reserve(series, rows, 0, false);
        if (series->runs_count + runs > series->runs_limit &&
            is_used_up(runs_ring(series), series->runs_reserve, runs, 1))
            raise_reserve(series, 0, runs, true);
    }
}

bool store_take_raised(struct store *store, struct store_raised *ret_raised)
{
    if (store->raised_count == 0)
        return false;
    *ret_raised = store->raised[--store->raised_count];
    return true;
}
