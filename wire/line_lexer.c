/* The grammar is InfluxDB's: a backslash before a comma, a blank or an equals sign makes it part of
 * a name, any other backslash stands for itself; strings may hold line breaks. Each byte is looked
 * at a bounded number of times. */
#include "line_lexer.h"

#include "checked.h"
#include "units.h"

#include <string.h>

/* The longest exact decimal form of a double has some 770 digits; what people send is far shorter.
 */
#define NUMBER_BYTES_MAX 800

static const char too_long[] = "the name of the series would be longer than 255 bytes";

static bool at_line_end(const struct line_cursor *cursor)
{
    const char *at = cursor->at;
    if (at < cursor->end && *at == '\r')
        at++;
    return at == cursor->end || *at == '\n';
}

static bool at_char(const struct line_cursor *cursor, char c)
{
    return cursor->at < cursor->end && *cursor->at == c;
}

static void skip_blanks(struct line_cursor *cursor)
{
    while (at_char(cursor, ' ') || at_char(cursor, '\t'))
        cursor->at++;
}

void line_skip(struct line_cursor *cursor)
{
    const char *newline = memchr(cursor->at, '\n', (size_t)(cursor->end - cursor->at));
    cursor->at = newline != NULL ? newline : cursor->end;
}

bool line_next(struct line_cursor *cursor)
{
    for (;;) {
        skip_blanks(cursor);
        if (at_char(cursor, '#'))
            line_skip(cursor);
        if (cursor->at == cursor->end)
            return false;
        if (!at_line_end(cursor))
            return true;
        line_skip(cursor);
        if (cursor->at < cursor->end) {
            cursor->at++;
            cursor->line_number++;
        }
    }
}

/* Takes a name up to ',', '=' or a blank that is not escaped, or the end of the line. With
 * `equals_ends` false an equals sign belongs to the name, as in a measurement. False when `text` is
 * full: the cursor stands there. */
static bool take_name(struct line_cursor *cursor, bool equals_ends, struct line_text *text)
{
    while (!at_line_end(cursor)) {
        char c = *cursor->at;
        if (c == ',' || c == ' ' || (c == '=' && equals_ends))
            return true;
        if (c == '\\' && cursor->end - cursor->at > 1 && cursor->at[1] != '\0' &&
            strchr(", =", cursor->at[1]) != NULL)
            c = *++cursor->at;
        if (!line_text_add(text, c))
            return false;
        cursor->at++;
    }
    return true;
}

static bool take_piece(struct line_cursor *cursor, bool equals_ends, struct line_text *text,
                       struct line_piece *ret_piece)
{
    size_t offset = text->length;
    if (!take_name(cursor, equals_ends, text))
        return false;
    *ret_piece = (struct line_piece){.offset = (uint16_t)offset,
                                     .length = (uint16_t)(text->length - offset)};
    return true;
}

static const char *take_tag(struct line_cursor *cursor, struct line_key *key)
{
    if (key->tag_count == LINE_TAGS_MAX)
        return "the line has more than 14 tags";
    struct line_piece *tag_key = &key->tag_keys[key->tag_count];
    struct line_piece *tag_value = &key->tag_values[key->tag_count];
    if (!take_piece(cursor, true, &key->text, tag_key))
        return too_long;
    if (tag_key->length == 0)
        return "a tag has no key";
    if (!at_char(cursor, '='))
        return "a tag has no value";
    cursor->at++;
    if (!take_piece(cursor, true, &key->text, tag_value))
        return too_long;
    if (tag_value->length == 0)
        return "a tag has no value";
    if (at_char(cursor, '='))
        return "an equals sign in a tag's value is not escaped";
    key->tag_count++;
    return NULL;
}

const char *line_take_key(struct line_cursor *cursor, struct line_key *ret_key)
{
    ret_key->text.length = 0;
    ret_key->tag_count = 0;
    if (!take_piece(cursor, false, &ret_key->text, &ret_key->measurement))
        return too_long;
    if (ret_key->measurement.length == 0)
        return "the line has no measurement";
    while (at_char(cursor, ',')) {
        cursor->at++;
        const char *fault = take_tag(cursor, ret_key);
        if (fault != NULL)
            return fault;
    }
    skip_blanks(cursor);
    return at_line_end(cursor) ? "the line has no fields" : NULL;
}

