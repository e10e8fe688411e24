/* stats_widen.h - numbers of any type and stride as the kernels want them. */
#ifndef INGEST_STATS_WIDEN_H
#define INGEST_STATS_WIDEN_H

#include "stats_state.h"

/* What numbers of type "f4", "i8", ... are. */
enum stats_kind stats_kind_of(const char dtype[2]);

/* Bytes of one. */
size_t stats_number_bytes(const char dtype[2]);

/* `count` numbers, the i-th at from + i * stride, wherever that is: float widened to double,
 * integers to 64 bits. */
void stats_widen(const char dtype[2], const void *from, size_t stride, size_t count,
                 union stats_value *ret_values);

/* The same as doubles: 64-bit integers beyond 2^53 are rounded. */
void stats_widen_f8(const char dtype[2], const void *from, size_t stride, size_t count,
                    double *ret_values);

#endif
