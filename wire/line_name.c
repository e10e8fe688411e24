#include "line_name.h"

#include <string.h>

bool line_text_add(struct line_text *text, char byte)
{
    if (text->length == sizeof text->bytes)
        return false;
    text->bytes[text->length++] = byte;
    return true;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._~:=@+%-", c) != NULL);
}

static bool add_encoded(struct line_text *name, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    return line_text_add(name, '%') && line_text_add(name, digits[(unsigned char)byte >> 4]) &&
           line_text_add(name, digits[(unsigned char)byte & 15]);
}

static bool ends_as_file(const char *segment, size_t length)
{
    return length >= 4 && (memcmp(segment + length - 4, ".npy", 4) == 0 ||
                           memcmp(segment + length - 4, ".ini", 4) == 0);
}

bool line_name_add_segment(struct line_text *name, const char *segment, size_t length)
{
    if (name->length > 0 && !line_text_add(name, '/'))
        return false;
    const size_t point = ends_as_file(segment, length) ? length - 4 : length;
    for (size_t i = 0; i < length; i++) {
        char c = segment[i];
        bool leads_badly = i == 0 && (c == '.' || c == '-' || c == '~');
        bool kept = is_name_byte(c) && !leads_badly && i != point;
        if (!(kept ? line_text_add(name, c) : add_encoded(name, c)))
            return false;
    }
    return true;
}
