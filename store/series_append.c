/* Appending a block: what docs/format.md says under "Writing", in that order.
 *
 * - claim: is the batch new to this series, and where does its session's entry go?
 * - plan: which stamps do the samples get? Nothing is written until all of this is known.
 * - room: files grow, blocks are allocated, pages are there, or large blocks are written where no
 *   row ever was, or over the oldest rows, with the frontier raised before: from here on nothing
 * can fail.
 * - frontier: readers know which rows are about to be overwritten.
 * - copy: values, then times or runs.
 * - publish: the session's entry, the live words, and last the count. */
#include "store_internal.h"

#include "little_endian.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct append {
    struct series *series;
    const struct series_block *block;
    uint64_t session;
    uint64_t sequence;
    unsigned session_slot;
    int64_t now_ns;
    struct series_append_result *result;
    struct series_rows values;
    struct series_rows times;
};

/* Room and frontier for so many samples. `values` and `times` (NULL: made one by one) are what is
 * going to be copied as it stands, by copy_sent(). */
static inline int begin(struct append *append, uint64_t samples, const void *values,
                        const void *times)
{
    struct series *series = append->series;
    uint64_t after = series->count + samples;
    append->values = (struct series_rows){.from = values};
    append->times = (struct series_rows){.from = times};
    if (after > series->ready) {
        int result = series_make_room(series, samples, &append->values, &append->times);
        if (result < 0)
            return result;
    }
    series_raise_frontier(series, after);
    return 0;
}

static inline void finish(const struct append *append, uint64_t samples, int64_t last_ns)
{
    struct series *series = append->series;
    struct store *store = series->store;
    uint64_t after = series->count + samples;
    /* Of a block that was late as a whole nothing is noted: its entry's count
     * might be durable already, and that says that a flush came after the batch. */
    if (samples == 0)
        return;
    if (append->session != 0)
        series_session_write(series, append->session_slot, append->session, append->sequence,
                             after);
    store_mark_dirty(store, series);
    append->result->appended = samples;
    series_word_store(series, HEAD_LAST_UPDATE_NS, append->now_ns);
    /* Release: whoever sees the count sees rows, stamps and the session's entry. */
    series_word_publish(series, HEAD_COUNT, (int64_t)after);
    /* Only then: where a block fills a whole ring and is cut, no other place tells the last time
     * before it. */
    series_word_publish(series, HEAD_LAST_TIME_NS, last_ns);
    series->count = after;
    series->last_block = samples;
    series->last_time_ns = last_ns;
    series->slot += samples;
    if (series->slot >= series->ring_rows && series->capacity > 0)
        series->slot -= series->ring_rows;
    if (last_ns > store->newest_ns)
        store->newest_ns = last_ns;
    if (after >= series->summary_next)
        series_summarise_appended(series);
}

/* Copies rows to the slots from `slot` on, across the seam if need be. */
static inline void copy_rows(char *rows, uint64_t row_bytes, uint64_t ring_rows, uint64_t slot,
                             const char *from, uint64_t count)
{
    char *to = rows + slot * row_bytes;
    if (count == 1 && row_bytes == 8) {
        memcpy(to, from, 8);
        return;
    }
    if (count == 1 && row_bytes == 4) {
        memcpy(to, from, 4);
        return;
    }
    uint64_t before_seam = ring_rows - slot;
    if (count <= before_seam) {
        memcpy(to, from, count * row_bytes);
        return;
    }
    memcpy(to, from, before_seam * row_bytes);
    memcpy(rows, from + before_seam * row_bytes, (count - before_seam) * row_bytes);
}

/* What begin() was given and has not written. */
static inline void copy_sent(const struct append *append, uint64_t count)
{
    const struct series *series = append->series;
    if (!append->values.is_written && append->values.from != NULL)
        copy_rows(series->values, series->sample_bytes, series->ring_rows, series->slot,
                  append->values.from, count);
    if (!append->times.is_written && append->times.from != NULL)
        copy_rows((char *)series->times, 8, series->ring_rows, series->slot, append->times.from,
                  count);
}

static inline uint64_t slot_after(const struct series *series, uint64_t steps)
{
    uint64_t slot = series->slot + steps;
    return slot >= series->ring_rows ? slot - series->ring_rows : slot;
}

/* ---- explicit series ---- */

