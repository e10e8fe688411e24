/* stats_reduce.h - the variances of a moving window, reduced where they arise: the largest, and how
 * many are above a threshold. What is written nowhere costs about what reading the samples does. */
#ifndef INGEST_STATS_REDUCE_H
#define INGEST_STATS_REDUCE_H

#include <stddef.h>
#include <stdint.h>

struct stats_moments;

struct stats_reduction {
    double threshold; /* the caller's; the rest begins as 0 */
    double largest;   /* variance */
    uint64_t above;   /* variances above the threshold */
    uint64_t count;   /* windows looked at; those without a variance (NaN) are in no other number */
};

/* Takes `count` samples in as stats_moments_slide() does, and adds the variances of those windows
 * that are full. For windows of a fixed number of samples. */
void stats_moments_reduce(struct stats_moments *moments, const double *samples, size_t count,
                          struct stats_reduction *reduction);

#endif
