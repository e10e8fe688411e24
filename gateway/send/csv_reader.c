#include "csv_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char byte_order_mark[] = "\xEF\xBB\xBF";

void csv_reader_free(struct csv_reader *reader)
{
    free(reader->fields);
    *reader = (struct csv_reader){0};
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The line break that ends the record: the first that is outside quotes. NULL: it is not there. A
 * quote opens only where a field begins: within one it is a character as others. */
static char *find_record_end(char *text, size_t length)
{
    char *end = text + length;
    char *newline = memchr(text, '\n', length);
    if (memchr(text, '"', newline != NULL ? (size_t)(newline - text) : length) == NULL)
        return newline;
    bool is_inside = false, is_begin = true;
    for (char *next = text; next < end; next++) {
        if (*next == '"' && is_inside) {
            is_inside = false;
            is_begin = true; /* of what follows, should that be the second of two quotes */
        } else if (*next == '"' && is_begin) {
            is_inside = true;
        } else if (*next == '\n' && !is_inside) {
            return next;
        } else {
            is_begin = *next == ',' || (is_begin && is_blank(*next));
        }
    }
    return NULL;
}

static struct csv_field *add_field(struct csv_reader *reader)
{
    if (reader->field_count == reader->field_capacity) {
        size_t capacity = reader->field_capacity != 0 ? 2 * reader->field_capacity : 16;
        struct csv_field *fields = realloc(reader->fields, capacity * sizeof *fields);
        if (fields == NULL)
            return NULL;
        reader->fields = fields;
        reader->field_capacity = capacity;
    }
    return &reader->fields[reader->field_count++];
}

/* A field without quotes: [begin, end) is terminated and stripped of blanks. */
static void take_plain(struct csv_field *field, char *begin, char *end)
{
    while (begin < end && is_blank(*begin))
        begin++;
    while (end > begin && is_blank(end[-1]))
        end--;
    *end = '\0';
    field->text = begin;
    field->length = (size_t)(end - begin);
}

/* A quoted field that begins at the quote. Returns what stands behind the closing quote, or NULL.
 */
static char *take_quoted(struct csv_field *field, char *begin, char *end)
{
    char *to = begin;
    for (char *from = begin + 1; from < end; from++) {
        if (*from != '"') {
            *to++ = *from;
        } else if (from + 1 < end && from[1] == '"') {
            *to++ = '"';
            from++;
        } else {
            *to = '\0';
            field->text = begin;
            field->length = (size_t)(to - begin);
            field->is_quoted = true;
            return from + 1;
        }
    }
    return NULL;
}

static int split(struct csv_reader *reader, char *text, char *end, struct error_text *error)
{
    reader->field_count = 0;
    if (text == end)
        return 0;
    for (char *begin = text;;) {
        struct csv_field *field = add_field(reader);
        if (field == NULL)
            return -ENOMEM;
        *field = (struct csv_field){.column = (size_t)(begin - text) + 1};
        char *first = begin;
        while (first < end && is_blank(*first))
            first++;
        char *comma;
        if (first < end && *first == '"') {
            comma = take_quoted(field, first, end);
            while (comma != NULL && comma < end && is_blank(*comma))
                comma++;
            if (comma == NULL || (comma < end && *comma != ','))
                return error_set(error, -EBADMSG, "%" PRIu64 ":%zu: a quote that %s", reader->line,
                                 field->column,
                                 comma == NULL ? "is not closed" : "is not followed by a comma");
        } else {
            comma = memchr(begin, ',', (size_t)(end - begin));
            if (comma == NULL)
                comma = end;
            bool is_last = comma == end;
            take_plain(field, begin, comma);
            if (is_last)
                return 0;
            begin = comma + 1;
            continue;
        }
        if (comma == end)
            return 0;
        begin = comma + 1;
    }
}

int csv_reader_next(struct csv_reader *reader, char *text, size_t length, bool is_end,
                    size_t *ret_used, struct error_text *error)
{
    char *begin = text;
    if (reader->next_line == 0 && length >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        begin += 3;
    char *newline = find_record_end(begin, (size_t)(text + length - begin));
    if (newline == NULL && (!is_end || length == 0))
        return 0;
    char *end = newline != NULL ? newline : text + length;
    reader->line = reader->next_line == 0 ? 1 : reader->next_line;
    reader->next_line = reader->line + 1;
    /* Line breaks within quotes count too; without a quote there are none. */
    for (char *next = begin; (next = memchr(next, '\n', (size_t)(end - next))) != NULL; next++)
        reader->next_line++;

    *ret_used = (size_t)(end - text) + (newline != NULL);
    if (end > begin && end[-1] == '\r')
        end--;
    int result = split(reader, begin, end, error);
    return result < 0 ? result : 1;
}
