/* plot_axis.h - where the ticks of an axis stand and what they are called.
 *
 * Values get steps of 1, 2 or 5 times a power of ten, times get steps that people count in. No axis
 * has two ticks that read the same. Pure functions; any thread (localtime_r is used for local
 * time). */
#ifndef INGEST_PLOT_AXIS_H
#define INGEST_PLOT_AXIS_H

#include "time_text.h"

#include <stddef.h>
#include <stdint.h>

#define AXIS_TICKS_MAX     64
#define AXIS_LABEL_BYTES   32
#define AXIS_CONTEXT_BYTES 48

struct axis_tick {
    double position;                  /* 0 at the low end of the axis, 1 at the high end */
    char label[AXIS_LABEL_BYTES];     /* "0.25", "12:30", "250 ms"; UTF-8 */
    char context[AXIS_CONTEXT_BYTES]; /* times: the date (and more) at the first tick and where it
                                         changes, else "" */
};

struct axis {
    size_t count;
    struct axis_tick ticks[AXIS_TICKS_MAX];
};

/* Widens the range of the data to what an axis shows: some air above and below, not across zero,
 * and a range where all values are equal. Both must be finite, *low <= *high. */
void axis_pad_range(double *low, double *high);

/* Ticks for values low < high, about `wanted` (2 to 30) of them, never more than twice that. */
void axis_values(double low, double high, unsigned wanted, struct axis *ret_axis);

/* Ticks for times low_ns <= high_ns along `width` characters: as close as their labels allow with
 * blanks between. */
void axis_times(int64_t low_ns, int64_t high_ns, unsigned width, enum time_zone zone,
                struct axis *ret_axis);

/* The zone that the times are in: "UTC", "CEST", "+0530"; local time at time_ns. Returns `buffer`.
 */
const char *axis_zone_text(int64_t time_ns, enum time_zone zone, char *buffer, size_t buffer_bytes);

#endif
