/* units.h - numbers with units, as people write them on command lines and in configuration files.
 * Every parser takes the whole string or fails: "abc", "", "5 parsecs" and what does not fit are
 * errors, never 0. */
#ifndef INGEST_UNITS_H
#define INGEST_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "250ms", "1.5s", "10m", "30d": ns us ms s m (or min) h d w; "0" needs no unit. At least 0. */
bool units_parse_duration_ns(const char *text, int64_t *ret_ns);

/* "64KiB", "512MiB", "1.5GiB", "4096", "10kB": B, KiB MiB GiB TiB (powers of 1024), kB MB GB TB
 * (powers of 1000). */
bool units_parse_bytes(const char *text, uint64_t *ret_bytes);

/* A whole decimal number without sign, no more than `max`. */
bool units_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);

/* A whole decimal number with an optional sign. */
bool units_parse_i64(const char *text, int64_t *ret_value);

/* A finite decimal number ("nan", "inf" and hexadecimal are refused). */
bool units_parse_double(const char *text, double *ret_value);

/* "1.5 GiB", "4 KiB"; at most 15 characters. Returns `buffer`. */
const char *units_format_bytes(uint64_t bytes, char *buffer, size_t buffer_bytes);

/* "250 ms", "1.5 s", "2 d 3 h"; at most 31 characters. Returns `buffer`. */
const char *units_format_duration(int64_t duration_ns, char *buffer, size_t buffer_bytes);

#endif
