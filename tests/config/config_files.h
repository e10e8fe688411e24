/* config_files.h - configuration files of a test, and what loading them reports. */
#ifndef INGEST_CONFIG_FILES_H
#define INGEST_CONFIG_FILES_H

#include "config.h"

#include <stddef.h>

#define REPORTS_MAX 64

struct reports {
    char *lines[REPORTS_MAX]; /* each without the file's path and its ':' */
    size_t count;
    const char *path;
};

/* Writes `text` to a file of its own, loads it, removes it. *ret_config is NULL when loading
 * failed. */
int load_bytes(const char *text, size_t text_bytes, struct reports *reports,
               struct config **ret_config);
int load_text(const char *text, struct reports *reports, struct config **ret_config);

void reports_free(struct reports *reports);

/* config_report that keeps the message; the context is a struct reports. */
void reports_add(const char *message, void *context);

#endif