/* A string's content is not kept, but its end must be found. */
static const char *skip_string(struct line_cursor *cursor)
{
    const char *at = cursor->at + 1;
    size_t line_number = cursor->line_number;
    for (; at < cursor->end && *at != '"'; at++) {
        if (*at == '\n')
            line_number++;
        if (*at == '\\' && cursor->end - at > 1 && (at[1] == '"' || at[1] == '\\'))
            at++;
    }
    /* This search went to the end of the text, and happens once: a line further on that began a
     * string would have closed this one. */
    if (at == cursor->end)
        return "a string is not closed";
    cursor->at = at + 1;
    cursor->line_number = line_number;
    return NULL;
}

static bool parse_boolean(const char *text, uint64_t *ret_bits)
{
    static const char *const words[] = {"f", "F", "false", "False", "FALSE",
                                        "t", "T", "true",  "True",  "TRUE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_bits = i >= 5;
            return true;
        }
    }
    return false;
}

static bool parse_number(char *text, size_t length, struct line_value *ret_value)
{
    const char suffix = text[length - 1];
    if (suffix == 'i') {
        int64_t value;
        text[length - 1] = '\0';
        if (!units_parse_i64(text, &value))
            return false;
        *ret_value = (struct line_value){.dtype = DTYPE_I8, .bits = (uint64_t)value};
        return true;
    }
    if (suffix == 'u') {
        text[length - 1] = '\0';
        ret_value->dtype = DTYPE_U8;
        return units_parse_u64(text, UINT64_MAX, &ret_value->bits);
    }
    double value;
    if (!units_parse_double(text, &value))
        return false;
    ret_value->dtype = DTYPE_F8;
    memcpy(&ret_value->bits, &value, sizeof value);
    return true;
}

static const char *take_value(struct line_cursor *cursor, struct line_value *ret_value)
{
    if (at_char(cursor, '"')) {
        *ret_value = (struct line_value){.dtype = DTYPE_NONE};
        return skip_string(cursor);
    }
    char text[NUMBER_BYTES_MAX + 1];
    size_t length = 0;
    for (; !at_line_end(cursor) && !at_char(cursor, ',') && !at_char(cursor, ' '); cursor->at++) {
        if (length == NUMBER_BYTES_MAX)
            return "a number has more than 800 characters";
        text[length++] = *cursor->at;
    }
    text[length] = '\0';
    if (length == 0)
        return "a field has no value";
    /* What follows a NUL would be lost on functions for strings. */
    if (strlen(text) != length)
        return "a field's value is no number, boolean or string";
    if (parse_boolean(text, &ret_value->bits)) {
        ret_value->dtype = DTYPE_U1;
        return NULL;
    }
    return parse_number(text, length, ret_value) ? NULL
                                                 : "a field's value is no number, boolean or "
                                                   "string, or does not fit its type";
}

const char *line_take_field(struct line_cursor *cursor, struct line_text *ret_field,
                            struct line_value *ret_value, bool *ret_more)
{
    ret_field->length = 0;
    if (!take_name(cursor, true, ret_field))
        return too_long;
    if (ret_field->length == 0)
        return "a field has no name";
    if (!at_char(cursor, '='))
        return "a field has no value";
    cursor->at++;
    const char *fault = take_value(cursor, ret_value);
    if (fault != NULL)
        return fault;
    *ret_more = at_char(cursor, ',');
    if (*ret_more)
        cursor->at++;
    else if (!at_line_end(cursor) && !at_char(cursor, ' '))
        return "something follows a string without a comma";
    return NULL;
}

const char *line_take_time(struct line_cursor *cursor, int64_t *ret_ns)
{
    char text[24];
    size_t length = 0;
    skip_blanks(cursor);
    if (at_line_end(cursor)) {
        *ret_ns = LINE_TIME_NONE;
        return NULL;
    }
    for (; !at_line_end(cursor) && !at_char(cursor, ' ') && !at_char(cursor, '\t'); cursor->at++) {
        if (length == sizeof text - 1)
            return "the time does not fit 64 bits";
        text[length++] = *cursor->at;
    }
    text[length] = '\0';
    int64_t time_ns;
    if (strlen(text) != length || !units_parse_i64(text, &time_ns))
        return "the time is no whole number of nanoseconds, or does not fit 64 bits";
    /* The one value that means "none" here is the one that no clock gives. */
    if (time_ns == LINE_TIME_NONE)
        return "the time does not fit 64 bits";
    skip_blanks(cursor);
    if (!at_line_end(cursor))
        return "something follows the time";
    *ret_ns = time_ns;
    return NULL;
}
