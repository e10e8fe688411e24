#include "store_internal.h"

#include "file_system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One "key = value" line; a value is one line whatever is in it. */
static void add_line(FILE *text, const char *key, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    fprintf(text, "%s = ", key);
    for (const char *c = value; *c != '\0'; c++)
        fputc(*c == '\n' || *c == '\r' ? ' ' : *c, text);
    fputc('\n', text);
}

int meta_file_write(int folder, const char *name, const struct series_rule *rule)
{
    char path[SERIES_PATH_BYTES];
    char *bytes = NULL;
    size_t length = 0;
    FILE *text = open_memstream(&bytes, &length);
    if (text == NULL)
        return -ENOMEM;
    /* A section, so that every ini parser takes it. */
    fputs("[series]\n", text);
    long empty = ftell(text);
    add_line(text, "unit", rule->unit);
    add_line(text, "description", rule->description);
    add_line(text, "elements", rule->elements);
    bool has_lines = ftell(text) > empty;
    int result = fclose(text) != 0 ? -ENOMEM : 0;
    if (result == 0 && has_lines) {
        int fd = fs_create_at(folder, series_path(name, SERIES_META_FILE, path));
        result = fd < 0 ? fd : fs_write_at(fd, bytes, length, 0);
        fs_close(fd);
    }
    free(bytes);
    return result;
}
