#include "printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Length of the well-formed UTF-8 character that begins here, or 0. */
static size_t printable_character_bytes(const uint8_t *text, size_t left)
{
    uint8_t first = text[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xc2 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf5 ? 4
                                   : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates and what lies above U+10FFFF. */
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static bool printable_is_harmless(const uint8_t *text, size_t length)
{
    if (length == 1)
        return text[0] >= 0x20 && text[0] != 0x7f && text[0] != '"' && text[0] != '\\';
    /* U+0080 to U+009F are control characters too. */
    return !(length == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

const char *printable_copy(char *buffer, size_t buffer_bytes, const void *text, size_t byte_count)
{
    const uint8_t *from = text;
    size_t used = 0;
    size_t at = 0;
    while (at < byte_count) {
        size_t length = printable_character_bytes(from + at, byte_count - at);
        bool harmless = length > 0 && printable_is_harmless(from + at, length);
        size_t wanted = harmless ? length : 1;
        if (used + wanted >= buffer_bytes)
            break;
        if (harmless)
            memcpy(buffer + used, from + at, length);
        else
            buffer[used] = from[at] == '"' ? '\'' : '?';
        used += wanted;
        at += length > 0 ? length : 1;
    }
    buffer[used] = '\0';
    return buffer;
}
