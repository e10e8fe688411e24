#include "series_time.h"

#include "little_endian.h"

#include <assert.h>
#include <errno.h>

/* Products of a count and a period pass 64 bits. */
__extension__ typedef __int128 wide;

#define PS_PER_NS 1000

uint64_t time_run_samples_max(int64_t period_ps)
{
    return (uint64_t)(RUN_SPAN_PS_MAX / period_ps) + 1;
}

struct time_run time_run_make(uint64_t first, int64_t t0_ns, int64_t period_ps)
{
    return (struct time_run){
        .first = first,
        .t0_ns = t0_ns,
        .period_ps = period_ps,
        .end = first + time_run_samples_max(period_ps),
    };
}

/* Division of 128 bits is slow, and nearly every product fits in 64. */
static wide advance(wide t0_ns, uint64_t steps, int64_t period_ps)
{
    uint64_t product_ps;
    if (!__builtin_mul_overflow(steps, (uint64_t)period_ps, &product_ps))
        return t0_ns + product_ps / PS_PER_NS;
    return t0_ns + (wide)steps * period_ps / PS_PER_NS;
}

static bool fits(wide time_ns)
{
    return time_ns > INT64_MIN && time_ns <= INT64_MAX;
}

int64_t time_advance_ns(int64_t t0_ns, uint64_t steps, int64_t period_ps)
{
    return (int64_t)advance(t0_ns, steps, period_ps);
}

/* The block's own first and last stamp. One sample has no use for its period,
 * but the run that it begins has. */
static int block_span(const struct series_block *block, int64_t now_ns, int64_t *ret_period_ps,
                      wide *ret_t0_ns, wide *ret_end_ns)
{
    int64_t period_ps = block->period_ps;
    if (period_ps <= 0 || (period_ps < RUN_PERIOD_PS_MIN && block->count > 1))
        return -EINVAL;
    if (period_ps < RUN_PERIOD_PS_MIN)
        period_ps = RUN_PERIOD_PS_MIN;

    wide length_ns = advance(0, block->count - 1, period_ps);
    bool on_arrival = block->t0_ns == INT64_MIN;
    wide t0_ns = on_arrival ? now_ns - length_ns : block->t0_ns;
    if (!fits(t0_ns) || !fits(t0_ns + length_ns))
        return -EOVERFLOW;
    *ret_period_ps = period_ps;
    *ret_t0_ns = t0_ns;
    *ret_end_ns = t0_ns + length_ns;
    return 0;
}

int series_block_last_ns(const struct series_block *block, int64_t now_ns, int64_t *ret_last_ns)
{
    switch (block->clock) {
    case BLOCK_ARRIVAL:
        *ret_last_ns = now_ns;
        return 0;
    case BLOCK_REGULAR: {
        if (block->count == 1 && block->period_ps > 0 && block->t0_ns != INT64_MIN) {
            *ret_last_ns = block->t0_ns;
            return 0;
        }
        int64_t period_ps;
        wide t0_ns;
        wide end_ns;
        int result = block_span(block, now_ns, &period_ps, &t0_ns, &end_ns);
        if (result == 0)
            *ret_last_ns = (int64_t)end_ns;
        return result;
    }
    case BLOCK_EXPLICIT: {
        int64_t latest_ns = INT64_MIN;
        for (uint64_t i = 0; i < block->count; i++) {
            int64_t stamp_ns = le_load_i64((const char *)block->times_ns + i * 8);
            if (stamp_ns == INT64_MIN && block->stamp_on_arrival)
                stamp_ns = now_ns;
            latest_ns = stamp_ns > latest_ns ? stamp_ns : latest_ns;
        }
        *ret_last_ns = latest_ns;
        return 0;
    }
    }
    return -EINVAL;
}

/* Spreads the block evenly over (last, end]: its last sample stands at `end`,
 * none before last + 1 ns. */
static void squeeze(wide last_ns, wide end_ns, uint64_t count, wide *ret_t0_ns,
                    int64_t *ret_period_ps)
{
    wide room_ns = end_ns - last_ns;
    wide samples = count;
    assert(samples > 0);
    /* Where there are fewer nanoseconds than samples, the end moves by less than
     * one each. */
    if (room_ns < samples)
        room_ns = samples;
    wide period_ps = room_ns * PS_PER_NS / samples;
    if (period_ps > INT64_MAX)
        period_ps = INT64_MAX;
    *ret_period_ps = (int64_t)period_ps;
    *ret_t0_ns = last_ns + room_ns - advance(0, count - 1, *ret_period_ps);
}

/* The stamp of the last of `count` samples that begin at t0, in as many runs as
 * that takes. */
static wide last_of_runs(wide t0_ns, uint64_t count, int64_t period_ps)
{
    uint64_t samples_max = time_run_samples_max(period_ps);
    while (count > samples_max) {
        t0_ns = advance(t0_ns, samples_max, period_ps);
        count -= samples_max;
    }
    return advance(t0_ns, count - 1, period_ps);
}

