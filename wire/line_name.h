/* line_name.h - names of series from measurements, tags and fields. */
#ifndef INGEST_LINE_NAME_H
#define INGEST_LINE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_NAME_BYTES_MAX 255 /* of a whole name */
#define LINE_SEGMENTS_MAX   16

/* Bytes that go into a name or are one. */
struct line_text {
    size_t length;
    char bytes[LINE_NAME_BYTES_MAX];
};

/* False when the text is full. */
bool line_text_add(struct line_text *text, char byte);

/* Adds one segment, with a '/' before it if the name has one already. What a name may not hold is
 * percent-encoded, and so is a leading '.', '-' or '~' and the point of a final ".npy" or ".ini".
 * False when the name becomes longer than LINE_NAME_BYTES_MAX; its content is then unspecified. */
bool line_name_add_segment(struct line_text *name, const char *segment, size_t length);

#endif
