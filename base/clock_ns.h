/* clock_ns.h - the two clocks. Stamps are real time; every timer is monotonic. */
#ifndef INGEST_CLOCK_NS_H
#define INGEST_CLOCK_NS_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* Nanoseconds since the Unix epoch; may step in both directions. */
int64_t clock_realtime_ns(void);

/* Nanoseconds since some start; never steps back. */
int64_t clock_monotonic_ns(void);

/* Sleeps at least that long; resumes after signals. */
void clock_sleep_ns(int64_t duration_ns);

#endif
