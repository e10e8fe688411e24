/* csv_reader.h - records and fields of CSV text (RFC 4180): quotes, doubled quotes and line breaks
 * inside them, CRLF or LF, a byte order mark. */
#ifndef INGEST_CSV_READER_H
#define INGEST_CSV_READER_H

#include "error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv_field {
    char *text; /* terminated; in the buffer */
    size_t length;
    size_t column; /* from 1, in bytes: where it begins in its line, for messages */
    bool is_quoted;
};

struct csv_reader {
    struct csv_field *fields; /* of the last record */
    size_t field_count;
    size_t field_capacity;
    uint64_t line;      /* where the last record began, from 1 */
    uint64_t next_line; /* where the next one begins */
};

/* A zeroed reader is ready. */
void csv_reader_free(struct csv_reader *reader);

/* Takes the next record off `text` and changes that in place: quotes are taken away, fields
 * terminated; blanks around unquoted fields are left out. `text` has one writable byte behind its
 * end. `is_end`: no more text will follow. Returns 1 and the fields, also for an empty line
 * (field_count 0); 0: the record is not whole yet, nothing was changed; -EBADMSG: a quote that is
 * not closed or not followed by a comma; -ENOMEM. *ret_used is how far the record reached. */
int csv_reader_next(struct csv_reader *reader, char *text, size_t length, bool is_end,
                    size_t *ret_used, struct error_text *error);

#endif
