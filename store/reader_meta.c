/* meta.ini: "key = value" lines, written by the daemon or by hand. Comments begin with '#' or ';',
 * section headers are passed over, the first line of a key counts. What is not understood is not
 * shown, and never an error. */
#include "reader.h"

#include "reader_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META_BYTES_MAX 65536

static char *trimmed(char *begin, char *end)
{
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    return begin;
}

/* The text goes to terminals: a control character in it must not reach one. */
static char *copy_printable(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return NULL;
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?';
    return copy;
}

static char **meta_value(struct reader_meta_text *meta, const char *key)
{
    if (strcmp(key, "unit") == 0)
        return &meta->unit;
    if (strcmp(key, "description") == 0)
        return &meta->description;
    if (strcmp(key, "elements") == 0)
        return &meta->elements;
    return NULL;
}

static void meta_load(const struct reader *reader, struct reader_meta_text *meta)
{
    meta->loaded = true;
    char *path = NULL;
    if (asprintf(&path, "%s/%s", reader->folder, SERIES_META_FILE) < 0)
        return;
    struct fs_status status;
    char *text = malloc(META_BYTES_MAX);
    if (text == NULL || fs_stat_at(FS_HERE, path, &status) < 0 || !status.is_file ||
        fs_read_text_at(FS_HERE, path, text, META_BYTES_MAX) < 0)
        goto done;

    for (char *line = text; *line != '\0';) {
        char *end = strchrnul(line, '\n');
        char *next = *end == '\n' ? end + 1 : end;
        char *equals = memchr(line, '=', (size_t)(end - line));
        if (equals != NULL) {
            char *value = trimmed(equals + 1, end);
            char *key = trimmed(line, equals);
            char **place = *key == '#' || *key == ';' ? NULL : meta_value(meta, key);
            if (place != NULL && *place == NULL)
                *place = copy_printable(value);
        }
        line = next;
    }

done:
    free(text);
    free(path);
}

const char *reader_meta(struct reader *reader, const char *key)
{
    if (!reader->meta.loaded)
        meta_load(reader, &reader->meta);
    char **value = meta_value(&reader->meta, key);
    return value != NULL && *value != NULL ? *value : "";
}

void reader_meta_free(struct reader_meta_text *meta)
{
    free(meta->unit);
    free(meta->description);
    free(meta->elements);
}
