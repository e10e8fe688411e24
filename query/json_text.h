/* json_text.h - strings as JSON has them. */
#ifndef INGEST_JSON_TEXT_H
#define INGEST_JSON_TEXT_H

#include "sink.h"

/* Writes the text in quotes; bytes that are not UTF-8 become U+FFFD. */
void json_write_text(struct sink *sink, const char *text);

#endif
