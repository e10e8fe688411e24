/* Runs: the times of a regular series. A run's row never changes once the runs count covers it,
 * until the ring of runs has come round and another run takes its slot. */
#include "reader_internal.h"

#include "checked.h"

#include <errno.h>
#include <string.h>

uint64_t reader_runs_first(const struct reader *reader, uint64_t runs_count)
{
    uint64_t rows = reader->times.rows;
    /* The slot of the run that comes next may be half overwritten already: it is the oldest one's.
     */
    return reader_is_ring(reader) && runs_count >= rows ? runs_count - (rows - 1) : 0;
}

int reader_run_words(const struct reader *reader, uint64_t number, int64_t ret_words[RUN_WORDS])
{
    const _Atomic int64_t *row =
        reader_column_words(&reader->times) + (number % reader->times.rows) * RUN_WORDS;
    int64_t words[RUN_WORDS];
    for (unsigned w = 0; w < RUN_WORDS; w++)
        words[w] = atomic_load_explicit(&row[w], memory_order_relaxed);
    /* Orders the reads of the row before this look at the count, which the writer raises before it
     * takes the slot of the next run. */
    atomic_thread_fence(memory_order_acquire);
    int64_t runs_count = reader_head_word(reader, HEAD_RUNS_COUNT);
    if (runs_count < 0)
        return -EBADMSG;
    if (number < reader_runs_first(reader, (uint64_t)runs_count))
        return -ERANGE;
    memcpy(ret_words, words, sizeof words);
    return 0;
}

int reader_run_load(const struct reader *reader, uint64_t number, struct reader_run *ret_run)
{
    int64_t words[RUN_WORDS];
    int r = reader_run_words(reader, number, words);
    if (r < 0)
        return r;
    if (words[RUN_FIRST_INDEX] < 0 || words[RUN_PERIOD_PS] <= 0)
        return -EBADMSG;
    *ret_run = (struct reader_run){(uint64_t)words[RUN_FIRST_INDEX], words[RUN_T0_NS],
                                   words[RUN_PERIOD_PS]};
    return 0;
}

int reader_run_time(const struct reader_run *run, uint64_t index, int64_t *ret_time_ns)
{
    uint64_t since_ps;
    if (index < run->first_index ||
        !checked_multiply_u64(index - run->first_index, (uint64_t)run->period_ps, &since_ps) ||
        !checked_add_i64(run->t0_ns, (int64_t)(since_ps / 1000), ret_time_ns))
        return -EBADMSG;
    return 0;
}

/* The last run of the snapshot for which `is_at_or_before` holds, by binary search; `low` when it
 * holds for none. A run that was overwritten while it was looked at is older than all that are
 * left. */
static int run_search(const struct reader *reader,
                      bool (*is_at_or_before)(const struct reader_run *run, int64_t key),
                      int64_t key, uint64_t *ret_number, bool *ret_found)
{
    uint64_t low = reader->snapshot.runs_first;
    uint64_t high = reader->snapshot.runs_count;
    bool found = false;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct reader_run run;
        int r = reader_run_load(reader, middle, &run);
        if (r == -EBADMSG)
            return r;
        found = found || (r == 0 && is_at_or_before(&run, key));
        if (r == -ERANGE || is_at_or_before(&run, key))
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = found;
    *ret_number = found ? low - 1 : low;
    return 0;
}

static bool run_begins_by_index(const struct reader_run *run, int64_t index)
{
    return run->first_index <= (uint64_t)index;
}

static bool run_begins_by_time(const struct reader_run *run, int64_t time_ns)
{
    return run->t0_ns <= time_ns;
}

int reader_run_find_index(const struct reader *reader, uint64_t index, uint64_t *ret_number)
{
    uint64_t number;
    bool found;
    int r = run_search(reader, run_begins_by_index, (int64_t)index, &number, &found);
    if (r < 0)
        return r;
    if (!found)
        return -ERANGE;
    *ret_number = number;
    return 0;
}

/* One past the last row of a run of the snapshot. */
static int run_end(const struct reader *reader, uint64_t number, uint64_t *ret_end)
{
    if (number + 1 >= reader->snapshot.runs_count) {
        *ret_end = reader->snapshot.count;
        return 0;
    }
    struct reader_run next;
    int r = reader_run_load(reader, number + 1, &next);
    if (r == 0)
        *ret_end =
            next.first_index < reader->snapshot.count ? next.first_index : reader->snapshot.count;
    return r;
}

/* Stamps of rows [at, end) of a run. */
static int run_fill(const struct reader_run *run, uint64_t at, uint64_t end, int64_t *times_ns)
{
    int64_t last_ns;
    int r = reader_run_time(run, end - 1, &last_ns);
    if (r < 0)
        return r;
    /* The last one fits, so all do. */
    uint64_t since_ps = (at - run->first_index) * (uint64_t)run->period_ps;
    for (uint64_t i = 0; i < end - at; i++) {
        times_ns[i] = run->t0_ns + (int64_t)(since_ps / 1000);
        since_ps += (uint64_t)run->period_ps;
    }
    return 0;
}

int reader_run_times(const struct reader *reader, uint64_t from, uint64_t to, int64_t *times_ns,
                     uint64_t *ret_first_valid)
{
    if (from == to)
        return 0;
    /* From the newest run back to the oldest: what is overwritten meanwhile is then the rest. */
    uint64_t number;
    int r = reader_run_find_index(reader, to - 1, &number);
    uint64_t end = to;
    while (r == 0 && end > from) {
        struct reader_run run;
        r = reader_run_load(reader, number, &run);
        if (r < 0)
            break;
        if (run.first_index >= end)
            return -EBADMSG;
        uint64_t begin = run.first_index > from ? run.first_index : from;
        r = run_fill(&run, begin, end, times_ns + (begin - from));
        if (r < 0)
            return r;
        end = begin;
        if (end > from && number == reader->snapshot.runs_first)
            r = -ERANGE;
        else
            number--;
    }
    if (r == -ERANGE) {
        *ret_first_valid = end;
        return 0;
    }
    return r;
}

int reader_run_find_time(const struct reader *reader, int64_t time_ns, uint64_t *ret_index)
{
    uint64_t number;
    bool found;
    int r = run_search(reader, run_begins_by_time, time_ns, &number, &found);
    if (r < 0)
        return r;
    uint64_t index = reader->snapshot.first;
    if (found) {
        struct reader_run run;
        uint64_t end;
        r = reader_run_load(reader, number, &run);
        if (r == 0)
            r = run_end(reader, number, &end);
        if (r == -EBADMSG || (r == 0 && end < run.first_index))
            return -EBADMSG;
        /* Overwritten meanwhile: the rows from there on are newer than what was looked for, or gone
         * as well. */
        if (r == 0) {
            /* The smallest k with floor(k x period / 1000) >= the time since t0; where that product
             * overflows, it is beyond every run. */
            uint64_t since_ns = (uint64_t)time_ns - (uint64_t)run.t0_ns;
            uint64_t since_ps;
            uint64_t period_ps = (uint64_t)run.period_ps;
            index = end;
            if (checked_multiply_u64(since_ns, 1000, &since_ps)) {
                uint64_t rows = since_ps / period_ps + (since_ps % period_ps != 0);
                index = rows < end - run.first_index ? run.first_index + rows : end;
            }
        }
    }
    if (index < reader->snapshot.first)
        index = reader->snapshot.first;
    *ret_index = index < reader->snapshot.count ? index : reader->snapshot.count;
    return 0;
}
