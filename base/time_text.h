/* time_text.h - points in time as text. Strict: 2024-02-31 is an error, not the second of March. */
#ifndef INGEST_TIME_TEXT_H
#define INGEST_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which zone a time without one is in. */
enum time_zone { TIME_ZONE_UTC, TIME_ZONE_LOCAL };

/* Absolute times: RFC 3339 ("2024-05-01T12:00:00.5Z", "+02:00", 't' or ' ' between), "YYYY-MM-DD",
 * "YYYY-MM-DD HH:MM[:SS[.frac]]" (in `zone`), "@unix.frac" (up to 9 digits of fraction). Years 1678
 * to 2261 are what int64 nanoseconds hold. A local time that a change to summer time leaves out is
 * moved forward by the gap. */
bool time_parse_absolute(const char *text, enum time_zone zone, int64_t *ret_ns);

/* What time_parse_absolute() takes, and relative to `now_ns`: "now", "today", "yesterday" (midnight
 * in `zone`), "HH:MM[:SS]" (today), "-10m" (now less a duration), "+1h". */
bool time_parse(const char *text, enum time_zone zone, int64_t now_ns, int64_t *ret_ns);

/* "2024-05-01T12:00:00.500000000Z": UTC with nine decimals, 30 characters and NUL. Returns
 * `buffer`. */
#define TIME_TEXT_BYTES 32
const char *time_format_iso(int64_t time_ns, char buffer[TIME_TEXT_BYTES]);

#endif
