#include "verify_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META_BYTES_MAX 65536

/* UTF-8 without over-long forms, surrogates and what is beyond Unicode. */
static bool text_is_utf8(const unsigned char *text)
{
    while (*text != 0) {
        unsigned more = *text < 0x80   ? 0
                        : *text < 0xc2 ? 9
                        : *text < 0xe0 ? 1
                        : *text < 0xf0 ? 2
                        : *text < 0xf5 ? 3
                                       : 9;
        if (more > 3)
            return false;
        if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
            (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
            return false;
        for (text++; more > 0; more--, text++)
            if ((*text & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void verify_meta_lines(struct verify_work *work, char *text)
{
    unsigned number = 1;
    for (char *line = text; *line != '\0'; number++) {
        char *end = strchrnul(line, '\n');
        char *next = *end == '\n' ? end + 1 : end;
        *end = '\0';
        const char *begin = line + strspn(line, " \t\r");
        if (*begin != '\0' && *begin != '#' && *begin != ';' && *begin != '[' &&
            strchr(begin, '=') == NULL)
            verify_report(work, SERIES_META_FILE, "line %u is not \"key = value\"", number);
        line = next;
    }
}

void verify_meta(struct verify_work *work)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", work->reader->folder, SERIES_META_FILE) < 0)
        return;
    char *text = malloc(META_BYTES_MAX);
    struct fs_status status;
    int r = fs_stat_at(FS_HERE, path, &status);
    if (r == -ENOENT || text == NULL)
        goto done;
    if (r == 0 && !status.is_file) {
        verify_report(work, SERIES_META_FILE, "not a regular file");
        goto done;
    }
    if (r == 0)
        r = fs_read_text_at(FS_HERE, path, text, META_BYTES_MAX);
    if (r == -EFBIG)
        verify_report(work, SERIES_META_FILE, "longer than %d bytes", META_BYTES_MAX - 1);
    else if (r < 0 && r != -ENOENT)
        verify_report(work, SERIES_META_FILE, "cannot be read: %s", strerror(-r));
    if (r != 0)
        goto done;
    if ((size_t)status.size_bytes != strlen(text))
        verify_report(work, SERIES_META_FILE, "it holds a zero byte");
    else if (!text_is_utf8((const unsigned char *)text))
        verify_report(work, SERIES_META_FILE, "not UTF-8 text");
    else
        verify_meta_lines(work, text);

done:
    free(text);
    free(path);
}
