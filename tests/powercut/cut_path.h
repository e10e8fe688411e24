/* cut_path.h - paths in buffers of the caller's. */
#ifndef INGEST_CUT_PATH_H
#define INGEST_CUT_PATH_H

#include <stdio.h>

struct cut_path {
    char text[300];
};

/* "<folder>/<name>"; returns its text. */
static inline char *cut_path(struct cut_path *path, const char *folder, const char *name)
{
    snprintf(path->text, sizeof path->text, "%s/%s", folder, name);
    return path->text;
}

#endif
