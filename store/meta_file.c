#include "store_internal.h"

#include "file_system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_text(const char *value)
{
    return value != NULL && value[0] != '\0';
}

bool meta_file_is_wanted(const struct series_rule *rule)
{
    return has_text(rule->unit) || has_text(rule->description) || has_text(rule->elements);
}

/* One "key = value" line; a value is one line whatever is in it. */
static void add_line(FILE *text, const char *key, const char *value)
{
    if (!has_text(value))
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
    if (!meta_file_is_wanted(rule))
        return 0;
    FILE *text = open_memstream(&bytes, &length);
    if (text == NULL)
        return -ENOMEM;
    /* A section, so that every ini parser takes it. */
    fputs("[series]\n", text);
    add_line(text, "unit", rule->unit);
    add_line(text, "description", rule->description);
    add_line(text, "elements", rule->elements);
    int result = fclose(text) != 0 ? -ENOMEM : 0;
    if (result == 0) {
        int fd = fs_create_at(folder, series_path(name, SERIES_META_FILE, path));
        result = fd < 0 ? fd : fs_write_at(fd, bytes, length, 0);
        fs_close(fd);
    }
    free(bytes);
    return result;
}
