#include "series_name.h"

#include "store_format.h"

#include <string.h>

static bool name_char_is_good(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._~:=@+%-", c) != NULL);
}

static bool segment_ends_with(const char *segment, size_t length, const char *ending)
{
    size_t ending_length = strlen(ending);
    return length >= ending_length &&
           memcmp(segment + length - ending_length, ending, ending_length) == 0;
}

/* What a name and a pattern have in common: the rules of one segment. */
static const char *segment_fault(const char *segment, size_t length)
{
    if (length == 0)
        return "a segment is empty";
    if (segment[0] == '.' || segment[0] == '-' || segment[0] == '~')
        return "a segment begins with '.', '-' or '~'";
    if (segment_ends_with(segment, length, ".npy") || segment_ends_with(segment, length, ".ini"))
        return "a segment ends with \".npy\" or \".ini\"";
    return NULL;
}

const char *series_name_fault(const char *name, size_t name_bytes)
{
    if (name_bytes == 0)
        return "the name is empty";
    if (name_bytes > STORE_NAME_BYTES_MAX)
        return "the name is longer than 255 bytes";
    unsigned segments = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= name_bytes; i++) {
        if (i < name_bytes && name[i] != '/') {
            if (!name_char_is_good(name[i]))
                return "a character is not one of A-Z a-z 0-9 . _ ~ : = @ + % - and /";
            continue;
        }
        const char *fault = segment_fault(name + begin, i - begin);
        if (fault != NULL)
            return fault;
        if (++segments > STORE_SEGMENTS_MAX)
            return "the name has more than 16 segments";
        begin = i + 1;
    }
    return NULL;
}

/* One piece of a pattern. */
enum glob_piece {
    GLOB_LITERAL,
    GLOB_ONE,     /* '?': one character of a segment */
    GLOB_SEGMENT, /* '*': any part of a segment */
    GLOB_ANY,     /* two stars: anything */
    GLOB_SEGMENTS /* two stars and '/' where a segment begins: any number of whole segments, also
                     none */
};

static enum glob_piece glob_next_piece(const char *glob, const char **at)
{
    const char *begin = *at;
    if (*begin != '*') {
        *at = begin + 1;
        return *begin == '?' ? GLOB_ONE : GLOB_LITERAL;
    }
    const char *end = begin;
    while (*end == '*')
        end++;
    *at = end;
    if (end - begin == 1)
        return GLOB_SEGMENT;
    if (*end == '/' && (begin == glob || begin[-1] == '/')) {
        *at = end + 1;
        return GLOB_SEGMENTS;
    }
    return GLOB_ANY;
}

bool series_glob_match(const char *glob, const char *name, size_t name_bytes)
{
    if (name_bytes > STORE_NAME_BYTES_MAX)
        return false;
    /* reached[i]: the pattern so far can match the first i characters. */
    bool reached[STORE_NAME_BYTES_MAX + 1] = {[0] = true};
    const char *at = glob;
    while (*at != '\0') {
        char literal = *at;
        switch (glob_next_piece(glob, &at)) {
        case GLOB_LITERAL:
            for (size_t i = name_bytes; i > 0; i--)
                reached[i] = reached[i - 1] && name[i - 1] == literal;
            reached[0] = false;
            break;
        case GLOB_ONE:
            for (size_t i = name_bytes; i > 0; i--)
                reached[i] = reached[i - 1] && name[i - 1] != '/';
            reached[0] = false;
            break;
        case GLOB_SEGMENT:
            for (size_t i = 1; i <= name_bytes; i++)
                reached[i] = reached[i] || (reached[i - 1] && name[i - 1] != '/');
            break;
        case GLOB_ANY:
            for (size_t i = 1; i <= name_bytes; i++)
                reached[i] = reached[i] || reached[i - 1];
            break;
        case GLOB_SEGMENTS: {
            bool before = false; /* some shorter beginning was reached */
            for (size_t i = 1; i <= name_bytes; i++) {
                before = before || reached[i - 1];
                reached[i] = reached[i] || (before && name[i - 1] == '/');
            }
            break;
        }
        }
    }
    return reached[name_bytes];
}

bool series_glob_is_pattern(const char *text)
{
    return strpbrk(text, "*?") != NULL;
}

/* A segment of a pattern, with its wildcards. Its first and last characters count only where they
 * are literal. */
static const char *glob_segment_fault(const char *segment, size_t length)
{
    const char *fault = segment_fault(segment, length);
    if (fault != NULL)
        return fault;
    for (size_t i = 0; i < length; i++)
        if (!name_char_is_good(segment[i]) && segment[i] != '*' && segment[i] != '?')
            return "a character is neither a wildcard nor one of A-Z a-z 0-9 . _ ~ : = @ + % - and "
                   "/";
    return NULL;
}

const char *series_glob_fault(const char *glob)
{
    if (*glob == '\0')
        return "the pattern is empty";

    size_t shortest = 0; /* of the names that it can match */
    unsigned segments = 1;
    for (const char *at = glob; *at != '\0';) {
        bool slash = *at == '/';
        enum glob_piece piece = glob_next_piece(glob, &at);
        if (piece == GLOB_LITERAL && slash)
            segments++;
        if (piece == GLOB_LITERAL || piece == GLOB_ONE)
            shortest++;
    }
    if (shortest > STORE_NAME_BYTES_MAX)
        return "the pattern matches only names longer than 255 bytes";
    if (segments > STORE_SEGMENTS_MAX)
        return "the pattern matches only names of more than 16 segments";

    const char *begin = glob;
    for (const char *at = glob;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char *fault = glob_segment_fault(begin, (size_t)(at - begin));
        if (fault != NULL)
            return fault;
        if (*at == '\0')
            return NULL;
        begin = at + 1;
    }
}