/* Samples that are kept one by one, each with the stamp that the rules give it. */
static void copy_judged(const struct append *append)
{
    struct series *series = append->series;
    const struct series_block *block = append->block;
    uint64_t bytes = series->sample_bytes;
    int64_t last_ns = series->last_time_ns;
    uint64_t kept = 0;
    uint64_t clamped = 0;
    for (uint64_t i = 0; i < block->count; i++) {
        int64_t stamp_ns = time_sent_ns(block, i, append->now_ns, last_ns);
        if (!time_take(stamp_ns, &series->rules, &last_ns, &clamped))
            continue;
        uint64_t slot = slot_after(series, kept++);
        memcpy(series->values + slot * bytes, (const char *)block->values + i * bytes, bytes);
        series->times[slot] = last_ns;
    }
}

/* The stamp of a block of one sample, when it is plainly later than the last; else the last. */
static inline int64_t sole_stamp_ns(const struct append *append, int64_t last_ns)
{
    const struct series_block *block = append->block;
    int64_t stamp_ns = append->now_ns;
    if (block->clock == BLOCK_EXPLICIT)
        stamp_ns = le_load_i64(block->times_ns);
    return stamp_ns > last_ns ? stamp_ns : last_ns;
}

static int append_explicit(struct append *append)
{
    struct series *series = append->series;
    const struct series_block *block = append->block;
    struct time_judgement judgement;
    int result;
    /* The common case of a gateway with many slow series, without a judgement. */
    int64_t sole_ns =
        block->count == 1 ? sole_stamp_ns(append, series->last_time_ns) : series->last_time_ns;
    if (sole_ns > series->last_time_ns) {
        result = begin(append, 1, block->values, NULL);
        if (result < 0)
            return result;
        copy_sent(append, 1);
        series->times[series->slot] = sole_ns;
        finish(append, 1, sole_ns);
        return 0;
    }
    result = time_judge_explicit(block, append->now_ns, series->last_time_ns, &series->rules,
                                 &judgement);
    if (result < 0)
        return result;
    append->result->late = judgement.late;
    append->result->clamped = judgement.clamped;
    if (judgement.kept > 0) {
        bool as_sent = judgement.as_sent;
        result = begin(append, judgement.kept, as_sent ? block->values : NULL,
                       as_sent ? block->times_ns : NULL);
        if (result < 0)
            return result;
        copy_sent(append, judgement.kept);
        if (!as_sent)
            copy_judged(append);
    }
    finish(append, judgement.kept, judgement.last_ns);
    return 0;
}

/* A regular block in an explicit series: its computed stamps are stored. */
static int append_computed(struct append *append)
{
    static const struct time_run no_run;
    struct series *series = append->series;
    const struct series_block *block = append->block;
    struct time_plan plan;
    int result = time_plan_regular(block, append->now_ns, series->last_time_ns, series->count,
                                   &no_run, &series->rules, &plan);
    if (result < 0)
        return result;
    append->result->late = plan.late;
    append->result->clamped = plan.clamped;
    if (plan.kept > 0) {
        result = begin(append, plan.kept, block->values, NULL);
        if (result < 0)
            return result;
        copy_sent(append, plan.kept);
        for (uint64_t i = 0; i < plan.kept; i++)
            series->times[slot_after(series, i)] = time_advance_ns(plan.t0_ns, i, plan.period_ps);
        plan.last_ns = time_advance_ns(plan.t0_ns, plan.kept - 1, plan.period_ps);
    }
    finish(append, plan.kept, plan.last_ns);
    return 0;
}

/* ---- regular series ---- */

