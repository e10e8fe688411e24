/* rolling_internal.h - the object behind stats_rolling.h, for its files. */
#ifndef INGEST_ROLLING_INTERNAL_H
#define INGEST_ROLLING_INTERNAL_H

#include "stats_extremes.h"
#include "stats_moments.h"
#include "stats_order.h"
#include "stats_rolling.h"

/* Samples that are worked through at once, so that what comes in between stays in the cache. */
#define ROLLING_BLOCK 1024

struct stats_rolling {
    struct stats_rolling_plan plan;
    uint64_t position;          /* samples taken in */
    size_t length;              /* of the newest window */
    union stats_value *history; /* the window's samples and, before them, ones that have left */
    size_t filled;              /* samples in it */
    size_t slack;               /* room for so many more than the longest window */
    /* What the statistics need; NULL when none does. */
    struct stats_moments *moments, *sums;
    struct stats_extremes *extremes[2]; /* smallest, largest */
    struct stats_order *order;
    struct stats_integer integer;
    /* One block's results on their way. */
    double *means, *vars, *totals;
    struct stats_special *special;
    union stats_value *extreme_values[2];
};

/* One block of samples and where its results go. */
struct rolling_block {
    const union stats_value *values; /* in the history */
    const size_t *lengths;
    size_t count;
    size_t stride;
    double *ret_values; /* NULL: nobody wants results */
    stats_i128 *ret_integers;
};

/* How many samples the window of the i-th has. */
static inline size_t rolling_length(const struct stats_rolling *rolling,
                                    const struct rolling_block *block, size_t i)
{
    if (block->lengths != NULL)
        return block->lengths[i];
    uint64_t there = rolling->position + i + 1;
    return there < rolling->plan.window ? (size_t)there : rolling->plan.window;
}

/* Takes the block in and writes its results. */
void rolling_work(struct stats_rolling *rolling, const struct rolling_block *block);

#endif
