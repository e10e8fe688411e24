#include "plot_text.h"

#define REPLACEMENT 0xFFFD
#define ELLIPSIS    0x2026

uint32_t plot_text_next(const char **text)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)*text;
    unsigned lead = bytes[0];
    if (lead == 0)
        return 0;
    size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    uint32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            (*text)++;
            return REPLACEMENT;
        }
        code = code << 6 | (bytes[i] & 0x3F);
    }
    bool sound = (lead < 0x80 || (lead >= 0xC2 && lead <= 0xF4)) && code >= smallest[length] &&
                 code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    *text += sound ? length : 1;
    bool control = code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xFFFE || code == 0xFFFF;
    return sound && !control ? code : REPLACEMENT;
}

/* The ASCII that stands for a character: 0 for one that is left out. */
static char ascii_of(uint32_t code)
{
    if (code < 0x80)
        return (char)code;
    switch (code) {
    case 0xB0: /* the degree sign */
        return '\0';
    case 0xB5:
    case 0x3BC: /* micro sign and Greek mu */
        return 'u';
    case 0xB2:
        return '2';
    case 0xB3:
        return '3';
    default:
        return '?';
    }
}

static void utf8_write(uint32_t code, FILE *file)
{
    if (code < 0x80) {
        putc((int)code, file);
        return;
    }
    if (code < 0x800) {
        putc((int)(0xC0 | code >> 6), file);
    } else {
        if (code < 0x10000) {
            putc((int)(0xE0 | code >> 12), file);
        } else {
            putc((int)(0xF0 | code >> 18), file);
            putc((int)(0x80 | (code >> 12 & 0x3F)), file);
        }
        putc((int)(0x80 | (code >> 6 & 0x3F)), file);
    }
    putc((int)(0x80 | (code & 0x3F)), file);
}

size_t plot_text_width(const char *text, bool ascii)
{
    size_t width = 0;
    for (uint32_t code; (code = plot_text_next(&text)) != 0;)
        width += !ascii || ascii_of(code) != '\0';
    return width;
}

size_t plot_text_write(const char *text, size_t width, bool ascii, FILE *file)
{
    size_t written = 0;
    for (uint32_t code; written < width && (code = plot_text_next(&text)) != 0;) {
        if (ascii && ascii_of(code) == '\0')
            continue;
        utf8_write(ascii ? (uint32_t)ascii_of(code) : code, file);
        written++;
    }
    return written;
}

void plot_text_write_xml(const char *text, size_t width, FILE *file)
{
    size_t left = plot_text_width(text, false);
    bool cut = left > width;
    if (cut)
        left = width > 0 ? width - 1 : 0;
    for (; left > 0; left--) {
        uint32_t code = plot_text_next(&text);
        if (code == '&')
            fputs("&amp;", file);
        else if (code == '<')
            fputs("&lt;", file);
        else if (code == '>')
            fputs("&gt;", file);
        else if (code == '"')
            fputs("&quot;", file);
        else
            utf8_write(code, file);
    }
    if (cut)
        utf8_write(ELLIPSIS, file);
}
