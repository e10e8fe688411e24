/* series_time.h - the rules of time: which stamp a sample gets, and what
 * becomes of one that comes late. Pure functions.
 *
 *   arrival     max(now, last + 1 ns)
 *   explicit    not after the last: late. Dropped and counted, or (clamp) kept
 * as last + 1 ns. regular     t0 within `jitter` of what the current run
 * predicts: the run goes on, with its own stamps; else t0 after the last
 * sample: a new run at t0; else the block ends after the last sample: squeezed
 * between the last sample and its own end; else late: dropped whole, or (clamp)
 * shifted whole to one period after the last sample.
 *
 * A run holds no more samples than keep (index - first) x period within
 * RUN_SPAN_PS_MAX; a longer block is several runs. */
#ifndef INGEST_SERIES_TIME_H
#define INGEST_SERIES_TIME_H

#include "store.h"

/* INT64_MIN as the last stamp of a series that has none; every stamp comes
 * after it. */
#define TIME_NONE_NS INT64_MIN

struct time_rules {
    int64_t jitter_ns;
    bool clamp;
};

/* A run as in runs.npy, and the first index that it may no longer hold. */
struct time_run {
    uint64_t first;
    int64_t t0_ns;
    int64_t period_ps; /* 0 = there is no run */
    uint64_t end;
};

struct time_run time_run_make(uint64_t first, int64_t t0_ns, int64_t period_ps);

/* The stamp of sample `index` of the run; first <= index < end. */
static inline int64_t time_run_stamp_ns(const struct time_run *run, uint64_t index)
{
    return run->t0_ns + (int64_t)(index - run->first) * run->period_ps / 1000;
}

/* How many samples one run of this period may hold; at least 1. */
uint64_t time_run_samples_max(int64_t period_ps);

/* t0 + floor(steps x period / 1000); the caller knows that it fits. */
int64_t time_advance_ns(int64_t t0_ns, uint64_t steps, int64_t period_ps);

/* What becomes of a regular block: all of it is kept or all of it is late. */
struct time_plan {
    uint64_t kept; /* 0 or the block's count */
    uint64_t late;
    uint64_t clamped;
    uint64_t continued; /* samples at the beginning that the current run takes */
    int64_t t0_ns;      /* of the first sample behind those, which begins a new run */
    int64_t period_ps;
    int64_t last_ns; /* of the last sample kept, or the series' last as it was */
};

/* `count` is the series' (the index of the block's first sample); `run` is its
 * current run, with period 0 for none. -EINVAL, -EOVERFLOW as
 * series_block_last_ns(). */
int time_plan_regular(const struct series_block *block, int64_t now_ns, int64_t last_ns,
                      uint64_t count, const struct time_run *run, const struct time_rules *rules,
                      struct time_plan *ret_plan);

/* Judges one stamp after `*last_ns` (INT64_MAX is the end of time: the caller
 * checks). True: it is kept, *last_ns is the stamp that it gets. */
static inline bool time_take(int64_t stamp_ns, const struct time_rules *rules, int64_t *last_ns,
                             uint64_t *clamped)
{
    if (stamp_ns > *last_ns) {
        *last_ns = stamp_ns;
        return true;
    }
    if (!rules->clamp)
        return false;
    *last_ns += 1;
    *clamped += 1;
    return true;
}

/* The stamps of an arrival or explicit block, judged one after another. */
struct time_judgement {
    uint64_t kept;
    uint64_t late;
    uint64_t clamped;
    int64_t last_ns;
    bool as_sent; /* every stamp is kept as it was sent: they can be copied */
};
/* -EOVERFLOW when a stamp would pass the end of time. */
int time_judge_explicit(const struct series_block *block, int64_t now_ns, int64_t last_ns,
                        const struct time_rules *rules, struct time_judgement *ret_judgement);

/* The stamp that sample `i` of an arrival or explicit block comes with, after a
 * sample at last_ns. */
int64_t time_sent_ns(const struct series_block *block, uint64_t i, int64_t now_ns, int64_t last_ns);

#endif