int time_plan_regular(const struct series_block *block, int64_t now_ns, int64_t last_ns,
                      uint64_t count, const struct time_run *run, const struct time_rules *rules,
                      struct time_plan *ret_plan)
{
    int64_t period_ps;
    wide t0_ns;
    wide end_ns;
    int result = block_span(block, now_ns, &period_ps, &t0_ns, &end_ns);
    if (result < 0)
        return result;

    uint64_t samples = block->count;
    struct time_plan plan = {.kept = samples, .last_ns = last_ns};
    /* A block stamped on arrival always ends after the last sample, as an arrival
     * stamp does. */
    if (block->t0_ns == INT64_MIN && end_ns <= last_ns)
        end_ns = (wide)last_ns + 1;

    bool same_period = run->period_ps == period_ps;
    wide predicted_ns = same_period ? advance(run->t0_ns, count - run->first, period_ps) : 0;
    wide off_ns = t0_ns > predicted_ns ? t0_ns - predicted_ns : predicted_ns - t0_ns;
    bool continues = same_period && off_ns <= rules->jitter_ns;
    if (!continues && t0_ns <= last_ns) {
        if (end_ns > last_ns) {
            squeeze(last_ns, end_ns, samples, &t0_ns, &period_ps);
        } else if (rules->clamp) {
            plan.clamped = samples;
            /* One period after the last sample is what a run of that period predicts. */
            continues = same_period;
            t0_ns = (wide)last_ns + period_ps / PS_PER_NS;
        } else {
            plan.kept = 0;
            plan.late = samples;
            *ret_plan = plan;
            return 0;
        }
    }

    uint64_t room = continues && run->end > count ? run->end - count : 0;
    plan.continued = samples < room ? samples : room;
    plan.period_ps = period_ps;
    uint64_t rest = samples - plan.continued;
    /* What follows in the run's own arithmetic, whose fractions count from its
     * first sample. */
    if (continues)
        t0_ns = advance(run->t0_ns, count + plan.continued - run->first, period_ps);
    wide last_of_all_ns = rest > 0
                              ? advance(t0_ns, rest - 1, period_ps)
                              : advance(run->t0_ns, count + samples - 1 - run->first, period_ps);
    if (!fits(last_of_all_ns))
        return -EOVERFLOW;
    if (rest > 0) {
        plan.t0_ns = (int64_t)t0_ns;
        last_of_all_ns = last_of_runs(t0_ns, rest, period_ps);
    }
    plan.last_ns = (int64_t)last_of_all_ns;
    *ret_plan = plan;
    return 0;
}

int64_t time_sent_ns(const struct series_block *block, uint64_t i, int64_t now_ns, int64_t last_ns)
{
    int64_t stamp_ns = INT64_MIN;
    if (block->clock == BLOCK_EXPLICIT) {
        stamp_ns = le_load_i64((const char *)block->times_ns + i * 8);
        if (stamp_ns != INT64_MIN || !block->stamp_on_arrival)
            return stamp_ns;
    }
    return now_ns > last_ns ? now_ns : last_ns + 1;
}

/* Whether the stamps rise from the last one on, as nearly all blocks' do. */
static bool stamps_rise(const struct series_block *block, int64_t last_ns)
{
    const char *times = block->times_ns;
    int64_t before_ns = le_load_i64(times);
    if (before_ns <= last_ns)
        return false;
    bool rise = true;
    for (uint64_t i = 1; i < block->count; i++) {
        int64_t stamp_ns = le_load_i64(times + i * 8);
        rise &= stamp_ns > before_ns;
        before_ns = stamp_ns;
    }
    return rise;
}

int time_judge_explicit(const struct series_block *block, int64_t now_ns, int64_t last_ns,
                        const struct time_rules *rules, struct time_judgement *ret_judgement)
{
    struct time_judgement judgement = {.last_ns = last_ns};
    if (block->clock == BLOCK_EXPLICIT && stamps_rise(block, last_ns)) {
        judgement.kept = block->count;
        judgement.last_ns = le_load_i64((const char *)block->times_ns + (block->count - 1) * 8);
        judgement.as_sent = true;
        *ret_judgement = judgement;
        return 0;
    }
    for (uint64_t i = 0; i < block->count; i++) {
        bool may_move = rules->clamp || block->clock == BLOCK_ARRIVAL || block->stamp_on_arrival;
        if (judgement.last_ns == INT64_MAX && may_move)
            return -EOVERFLOW;
        int64_t stamp_ns = time_sent_ns(block, i, now_ns, judgement.last_ns);
        if (time_take(stamp_ns, rules, &judgement.last_ns, &judgement.clamped))
            judgement.kept++;
        else
            judgement.late++;
    }
    *ret_judgement = judgement;
    return 0;
}
