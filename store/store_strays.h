/* store_strays.h - what stands below series/ of a store and is no part of any series. */
#ifndef INGEST_STORE_STRAYS_H
#define INGEST_STORE_STRAYS_H

#include <stddef.h>
#include <stdint.h>

enum stray_kind {
    STRAY_FOREIGN,  /* nothing of ours */
    STRAY_HEADLESS, /* a folder without head.npy, or a series' file in it: of a creation or a
                       deletion that is under way or was cut short, unless a series lost its head */
    STRAY_LEFT      /* a head that was being made anew: the one beside it stands */
};

/* Something astray, by its path below the store. */
struct stray {
    char *path;
    const char *text; /* why, static */
    enum stray_kind kind;
    uint64_t inode;
};

struct stray_list {
    struct stray *strays;
    size_t count;
    size_t capacity;
};

/* Adds all that is astray; `folder` is the store's. A folder is listed once, without what is in it
 * if no series can be there, else behind what is in it. On failure too the list is to be freed. */
int stray_collect(int folder, struct stray_list *list);
/* Leaves what is in the other list as well. */
void stray_list_keep(struct stray_list *list, const struct stray_list *again);
void stray_list_free(struct stray_list *list);

#endif
