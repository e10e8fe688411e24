/* stats_held.h - mean and variance of a signal that holds each sample's value until the next one
 * comes: every value counts for the time that it was held.
 *
 * The mean is carried as a pair hi + lo, and states are only added to and merged: the errors are
 * those of stats_moments.h, with times in place of counts. NaN holds a time that is left out. There
 * is no ddof, since a time has no number.
 *
 * No I/O, no allocation (the caller brings memory); one thread an object. */
#ifndef INGEST_STATS_HELD_H
#define INGEST_STATS_HELD_H

#include "chunk_queue.h"
#include "stats_state.h"

/* What was held in some time. */
struct stats_held {
    struct chunk_state finite;                       /* its count is a time in ns */
    uint64_t missing, plus_infinite, minus_infinite; /* values that were held */
};

/* Adds a value that was held for held_ns, 0 or more. */
void stats_held_add(struct stats_held *held, double value, int64_t held_ns);

/* STATS_MEAN, STATS_VAR, STATS_STD or STATS_RMS: NaN of no time; with infinities as in
 * stats_state.h. */
double stats_held_get(const struct stats_held *held, enum stats_name name,
                      const struct stats_rules *rules);

/* True for the statistics above. */
bool stats_held_tells(enum stats_name name);

/* A signal on its way. All zero at first. */
struct stats_held_signal {
    bool begun;
    int64_t time_ns; /* since when `value` was held, as far as it was not added yet */
    double value;
    struct stats_held held;
};

/* The value was held until time_ns, which is not before all until now. */
void stats_held_until(struct stats_held_signal *signal, int64_t time_ns);
/* The same, and from then on another value is. */
void stats_held_next(struct stats_held_signal *signal, double value, int64_t time_ns);

/* ---- rolling ---- */

struct stats_held_window;

/* Bytes for windows that hold parts of up to `values` values (48 each, up to twice that); 0 on
 * overflow. */
size_t stats_held_bytes(size_t values);
/* Makes an object in `memory` of that size, aligned as by malloc(). */
struct stats_held_window *stats_held_init(void *memory, size_t values);
/* Makes `to` (empty, larger) hold what `from` does. */
void stats_held_transfer(struct stats_held_window *to, const struct stats_held_window *from);
void stats_held_clear(struct stats_held_window *window);
/* How many values it holds parts of. */
size_t stats_held_values(const struct stats_held_window *window);

/* When the value came that is so many before the newest; less than stats_held_values(). */
int64_t stats_held_time_ns(const struct stats_held_window *window, size_t before);

/* A value from time_ns on, which is after all before; then what was held from cut_ns (or the first
 * value) to time_ns. cut_ns never decreases and is at most time_ns. */
void stats_held_slide(struct stats_held_window *window, double value, int64_t time_ns,
                      int64_t cut_ns, struct stats_held *ret_held);

#endif
