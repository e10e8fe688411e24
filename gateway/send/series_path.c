#include "series_path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_allowed(unsigned char byte)
{
    return isalnum(byte) || (byte != '\0' && strchr("._~:=@+%-", byte) != NULL);
}

/* ".npy" and ".ini" at the end would be taken for files of the store. */
static bool ends_as_file(const char *segment, size_t length)
{
    return length >= 4 && (strcasecmp(segment + length - 4, ".npy") == 0 ||
                           strcasecmp(segment + length - 4, ".ini") == 0);
}

bool series_path_append(char *path, size_t path_bytes, const char *segment)
{
    size_t begin = strlen(path), used = begin, length = strlen(segment);
    if (length == 0)
        return false;
    bool is_file = ends_as_file(segment, length);
    if (used > 0 && used + 1 < path_bytes)
        path[used++] = '/';
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)segment[i];
        bool is_plain = is_allowed(byte) && !(i == 0 && strchr(".-~", byte) != NULL) &&
                        !(is_file && i == length - 4);
        if (path_bytes - used <= (is_plain ? 1 : 3)) {
            path[begin] = '\0';
            return false;
        }
        if (is_plain)
            path[used++] = (char)byte;
        else
            used += (size_t)snprintf(path + used, path_bytes - used, "%%%02X", byte);
    }
    path[used] = '\0';
    return true;
}
