/* stats_order.h - quantiles of a window that moves along a stream: its samples in order, in sorted
 * blocks that are split and joined, with a cursor for each quantile. A sample costs a search among
 * blocks, one within a block, and a move of part of a block.
 *
 * A quantile is that of NumPy's default method: between the two samples beside (count - 1) *
 * fraction, linearly; for a half their mean. Error: 2 units in the last place of the larger of the
 * two. NaN is left out; between a number and an infinity is the infinity.
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_ORDER_H
#define INGEST_STATS_ORDER_H

#include "stats_state.h"

struct stats_order;

/* Bytes of an object for up to `samples` samples at once (about 34 each) and so many quantiles; 0
 * on overflow. */
size_t stats_order_bytes(size_t samples, size_t fractions_count);

/* Makes an object in `memory` of that size, aligned as by malloc(). The fractions, each from 0 to
 * 1, are copied. Nothing is to be freed but the memory. */
struct stats_order *stats_order_init(void *memory, size_t samples, enum stats_kind kind,
                                     const double *fractions, size_t fractions_count);

/* Forgets all samples. */
void stats_order_clear(struct stats_order *order);

/* One sample more; one that is there less; both at once. */
void stats_order_add(struct stats_order *order, union stats_value value);
void stats_order_remove(struct stats_order *order, union stats_value value);
void stats_order_replace(struct stats_order *order, union stats_value old, union stats_value value);

/* The i-th quantile; NaN of no samples. */
double stats_order_quantile(struct stats_order *order, size_t i);

/* ---- for whole sets ---- */

/* What stands beside a quantile of `count` samples, at least 1: samples number *ret_low and
 * *ret_low + 1 in order (the second only where the result is above 0), and the part of the way from
 * the one to the other. */
double stats_quantile_place(uint64_t count, double fraction, uint64_t *ret_low);

/* The number that lies there. */
double stats_quantile_between(union stats_value low, union stats_value high, enum stats_kind kind,
                              double part);

#endif
