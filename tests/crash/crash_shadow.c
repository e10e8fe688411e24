/* What must be in the store: the rules of docs/protocol.md on time and duplicates, once more, as
 * simply as they can be put. */
#include "crash_run.h"

#include "random_bits.h"

#include <string.h>

#define COPY(to, from, field, count)                                                               \
    memcpy((to)->field, (from)->field, (count) * sizeof(from)->field[0])

void crash_shadow_copy(struct crash_run *to, const struct crash_run *from)
{
    to->seed = from->seed;
    to->random = from->random;
    to->plan = from->plan;
    to->now_ns = from->now_ns;
    to->in_batch = to->must_exit = false;
    to->is_other_thread = to->is_flushing = to->is_checkpointing = false;
    to->is_recovering = from->is_recovering;
    to->state_count = from->state_count;
    COPY(to, from, states, from->state_count);
    COPY(to, from, sources, from->plan.series_count);
    COPY(to, from, sessions, from->plan.session_count);
    for (size_t i = 0; i < from->plan.series_count; i++) {
        const struct crash_series *old = &from->series[i];
        struct crash_series *new = &to->series[i];
        memcpy(new, old, offsetof(struct crash_series, times));
        uint32_t rows = old->after > old->count ? old->after : old->count;
        COPY(new, old, times, rows);
        COPY(new, old, keys, rows);
        COPY(new, old, runs, old->run_count);
        COPY(new, old, periods_ps, old->run_count);
        COPY(new, old, blocks, old->block_count + 1);
    }
}

const char *crash_name(const struct crash_run *run, size_t series)
{
    return run->plan.series[series].names[run->series[series].name];
}

void crash_state_now(const struct crash_run *run, struct crash_state *ret_state)
{
    *ret_state = (struct crash_state){0};
    for (size_t i = 0; i < run->plan.series_count; i++) {
        ret_state->series[i].exists = run->series[i].exists;
        ret_state->series[i].id = run->series[i].id;
        ret_state->series[i].count = run->series[i].count;
    }
    for (size_t i = 0; i < run->plan.session_count; i++)
        ret_state->stored[i] = run->sessions[i].stored;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t state = a ^ b * UINT64_C(0xe7037ed1a0b428db);
    return random_bits(&state);
}

uint64_t crash_key(const struct crash_session *session, const struct crash_batch *batch,
                   unsigned series, uint64_t row)
{
    return mix(mix(session->id, batch->sequence), (uint64_t)series << 32 | row);
}

void crash_values(const struct crash_plan_series *plan, const uint64_t *keys, uint64_t rows,
                  void *ret_values)
{
    char *at = ret_values;
    for (uint64_t i = 0; i < rows; i++, at += plan->sample_bytes) {
        uint64_t words[CRASH_SAMPLE_BYTES_MAX / 8] = {0};
        for (size_t w = 0; w * 8 < plan->sample_bytes; w++)
            words[w] = keys[i] + w * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(at, words, plan->sample_bytes);
    }
}

void crash_sent_times(const struct crash_batch_block *block, int64_t *ret_times_ns)
{
    for (uint64_t i = 0; i < block->rows; i++)
        ret_times_ns[i] = block->t0_ns + (int64_t)i * 1000;
}

bool crash_shadow_has(const struct crash_series *series, uint64_t session, uint64_t sequence)
{
    for (uint32_t i = series->block_count; i > 0; i--)
        if (series->blocks[i - 1].session == session)
            return series->blocks[i - 1].sequence >= sequence;
    return false;
}

static int64_t last_time(const struct crash_series *series, uint32_t count)
{
    bool is_known = count > 0 && (!series->has_no_last || count > series->count);
    return is_known ? series->times[count - 1] : INT64_MIN;
}

static uint32_t expect_explicit(struct crash_run *run, struct crash_series *series,
                                const struct crash_batch_block *block, const uint64_t *keys)
{
    const struct series_rule *rule = &run->plan.series[block->series].rule;
    int64_t sent_ns[CRASH_BLOCK_ROWS_MAX];
    uint32_t at = series->count;
    crash_sent_times(block, sent_ns);
    for (uint64_t i = 0; i < block->rows; i++) {
        int64_t last_ns = last_time(series, at);
        int64_t stamp_ns = block->clock == BLOCK_ARRIVAL ? run->now_ns : sent_ns[i];
        if (stamp_ns <= last_ns) {
            if (block->clock != BLOCK_ARRIVAL && rule->late != SERIES_LATE_CLAMP)
                continue;
            stamp_ns = last_ns + 1;
        }
        series->times[at] = stamp_ns;
        series->keys[at++] = keys[i];
    }
    return at;
}

