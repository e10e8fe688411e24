#include "json_text.h"

#include <string.h>

/* Bytes of the well-formed UTF-8 sequence at `text`, or 0. */
static size_t sequence_bytes(const unsigned char *text)
{
    unsigned char first = text[0];
    size_t more = first < 0x80                     ? 0
                  : first >= 0xC2 && first <= 0xDF ? 1
                  : first >= 0xE0 && first <= 0xEF ? 2
                                                   : 3;
    if (first >= 0x80 && (first < 0xC2 || first > 0xF4))
        return 0;
    for (size_t i = 1; i <= more; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    /* Longer than need be, surrogates, above U+10FFFF. */
    if ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] > 0x9F) ||
        (first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] > 0x8F))
        return 0;
    return more + 1;
}

void json_write_text(struct sink *sink, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    sink_write(sink, "\"", 1);
    while (*at != '\0') {
        size_t bytes = sequence_bytes(at);
        if (bytes == 0)
            sink_write(sink, "\\ufffd", 6);
        else if (*at == '"' || *at == '\\')
            sink_print(sink, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7F)
            sink_print(sink, "\\u%04x", *at);
        else
            sink_write(sink, at, bytes);
        at += bytes == 0 ? 1 : bytes;
    }
    sink_write(sink, "\"", 1);
}
