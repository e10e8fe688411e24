#include "config_lines.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BLANKS " \t"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
    return c == ';' || c == '#';
}

/* Length of the UTF-8 sequence at `text` (of at least one byte), or 0 when there is none. */
static size_t utf8_length(const unsigned char *text)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (text[0] < 0xC2 || text[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    /* Overlong forms, surrogates and what is above U+10FFFF. */
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

static const char *characters_fault(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        if ((*at < 0x20 && *at != '\t') || *at == 0x7F)
            return "holds a control character; write plain text";
        size_t length = utf8_length(at);
        if (length == 0)
            return "is not UTF-8; save the file as UTF-8";
        at += length;
    }
    return NULL;
}

/* Reads up to the line's end, keeps what fits. *ret_fault tells what was lost. 1, or 0 at the end
 * of the file. */
static int read_physical(struct config_lines *lines, char *text, size_t text_bytes,
                         const char **ret_fault)
{
    size_t length = 0;
    int c;
    while ((c = getc(lines->file)) != EOF) {
        if (++lines->read_bytes > CONFIG_FILE_BYTES_MAX)
            return -EFBIG;
        if (c == '\n')
            break;
        if (c == '\0')
            *ret_fault = "holds a NUL byte; write plain text";
        if (length < text_bytes)
            text[length] = (char)c;
        length++;
    }
    if (c == EOF && ferror(lines->file))
        return errno > 0 ? -errno : -EIO;
    if (c == EOF && length == 0)
        return 0;
    lines->number++;
    /* The terminator of a line from Windows; of a longer line it was not kept, and it is too long
     * anyhow. */
    if (length > 0 && length <= text_bytes && text[length - 1] == '\r')
        length--;
    if (length >= text_bytes) {
        *ret_fault = "is longer than the 199 characters that are read; shorten it";
        length = text_bytes - 1;
    }
    text[length] = '\0';
    return 1;
}

/* "[name]", then nothing but a comment. Leaves the bare name in `text`. */
static const char *take_section(char *text)
{
    char *close = strchr(text, ']');
    if (close == NULL)
        return "begins a section and does not end it; write [section]";
    const char *rest = close + 1;
    size_t blanks = strspn(rest, BLANKS);
    if (rest[blanks] != '\0' && (blanks == 0 || !is_comment(rest[blanks])))
        return "has text after the section's name; begin a new line after ']'";
    size_t length = (size_t)(close - text) - 1;
    if (length == 0)
        return "names no section; write [section]";
    if (length > CONFIG_SECTION_BYTES_MAX)
        return "has a section name above 49 characters; shorten it";
    memmove(text, text + 1, length);
    text[length] = '\0';
    return NULL;
}

static const char *setting_fault(const char *text)
{
    size_t name_bytes = strcspn(text, "=:");
    if (text[name_bytes] != '=')
        return "is not of the form key = value";
    if (strspn(text, BLANKS) == name_bytes)
        return "has no key before '='; write key = value";
    for (size_t i = 1; i < name_bytes; i++)
        if (text[i] == ';' && is_blank(text[i - 1]))
            return "is not of the form key = value: its '=' stands in a comment";
    return NULL;
}

int config_lines_next(struct config_lines *lines, char *text, size_t text_bytes,
                      const char **ret_fault)
{
    const char *fault = NULL;
    int result = read_physical(lines, text, text_bytes, &fault);
    if (result <= 0)
        return result; /* CONFIG_LINE_END is 0 */

    /* The mark that some editors put before UTF-8 text. */
    if (lines->number == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        memmove(text, text + 3, strlen(text + 3) + 1);

    enum config_line line = CONFIG_LINE_BLANK;
    size_t indent = strspn(text, BLANKS);
    if (fault == NULL && text[indent] != '\0' && !is_comment(text[indent])) {
        line = text[indent] == '[' ? CONFIG_LINE_SECTION : CONFIG_LINE_SETTING;
        fault = characters_fault(text);
        if (fault == NULL && indent > 0)
            fault = "begins with a blank; a value is one line, and a key begins its line";
        if (fault == NULL)
            fault = line == CONFIG_LINE_SECTION ? take_section(text) : setting_fault(text);
    }
    if (fault == NULL)
        return (int)line;
    *ret_fault = fault;
    return CONFIG_LINE_FAULT;
}
