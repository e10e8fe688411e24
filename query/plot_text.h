/* plot_text.h - text from a store's files, made fit to be shown: units and names of elements come
 * from meta.ini, which anybody may have written, so it may hold control characters or bytes that
 * are no UTF-8. */
#ifndef INGEST_PLOT_TEXT_H
#define INGEST_PLOT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Takes the next character off *text: its code point, U+FFFD for a byte that is no UTF-8 and for
 * control characters, 0 at the end. */
uint32_t plot_text_next(const char **text);

/* Characters of the text as the two functions below write it. */
size_t plot_text_width(const char *text, bool ascii);

/* Writes at most `width` characters; with `ascii`, "µs" is written as "us". Returns how many were
 * written. */
size_t plot_text_write(const char *text, size_t width, bool ascii, FILE *file);

/* Writes the text with what XML reserves escaped; where it has more than `width` characters, it is
 * cut and ends with an ellipsis. */
void plot_text_write_xml(const char *text, size_t width, FILE *file);

#endif
