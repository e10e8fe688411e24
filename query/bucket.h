/* bucket.h - spans of equal length that time is cut into. */
#ifndef INGEST_BUCKET_H
#define INGEST_BUCKET_H

#include "time_text.h"

#include <stdint.h>

/* A bucket [start_ns, end_ns). */
struct bucket {
    int64_t every_ns;
    enum time_zone zone;
    int64_t start_ns;
    int64_t end_ns;
};

/* Sets start and end to those of the bucket that holds time_ns. Up to a day, buckets are aligned to
 * the epoch. From a day on they are aligned in the zone: to midnight, whole weeks to Mondays; a day
 * is then as long as the zone makes it. */
void bucket_find(struct bucket *bucket, int64_t time_ns);

#endif
