/* regular_clock.h - the times of samples that a --rate gives. */
#ifndef INGEST_REGULAR_CLOCK_H
#define INGEST_REGULAR_CLOCK_H

#include <stdint.h>

/* Nanoseconds from sample 0 to sample `index`: the floor of index x period, as the daemon counts.
 * Parts of the product, so that it holds for as long as the result does. */
static inline int64_t regular_clock_ns(uint64_t index, int64_t period_ps)
{
    return (int64_t)(index / 1000) * period_ps + (int64_t)(index % 1000) * period_ps / 1000;
}

#endif
