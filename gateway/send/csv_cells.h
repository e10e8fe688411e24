/* csv_cells.h - what stands in the cells of a CSV file: numbers and times. */
#ifndef INGEST_CSV_CELLS_H
#define INGEST_CSV_CELLS_H

#include "dtype.h"
#include "send_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number into `to`, one element of `dtype`. Floats: decimal, "nan", "inf"; integers: decimal, in
 * range ("5.0" is one too). False: not such a number. */
bool csv_parse_number(const char *text, size_t length, enum dtype dtype, void *to);

/* The unit of a number's time by its magnitude: seconds up to the year 5138, then milliseconds, ...
 * GUESS when the text is no number. */
enum send_time_unit csv_guess_unit(const char *text, size_t length);

/* A time: a number of `unit` since 1970, or RFC 3339, ISO 8601 with or without zone (then UTC). A
 * number wants a unit other than TIME_UNIT_GUESS. */
bool csv_parse_time(const char *text, size_t length, enum send_time_unit unit, int64_t *ret_ns);

/* True for a header that usually names the time: time, timestamp, ts, date, datetime, in any case.
 */
bool csv_is_time_header(const char *text);

#endif
