/* stats_select.h - exact quantiles of a set of any size in little memory, by passes over it.
 *
 * Each pass counts 12 more bits of the samples that share the bits known so far with a wanted one
 * (radix selection); as soon as those fit into a buffer no further pass is needed. A set of 16,384
 * samples takes one pass, any set at most six. What a quantile is: stats_order.h.
 *
 *     do {
 *         stats_select_add(select, ...all samples, in any pieces...);
 *     } while (stats_select_again(select));
 *     stats_select_quantile(select, 0);
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_SELECT_H
#define INGEST_STATS_SELECT_H

#include "stats_state.h"

struct stats_select;

/* Bytes of an object for so many quantiles: 128 KiB, and 64 KiB each. */
size_t stats_select_bytes(size_t fractions_count);

/* Makes an object in `memory` of that size, aligned as by malloc(). The fractions, each from 0 to
 * 1, are copied. Nothing is to be freed but the memory. */
struct stats_select *stats_select_init(void *memory, enum stats_kind kind, const double *fractions,
                                       size_t fractions_count);

/* Begins anew, with no samples. */
void stats_select_clear(struct stats_select *select);

/* Takes samples in. NaN is left out. */
void stats_select_add(struct stats_select *select, const union stats_value *values, size_t count);

/* Ends a pass. True when all samples must be added once more; the same ones, in any order. */
bool stats_select_again(struct stats_select *select);

/* The i-th quantile, after the last pass; NaN of no samples. */
double stats_select_quantile(const struct stats_select *select, size_t i);

#endif
