#include "config_files.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void reports_add(const char *message, void *context)
{
    struct reports *reports = context;
    assert(reports->count < REPORTS_MAX);
    size_t path_bytes = reports->path != NULL ? strlen(reports->path) : 0;
    if (path_bytes > 0 && strncmp(message, reports->path, path_bytes) == 0)
        message += path_bytes + 1;
    reports->lines[reports->count++] = strdup(message);
}

void reports_free(struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++)
        free(reports->lines[i]);
    reports->count = 0;
}

int load_bytes(const char *text, size_t text_bytes, struct reports *reports,
               struct config **ret_config)
{
    const char *base = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/ingest-config-XXXXXX", base != NULL ? base : "/tmp");
    int descriptor = mkstemp(path);
    assert(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    assert(file != NULL);
    assert(fwrite(text, 1, text_bytes, file) == text_bytes);
    assert(fclose(file) == 0);

    reports->count = 0;
    reports->path = path;
    *ret_config = NULL;
    int result = config_load(path, reports_add, reports, ret_config);
    reports->path = NULL;
    unlink(path);
    return result;
}

int load_text(const char *text, struct reports *reports, struct config **ret_config)
{
    return load_bytes(text, strlen(text), reports, ret_config);
}
