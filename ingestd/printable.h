/* printable.h - text that peers sent, made fit for a log line and a terminal. */
#ifndef INGEST_PRINTABLE_H
#define INGEST_PRINTABLE_H

#include <stddef.h>

/* Copies at most byte_count bytes, and what fits, and terminates. Control characters, backslashes
 * and what is not UTF-8 become '?', a double quote becomes a single one; a character is never cut
 * in two. Returns `buffer`. */
const char *printable_copy(char *buffer, size_t buffer_bytes, const void *text, size_t byte_count);

#endif