static void write_run(struct series *series, struct time_run run)
{
    struct column *runs = &series->stamps_column;
    char *at = runs->rows + series->runs_count % runs->row_count * runs->row_bytes;
    _Atomic int64_t *row = (_Atomic int64_t *)(void *)at;
    /* The runs count published before is seen before any word below: they may overwrite the oldest
     * run, which a reader takes for gone only by that count. The words themselves are relaxed: a
     * reader believes a run only below the runs count. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&row[RUN_FIRST_INDEX], (int64_t)run.first, memory_order_relaxed);
    atomic_store_explicit(&row[RUN_T0_NS], run.t0_ns, memory_order_relaxed);
    atomic_store_explicit(&row[RUN_PERIOD_PS], run.period_ps, memory_order_relaxed);
    series->runs_count++;
    series_word_publish(series, HEAD_RUNS_COUNT, (int64_t)series->runs_count);
    series->run = run;
}

/* The runs that begin within the block, as many as its length takes. */
static void write_runs(struct series *series, const struct time_plan *plan)
{
    uint64_t first = series->count + plan->continued;
    uint64_t rest = plan->kept - plan->continued;
    int64_t t0_ns = plan->t0_ns;
    uint64_t samples_max = time_run_samples_max(plan->period_ps);
    for (;;) {
        write_run(series, time_run_make(first, t0_ns, plan->period_ps));
        if (rest <= samples_max)
            return;
        t0_ns = time_advance_ns(t0_ns, samples_max, plan->period_ps);
        first += samples_max;
        rest -= samples_max;
    }
}

/* The common case without 128-bit arithmetic: the block goes on with the
 * current run. True when it does. */
static inline bool plan_continues(const struct series *series, const struct series_block *block,
                                  struct time_plan *plan)
{
    const struct time_run *run = &series->run;
    int64_t off_ns;
    if (block->period_ps != run->period_ps || block->t0_ns == INT64_MIN ||
        run->end - series->count < block->count || run->end < series->count ||
        run->t0_ns > INT64_MAX - RUN_SPAN_PS_MAX / 1000 ||
        __builtin_sub_overflow(block->t0_ns, time_run_stamp_ns(run, series->count), &off_ns) ||
        off_ns > series->rules.jitter_ns || off_ns < -series->rules.jitter_ns)
        return false;
    *plan = (struct time_plan){
        .kept = block->count,
        .continued = block->count,
        .period_ps = run->period_ps,
        .last_ns = time_run_stamp_ns(run, series->count + block->count - 1),
    };
    return true;
}

static int append_regular(struct append *append)
{
    struct series *series = append->series;
    const struct series_block *block = append->block;
    struct time_plan plan;
    if (!plan_continues(series, block, &plan)) {
        int result = time_plan_regular(block, append->now_ns, series->last_time_ns, series->count,
                                       &series->run, &series->rules, &plan);
        if (result < 0)
            return result;
    }
    append->result->late = plan.late;
    append->result->clamped = plan.clamped;
    uint64_t rest = plan.kept - plan.continued;
    if (rest > 0) {
        uint64_t runs = (rest - 1) / time_run_samples_max(plan.period_ps) + 1;
        int result = series_make_runs_room(series, runs);
        if (result < 0)
            return result;
    }
    if (plan.kept > 0) {
        int result = begin(append, plan.kept, block->values, NULL);
        if (result < 0)
            return result;
        copy_sent(append, plan.kept);
        if (rest > 0)
            write_runs(series, &plan);
    }
    finish(append, plan.kept, plan.last_ns);
    return 0;
}

/* ---- */

int series_append(struct series *series, const struct series_block *block, uint64_t session,
                  uint64_t sequence, int64_t now_ns, struct series_append_result *ret_result)
{
    assert(block->count > 0);
    *ret_result = (struct series_append_result){0};
    if (series->words == NULL) {
        int result = series_map(series);
        if (result < 0)
            return result;
    }
    if (series->broken != NULL)
        return -EBADF;
    series->is_recent = true;

    struct append append = {.series = series,
                            .block = block,
                            .session = session,
                            .sequence = sequence,
                            .now_ns = now_ns,
                            .result = ret_result};
    if (session != 0) {
        int result = series_session_claim(series, session, sequence, &append.session_slot);
        if (result < 0)
            return result;
        if (result > 0) {
            ret_result->duplicate = true;
            return 0;
        }
    }
    if (block->count > series->block_rows_max)
        return -EFBIG;
    int result;
    if (series->type.clock == SERIES_EXPLICIT)
        result =
            block->clock == BLOCK_REGULAR ? append_computed(&append) : append_explicit(&append);
    else
        result = block->clock == BLOCK_REGULAR ? append_regular(&append) : -EINVAL;
    if (series->is_lost && series_check_lost(series))
        result = -EBADF;
    /* On failure nothing was appended, so nothing was late either. */
    if (result < 0)
        *ret_result = (struct series_append_result){0};
    return result;
}

void series_prefetch(const struct series *series)
{
    if (series->words == NULL)
        return;
    /* For writing, and to be kept: every append touches them. */
    __builtin_prefetch(&series->words[HEAD_COUNT], 1, 3);
    __builtin_prefetch(&series->words[HEAD_SESSIONS + series->session_slot * HEAD_SESSION_WORDS], 1,
                       3);
    __builtin_prefetch(series->values + series->slot * series->sample_bytes, 1, 3);
    if (series->times != NULL)
        __builtin_prefetch(series->times + series->slot, 1, 3);
}
