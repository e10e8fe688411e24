/* series_name.h - names of series and patterns over them. */
#ifndef INGEST_SERIES_NAME_H
#define INGEST_SERIES_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* NULL when the name is good, else a static sentence that says what is wrong: 1 to 255 bytes, at
 * most 16 segments of [A-Za-z0-9._~:=@+%-] joined by '/', none empty, none that begins with '.',
 * '-' or '~' or ends with ".npy" or ".ini". */
const char *series_name_fault(const char *name, size_t name_bytes);

/* Matches a whole name: '*' and '?' stay within a segment, "**" crosses; "**" followed by '/' where
 * a segment begins matches any number of whole segments, also none. No brackets, no escapes. Time
 * is bounded by length of pattern x length of name. */
bool series_glob_match(const char *glob, const char *name, size_t name_bytes);

/* True when the text has a wildcard. */
bool series_glob_is_pattern(const char *text);

/* NULL when a glob could match some name, else a static sentence that says why not. */
const char *series_glob_fault(const char *glob);

#endif
