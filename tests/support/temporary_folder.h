/* temporary_folder.h - a folder of the test's own, removed when the test ends. */
#ifndef INGEST_TEMPORARY_FOLDER_H
#define INGEST_TEMPORARY_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes a folder below $TMPDIR or /tmp. The path is freed by temporary_folder_remove(). */
static inline char *temporary_folder_make(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/ingest-test-XXXXXX", base ? base : "/tmp") < 0)
        abort();
    if (mkdtemp(path) == NULL)
        abort();
    return path;
}

static inline int temporary_folder_unlink(const char *path, const struct stat *status, int type,
                                          struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static inline void temporary_folder_remove(char *path)
{
    nftw(path, temporary_folder_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

#endif