/* The gateways send no regular block late. */
static uint32_t expect_regular(struct crash_run *run, struct crash_series *series,
                               const struct crash_batch_block *block, const uint64_t *keys)
{
    const struct series_rule *rule = &run->plan.series[block->series].rule;
    uint32_t at = series->count;
    uint32_t first = 0;
    int64_t t0_ns = block->t0_ns;
    bool goes_on = false;
    if (series->run_count > 0) {
        first = series->runs[series->run_count - 1];
        t0_ns = series->times[first];
        int64_t off_ns = block->t0_ns - (t0_ns + (int64_t)(at - first) * block->period_ps / 1000);
        goes_on = series->periods_ps[series->run_count - 1] == block->period_ps &&
                  off_ns <= rule->jitter_ns && off_ns >= -rule->jitter_ns;
    }
    if (!goes_on) {
        if (block->t0_ns <= last_time(series, at))
            crash_fail("the gateway sent a regular block late");
        t0_ns = block->t0_ns;
        first = at;
        series->runs[series->run_count] = at;
        series->periods_ps[series->run_count++] = block->period_ps;
    }
    for (uint64_t i = 0; i < block->rows; i++, at++) {
        series->times[at] = t0_ns + (int64_t)(at - first) * block->period_ps / 1000;
        series->keys[at] = keys[i];
    }
    return at;
}

static uint32_t state_count_of(const struct crash_run *run, unsigned number)
{
    uint32_t lowest = UINT32_MAX;
    for (size_t i = 0; i < run->state_count; i++) {
        uint32_t count = run->states[i].series[number].id == run->series[number].id
                             ? run->states[i].series[number].count
                             : 0;
        lowest = count < lowest ? count : lowest;
    }
    return lowest;
}

static uint32_t runs_below(const struct crash_series *series, uint32_t count)
{
    uint32_t runs = series->run_count;
    while (runs > 0 && series->runs[runs - 1] >= count)
        runs--;
    return runs;
}

void crash_shadow_ask(struct crash_run *run, unsigned number, uint64_t rows)
{
    struct crash_series *series = &run->series[number];
    uint32_t durable = state_count_of(run, number);
    uint32_t ahead = series->count + (uint32_t)rows - durable;
    /* Of rings that run short one after the other one is raised when it is full but for a block. */
    if (ahead > run->plan.series[number].capacity / 8)
        ahead += (uint32_t)rows;
    uint32_t runs_ahead = series->run_count + 1 - runs_below(series, durable);
    series->ahead = ahead > series->ahead ? ahead : series->ahead;
    series->runs_ahead = runs_ahead > series->runs_ahead ? runs_ahead : series->runs_ahead;
}

uint32_t crash_shadow_expect(struct crash_run *run, const struct crash_session *session,
                             const struct crash_batch *batch, const struct crash_batch_block *block)
{
    struct crash_series *series = &run->series[block->series];
    uint64_t keys[CRASH_BLOCK_ROWS_MAX];
    for (uint64_t i = 0; i < block->rows; i++)
        keys[i] = crash_key(session, batch, block->series, i);
    bool is_regular = run->plan.series[block->series].type.clock == SERIES_REGULAR;
    series->after = is_regular ? expect_regular(run, series, block, keys)
                               : expect_explicit(run, series, block, keys);
    series->blocks[series->block_count] =
        (struct crash_block){session->id, batch->sequence, series->count, series->after};
    if (series->after > series->frontier)
        series->frontier = series->after;
    return series->after - series->count;
}

void crash_shadow_commit(struct crash_series *series)
{
    if (series->after == series->count)
        return;
    series->block_count++;
    series->count = series->after;
    series->has_no_last = false;
}

void crash_shadow_cut(struct crash_series *series, uint32_t count)
{
    while (series->block_count > 0 && series->blocks[series->block_count - 1].end > count)
        series->block_count--;
    series->run_count = runs_below(series, count);
    series->count = series->after = count;
}

void crash_shadow_forget(struct crash_series *series)
{
    memset(series, 0, offsetof(struct crash_series, times));
}
