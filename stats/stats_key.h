/* stats_key.h - samples of any kind as integers of the same order. Internal to stats/. */
#ifndef INGEST_STATS_KEY_H
#define INGEST_STATS_KEY_H

#include "stats_state.h"

/* Not for NaN. -0.0 comes before 0.0. */
static inline int64_t stats_key(union stats_value value, enum stats_kind kind)
{
    if (kind == STATS_UNSIGNED)
        return (int64_t)(value.natural ^ UINT64_C(1) << 63);
    /* The sign of a sample is anybody's guess, so it is no branch. */
    if (kind == STATS_REAL)
        return value.integer ^ (value.integer < 0 ? INT64_MAX : 0);
    return value.integer;
}

static inline union stats_value stats_key_value(int64_t key, enum stats_kind kind)
{
    union stats_value value = {.integer = key};
    if (kind == STATS_UNSIGNED)
        value.natural ^= UINT64_C(1) << 63;
    else if (kind == STATS_REAL)
        value.integer ^= key < 0 ? INT64_MAX : 0;
    return value;
}

#endif
