/* line_lexer.h - the pieces of a line of InfluxDB's line protocol, taken one after another from a
 * text. Each function returns NULL, or a static sentence that says what is wrong with the line; the
 * cursor then stands at the fault. */
#ifndef INGEST_LINE_LEXER_H
#define INGEST_LINE_LEXER_H

#include "dtype.h"
#include "line_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_TAGS_MAX                                                                              \
    (LINE_SEGMENTS_MAX - 2) /* the measurement and the field are segments, too                     \
                             */

struct line_cursor {
    const char *at;
    const char *end;
    size_t line_number; /* of `at`, from 1 */
};

/* A name without its escapes: `length` bytes from `offset` of the key's text. */
struct line_piece {
    uint16_t offset;
    uint16_t length;
};

/* Measurement and tags of a line, without escapes. */
struct line_key {
    struct line_text text;
    struct line_piece measurement;
    struct line_piece tag_keys[LINE_TAGS_MAX];
    struct line_piece tag_values[LINE_TAGS_MAX];
    size_t tag_count;
};

struct line_value {
    enum dtype dtype; /* F8, I8, U8 or U1; NONE for a string, which is skipped */
    uint64_t bits;    /* the value's bytes, the lowest first */
};

/* Skips blank lines, comments and leading blanks; false at the end of the text. */
bool line_next(struct line_cursor *cursor);

/* Goes to the end of the line that the cursor is in. */
void line_skip(struct line_cursor *cursor);

/* "measurement,tag=v,other=w " with the blanks that end it. */
const char *line_take_key(struct line_cursor *cursor, struct line_key *ret_key);

/* "field=1.5" and the ',' behind it, if any: then *ret_more is true. */
const char *line_take_field(struct line_cursor *cursor, struct line_text *ret_field,
                            struct line_value *ret_value, bool *ret_more);

/* What is left of the line: a time or nothing, which gives LINE_TIME_NONE. */
#define LINE_TIME_NONE INT64_MIN
const char *line_take_time(struct line_cursor *cursor, int64_t *ret_ns);

#endif
